"""Which entry of an array is the largest: decided where one is beyond the reach of all others."""

import itertools
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.certify.intervals.branching import _contested
from anil_theory.certify.intervals.outward import Intervals


def expected(x: Intervals, axes: tuple[int, ...]) -> np.ndarray:
    """By the definition: some entry is at least all others, wherever each of them lies in its interval."""
    kept = [i for i in range(x.lo.ndim) if i not in axes]
    flags = np.zeros([x.lo.shape[i] for i in kept], bool)
    for place in np.ndindex(*flags.shape):
        where: list[Any] = [slice(None)] * x.lo.ndim
        for axis, index in zip(kept, place, strict=True):
            where[axis] = index
        lows, highs = x.lo[tuple(where)].ravel(), x.hi[tuple(where)].ravel()
        winners = [i for i in range(len(lows)) if all(lows[i] >= h for j, h in enumerate(highs) if j != i)]
        flags[place] = not winners
    return flags


@st.composite
def arrays(draw: st.DrawFn) -> tuple[Intervals, tuple[int, ...]]:
    """Boxes first, then up to three axes of which some are reduced; ends are small integers, so that they often tie."""
    shape = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4).map(tuple))
    size = int(np.prod(shape))
    choices = [s for k in range(1, len(shape)) for s in itertools.combinations(range(1, len(shape)), k)]
    lo = np.array(draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size)), float).reshape(shape)
    width = np.array(draw(st.lists(st.sampled_from([0, 0, 1, 3]), min_size=size, max_size=size)), float)
    return Intervals(lo, lo + width.reshape(shape)), draw(st.sampled_from(choices))


@given(arrays())
def test_a_largest_entry_is_contested_where_two_can_be_it(case: tuple[Intervals, tuple[int, ...]]) -> None:
    x, axes = case
    found, least = _contested(x, axes), expected(x, axes)
    assert found.dtype == bool and found.shape == least.shape
    assert np.all(found | ~least), "what is contested is never taken for decided"
    # Of two equal lower ends the first stands for both, which may leave open what is decided.
    largest = x.lo.max(axis=axes, keepdims=True)
    single = np.sum(x.lo == largest, axis=axes) == 1
    np.testing.assert_array_equal(found[single], least[single])


def test_one_entry_alone_is_the_largest_in_every_row_that_is_kept() -> None:
    x = Intervals(np.zeros((2, 3, 4, 1)), np.ones((2, 3, 4, 1)))
    found = _contested(x, (3,))
    assert found.shape == (2, 3, 4) and not found.any()
