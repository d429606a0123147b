"""The speed scripts run, at sizes that measure nothing, and write whole files; no time is asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "experiments" / "speed"


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
