"""The command `rates`: curves with bounds above them, honest costs, records that a second run takes over, plots."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from anil_theory import Constants, InvalidParameter
from anil_theory.cli import app
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.estimators.base import is_heuristic
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.record import RecordStore
from anil_theory.report.rows import number
from anil_theory.schedule import Schedule
from anil_theory.studies.rates import curves as rate_curves
from anil_theory.studies.rates import study as rates_study
from anil_theory.studies.rates.cells import Curve, CurveCell, StepRule
from anil_theory.studies.rates.curves import trace
from anil_theory.studies.rates.grid import cells_of
from anil_theory.studies.rates.settings import RatesSettings
from anil_theory.studies.rates.study import RatesStudy
from anil_theory.study import RunSettings, conduct

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
TINY: dict[str, Any] = {"n_w": 1, "n_phi": 1, "tasks": 2, "seeds": 4, "outer_steps": 40}


@pytest.mark.slow
def test_curves_lie_below_their_bounds_and_records_are_taken_over(tmp_path: Path) -> None:
    study = RatesStudy(RatesSettings(mu=0.3, inner_steps=(1, 2), batch=(2, 4), quick=True, **TINY))
    cells = list(cells_of(study.settings))
    console = Console(record=True, width=200, file=io.StringIO())
    code, report = conduct(study, RunSettings(out=tmp_path), console=console)
    assert code == 0 and len(RecordStore(tmp_path / "records")) == len(set(cells))
    text = " ".join(console.export_text().split())
    # D0, whose rounding is counted, is in the bounds of averages and in predicted costs; a floor is the noise term.
    resting_on_gap = {"convergence": "bound", "cost": "predicted"}
    for one in report["studies"]:
        assert one["status"] == "complete" and one["reason"] == ""
        for curve in one["curves"]:
            assert is_heuristic(curve["rounding_kind"]) == (one["study"] in resting_on_gap)
            if one["study"] in resting_on_gap:
                assert f"{number(curve[resting_on_gap[one['study']]][-1])}~" in text
    assert "curves of bounds and predictions (strongly-convex, nonconvex): the rounding of the estimate is a" in text
    for one in report["studies"]:
        for curve in one["curves"]:
            if one["study"] != "cost":
                assert all(m < b for m, b in zip(curve["measured"], curve["bound"], strict=True))
            else:
                assert set(curve["best"]) == {"iterations", "calls", "seconds"} and len(curve["predicted"]) == 2
    for name in ("convergence.png", "floor.png", "cost.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    again = conduct(study, RunSettings(out=tmp_path, resume=True), console=console)[1]
    assert json.dumps(again, sort_keys=True) == json.dumps(report, sort_keys=True)


def test_the_fixed_rule_shares_alpha_and_maml_has_no_phi_step() -> None:
    fixed = CurveCell(Curve.COST, CONSTANTS, (1,), rule=StepRule.FIXED, alpha=0.07, **TINY)
    assert fixed.schedule(5, 2).alpha == 0.07 and "0.07" in fixed.label()
    maml = CurveCell(Curve.COST, CONSTANTS, (1,), maml=True, **TINY)
    assert maml.schedule(5, 2).beta_phi is None and "MAML" in maml.label()


@pytest.fixture
def wild_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outer step sizes far beyond what the bounds allow: every seed diverges in its first step."""
    tame = CurveCell.schedule

    def wild(cell: CurveCell, N: int, B: int) -> Schedule:
        return replace(tame(cell, N, B), beta_w=1e300, beta_phi=1e300)

    monkeypatch.setattr(CurveCell, "schedule", wild)


@pytest.mark.usefixtures("wild_steps")
@pytest.mark.parametrize("study", Curve)
def test_a_diverged_run_is_a_status_with_a_reason_and_no_curve_of_averages(study: Curve) -> None:
    found = trace(CurveCell(study, CONSTANTS, (1,), batch=(2, 4) if study is Curve.FLOOR else (2,), **TINY))
    assert found["status"] == "diverged"
    assert "4 of 4" in found["reason"] and "diverged" in found["reason"] and "N = 1" in found["reason"]
    if study is Curve.COST:
        (curve,) = found["curves"]
        assert curve["iterations"] == curve["calls"] == [math.inf] and curve["best"]["calls"] is None
    else:
        assert found["curves"] == found["notes"] == [] and "at step 1: no average exists" in found["reason"]


@pytest.mark.parametrize("study", [Curve.CONVERGENCE, Curve.FLOOR])
@pytest.mark.parametrize("name", ["running_w", "running_phi", "squared_w", "squared_phi"])
def test_a_number_that_is_not_finite_is_no_average(monkeypatch: pytest.MonkeyPatch, study: Curve, name: str) -> None:
    """One NaN of one seed, in a run that no seed of was called diverged."""

    def run_once(*arguments: Any, **options: Any) -> Any:
        run = run_algorithm(*arguments, **options)
        numbers = getattr(run, name).copy()
        numbers[0, -1] = math.nan
        return replace(run, **{name: numbers})

    monkeypatch.setattr(rate_curves, "run_algorithm", run_once)
    found = trace(CurveCell(study, CONSTANTS, (1,), batch=(2, 4) if study is Curve.FLOOR else (2,), **TINY))
    assert found["status"] == "diverged" and found["curves"] == [] and "not finite" in found["reason"]


@pytest.mark.usefixtures("wild_steps")
def test_the_study_says_what_diverged_and_records_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [CurveCell(study, CONSTANTS, (1,), **TINY) for study in (Curve.CONVERGENCE, Curve.COST)]
    monkeypatch.setattr(rates_study, "cells_of", lambda asked: cells)
    console = Console(record=True, width=200, file=io.StringIO())
    code, report = conduct(RatesStudy(RatesSettings()), RunSettings(out=tmp_path), console=console)
    text = " ".join(console.export_text().split())
    for word in ("CONFIRMED", "CONSISTENT", "nan"):
        assert word not in text and word not in json.dumps(report)
    assert code == 0 and text.count("- diverged: ") == 2
    for record in RecordStore(tmp_path / "records"):
        assert record.status == "diverged" and record.reason in text


def test_a_start_where_the_loss_overflows_is_a_status_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflowing(*arguments: Any, **options: Any) -> Any:
        raise NotFinite("initial_gap is not finite: the adapted query loss of task 0 is inf")

    monkeypatch.setattr(rate_curves, "run_algorithm", overflowing)
    for study in Curve:
        found = trace(CurveCell(study, CONSTANTS, (1,), **TINY))
        assert found["status"] == "diverged" and "initial_gap" in found["reason"] and found["curves"] == []


def test_a_predicted_cost_beyond_float64_is_infinite() -> None:
    nonconvex = replace(CONSTANTS, mu=None)
    (curve,) = trace(CurveCell(Curve.COST, nonconvex, (1, 300), rule=StepRule.FIXED, alpha=50.0, **TINY))["curves"]
    assert math.isfinite(curve["predicted"][0]) and curve["predicted"][1] == math.inf


def test_an_accuracy_that_is_not_reached_is_no_number() -> None:
    cell = CurveCell(Curve.COST, CONSTANTS, (1,), eps=1e-9, **TINY)
    (curve,) = trace(cell)["curves"]
    assert curve["best"]["iterations"] is None and curve["iterations"] == [float("inf")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eps": 0.0}, "eps must be a finite number > 0"),
        ({"batch": ()}, "batch must be at least one value"),
        ({"inner_steps": (0,)}, "inner_steps must be an integer >= 1"),
        ({"outer_steps": 0}, "outer_steps must be an integer >= 1"),
        ({"seeds": 1}, "seeds must be an integer >= 2"),
        ({"study": Curve.FLOOR, "maml": True}, "maml must be False"),
    ],
)
def test_bad_input_is_named(changes: dict, words: str) -> None:
    settings = {"study": Curve.COST, "constants": CONSTANTS, "inner_steps": (1,), **changes}
    with pytest.raises(InvalidParameter, match=words):
        CurveCell(**settings)


def test_advice_on_the_command_line() -> None:
    constants = ["--mu", "0.2", "--L", "1", "--rho", "1", "--tau", "0.5", "--M", "1"]
    text = CliRunner().invoke(app, ["advise", *constants, "--eps", "0.1"])
    assert text.exit_code == 0
    for word in ("strongly-convex", "ANIL", "MAML", "dominates", "what would change the answer", "doubling M"):
        assert word in text.output
    plain = CliRunner().invoke(app, ["advise", *constants, "--eps", "0.1", "--json"])
    advice = json.loads(plain.stdout)
    assert advice["anil"]["outer_steps"] >= 1 and max(advice["anil"]["bounds"].values()) <= 0.1
    for bad, words in (
        (["--eps", "0"], "eps must be a finite number > 0"),
        (["--eps", "0.1", "--beta-w", "9", "--beta-phi", "9"], "beta_w must be in (0, 2/Lam)"),
    ):
        refused = CliRunner().invoke(app, ["advise", *constants, *bad])
        assert refused.exit_code == 2 and words in " ".join(refused.output.split()), refused.output


def test_rates_refuses_bad_input(tmp_path: Path) -> None:
    for bad, words in (
        (["--eps", "0"], "eps must be"),
        (["--mu", "2"], "mu must be"),
        (["--seeds", "1"], "seeds must be"),
    ):
        refused = CliRunner().invoke(app, ["rates", *bad, "--out", str(tmp_path)])
        assert refused.exit_code == 2 and words in " ".join(refused.output.split()), refused.output
