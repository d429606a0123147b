"""The way of N and alpha from the command line to the scan of the inner loop, as the files that it passes."""

import traceback
from collections import Counter
from itertools import groupby
from pathlib import Path

import jax
import pytest
from typer.testing import CliRunner

import anil_theory
from anil_theory.cli import app

PACKAGE = Path(anil_theory.__file__).parent

HAND_ON_FUNCTIONS = {
    "cli/commands.py",
    "estimators/_worst_task.py",
    "estimators/attained.py",
    "estimators/forms.py",
    "estimators/rounding.py",
}
"""Files whose functions are handed to a transformation in another file (a search, a rounding), which calls them back.

A function that comes back to its file at the call carries no argument there: N and alpha are in it since it was made.
"""


@pytest.mark.slow
def test_the_way_to_the_inner_loop_passes_each_file_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    walks: set[tuple[str, ...]] = set()
    scan = jax.lax.scan

    def watched(*arguments: object, **options: object) -> object:
        files = [Path(frame.filename) for frame in traceback.extract_stack()]
        inside = [file.relative_to(PACKAGE).as_posix() for file in files if file.is_relative_to(PACKAGE)]
        if inside and inside[-1].startswith("algorithm/"):
            walks.add(tuple(file for file, _ in groupby(inside)))
        return scan(*arguments, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]

    # What an earlier test has traced would not be traced again.
    jax.clear_caches()
    monkeypatch.setattr(jax.lax, "scan", watched)
    command = f"verify prop2 --mu 0.2 --inner-steps 3 --n-w 1 --n-phi 1 --jobs 1 --out {tmp_path}"
    done = CliRunner().invoke(app, ["--no-compile-cache", *command.split()])
    assert done.exit_code == 0, done.output
    assert len(walks) > 3
    for walk in walks:
        again = {file for file, times in Counter(walk).items() if times > 1}
        assert again <= HAND_ON_FUNCTIONS, " > ".join(walk)
        assert len(set(walk)) <= 14, " > ".join(walk)
