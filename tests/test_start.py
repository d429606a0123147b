"""What a start costs: the modules that a command imports, names on first use, versions and completion."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import anil_theory
from anil_theory.cli import app
from anil_theory.provenance import PACKAGES

HEAVY = {"jax", "jaxlib", "scipy", "matplotlib", "equinox", "optax", "sympy", "flint"}

LOADED = """
import contextlib, io, json, sys
commands = json.loads(sys.argv[1])
heavy = json.loads(sys.argv[2])
found = {}
def note(name):
    found[name] = sorted(set(heavy) & set(sys.modules))
import anil_theory
note("import")
import anil_theory.cli
for command in commands:
    sys.argv = ["anil-theory", *command.split()]
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        try:
            anil_theory.cli.main()
        except SystemExit as ended:
            assert not ended.code, (command, ended.code)
    note(command)
print(json.dumps(found))
"""

ADVISE = "advise --mu 0.2 --L 1 --rho 1 --tau 0.5 --M 1 --eps 0.1"


def python(script: str, *arguments: str, **environment: str) -> str:
    """Standard output of a script in a process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_versions_advice_and_ledger_import_only_what_they_use() -> None:
    commands = ["--help", "verify --help", "--version", ADVISE, f"{ADVISE} --json", "ledger --section 2"]
    found = json.loads(python(LOADED, json.dumps(commands), json.dumps(sorted(HEAVY))))
    proofs = found.pop("ledger --section 2")
    assert found == {name: [] for name in ("import", *commands[:-1])}
    # sympy counts with python-flint where it is installed.
    assert {"sympy"} <= set(proofs) <= {"sympy", "flint"}


def imports_for_types() -> dict[str, str]:
    """Name to module, as the type checker reads them."""
    tree = ast.parse(Path(anil_theory.__file__).read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                assert isinstance(statement, ast.ImportFrom) and statement.module is not None
                module = statement.module.removeprefix("anil_theory.")
                found |= {alias.name: module for alias in statement.names}
    return found


def test_one_table_names_the_module_of_every_public_name() -> None:
    assert imports_for_types() == anil_theory._MODULES
    assert sorted(anil_theory._MODULES) == sorted(anil_theory.__all__)


@pytest.mark.parametrize("name", anil_theory.__all__)
def test_a_public_name_is_that_of_its_module(name: str) -> None:
    module = importlib.import_module(f"anil_theory.{anil_theory._MODULES[name]}")
    assert getattr(anil_theory, name) is getattr(module, name)
    assert name in dir(anil_theory)


def test_submodules_are_reached_through_the_package_and_other_names_are_not() -> None:
    script = (
        "import anil_theory as a; print(a.estimators.rates.__name__, a.verdict.judge is a.judge, 'tasks' in dir(a))"
    )
    assert python(script).split() == ["anil_theory.estimators.rates", "True", "True"]
    with pytest.raises(AttributeError, match="no attribute 'theorem3'"):
        _ = anil_theory.theorem3  # pyright: ignore[reportAttributeAccessIssue]


def test_the_versions_of_all_libraries_are_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    named = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in result.output.splitlines()}
    assert named.keys() == {*PACKAGES, "python"}
    assert named["anil_theory"] == anil_theory.__version__
    jax = importlib.import_module("jax")
    assert named["jax"] == jax.__version__


COMPLETE = "import sys; sys.argv = ['anil-theory']; from anil_theory.cli import main; main()"


@pytest.mark.parametrize(
    ("words", "expected"),
    [("anil-theory ver", "verify"), ("anil-theory verify --inn", "--inner-steps"), ("anil-theory data co", "convert")],
)
def test_the_shell_completes_commands_and_options(words: str, expected: str) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_ANIL_THEORY_COMPLETE": "complete_bash"}
    assert expected in python(COMPLETE, **asked).split()
