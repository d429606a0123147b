"""The command `advise`: what it prints, and that a run beside the advice is below its bound and below eps."""

import json

import pytest
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.studies.advise import trial

ADVISE = ["advise", "--mu", "0.3", "--L", "1", "--rho", "1", "--tau", "0.5", "--M", "1", "--eps", "0.2"]


def test_a_run_beside_the_advice_shows_that_it_holds() -> None:
    found = CliRunner().invoke(app, [*ADVISE, "--run", "--adaptation", "0.3", "--json"])
    assert found.exit_code == 0, found.output
    advice = json.loads(found.stdout)
    trial = advice["trial"]
    assert trial["as_advised"] and trial["reason"] == "" and set(trial["rows"]) == {"w", "phi"}
    for row in trial["rows"].values():
        # The population is far from the worst one.
        assert 0 < row["measured"] + 5 * row["stderr"] < row["bound"] <= trial["eps"] == 0.2


def test_a_run_that_fails_costs_the_run_and_not_the_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(trial, "trial", fails)
    failed = CliRunner().invoke(app, [*ADVISE, "--run", "--json"])
    assert failed.exit_code == 3 and "no such luck" in failed.stderr
    assert failed.stderr.count("error:") == 1, "and nothing else is wrong"
    assert json.loads(failed.stdout) == json.loads(CliRunner().invoke(app, [*ADVISE, "--json"]).stdout)


def test_the_page_says_which_theorem_and_how_many_tasks_it_saves() -> None:
    found = CliRunner().invoke(app, ADVISE)
    text = " ".join(found.stdout.split())
    assert "theorem: sharp" in text and "K B, tasks" in text
    assert (
        "By the refined theorem (independent draws) ANIL needs" in text and "a run on a random population" not in text
    )
    refined = CliRunner().invoke(app, [*ADVISE, "--kind", "refined"])
    assert "theorem: refined" in " ".join(refined.stdout.split())
    assert "By the refined theorem" not in refined.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rho", "0", "--run"], "tau must be 0 when rho = 0"),
        (["--seed", "-1"], "seed must be an integer >= 0; got -1"),
        (["--adaptation", "2000"], "adaptation must be at most 1024, since alpha <= 1/L and N <= 1024; got 2000.0"),
    ],
)
def test_what_no_run_or_search_could_use_is_misuse(options: list[str], message: str) -> None:
    found = CliRunner().invoke(app, [*ADVISE, *options])
    assert found.exit_code == 2 and message in " ".join((found.stdout + found.stderr).split())


@pytest.mark.parametrize(("option", "message"), [("--kind", "kind must be one of 'sharp', 'refined', 'explicit'")])
def test_what_is_not_one_of_the_kinds_is_refused(option: str, message: str) -> None:
    found = CliRunner().invoke(app, [*ADVISE, option, "order"])
    assert found.exit_code == 2 and message in " ".join((found.stdout + found.stderr).split())
