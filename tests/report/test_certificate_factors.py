"""The factor by which a bound exceeds what is certified, in a cell of a table: short at every size."""

import math

import pytest

from anil_theory.report.certificates import _factor


@pytest.mark.parametrize(
    ("low", "shown"),
    [(1.234, "1.23"), (999.4, "999"), (1234.6, "1235"), (3.4567e161, "3.46e+161"), (math.inf, "-"), (0.0, "-")],
)
def test_a_factor_is_short_at_every_size(low: float, shown: str) -> None:
    row: dict = {"factors": {"sharp": (low, 2 * low)}}
    assert _factor(row, "sharp") == shown
    assert _factor({"factors": {}}, "sharp") == "-"
