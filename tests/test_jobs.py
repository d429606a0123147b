"""`--jobs N`: every command that runs cells hands it to the engine, and the rows do not depend on it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory._options import options_of
from anil_theory.cli import app
from anil_theory.studies import STUDIES, settings_of
from anil_theory.study import _conduct
from anil_theory.study.run import RunSummary

WORKERS = {"verify": 2, "rates": 2, "tightness": 1, "certify": 1, "constants": 1, "audit": 1, "bench": 1, "ledger": 1}
WORKERS |= {"study": 1, "bounds": 1, "saturation": 1, "advise": 1}
"""The cells at a time that each command takes unless it is told."""


def folder(command: str, place: Path) -> list[str]:
    """Where a command writes; nothing for one without records."""
    return ["--out", str(place)] if settings_of(command).records else []


def needed(command: str) -> list[str]:
    """What a command does not run without."""
    flags = [option.flag for option in options_of(settings_of(command)) if option.required]
    return [word for flag in flags for word in (flag, "1")]


class Asked(RuntimeError):
    """Raised in place of a run."""


@pytest.mark.parametrize("command", STUDIES)
def test_the_engine_gets_the_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str) -> None:
    workers = []

    def run_jobs(*arguments: Any, **options: Any) -> RunSummary:
        workers.append(options["workers"])
        raise Asked

    monkeypatch.setattr(_conduct, "run_jobs", run_jobs)
    quick = ["--quick"] if "quick" in {option.name for option in options_of(settings_of(command))} else []
    for extra in ([], ["--jobs", "5"], ["-j", "1"]):
        arguments = [command, *needed(command), *quick, *extra, *folder(command, tmp_path)]
        assert isinstance(CliRunner().invoke(app, arguments).exception, SystemExit)
    assert workers == [WORKERS[command], 5, 1]


@pytest.mark.parametrize("command", STUDIES)
@pytest.mark.parametrize("number", ["0", "-2"])
def test_a_number_below_one_is_refused(tmp_path: Path, command: str, number: str) -> None:
    refused = CliRunner().invoke(app, [command, *needed(command), "--jobs", number, *folder(command, tmp_path)])
    assert refused.exit_code == 2 and "jobs must be" in " ".join(refused.output.split()), refused.output


SMALL = ["--inner-steps", "1", "2", "--n-w", "1", "--n-phi", "1", "--tasks", "2"]

RUNS = {
    "verify": ["prop2", "--mu", "0.3", *SMALL],
    "certify": [*SMALL, "--radius", "2", "--samples", "0", "--gap", "0.3"],
}

LONG_RUNS = {
    "constants": ["--operations", "1e4"],
    "tightness": ["--quick", "--inner-steps", "1"],
    "rates": ["--quick", "--inner-steps", "1", "--batch", "2", "--outer-steps", "20", "--seeds", "2"],
    "audit": ["1", "3", "--quick"],
    "bench": ["--quick", "--iterations", "2", "--seeds", "1", "--inner-steps", "1", "2", "--eval-tasks", "8"],
}


def rows(command: str, arguments: list[str], jobs: int, out: Path) -> Any:
    """The JSON of a command without the times that it took."""
    result = CliRunner().invoke(app, [command, *arguments, "--json", "--jobs", str(jobs), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return without_times(json.loads(result.stdout))


def without_times(value: Any) -> Any:
    """The report without what was timed, and without verdicts on losses at equal time."""
    if isinstance(value, dict):
        return {name: without_times(each) for name, each in value.items() if "seconds" not in name}
    if isinstance(value, list):
        return [without_times(each) for each in value if not is_of_time(each)]
    return value


def is_of_time(verdict: Any) -> bool:
    return isinstance(verdict, dict) and " time" in str(verdict.get("claim", ""))


@pytest.mark.parametrize("command", RUNS)
def test_rows_do_not_depend_on_the_number(tmp_path: Path, command: str) -> None:
    one, three = (rows(command, RUNS[command], jobs, tmp_path / str(jobs)) for jobs in (1, 3))
    assert one == three


@pytest.mark.slow
@pytest.mark.parametrize("command", LONG_RUNS)
def test_long_runs_do_not_depend_on_the_number(tmp_path: Path, command: str) -> None:
    one, three = (rows(command, LONG_RUNS[command], jobs, tmp_path / str(jobs)) for jobs in (1, 3))
    assert one == three
