"""Parameters (w, phi) of one's own losses, as trees about their start, and those that must be refused."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from hypothesis import strategies as st
from jax.tree_util import keystr

from anil_theory.constants import Constants
from anil_theory.problem import Problem
from anil_theory.testing.inadmissible import Inadmissible
from anil_theory.testing.strategies.numbers import moves, vectors
from anil_theory.testing.strategies.problems import Pair, as_point, no_loss


@st.composite
def parameters(draw: st.DrawFn, w: Any, phi: Any, *, spread: float = 1.0) -> tuple[Any, Any]:
    """(w, phi) of one's own losses: trees like these two, float64, every entry within `spread` of theirs.

    They shrink to w and phi themselves.
    """
    return _moved((w, phi), draw(vectors(_size((w, phi)), spread)))


@st.composite
def parameter_pairs(draw: st.DrawFn, w: Any, phi: Any, *, spread: float = 1.0, nearest: float = 1e-3) -> Pair:
    """Two different (w, phi) as `parameters` draws them, at least `nearest` apart."""
    n = _size((w, phi))
    first = draw(vectors(n, spread))
    second = first + draw(moves(n, spread, nearest))
    return Pair(_moved((w, phi), first), _moved((w, phi), second))


@st.composite
def inadmissible_parameters(draw: st.DrawFn, w: Any, phi: Any) -> Inadmissible:
    """(w, phi) like these trees with one leaf that is not finite, or not of floats; the error names the leaf."""
    paths, structure = jax.tree.flatten_with_path({"w": w, "phi": phi})
    leaves = [np.array(leaf, np.float64) for _, leaf in paths]
    index = draw(st.integers(0, len(leaves) - 1))
    spoil: Callable[[np.ndarray], Any] = draw(
        st.sampled_from([lambda leaf: leaf * math.nan, lambda leaf: leaf + math.inf, lambda leaf: leaf.astype(int)])
    )
    leaves[index] = spoil(leaves[index])
    path = paths[index][0]
    arguments = jax.tree.unflatten(structure, leaves)
    fixed = {"support": no_loss, "query": no_loss, "data": np.zeros(2), "constants": Constants(None, 1, 1, 1, 1)}
    return Inadmissible(Problem.from_losses, arguments | fixed, f"{path[0].key}{keystr(path[1:])}")


def _size(tree: Any) -> int:
    return sum(np.size(leaf) for leaf in jax.tree.leaves(tree))


def _moved(trees: tuple[Any, Any], step: np.ndarray) -> tuple[Any, Any]:
    """The trees with `step` added to their entries, leaf after leaf."""
    leaves, structure = jax.tree.flatten(trees)
    moved, used = [], 0
    for leaf in leaves:
        shape = np.shape(leaf)
        size = math.prod(shape)
        moved.append(as_point(np.asarray(leaf, np.float64) + step[used : used + size].reshape(shape)))
        used += size
    return jax.tree.unflatten(structure, moved)
