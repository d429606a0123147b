"""`anil-theory bounds`: the paper's own claim in numbers, turning points, and functions that reach the bounds."""

import itertools
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from anil_theory import Constants, Geometry, Schedule
from anil_theory.cli import app
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.studies.bounds.settings import BoundsSettings
from anil_theory.studies.bounds.study import settings_of_bounds, spread_steps
from anil_theory.studies.bounds.traces import TracedSetting, trace_bounds, turning_point

CONSTANTS = Constants(0.1, 1.0, 1.0, 0.5, 1.0)


def refined(block: str, N: int) -> float:
    claim = STATEMENTS["prop2"].select(Kind.REFINED, block)[0]
    return claim.evaluate(CONSTANTS, Schedule.strongly_convex(CONSTANTS, N)).value


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("ww", {1: 1.08, 30: 2.492, 100: 2.478, 300: 0.4735, 1000: 4.361e-4}),
        ("wphi", {1: 1.045, 30: 5.934, 100: 16.55, 300: 10.73, 1000: 0.03978}),
        ("phiw", {1: 1.045, 30: 5.934, 100: 16.55, 300: 10.73, 1000: 0.03978}),
        ("phiphi", {1: 1.060, 30: 17.48, 100: 185.1, 300: 829.3, 1000: 1144.0}),
    ],
)
def test_the_bounds_rise_before_they_fall_and_that_of_phi_comes_to_a_level(
    block: str, expected: dict[int, float]
) -> None:
    """mu/L = 0.1, alpha = mu/L^2: the figure of block constants shows these numbers."""
    assert {N: refined(block, N) for N in expected} == pytest.approx(expected, rel=5e-4)


def test_the_turning_points_are_those_of_all_integers() -> None:
    """Beside a search of every N, where the study looks at the neighbours of the largest value of its grid."""
    asked = BoundsSettings(geometry=(Geometry.STRONGLY_CONVEX,), longest=400, a_decade=6, reached=0)
    (traced,) = (trace_bounds(setting, rule) for setting, rule in settings_of_bounds(asked))
    for block, expected in (("ww", 59), ("wphi", 146), ("phiw", 146)):
        every = {N: refined(block, N) for N in range(1, 401)}
        assert max(every, key=lambda N: every[N]) == expected
        assert traced["turning"][block]["refined"] == [expected, every[expected]]
    assert traced["turning"]["phiphi"]["refined"] is None


@settings(max_examples=50, deadline=None)
@given(peak=st.integers(2, 999), width=st.floats(1.0, 1e3))
def test_a_curve_with_one_peak_turns_there(peak: int, width: float) -> None:
    def bound(N: int) -> float:
        return 1 / (1 + ((N - peak) / width) ** 2)

    steps = spread_steps(1000, 7)
    found = turning_point(steps, [bound(N) for N in steps], bound)
    highest = max(steps, key=bound)
    if highest in (1, 1000) or bound(1000) * (1 + 1e-9) >= bound(highest):
        return
    assert found == [peak, 1.0]


@pytest.mark.parametrize("curve", [lambda N: 1.0 / N, float, lambda N: 1 - 0.5**N, lambda N: math.inf])
def test_a_curve_that_falls_rises_or_comes_to_a_level_does_not_turn(curve: Any) -> None:
    steps = spread_steps(1000, 7)
    assert turning_point(steps, [curve(N) for N in steps], curve) is None


@settings(max_examples=60, deadline=None)
@given(longest=st.integers(2, 100_000), a_decade=st.integers(1, 30))
def test_the_values_of_N_have_both_ends_and_no_large_gap(longest: int, a_decade: int) -> None:
    steps = spread_steps(longest, a_decade)
    assert steps[0] == 1 and steps[-1] == longest and list(steps) == sorted(set(steps))
    # Half a step of rounding on either side of the exact numbers.
    widest = 10 ** (1 / a_decade) * (1 + 1e-9)
    assert all(b <= max(a + 1, (a + 0.5) * widest + 0.5) for a, b in itertools.pairwise(steps))


@pytest.mark.parametrize("mu", [0.1, 0.8])
def test_functions_reach_the_sharp_bounds_and_do_not_pass_them(mu: float) -> None:
    """In all regimes; where float64 does not hold their numbers, as at q^2000 with q = 0.36, they are left out."""
    for setting, rule in settings_of_bounds(BoundsSettings(mu=(mu,), longest=100, a_decade=1, reached=1)):
        shares = shares_of_sharp(trace_bounds(setting, rule))
        assert all(0.99 < share <= 1 + 1e-9 for share in shares), (setting.describe(), shares)
        assert len(shares) == 12


@pytest.mark.parametrize(("mu", "many"), [(0.1, 4), (0.8, 0)])
def test_far_beyond_the_turning_point_functions_reach_the_bounds_that_float64_holds(mu: float, many: int) -> None:
    constants = Constants(mu, 1.0, 1.0, 0.5, 1.0)
    setting = TracedSetting(constants, "alpha = mu/L^2", mu, (1, 1000), reached_at=(1000,))
    shares = shares_of_sharp(trace_bounds(setting, partial(Schedule.strongly_convex, constants)))
    assert len(shares) == many and all(0.99 < share <= 1 + 1e-9 for share in shares)


def shares_of_sharp(traced: dict[str, Any]) -> list[float]:
    shares = []
    for block, curves in traced["curves"].items():
        sharp = dict(zip(traced["N"], curves["sharp"], strict=True))
        for N, value in zip(traced["reached"]["N"], traced["reached"][block], strict=True):
            shares += [] if math.isnan(value) else [value / sharp[N]]
    return shares


def test_the_command_keeps_one_record_for_each_setting_and_says_where_bounds_turn(tmp_path: Path) -> None:
    arguments = ["bounds", "--longest", "200", "--a-decade", "3", "--reached", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    regimes = [one["regime"] for one in report["traced"]]
    assert regimes == ["alpha = mu/L^2", "alpha fixed", "alpha = c/(N L)"]
    assert [one["size"] for one in report["traced"]] == pytest.approx([0.1, 0.1, 0.7])
    assert len(list((tmp_path / "records").glob("*.json"))) == 3
    assert 0.99 < report["least_reached"] <= 1 + 1e-9
    assert "59" in done.stderr and "no bound turns up to N = 200" in done.stderr


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--longest", "0"], "inner_steps must be"),
        (["--a-decade", "0"], "a_decade must be"),
        (["--reached", "-1"], "reached must be"),
        (["--mu", "2"], "mu must be"),
        (["--alpha", "0"], "alpha must be"),
        (["--c", "-1"], "c must be"),
    ],
)
def test_bad_settings_are_named(extra: list[str], words: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bounds", *extra, "--out", str(tmp_path)])
    assert done.exit_code == 2 and words in " ".join(done.output.split()), done.output


def test_a_setting_says_what_it_is() -> None:
    setting = TracedSetting(CONSTANTS, "alpha = mu/L^2", 0.1, (1, 2))
    assert setting.describe() == "strongly-convex, alpha = mu/L^2, mu = 0.1"
