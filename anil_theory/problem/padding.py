"""Tasks of their own sizes, one tree each, as one tree with a leading task axis: stacked, and padded where they differ.

Padding repeats the last example of a task, so that a loss is finite where it was finite; a mask says which examples are
there. A mean over examples is then `masked_mean`: padding changes neither its value nor its derivatives.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter


class Padded(NamedTuple):
    """Data of tasks of different sizes.

    examples   the tree of a task, each leaf padded along its first axis to the longest of all tasks;
    mask       the same tree of Boolean arrays, one entry per example: whether it is there.
    """

    examples: PyTree
    mask: PyTree


def masked_mean(values: Array, mask: Array) -> Array:
    """The mean of `values` (examples, ..) over the examples that are there; NaN when none is."""
    weights = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
    total = jnp.sum(jnp.where(weights, values, 0), axis=0)
    return total / jnp.sum(mask).astype(values.dtype)


def stacked(tasks: Sequence[PyTree], *, pad: bool) -> PyTree:
    """One tree with a leading task axis from one tree per task: `Padded` when `pad`, else the tree itself.

    Raises InvalidParameter for no tasks, trees of different structures, and leaves whose shapes differ: all of them
    without `pad`, beyond their first axis with it.
    """
    tasks = list(tasks)
    if not tasks:
        raise InvalidParameter("tasks", "at least one tree", tasks)
    structure = jax.tree.structure(tasks[0])
    for index, tree in enumerate(tasks):
        if jax.tree.structure(tree) != structure:
            raise InvalidParameter(f"tasks[{index}]", f"of the structure of the first, {structure}", tree)
    paths = [path for path, _ in jax.tree.leaves_with_path(tasks[0])]
    columns = list(zip(*map(jax.tree.leaves, tasks), strict=True))
    if not columns:
        raise InvalidParameter("tasks", "trees with at least one array", tasks[0])
    columns = [[np.asarray(leaf) for leaf in column] for column in columns]
    if not pad:
        return jax.tree.unflatten(structure, [_joined(p, c) for p, c in zip(paths, columns, strict=True)])
    padded = [_padded(path, column) for path, column in zip(paths, columns, strict=True)]
    examples, masks = zip(*padded, strict=True)
    return Padded(jax.tree.unflatten(structure, examples), jax.tree.unflatten(structure, masks))


def _joined(path: tuple, leaves: list[np.ndarray]) -> Array:
    shapes = sorted({leaf.shape for leaf in leaves})
    if len(shapes) > 1:
        padded = "pad=True fills up the first axis: the loss gets `.examples` and `.mask`, for `masked_mean`"
        allowed = f"of one shape in all tasks ({padded})"
        raise InvalidParameter(f"tasks[..]{keystr(path)}", allowed, shapes)
    return jnp.asarray(np.stack(leaves))


def _padded(path: tuple, leaves: list[np.ndarray]) -> tuple[Array, Array]:
    name = f"tasks[..]{keystr(path)}"
    if any(leaf.ndim == 0 or len(leaf) == 0 for leaf in leaves):
        raise InvalidParameter(name, "at least one example along its first axis", [leaf.shape for leaf in leaves])
    inner = sorted({leaf.shape[1:] for leaf in leaves})
    if len(inner) > 1:
        raise InvalidParameter(name, "of one shape in all tasks, apart from the first axis", inner)
    longest = max(map(len, leaves))
    present = np.arange(longest)[None, :] < np.array([len(leaf) for leaf in leaves])[:, None]
    filled = [leaf[np.minimum(np.arange(longest), len(leaf) - 1)] for leaf in leaves]
    return jnp.asarray(np.stack(filled)), jnp.asarray(present)
