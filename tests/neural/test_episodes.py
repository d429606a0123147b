"""Episodes: distinct classes, disjoint support and query, labels in order, one result per key, uint8 throughout."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data import Episode, sample_episodes

CLASSES, PER_CLASS = 7, 9


def tagged(classes: int = CLASSES, per_class: int = PER_CLASS) -> jax.Array:
    """Images 2 x 1 x 1 whose pixels are (class, place in the class), so that an episode tells where it is from."""
    places = np.stack(np.meshgrid(np.arange(classes), np.arange(per_class), indexing="ij"), axis=-1)
    return jnp.asarray(places[..., None, None], jnp.uint8)


SIZES = {"ways": 3, "shots": 2, "queries": 4, "count": 5}


@given(
    st.integers(0, 2**31 - 1),
    st.sampled_from([(1, 1, 1, 1), (3, 2, 4, 5), (7, 4, 5, 3)]),
)
@settings(max_examples=50)
def test_episodes_are_tasks(seed: int, sizes: tuple[int, int, int, int]) -> None:
    ways, shots, queries, count = sizes
    drawn = sample_episodes(jax.random.key(seed), tagged(), ways=ways, shots=shots, queries=queries, count=count)
    assert drawn.support_images.shape == (count, ways * shots, 2, 1, 1)
    assert drawn.query_images.shape == (count, ways * queries, 2, 1, 1)
    assert drawn.support_images.dtype == drawn.query_images.dtype == jnp.uint8
    assert drawn.support_labels.dtype == drawn.query_labels.dtype == jnp.int32
    for episode in zip(*map(np.asarray, drawn), strict=True):
        support, support_labels, query, query_labels = episode
        np.testing.assert_array_equal(support_labels, np.repeat(np.arange(ways), shots))
        np.testing.assert_array_equal(query_labels, np.repeat(np.arange(ways), queries))
        classes = support[::shots, 0, 0, 0]
        assert len(set(classes)) == ways
        np.testing.assert_array_equal(support[:, 0, 0, 0], classes[support_labels])
        np.testing.assert_array_equal(query[:, 0, 0, 0], classes[query_labels])
        images = [tuple(image.ravel()) for image in (*support, *query)]
        assert len(set(images)) == len(images) == ways * (shots + queries)


def test_one_key_gives_one_result_in_and_out_of_jit() -> None:
    images, key = tagged(), jax.random.key(3)
    once = sample_episodes(key, images, **SIZES)
    inside = jax.jit(lambda k, x: sample_episodes(k, x, **SIZES))(key, images)
    scanned = jax.lax.scan(lambda c, k: (c, sample_episodes(k, images, **SIZES)), 0, key[None])[1]
    again = Episode(*(part[0] for part in scanned))
    for other in (sample_episodes(key, images, **SIZES), inside, again):
        assert all((a == b).all() for a, b in zip(once, other, strict=True))
    different = sample_episodes(jax.random.key(4), images, **SIZES)
    assert not all((a == b).all() for a, b in zip(once, different, strict=True))


def test_episodes_differ_and_every_image_is_drawn_in_both_roles() -> None:
    drawn = sample_episodes(jax.random.key(0), tagged(), ways=2, shots=1, queries=1, count=2000)
    for part in (drawn.support_images, drawn.query_images):
        pixels = np.asarray(part).reshape(-1, 2)
        seen = np.bincount(pixels[:, 0].astype(int) * PER_CLASS + pixels[:, 1], minlength=CLASSES * PER_CLASS)
        expected = 4000 / (CLASSES * PER_CLASS)
        # 126 counts, each nearly Poisson(63.5): beyond 6 standard deviations with probability below 1e-6 in all.
        assert np.abs(seen - expected).max() < 6 * np.sqrt(expected)


@pytest.mark.parametrize(
    "change, name",
    [
        ({"ways": CLASSES + 1}, "ways"),
        ({"shots": 6}, r"shots \+ queries"),
        ({"queries": PER_CLASS}, r"shots \+ queries"),
        ({"ways": 0}, "ways"),
        ({"shots": 0}, "shots"),
        ({"queries": 0}, "queries"),
        ({"count": 0}, "count"),
        ({"shots": 1.0}, "shots"),
    ],
)
def test_sizes_that_do_not_fit_are_named(change: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name} must be"):
        sample_episodes(jax.random.key(0), tagged(), **(SIZES | change))
    with pytest.raises(InvalidParameter, match=f"^{name} must be"):
        jax.jit(lambda k: sample_episodes(k, tagged(), **(SIZES | change)))(jax.random.key(0))


def test_images_that_are_none_are_named() -> None:
    for images in (tagged().astype(jnp.float32), tagged()[0], None):
        with pytest.raises(InvalidParameter, match="images must be"):
            sample_episodes(jax.random.key(0), images, **SIZES)  # pyright: ignore[reportArgumentType]
