"""The command `rates`: curves with bounds above them, honest costs, records that a second run takes over, plots."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from anil_theory import Constants, InvalidParameter
from anil_theory.cli import app
from anil_theory.record import RecordStore
from anil_theory.report.rate_plots import plot_convergence, plot_cost, plot_floor
from anil_theory.verification.rate_curves import CurveCell, StepRule, Study, trace
from anil_theory.verification.rates_command import curve_cells, run_rates

CONSTANTS = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
TINY: dict[str, Any] = {"n_w": 1, "n_phi": 1, "tasks": 2, "seeds": 4, "outer_steps": 40}


def test_curves_lie_below_their_bounds_and_records_are_taken_over(tmp_path: Path) -> None:
    cells = curve_cells(CONSTANTS, inner_steps=(1, 2), batch=(2, 4), quick=True, **TINY)
    console = Console(quiet=True)
    code, report = run_rates(cells, out=tmp_path, resume=False, console=console)
    assert code == 0 and len(RecordStore(tmp_path / "records")) == len(set(cells))
    for study in report["studies"]:
        for curve in study["curves"]:
            if study["study"] != "cost":
                assert all(m < b for m, b in zip(curve["measured"], curve["bound"], strict=True))
            else:
                assert set(curve["best"]) == {"iterations", "calls", "seconds"} and len(curve["predicted"]) == 2
    for name in ("convergence.png", "floor.png", "cost.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    again = run_rates(cells, out=tmp_path, resume=True, console=console)[1]
    assert json.dumps(again, sort_keys=True) == json.dumps(report, sort_keys=True)


def test_the_fixed_rule_shares_alpha_and_maml_has_no_phi_step() -> None:
    fixed = CurveCell(Study.COST, CONSTANTS, (1,), rule=StepRule.FIXED, alpha=0.07, **TINY)
    assert fixed.schedule(5, 2).alpha == 0.07 and "0.07" in fixed.label()
    maml = CurveCell(Study.COST, CONSTANTS, (1,), maml=True, **TINY)
    assert maml.schedule(5, 2).beta_phi is None and "MAML" in maml.label()


def test_an_accuracy_that_is_not_reached_is_no_number() -> None:
    cell = CurveCell(Study.COST, CONSTANTS, (1,), eps=1e-9, **TINY)
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
        ({"study": Study.FLOOR, "maml": True}, "maml must be False"),
    ],
)
def test_bad_input_is_named(changes: dict, words: str) -> None:
    settings = {"study": Study.COST, "constants": CONSTANTS, "inner_steps": (1,), **changes}
    with pytest.raises(InvalidParameter, match=words):
        CurveCell(**settings)


def test_plots_need_curves(tmp_path: Path) -> None:
    for plot in (plot_convergence, plot_floor, plot_cost):
        assert not plot([], tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


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
        (["--eps", "0.1", "--beta-w", "9", "--beta-phi", "9"], "beta_w must be in (0, 1/Lam]"),
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
