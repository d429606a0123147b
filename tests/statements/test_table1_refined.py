"""What refining the constants does to the rows of Table 1: decays fall, the noise of the w row rises, rates fall."""

import pytest
from hypothesis import given

from anil_theory import Constants, Schedule
from anil_theory.statements import Kind
from anil_theory.statements import table1_complexity_orders as table1
from anil_theory.statements.contraction import roundings
from anil_theory.statements.rates import ROWS, Rate, step_sizes
from anil_theory.studies.verify.grid import settings_of_axes
from anil_theory.studies.verify.settings import Axes
from tests.strategies import settings_of_theory

TABLE = {row.name: row for row in table1.ROWS}
ROUNDING = 1e-11


def values(name: str, constants: Constants, schedule: Schedule) -> tuple[float, float]:
    """Refined and explicit."""
    row = TABLE[name]
    refined = table1.term_value(row, constants, schedule, Kind.REFINED, D0=1.0).value
    return refined, table1.term_value(row, constants, schedule, Kind.EXPLICIT, D0=1.0).value


@given(settings_of_theory())
def test_refined_decays_are_never_larger(setting: tuple[Constants, Schedule]) -> None:
    assert roundings(setting[1].inner_steps) * 2.0**-53 < ROUNDING
    for name in table1.DECAYS:
        refined, explicit = values(name, *setting)
        assert refined <= explicit * (1 + ROUNDING)


def test_the_refined_noise_of_the_w_row_is_larger_in_every_setting_of_the_grid() -> None:
    """Each at its own steps: the sentence in the module's docstring, with its numbers."""
    each = [values("w_noise", constants, schedule) for constants, schedule, _ in settings_of_axes(Axes())]
    ratios = [refined / explicit for refined, explicit in each]
    assert len(ratios) == 24
    assert min(ratios) == pytest.approx(1.03, abs=0.005) and max(ratios) == pytest.approx(1.28, abs=0.005)


@given(settings_of_theory())
def test_at_equal_steps_the_refined_rate_is_never_larger(setting: tuple[Constants, Schedule]) -> None:
    constants, schedule = setting
    geometry = constants.geometry
    schedule = step_sizes(constants, schedule, geometry, Kind.EXPLICIT)
    for row in ROWS:
        refined, explicit = (
            Rate(constants, schedule, geometry, kind, D0=1.0).bound(row) for kind in (Kind.REFINED, Kind.EXPLICIT)
        )
        assert refined.log10 <= explicit.log10 + ROUNDING
