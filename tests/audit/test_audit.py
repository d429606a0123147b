"""The audit: the numbers of findings 1 to 4, the words that carry them, and the command."""

import dataclasses
import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from anil_theory._plain import to_plain
from anil_theory.audit import FINDINGS, Finding, Shown
from anil_theory.audit import finding1_perfect_conditioning as corner
from anil_theory.audit import finding3_theorem1_phi_rate as phi_rate
from anil_theory.audit import finding4_training_trajectory as trajectory
from anil_theory.cli import app
from anil_theory.estimators import TrajectoryAudit
from anil_theory.estimators.base import is_heuristic
from anil_theory.estimators.rounding import FIRST_ORDER
from anil_theory.record import RecordStore
from anil_theory.report.audit_report import legend_of_findings, print_finding, write_audit
from anil_theory.statements import Kind
from anil_theory.statements import table1_complexity_orders as table1


@cache
def trained(head: str) -> TrajectoryAudit:
    train = trajectory.train_softmax if head == "softmax" else trajectory.train_relu
    return train(0, 30)


@cache
def run(name: str) -> Finding:
    return FINDINGS[name](seed=0, quick=True)


@pytest.mark.parametrize("name", FINDINGS)
def test_every_finding_is_shown_with_words_and_a_figure(name: str) -> None:
    found = run(name)
    assert found.verdict is Shown.SHOWN
    assert found.title and found.printed and found.stays and found.shown and found.panels
    for panel in found.panels:
        for curve in panel.curves:
            assert len(curve.x) == len(curve.y) and all(map(math.isfinite, curve.y)), (panel.title, curve.label)


def test_finding_1_reproduces_its_numbers() -> None:
    rows = run("1").numbers["rows"]
    expected = {
        1: (0.33, 4.3, 49, 499, 4999),
        2: (4.4, 49, 499),
        3: (4.4, 49, 499),
    }
    for N, ratios in expected.items():
        found = [row["ratio"] for row in rows if row["N"] == N]
        assert found == pytest.approx(ratios, rel=0.015), N
    for row in rows:
        assert row["reached"] <= 1 + 1e-9, "a measurement is a lower bound: above the derived one it would refute it"
        if row["N"] == 1:
            assert row["reached"] == pytest.approx(1, rel=1e-9)  # alpha rho M, exactly
            assert row["measured"] == pytest.approx(1 - row["eps"], rel=1e-9)
    assert max(row["reached"] for row in rows if row["N"] > 1) == pytest.approx(0.998, abs=1e-3)


def test_finding_1_is_the_exponent_and_not_the_factor() -> None:
    """Over q^(N-1) in place of q^N the ratio stays bounded along the corner."""
    for row in run("1").numbers["rows"]:
        assert row["ratio"] * row["q"] < 2


def test_finding_1_away_from_the_corner_is_fine() -> None:
    assert corner.corner(1, 0.8, points=2048)["ratio"] < 1


def test_finding_2_is_bounded_linear_and_exponential() -> None:
    numbers = run("2").numbers
    bounded, small, large = numbers["traced"].values()
    assert max(bounded["attained"]) <= numbers["limit"]
    for block in ("ww", "wphi", "phiw", "phiphi"):
        assert bounded[block][-1] / bounded[block][0] < 3, block
    assert bounded["attained"] == sorted(bounded["attained"]), "rising towards its limit"
    assert numbers["linear_exponent"] == pytest.approx(1, abs=0.01)
    assert numbers["exponential_slope"] == pytest.approx(2 * math.log1p(0.1), rel=0.01)
    for data in (bounded, small, large):  # the witness attains the explicit bound in every regime
        assert data["attained"] == pytest.approx(data["ww"], rel=1e-5)
    assert max(numbers["random_tasks"].values()) < numbers["limit"]


def test_finding_3_only_the_corrected_reading_is_two_sided() -> None:
    numbers = run("3").numbers
    for term, readings in numbers["ratios"].items():
        values = readings[phi_rate.CORRECTED]
        assert max(values) / min(values) < 2, term
        for name, grown in readings.items():
            if name != phi_rate.CORRECTED:
                assert grown == sorted(grown) and grown[-1] > 20 * grown[0], (term, name)
    assert numbers["exponents"]["decay"] == pytest.approx(-3, abs=0.1)
    assert numbers["exponents"]["noise"] == pytest.approx(-2, abs=0.1)
    assert all(status == "PROVED" for status in numbers["proofs"].values()) and all(numbers["refused"].values())


def test_finding_3_the_corrected_reading_is_that_of_table_1() -> None:
    constants, schedule = phi_rate.setting(0.1)
    half = (1 - schedule.alpha * 0.1) ** (schedule.inner_steps / 2)
    printed = {"decay": half / 0.1**2 + 0.1**-3, "noise": half**3 / 0.1 + 0.1**-2}
    for term in phi_rate.TERMS:
        (row,) = (row for row in table1.ROWS if row.name == f"phi_{term}")
        order = table1.order_value(row, constants, schedule).value
        corrected = phi_rate.readings(term, 0.1, schedule.inner_steps)[phi_rate.CORRECTED]
        assert order == pytest.approx(printed[term], rel=1e-12)
        assert corrected == pytest.approx(printed[term], rel=1e-12)
        explicit = table1.term_value(row, constants, schedule, Kind.EXPLICIT, D0=1.0).value
        assert run("3").numbers["ratios"][term][phi_rate.CORRECTED][0] == pytest.approx(explicit / order, rel=1e-12)


def test_finding_3_the_phi_row_of_proposition_2() -> None:
    rows = run("3").numbers["phi_row"]
    assert [row["witness_ratio"] for row in rows] == pytest.approx((2.2, 7.4), rel=0.02)
    slope = np.polyfit(np.log([row["mu"] for row in rows]), np.log([row["witness_ratio"] for row in rows]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05), "by a factor of order L/mu"
    assert all(row["witness_ratio"] <= row["explicit_ratio"] for row in rows)


def test_finding_4_softmax_leaves_its_region_and_relu_meets_a_kink() -> None:
    numbers = run("4").numbers
    softmax, relu = numbers["softmax"]["first_failure"], numbers["relu"]["first_failure"]
    assert softmax["quantity"] == "norm" and 1 < softmax["ratio"] < 1.1
    assert numbers["largest_share"]["share"] < 1, "no declared constant is exceeded"
    assert relu["unbounded"] and relu["quantity"] == "gradient_quotient" and relu["ratio"] > 1e4
    assert all(slope == pytest.approx(-1, abs=0.01) for slope in numbers["slopes"].values())
    assert 0 < numbers["relu_largest_share"]["share"] < 1, "the iterates alone do not show the kink"
    assert numbers["shrinking"]["kink"] and numbers["shrinking"]["iteration"] == relu["iteration"]
    growth = numbers["growth"]
    for name, power in (("query_gradient", 1), ("support_smoothness", 2)):
        assert growth["powers"][name] == pytest.approx(power, abs=0.3)
        assert all(f <= d for f, d in zip(growth["found"][name], growth["declared"][name], strict=True))
    words = " ".join(run("4").shown)
    assert f"outer step {softmax['iteration']}" in words and f"{softmax['value']:.4g}" in words
    assert f"outer step {relu['iteration']}, inner step {relu['inner_step']}" in words


def test_finding_4_is_not_shown_when_nothing_is_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training that stays in its ball and meets no kink shows nothing, and says so."""
    tame = {h: dataclasses.replace(trained(h), first_failure=None, failures={}) for h in ("softmax", "relu")}
    monkeypatch.setattr(trajectory, "audit_trajectory", lambda problem, *_, **__: tame[problem.name])
    found = trajectory.run(quick=True)
    assert found.verdict is Shown.NOT_SHOWN
    assert sum("nothing declared was seen to fail" in sentence for sentence in found.shown) == 2


def test_the_command_writes_records_report_and_figures(tmp_path: Path) -> None:
    arguments = ["audit", "1", "3", "--quick", "--json", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(report["findings"]) == {"1", "3"}
    assert len(RecordStore(tmp_path / "records")) == 2
    text = (tmp_path / "audit.md").read_text()
    for finding in report["findings"].values():
        assert finding["title"] in text and finding["stays"] in text
        assert all(sentence in text for sentence in finding["shown"])
        assert (tmp_path / f"{finding['name']}.png").stat().st_size > 10_000
    assert "~" not in result.stderr and all("rounding_kind" in found for found in report["findings"].values())
    assert "SHOWN" in result.stderr and "4999" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "words"), [(["9"], ["finding", "'1'"]), (["1", "--seed", "-1"], ["seed", ">= 0"])]
)
def test_misuse_exits_2(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["audit", *arguments, "--out", str(tmp_path)])
    assert result.exit_code == 2 and all(word in result.output for word in words)


def test_a_finding_says_on_what_kind_of_rounding_it_rests(tmp_path: Path) -> None:
    kinds = {name: run(name).rounding_kind for name in FINDINGS}
    assert kinds["1"] == kinds["2"] == FIRST_ORDER and kinds["3"] == "", "derived; and closed forms and proofs"
    assert is_heuristic(kinds["4"]) and is_heuristic(trained("relu").rounding_kind), "a slack that was chosen"
    findings = {name: to_plain(run(name)) for name in ("3", "4")}
    console = Console(record=True, width=200)
    for name, finding in findings.items():
        print_finding(console, name, finding)
    text = console.export_text()
    assert text.count("SHOWN") == 2 and text.count("SHOWN~") == 1
    legend = legend_of_findings(findings)
    assert legend == "~ 1 of 2 findings (4): the rounding of the estimate is a heuristic, no bound"
    write_audit(tmp_path / "audit.md", findings, "anil-theory audit", {}, {})
    report = (tmp_path / "audit.md").read_text()
    assert report.count("**SHOWN~**") == 1 and report.count("**SHOWN**") == 1 and legend in report
    write_audit(tmp_path / "audit.md", {"3": findings["3"]}, "anil-theory audit", {}, {})
    assert "~" not in (tmp_path / "audit.md").read_text()
