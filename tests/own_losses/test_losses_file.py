"""Losses from a file: the documented names, what is missing, and what the command makes of them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.own_losses import example
from anil_theory.own_losses.file import LossSource, UnusableFile, read_file, read_object
from anil_theory.studies.own_losses import study as own_losses_study

FILE = """
import jax.numpy as jnp
data = {"x": jnp.ones((2, 3))}
start = ([jnp.array(1.0)], jnp.array(2.0))
region = 0.5
settings = {"inner_steps": 2, "name": "mine"}
def loss(w, phi, task):
    return jnp.mean((w[0] * phi - task["x"]) ** 2)
"""


def written(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_the_documented_names_are_taken(tmp_path: Path) -> None:
    given = read_file(written(tmp_path, FILE))
    assert given.losses[0] is given.losses[1] and float(given.phi) == 2.0
    assert given.settings == {"region": 0.5, "inner_steps": 2, "name": "mine"}
    assert len(given.digest) == 64
    assert read_file(written(tmp_path, FILE + "\n# edited")).digest != given.digest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FILE.replace("def loss", "def lost"), r"mine.py lacks support \(or loss\), query \(or loss\)"),
        (FILE.replace("data =", "dates ="), "lacks data"),
        (FILE.replace("start =", "begin ="), r"lacks w \(or start\)"),
        (FILE.replace("[jnp.array(1.0)], ", ""), r"start must be a pair \(w, phi\)"),
        (FILE.replace('"inner_steps"', '"steps"'), "settings has steps; it may hold name, constants, region"),
        (FILE + "1/0", "line 9: ZeroDivisionError"),
        (FILE + "def (", "line 9: SyntaxError"),
        ("%PDF-1.4 \x00", "mine.py, "),
        ("raise SystemExit(3)", "line 1: SystemExit"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UnusableFile, match=words):
        read_file(path)
    refused = CliRunner().invoke(app, ["study", str(path), "--out", str(tmp_path / "out")])
    assert refused.exit_code == 2, refused.output


def test_a_loss_that_cannot_be_studied_is_misuse(tmp_path: Path) -> None:
    path = written(tmp_path, FILE.replace("return jnp.mean(", "return float(w[0]) + jnp.mean("))
    refused = CliRunner().invoke(app, ["study", str(path), "--out", str(tmp_path / "out")])
    assert refused.exit_code == 2 and "compiled by JAX (mine.py:8)" in " ".join(refused.output.split())


def test_what_is_no_python_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"its name must end with .py"):
        read_file(written(tmp_path, FILE, "mine.txt"))
    with pytest.raises(UnusableFile, match="cannot be read: No such file"):
        read_file(tmp_path / "nothing.py")


def test_an_object_of_a_module_is_taken() -> None:
    given = read_object("anil_theory.own_losses.example")
    assert given.losses == (example.support, example.query) and given.settings["name"] == "example"
    for reference, words in [
        ("no_such_module_here:losses", "ModuleNotFoundError"),
        ("anil_theory.own_losses.example:nothing", "has no nothing"),
        ("anil_theory.own_losses.example:data", "lacks support"),
    ]:
        with pytest.raises(UnusableFile, match=words):
            read_object(reference)


class Recorded:
    """A study that remembers what it was asked, and finds nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, dict[str, Any]]] = []

    def __call__(self, losses: Any, w: Any, phi: Any, data: Any, **settings: Any) -> "Recorded":
        settings.pop("on_progress")
        self.asked.append((losses, settings))
        return self

    def to_dict(self) -> dict[str, Any]:
        return {"rows": [{"statement": "assumptions", "block": "L", "outcome": "REFUTED"}], "name": "mine"}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    found = Recorded()
    monkeypatch.setattr(own_losses_study, "study_losses", found)
    monkeypatch.setattr(own_losses_study, "print_study", lambda console, study: console.print(study["name"]))
    monkeypatch.setattr(own_losses_study, "plot_study", lambda study: None)
    return found


def test_the_command_line_goes_before_the_file(recorded: Recorded, tmp_path: Path) -> None:
    path = written(tmp_path, FILE + "constants = {'L': 3.0, 'rho': 1.0}\n")
    options = ["--inner-steps", "7", "--L", "5", "--certify", "--seed", "4", "--json", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["study", str(path), *options])
    assert done.exit_code == 1, done.output
    ((_, settings),) = recorded.asked
    expected = {"region": 0.5, "inner_steps": 7, "name": "mine", "certify": True, "seed": 4}
    assert settings == expected | {"constants": {"L": 5.0, "rho": 1.0}}
    assert json.loads(done.stdout)["studies"][0]["name"] == "mine"


def test_a_file_is_studied_again_after_an_edit_only(recorded: Recorded, tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    command = ["study", str(path), "--resume", "--out", str(tmp_path / "out")]
    for text, times in ((FILE, 1), (FILE, 1), (FILE + "\n# edited", 2)):
        path.write_text(text)
        assert CliRunner().invoke(app, command).exit_code == 1
        assert len(recorded.asked) == times


def test_without_a_file_the_example_is_studied(recorded: Recorded, tmp_path: Path) -> None:
    CliRunner().invoke(app, ["study", "--out", str(tmp_path)])
    ((losses, settings),) = recorded.asked
    assert losses == (example.support, example.query) and settings["inner_steps"] == 1


def test_a_file_may_hold_dataclasses(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int\n" + FILE
    )
    given: LossSource = read_file(written(tmp_path, text.replace("from __future__ import annotations\n", "")))
    assert any(name.startswith("anil_theory_losses_") for name in sys.modules) and given.data["x"].shape == (2, 3)
