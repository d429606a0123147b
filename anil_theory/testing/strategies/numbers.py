"""Numbers and vectors that can be read: few digits where a test allows it, shrinking to 1 and to 0."""

import math

import numpy as np
from hypothesis import strategies as st

MOST_ENTRIES = 32
"""Vectors up to this length are drawn entry by entry; longer ones come from a random generator with a drawn seed."""

DIGITS = (1, 2, 3, 17)
"""Significant digits of a drawn number; 17 are all that float64 has."""


# A composite and not a map: a failing example then shows the number and not how it was made.
@st.composite
def log_uniform(draw: st.DrawFn, low: float, high: float) -> float:
    """Floats in [low, high], their logarithms spread evenly; 0 < low <= high."""
    digits = draw(st.sampled_from(DIGITS))
    exponent = draw(st.floats(math.log10(low), math.log10(high), allow_subnormal=False))
    rounded = float(f"{10.0**exponent:.{digits - 1}e}")
    return min(max(rounded, low), high)


def fractions(low: float = 1e-3) -> st.SearchStrategy[float]:
    """Floats in [low, 1], with 1 itself drawn often: it is where most hypotheses are tight."""
    return st.just(1.0) | st.floats(low, 1.0)


def nonnegative() -> st.SearchStrategy[float]:
    """0 (the quadratic case) or a float in [1e-2, 1e2]."""
    return st.just(0.0) | log_uniform(1e-2, 1e2)


def vectors(size: int, spread: float) -> st.SearchStrategy[np.ndarray]:
    """Vectors with entries in [-spread, spread]; float64."""
    entries = st.floats(-spread, spread, allow_subnormal=False)
    if size <= MOST_ENTRIES:
        return st.lists(entries, min_size=size, max_size=size).map(lambda numbers: np.array(numbers, np.float64))

    def random(seed: int, width: float) -> np.ndarray:
        return width * np.random.default_rng(seed).uniform(-1, 1, size)

    return st.builds(random, st.integers(0, 2**31), st.floats(0, spread, allow_subnormal=False))


@st.composite
def moves(draw: st.DrawFn, size: int, spread: float, nearest: float) -> np.ndarray:
    """Vectors that are at least `nearest` long, and shrink to steps along one axis."""
    # A copy: what `just` holds is shared by all draws.
    direction = np.array(draw(st.just(np.zeros(size)) | vectors(size, 1.0)))
    direction[draw(st.integers(0, size - 1))] = draw(st.sampled_from([1.0, -1.0]))
    return direction * draw(log_uniform(nearest, spread))
