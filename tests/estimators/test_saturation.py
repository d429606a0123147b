"""Saturation of synthetic curves whose decay length is known, and the coverage of its interval."""

import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.estimators.saturation import fit_saturation

N = np.array([1, 2, 3, 5, 8, 12, 20, 30])


def curves(generator: np.random.Generator, S: int = 32) -> np.ndarray:
    return 2 + 5 * np.exp(-N / 4.0) + 0.3 * generator.standard_normal((S, len(N)))


@pytest.mark.parametrize("drop", [5.0, -3.0])
@pytest.mark.parametrize("length", [1.5, 4.0, 11.0])
def test_exact_curves_are_read_exactly(drop: float, length: float) -> None:
    found = fit_saturation(N, np.tile(2 + drop * np.exp(-N / length), (2, 1)), resamples=20)
    assert found.resolved and found.length == pytest.approx(length, rel=1e-4)
    assert (found.level, found.drop) == pytest.approx((2, drop), rel=1e-3)
    assert found.point == pytest.approx(length * np.log(20), rel=1e-4)


def test_flat_and_straight_curves_are_not_resolved() -> None:
    assert not fit_saturation(N, np.ones((3, len(N))), resamples=20).resolved
    assert not fit_saturation(N, np.tile(1.0 + N, (3, 1)), resamples=20).resolved


def coverage(trials: int) -> float:
    generator = np.random.default_rng(2)
    inside = [4.0 in fit_saturation(N, curves(generator), resamples=200, seed=i).length_interval for i in range(trials)]
    return float(np.mean(inside))


def test_intervals_cover() -> None:
    # Binomial(30, 0.9) is below 20 with probability 1e-4.
    assert coverage(30) * 30 >= 20


@pytest.mark.statistical
def test_intervals_cover_at_their_level() -> None:
    """1,000 seeds; were the coverage 0.92 to 0.97, as 32 seeds allow, the test would fail with probability < 1e-3."""
    assert 0.89 <= coverage(1000) <= 0.99


@pytest.mark.parametrize(("name", "given"), [("x", {"inner_steps": N[:3]}), ("remaining", {"remaining": 0.0})])
def test_misuse_names_the_parameter(name: str, given: dict) -> None:
    with pytest.raises(InvalidParameter) as error:
        fit_saturation(**{"inner_steps": N, "curves": np.ones((3, 8)), **given})
    assert error.value.name == name
