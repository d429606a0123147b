"""Episodes: tasks of `ways` classes with `shots` support and `queries` query images each, drawn on the device."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter, count


class Episode(NamedTuple):
    """One task, or several along a leading axis.

    support_images  uint8 (ways*shots, H, W, C), the images of class 0 first, then those of class 1, ...
    support_labels  int32 (ways*shots,) in 0..ways-1
    query_images    uint8 (ways*queries, H, W, C), in the same order
    query_labels    int32 (ways*queries,)
    """

    support_images: Array
    support_labels: Array
    query_images: Array
    query_labels: Array


def sample_episodes(key: Array, images: Array, *, ways: int, shots: int, queries: int, count: int) -> Episode:
    """`count` independent episodes, along the leading axis of each member.

    In each, the classes are drawn without replacement from those of `images`, uint8 (classes, per_class, H, W, C), and
    per class shots + queries images without replacement, so support and query are disjoint. One key gives one result,
    in or out of jit; the images stay uint8 and on the device. Raises InvalidParameter (when traced, not when run) for
    images of another type or shape and for more classes or images than there are.
    """
    if not isinstance(images, jax.Array) and not hasattr(images, "dtype"):
        raise InvalidParameter("images", "a uint8 array", type(images).__name__)
    if images.dtype != jnp.uint8:
        raise InvalidParameter("images", "a uint8 array", str(images.dtype))
    if images.ndim != 5:
        raise InvalidParameter("images", "of shape (classes, per_class, H, W, C)", images.shape)
    sizes = _checked_sizes(images.shape, ways=ways, shots=shots, queries=queries, count=count)
    return _sample(key, images, **sizes)


def _checked_sizes(shape: tuple[int, ...], **sizes: int) -> dict[str, int]:
    checked = {name: count(name, value) for name, value in sizes.items()}
    if checked["ways"] > shape[0]:
        raise InvalidParameter("ways", f"at most {shape[0]}, the classes of this split", checked["ways"])
    wanted = checked["shots"] + checked["queries"]
    if wanted > shape[1]:
        raise InvalidParameter("shots + queries", f"at most {shape[1]}, the images per class", wanted)
    return checked


@partial(jax.jit, static_argnames=("ways", "shots", "queries", "count"))
def _sample(key: Array, images: Array, *, ways: int, shots: int, queries: int, count: int) -> Episode:
    classes_key, members_key = jax.random.split(key)
    classes = _subsets(classes_key, (count,), images.shape[0], ways)
    members = _subsets(members_key, (count, ways), images.shape[1], shots + queries)
    drawn = images[classes[..., None], members]

    def flat(part: Array) -> Array:
        return part.reshape(count, -1, *images.shape[2:])

    def labels(per_class: int) -> Array:
        return jnp.broadcast_to(jnp.repeat(jnp.arange(ways, dtype=jnp.int32), per_class), (count, ways * per_class))

    support, query = drawn[:, :, :shots], drawn[:, :, shots:]
    return Episode(flat(support), labels(shots), flat(query), labels(queries))


def _subsets(key: Array, shape: tuple[int, ...], population: int, size: int) -> Array:
    """Ordered random subsets of range(population), int32 (*shape, size): the places of the largest random numbers.

    30 random bits become the positive normal floats in their order, because XLA's CPU selects among float32 some 80
    times faster than among integers (which it sorts). Two of 600 are equal with probability below 2e-4; the subset is
    then still one without repetition, and the lower of two equal places comes first.
    """
    smallest_normal = 0x00800000
    bits = (jax.random.bits(key, (*shape, population), jnp.uint32) >> 2) + jnp.uint32(smallest_normal)
    return jax.lax.top_k(jax.lax.bitcast_convert_type(bits, jnp.float32), size)[1]
