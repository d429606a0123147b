"""What the package says of itself: one version, types for users, the Pythons and lowest versions it is tested on."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import anil_theory

ROOT = Path(__file__).parents[1]
TABLES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = TABLES["project"]


@pytest.fixture
def lowest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lowest", ROOT / ".ci" / "lowest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    assert TABLES["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "anil_theory._version.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", anil_theory.__version__)
    typed_in = re.compile(rf"""version(__)?["']?\s*[:=]\s*["']?{re.escape(anil_theory.__version__)}""")
    files = [ROOT / "CITATION.cff", ROOT / "pyproject.toml", *(ROOT / "anil_theory").glob("*.py")]
    files += (ROOT / "docs").glob("*.py")
    found = [path.name for path in files if typed_in.search(path.read_text(encoding="utf-8"))]
    assert found == ["_version.py"]


def test_types_reach_the_user() -> None:
    assert (ROOT / "anil_theory" / "py.typed").exists()
    assert "py.typed" in TABLES["tool"]["setuptools"]["package-data"]["anil_theory"]
    assert "Typing :: Typed" in PROJECT["classifiers"]


def test_every_python_that_is_claimed_is_one_that_ci_runs() -> None:
    claimed = {c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)}
    nightly = (ROOT / ".ci" / "nightly").read_text(encoding="utf-8")
    (newer,) = re.findall(r"^for python in (python3.*); do$", nightly, re.MULTILINE)
    lowest_python = PROJECT["requires-python"].removeprefix(">=")
    assert claimed == {lowest_python, *(python.removeprefix("python") for python in newer.split())}


def test_the_lowest_versions_are_the_lower_bounds(lowest: ModuleType) -> None:
    pins = lowest.lowest(ROOT / "pyproject.toml")
    assert len(pins) == len(PROJECT["dependencies"]) + len(PROJECT["optional-dependencies"]["test"])
    for requirement in PROJECT["dependencies"]:
        assert requirement.replace(">=", "==") in pins
    nightly = (ROOT / ".ci" / "nightly").read_text(encoding="utf-8")
    assert "python3 .ci/lowest.py pyproject.toml > .venv-lowest/lowest.txt" in nightly


@pytest.mark.parametrize("requirement", ["numpy", "numpy<3", "numpy>=2.1,<3", "numpy~=2.1"])
def test_a_requirement_without_one_lower_bound_is_refused(requirement: str, lowest: ModuleType, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(f'[project]\ndependencies = ["{requirement}"]\n[project.optional-dependencies]\ntest = []\n')
    with pytest.raises(ValueError, match="one lower bound"):
        lowest.lowest(project)


def test_the_lower_bounds_are_at_most_the_exact_versions(lowest: ModuleType) -> None:
    exact = dict(
        line.lower().split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )

    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".") if part.isdigit()]

    for pin in lowest.lowest(ROOT / "pyproject.toml"):
        name, version = pin.split("==")
        assert numbers(version) <= numbers(exact[name.lower()]), pin
