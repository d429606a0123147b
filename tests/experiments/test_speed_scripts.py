"""The speed scripts run, at sizes that measure nothing, and write whole files; no time is asserted."""

import argparse
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from experiments.speed.measure import Outcome, publish

NOW = datetime.now(UTC)
ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "experiments" / "speed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["meta_gradient", "start", "verify", "generation", "outer_loop", "neural", "convolution", "block_norms"],
)
def test_script_writes_its_outcome(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), "--tiny", "--json", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert json.loads(done.stdout) == written
    assert written["experiment"] == name and written["tiny"] and written["claims"] == []
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.json", f"{name}.png"]


def test_the_scripts_name_what_a_program_has() -> None:
    """They lower its private parts, also in a text that a process of its own runs, where no type checker looks."""
    source = (ROOT / "anil_theory" / "neural" / "program.py").read_text(encoding="utf-8")
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "experiments").rglob("*.py")]
    names = {name for script in scripts for name in re.findall(r"\bprogram\.([a-z_]+)\b(?! import)", script)}
    assert {"_add", "_scan", "alpha"} <= names
    assert [name for name in sorted(names) if f"self.{name} = " not in source and f"def {name}(" not in source] == []


def test_what_was_measured_is_printed_although_no_file_can_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    given = argparse.Namespace(out=taken, json=False, tiny=True)
    with pytest.raises(SystemExit) as ended:
        publish("name", Outcome([], ["a line of the table"], {"number": 1.0}), lambda figure: None, given, NOW)
    printed = capsys.readouterr()
    assert ended.value.code == 3 and printed.out == "a line of the table\n"
    assert "name.json was not written" in printed.err and "name.png was not written" in printed.err


def test_a_plot_that_fails_costs_the_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(figure: Any) -> None:
        raise RuntimeError("no axes")

    given = argparse.Namespace(out=tmp_path / "new", json=True, tiny=True)
    with pytest.raises(SystemExit) as ended:
        publish("name", Outcome([], [], {"number": 1.0}), broken, given, NOW)
    written = json.loads((tmp_path / "new" / "name.json").read_text(encoding="utf-8"))
    assert ended.value.code == 3 and json.loads(capsys.readouterr().out) == written
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["name.json"]
