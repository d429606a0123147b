"""provenance.py: what makes two records of one cell interchangeable, and what does not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest

from anil_theory import provenance as origin
from anil_theory.provenance import DETERMINING, PACKAGES, differing_origin, provenance, source_hash


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "inner" / "module.py").write_text("x = 1")
    return tmp_path


def changed_text(root: Path) -> None:
    (root / "inner" / "module.py").write_text("x = 2")


def new_module(root: Path) -> None:
    (root / "inner" / "untracked.py").write_text("")


def moved(root: Path) -> None:
    (root / "inner" / "module.py").rename(root / "module.py")


def removed(root: Path) -> None:
    (root / "inner" / "module.py").unlink()


def compiled(root: Path) -> None:
    (root / "inner" / "fast.so").write_bytes(b"\x7fELF")


def run_together(root: Path) -> None:
    """The same bytes in the same order, with the border between two files elsewhere."""
    (root / "__init__.py").write_text("inner")
    (root / "inner" / "module.py").write_text("")


@pytest.mark.parametrize("change", [changed_text, new_module, moved, removed, compiled, run_together])
def test_the_hash_sees_every_change_of_the_sources(package: Path, change: Any) -> None:
    before = source_hash(package)
    change(package)
    assert source_hash(package) != before


def test_the_hash_does_not_see_what_python_derives(package: Path) -> None:
    before = source_hash(package)
    (package / "inner" / "__pycache__").mkdir()
    (package / "inner" / "__pycache__" / "module.pyc").write_bytes(b"x")
    (package / ".hidden").write_text("x")
    assert source_hash(package) == before and source_hash(package / "inner" / "__pycache__") is not None


def test_without_files_nothing_is_known_and_nothing_is_reused(tmp_path: Path) -> None:
    assert source_hash(tmp_path) is None
    assert "sources" in differing_origin(provenance() | {"sources": None})


def test_a_record_of_this_process_is_interchangeable_whenever_it_was_made() -> None:
    assert differing_origin(provenance() | {"started": "1970", "finished": "1970", "commit": "another"}) == ()


@pytest.mark.parametrize("name", DETERMINING)
def test_each_determining_entry_counts(name: str) -> None:
    assert {"jax", "numpy", "scipy", "python-flint", "anil_theory"} <= set(PACKAGES) <= set(DETERMINING)
    assert {"sources", "python", "device"} <= set(DETERMINING)
    here = provenance()
    assert differing_origin(here | {name: "another"}) == (name,)
    assert differing_origin({n: value for n, value in here.items() if n != name}) == (name,)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_is_absent_on_one_side_alone_counts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    here = provenance()
    assert differing_origin(here | {name: None}) == (name,)
    there = here | {name: None}
    monkeypatch.setattr(origin, "provenance", lambda: there)
    assert differing_origin(here) == (name,)
    assert differing_origin(there) == ()


def test_a_switch_of_the_compiler_counts() -> None:
    before = provenance()
    switch = "jax_disable_most_optimizations"
    value = jax.config.read(switch)
    jax.config.update(switch, not value)
    try:
        assert differing_origin(before) == ("compilation",)
    finally:
        jax.config.update(switch, value)


def test_the_sources_are_those_of_the_package_that_runs() -> None:
    root = Path(__file__).parents[1]
    assert provenance()["sources"] == source_hash(root / "anil_theory")
    code = "from anil_theory.provenance import provenance; print(provenance()['sources'])"
    again = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert again.stdout.strip() == provenance()["sources"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is absent")
def test_the_commit_is_that_of_the_checkout_and_says_whether_tracked_files_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither the settings of the user nor a repository whose hook runs the tests may take part.
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    settings = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), *settings, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    tracked = tmp_path / "_admissible.py"
    tracked.write_text("x = 1")
    assert origin._commit(tmp_path) is None, "the package is not tracked"
    git("add", tracked.name)
    git("commit", "--quiet", "--message", "first")
    commit = origin._commit(tmp_path)
    assert commit is not None and re.fullmatch("[0-9a-f]{40}", commit) and commit == git("rev-parse", "HEAD")
    (tmp_path / "untracked.py").write_text("")
    assert origin._commit(tmp_path) == commit
    tracked.write_text("x = 2")
    assert origin._commit(tmp_path) == f"{commit}+changes"
