"""Experiments as data: every file can be read and asks a study for what it has, and a run is compared with it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory._admissible import InvalidParameter
from anil_theory._options import settings_from
from anil_theory.cli import app
from anil_theory.experiments import files
from anil_theory.experiments.files import Experiment, packaged, parsed, read
from anil_theory.record import RecordStore
from anil_theory.studies import settings_of
from anil_theory.studies.ledger import study as ledger_study

ROOT = Path(__file__).parents[2]
HERE = sorted((ROOT / "experiments").glob("*.toml"))
CARRIED = sorted((ROOT / "anil_theory" / "experiments").glob("*.toml"))
CHEAP = ("proved_steps",)


@pytest.mark.parametrize("path", [*HERE, *CARRIED], ids=lambda path: path.stem)
def test_every_experiment_asks_a_study_for_what_it_has(path: Path) -> None:
    experiment = read(path)
    settings = settings_from(settings_of(experiment.study), experiment.settings)
    assert settings.command == experiment.study and experiment.shows.endswith(".") and experiment.expected


def test_the_package_carries_the_grids_of_verify_and_the_project_has_experiments() -> None:
    assert {path.stem for path in CARRIED} == {"verify", "verify_quick"} and len(HERE) >= 5
    assert packaged("verify") == read(CARRIED[0]) == read("verify")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "experiments/*.toml" in project["tool"]["setuptools"]["package-data"]["anil_theory"]


def run(where: Path | str, out: Path, *more: str) -> Any:
    return CliRunner().invoke(app, ["run", str(where), "--out", str(out), "--json", *more])


@pytest.mark.parametrize("name", CHEAP)
def test_cheap_experiments_show_what_they_say(name: str, tmp_path: Path) -> None:
    done = run(ROOT / "experiments" / name, tmp_path)
    assert done.exit_code == 0, done.output
    assert "to be shown: " in done.stderr and "not shown" not in done.stderr
    json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in HERE if path.stem not in CHEAP], ids=lambda path: path.stem)
def test_experiments_show_what_they_say(path: Path, tmp_path: Path) -> None:
    done = run(path, tmp_path)
    assert done.exit_code == 0, done.output


QUIET = """
study = "verify"
shows = "{shows}"
[settings]
statements = ["prop1"]
[[settings.grids]]
mu = [0.3]
inner_steps = [1]
n_w = [1]
n_phi = [1]
tasks = 2
geometry = ["strongly-convex"]
[expected.outcomes]
CONSISTENT = {rows}
"""


def test_a_run_that_shows_something_else_says_so_and_has_a_status_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "quiet.toml"
    path.write_text(QUIET.format(shows="Nine rows.", rows="{ at_least = 9 }"))
    done = run(path, tmp_path / "out")
    assert done.exit_code == 4
    assert "to be shown: Nine rows." in done.stderr
    assert "not shown: outcomes.CONSISTENT is 2, and should be at least 9" in done.stderr
    path.write_text(QUIET.format(shows="Two rows.", rows="2"))
    again = run(path, tmp_path / "out", "--resume")
    assert again.exit_code == 0 and "1 from an earlier run" in again.stderr
    assert len(RecordStore(tmp_path / "out" / "records")) == 1


@pytest.mark.parametrize(
    ("refutes", "refuted", "status"), [(False, False, 0), (False, True, 1), (True, True, 0), (True, False, 4)]
)
def test_a_refutation_is_status_1_unless_it_is_what_is_to_be_shown(
    refutes: bool, refuted: bool, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = "REFUTED" if refuted else "CONSISTENT"
    monkeypatch.setattr(
        ledger_study.LedgerStudy, "show", lambda self, page: setattr(page, "refuted", refuted) or {"outcome": outcome}
    )
    path = tmp_path / "x.toml"
    path.write_text(f'study = "ledger"\nshows = "y"\nrefutes = {str(refutes).lower()}\n[settings]\nsection = ["2"]\n')
    assert CliRunner().invoke(app, ["run", str(path)]).exit_code == status


@pytest.mark.slow
def test_a_failure_is_not_hidden_by_a_refutation_that_is_to_be_shown(tmp_path: Path) -> None:
    (tmp_path / "out" / "report.md").mkdir(parents=True)
    done = run(ROOT / "experiments" / "broken_bound", tmp_path / "out")
    assert done.exit_code == 3 and "report.md was not written" in done.stderr


def test_a_cell_of_two_grids_is_one(tmp_path: Path) -> None:
    path = tmp_path / "twice.toml"
    text = QUIET.format(shows="Two rows.", rows="2")
    head, grid = text.split("[[settings.grids]]")
    grid, tail = grid.split("[expected")
    path.write_text(f"{head}[[settings.grids]]{grid}[[settings.grids]]{grid}[expected{tail}")
    done = run(path, tmp_path / "out")
    assert done.exit_code == 0 and "1 of 1 cells" in done.stderr, done.output


def test_the_folder_is_called_after_the_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text('study = "ledger"\nshows = "Proofs."\n[settings]\nsection = ["2"]\n')
    assert CliRunner().invoke(app, ["run", "mine"]).exit_code == 0
    (tmp_path / "quiet.toml").write_text(QUIET.format(shows="Two rows.", rows="2"))
    assert CliRunner().invoke(app, ["run", "quiet"]).exit_code == 0
    assert (tmp_path / "results" / "quiet" / "records").is_dir()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study =", "a file of TOML"),
        ('study = "verify"', "shows of x must be text"),
        ('shows = "y"', "study of x must be text"),
        (
            'study = "verify"\nshows = "y"\n[expected.outcomes]\nREFUTED = {}',
            "expected outcomes.REFUTED must be a value",
        ),
        ('study = "verify"\nshows = "y"\n[expected]\nrows = {}', "expected rows must be a value, a table of equals"),
        ('study = "verify"\nshows = "y"\n[expected.a]\nat_most = inf', "expected a.at_most must be a finite"),
        ('study = "verify"\nshows = "y"\n[expected.a]\nat_least = true', "expected a.at_least must be a finite"),
        ('study = "verify"\nshows = "y"\n[expected.a]\nat_least = 1\nb = 2', "expected a must be a value"),
        ('study = "verify"\nshows = "y"\nrefutes = 1', "refutes of x must be true or false"),
        ('study = "verify"\nshows = "y"\nsettings = 3', "settings of x must be a table"),
        (
            'study = "verify"\nshows = "y"\nexpectd = 3',
            "made of study, shows, refutes, settings, expected; got 'expectd'",
        ),
    ],
)
def test_what_is_no_experiment_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parsed(text, "x")
    assert words in str(refused.value)


def test_bad_files_on_the_command_line_are_misuse(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    cases = {
        'study = "verfy"\nshows = "y"': "study must be one of 'verify'",
        'study = "verify"\nshows = "y"\n[settings]\nmus = [1]': "mus must be a setting of verify",
        'study = "verify"\nshows = "y"\n[[settings.grids]]\nmu = [-1.0]': "mu must be a finite number > 0",
    }
    for text, words in cases.items():
        path.write_text(text)
        done = run(path, tmp_path / "out")
        assert done.exit_code == 2 and words in " ".join(done.output.split()), done.output
    for nothing in ("", "."):
        refused = run(nothing, tmp_path / "out")
        assert refused.exit_code == 2 and "experiment must be a file" in " ".join(refused.output.split())
    missing = run("nowhere", tmp_path / "out")
    assert missing.exit_code == 2 and "a file, or one of verify, verify_quick" in " ".join(missing.output.split())


def test_numbers_of_the_report_are_compared_by_their_path() -> None:
    expected = {"a": {"b": 3}, "c": {"at_least": 2, "at_most": 4}, "d": [], "e": {"at_least": 0}, "g": True}
    experiment = Experiment("x", "verify", "y", expected=expected)
    assert experiment.differences({"a": {"b": 3}, "c": 4, "d": [], "e": 0.5, "f": 9, "g": True}) == []
    found = experiment.differences({"a": {}, "c": 5, "d": [1], "e": "nan", "g": 1})
    assert found == [
        "a.b is not in the report",
        "c is 5, and should be at most 4",
        "d is [1], and should be equal to []",
        "e is 'nan', and should be at least 0",
        "g is 1, and should be equal to True",
    ]
    assert files.COMPARISONS == ("equals", "at_least", "at_most")
