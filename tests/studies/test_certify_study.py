"""`anil-theory certify`: enclosures beside bounds, verdicts from both ends, records, budgets, exit statuses."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory.certify import certify_blocks
from anil_theory.cli import app
from anil_theory.constants import Constants, Region
from anil_theory.record import RecordStore
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Bound, Claim, Kind
from anil_theory.studies.certify.cells import BallCell
from anil_theory.studies.certify.rows import judge_certificate
from anil_theory.tasks import FAMILIES
from anil_theory.verdict import Outcome

SMALL = ["--inner-steps", "1", "2", "--n-w", "1", "--n-phi", "1", "--tasks", "2", "--radius", "2"]


def run(*arguments: str, out: Path) -> tuple[int, str]:
    """Exit status and everything printed."""
    result = CliRunner().invoke(app, ["certify", *arguments, "--out", str(out)], catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


def test_bounds_are_confirmed_in_both_geometries_with_records_and_a_plot(tmp_path: Path) -> None:
    code, text = run(*SMALL, "--samples", "300", out=tmp_path)
    assert code == 0, text
    assert "~" not in text
    assert text.count("CONFIRMED") == 2 * 2 * 4 and "the ball of radius 2" in text
    assert (tmp_path / "certificates.png").stat().st_size > 0
    records = list(RecordStore(tmp_path / "records"))
    assert {r.cell["schedule"]["inner_steps"] for r in records} == {1, 2} and len(records) == 4
    for row in (row for record in records for row in record.verdicts):
        assert row["status"] == "CLOSED" and row["lower"] <= row["upper"] and row["width"] <= 0.01
        # Both ends of a certificate enclose their rounding, and the samples beside it judge nothing.
        assert row["rounding_kind"] == ""
        for kind, (least, most) in row["factors"].items():
            assert 1 <= least <= most and least == row["bounds"][kind] / row["upper"]
        sampled = row["sampled"]
        assert 0 < sampled["largest"] <= row["upper"] and sampled["samples"] == 300
        refused = sampled["low"] is None
        assert bool(sampled["refused"]) is refused and (sampled["meets"] is None) is refused
        if not refused:
            overlap = sampled["low"] <= row["upper"] and row["lower"] <= sampled["high"]
            assert sampled["meets"] is overlap
    assert text.count("sampled, extrapolated (no bound), certified") == 2
    drawn = [row["sampled"]["meets"] for record in records for row in record.verdicts]
    claimed = [meets for meets in drawn if meets is not None]
    assert f"{len(claimed)} of 16 extrapolated, {sum(claimed)} of these meet the certified interval" in text


def test_json_is_strict_and_a_used_up_budget_says_so(tmp_path: Path) -> None:
    arguments = [
        "certify",
        *SMALL,
        "--geometry",
        "nonconvex",
        "--seconds",
        "1e-3",
        "--samples",
        "0",
        "--out",
        str(tmp_path),
        "--json",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    report: Any = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    rows = report["certificates"]
    assert {row["status"] for row in rows} == {"INCONCLUSIVE"} and {row["N"] for row in rows} == {1, 2}
    assert all(row["sampled"] is None for row in rows)
    assert all("time allowed" in row["reason_of_search"] and row["ended_by"] == "clock" for row in rows)
    assert "8 of 8 searches were ended by the clock" in " ".join(result.stderr.split())
    # The same with a budget of work: the clock is not mentioned, and another run gives the same rows.
    arguments[arguments.index("--seconds") : arguments.index("--seconds") + 2] = ["--operations", "1e4"]
    runs = [CliRunner().invoke(app, arguments) for _ in range(2)]
    one, other = ([row | {"seconds": 0} for row in json.loads(each.stdout)["certificates"]] for each in runs)
    assert one == other and {row["ended_by"] for row in one} == {"work"} and "the clock" not in runs[0].stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--radius", "0"], "radius must be a finite number > 0"),
        (["--radius", "inf"], "radius must be a finite number > 0"),
        (["--radius", "nan"], "radius"),
        (["--gap", "2"], "gap must be in [0, 1]"),
        (["--seconds", "0"], "seconds"),
        (["--operations", "0"], "operations"),
        (["--mu", "-1"], "mu"),
        (["--tasks", "0"], "tasks"),
        (["--query", "cube"], "query"),
        (["--samples", "7"], "samples must be 0 (none), or more than 40"),
        (["--n-phi", "0"], "tau"),
    ],
)
def test_misuse_exits_2_and_names_the_parameter(tmp_path: Path, arguments: list[str], words: str) -> None:
    code, text = run(*arguments, out=tmp_path)
    assert code == 2 and words in text


def scaled(claim: Claim, value: float) -> Claim:
    """The same claim with another bound."""
    return dataclasses.replace(claim, evaluate=lambda constants, schedule: Bound(value, 0.0, 0.0, "set on purpose"))


def test_each_end_of_the_enclosure_decides_what_it_can() -> None:
    constants = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
    cell = BallCell(constants=constants, schedule=Schedule.paper(constants, 2), n_w=1, n_phi=1, tasks=2, radius=2.0)
    tasks = cell.draw()
    certificate = certify_blocks(cell.source, tasks, cell.schedule, region=Region(2.0), gap=0.05)["wphi"]
    claim = next(c for c in STATEMENTS["prop2"].claims if c.block == "wphi" and c.kind is Kind.REFINED)
    middle = (certificate.lower + certificate.upper) / 2

    def outcome(bound: float) -> Outcome:
        return judge_certificate(cell, tasks, certificate, scaled(claim, bound)).outcome

    assert certificate.lower < middle < certificate.upper
    assert outcome(certificate.upper * 1.001) is Outcome.CONFIRMED
    assert outcome(middle) is Outcome.INCONCLUSIVE
    assert outcome(certificate.lower * 0.999) is Outcome.REFUTED


def test_a_proof_whose_folder_is_not_there_is_refused_before_the_search(tmp_path: Path) -> None:
    """A search may take hours, and its boxes are kept nowhere else."""
    place = str(tmp_path / "no" / "proof.gz")
    code, text = run("--family", "softmax-head", "--inner-steps", "1", "--proof", place, out=tmp_path / "out")
    assert code == 2 and "--proof must be a file in a folder that is there" in text
    assert not (tmp_path / "out").exists()


def test_a_family_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    code, text = run("--family", "nope", out=tmp_path)
    assert code == 2
    assert f"one of {', '.join(map(repr, FAMILIES))}; got 'nope'" in text
