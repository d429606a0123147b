"""Constants of a program as values over boxes: numbers, balls, and Booleans of which some are not known."""

import flint
import numpy as np

from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import Truth, constant


def test_booleans_that_are_not_known_are_neither_true_nor_false() -> None:
    found = constant(np.array([True, None, False], dtype=object))
    assert isinstance(found, Truth)
    assert found.yes.tolist() == [[True, False, False]] and found.no.tolist() == [[False, False, True]]


def test_booleans_that_are_all_known_are_an_array() -> None:
    found = constant(np.array([[True], [False]], dtype=object))
    assert isinstance(found, np.ndarray) and found.tolist() == [[True], [False]]


def test_balls_become_intervals_that_hold_them() -> None:
    third = flint.arb(1) / 3
    found = constant(np.array([third, flint.arb("-inf"), flint.arb(2)], dtype=object))
    assert isinstance(found, Intervals) and found.lo.shape == (1, 3)
    assert found.lo[0, 0] < 1 / 3 + 1e-16 and found.lo[0, 0] <= float(third) <= found.hi[0, 0]
    assert found.lo[0, 1] == found.hi[0, 1] == -np.inf and found.lo[0, 2] == found.hi[0, 2] == 2


def test_floats_are_exact_and_integers_stay() -> None:
    found = constant(np.array([0.1, -2.0]))
    assert isinstance(found, Intervals) and found.lo.tolist() == found.hi.tolist() == [[0.1, -2.0]]
    kept = constant(np.array([1, 2]))
    assert isinstance(kept, np.ndarray) and kept.tolist() == [1, 2]
