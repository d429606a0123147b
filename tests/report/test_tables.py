"""Numbers in tables: never cut, whatever the width of the terminal, and of any size."""

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory.report.rows import number
from anil_theory.report.tables import print_whole

widths = st.integers(20, 120)
values = st.lists(st.floats(allow_nan=False), min_size=3, max_size=3)


@given(st.lists(values, min_size=1, max_size=3), widths, st.booleans())
def test_every_number_is_shown_whole_however_narrow_the_terminal(
    rows: list[list[float]], width: int, expand: bool
) -> None:
    table = Table(box=None, header_style="dim", padding=(0, 1), expand=expand)
    table.add_column("setting", overflow="fold", ratio=1 if expand else None)
    for name in ("measured", "refined", "tightness"):
        table.add_column(name, justify="right", no_wrap=True, min_width=8)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        table.add_row("mu=0.1 L=1 rho=1 and so on", *map(number, row), Text("NOT_APPLICABLE x12"))
    console = Console(file=(file := io.StringIO()), width=width)
    print_whole(console, table)
    text = file.getvalue()
    assert "\u2026" not in text and text.count("NOT_APPLICABLE x12") == len(rows)
    shown = text.split()
    for row in rows:
        assert all(number(value) in shown for value in row)
        for value in row:
            if abs(value) < 1e308:
                assert float(number(value)) == pytest.approx(value, rel=1e-3)
    # The setting keeps a readable width too.
    assert all(word in shown for word in ("mu=0.1", "rho=1"))


@given(st.integers(0, 10**2000))
def test_an_integer_beyond_float64_has_its_exponent(value: int) -> None:
    text = number(value)
    if value > 10**309:
        mantissa, exponent = text.split("e+")
        assert int(exponent) in (len(str(value)) - 1, len(str(value))) and 1 <= float(mantissa) < 10
    else:
        assert float(text) == pytest.approx(value, rel=1e-3)


def test_what_does_not_exist_is_a_dash() -> None:
    assert number(None) == number(math.nan) == "-" and number(math.inf) == "inf"
