"""`gpu.py --dry` runs every step, without PyTorch, python-flint, sympy and matplotlib, and writes what it found."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.neural.test_lean_environment import BLOCKED, HOOK

ROOT = Path(__file__).parents[2]


def dry_run(tmp_path: Path, blocked: tuple[str, ...], *options: str) -> dict[str, Any]:
    """The JSON of a dry run in a process in which these packages, and those of its children, cannot be imported."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK.format(blocked=blocked), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "hook")}
    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "experiments" / "gpu.py"), "--dry", *options]
    command += ["--out", str(out), "--work", str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "dry-run-on-cpu.json").read_text(encoding="utf-8"))


def words(numbers: dict[str, Any], word: str) -> list[str]:
    return [f"{step}, {name}" for step, pieces in numbers["steps"].items() for name in pieces if word in pieces[name]]


@pytest.mark.slow
def test_every_step_runs_in_a_lean_environment(tmp_path: Path) -> None:
    found = dry_run(tmp_path, (*BLOCKED, "torch"), "--minutes", "60")
    assert found["dry"] and found["finished"] and found["goals"] == []
    assert list(found["steps"]) == ["rates", "correctness", "iteration", "estimates", "figures"]
    assert words(found, "skipped") == words(found, "failed") == words(found, "shortened") == []
    assert all(max(one["float64"]) <= 1e-10 < max(one["float32"]) for one in found["steps"]["correctness"].values())
    assert found["steps"]["iteration"]["PyTorch"]["remark"] == "PyTorch is not installed: our side alone"
    assert len(found["steps"]["estimates"]["two CPU cores"]["measured"]) == 3
    assert found["steps"]["figures"]["figures, seed 0"]["runs"] == 4
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"dry-run-on-cpu{end}" for end in ("-runs.jsonl", ".json", ".md")]


def test_a_limit_that_is_over_at_once_leaves_everything_out_and_says_so(tmp_path: Path) -> None:
    found = dry_run(tmp_path, (*BLOCKED, "torch"), "--minutes", "1e-6")
    pieces = [f"{step}, {name}" for step, pieces in found["steps"].items() for name in pieces]
    assert words(found, "skipped") == pieces and len(pieces) > 12


@pytest.mark.slow
def test_pytorch_and_pictures_where_they_are_installed(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `peer` (PyTorch)")
    found = dry_run(tmp_path, (), "--minutes", "60")
    assert words(found, "skipped") == words(found, "failed") == []
    first = "fc100, strongly-convex, tensorfloat32"
    for side in ("vmapped", "batched", "loop", "torch.compile of the best"):
        assert all("seconds" in one for one in found["steps"]["iteration"][f"{first}: {side}"]["N"].values()), side
    pictures = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert pictures >= {"dry-run-on-cpu-iteration.png", "dry-run-on-cpu-figure1_strongly_convex.png"}
