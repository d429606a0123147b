"""The exceptions of the package: one base, one table, and no bare standard exception for a caller to meet."""

import ast
import builtins
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import anil_theory
from anil_theory import errors
from anil_theory.errors import AnilTheoryError
from anil_theory.study.ending import described

PACKAGE = Path(anil_theory.__file__).parent

STANDARD = {
    "ArithmeticError",
    "AssertionError",
    "Exception",
    "ImportError",
    "MemoryError",
    "NotImplementedError",
    "OSError",
    "RuntimeError",
    "TypeError",
    "ValueError",
}

CAUGHT_INSIDE = {
    "record.py": "parsing: `RecordStore.get` turns it into UnreadableRecord",
    "neural/checkpoints.py": "inside `zipped_arrays`, which turns it into InvalidParameter",
    "neural/data/layouts.py": "turned into InvalidParameter with the file's name",
    "neural/data/pickle_scan.py": "turned into Refused",
    "statements/forms/javascript_code.py": "while the package's own code is generated",
    "statements/forms/numeric_code.py": "while the package's own code is generated",
    "testing/inadmissible.py": "what a failing test raises",
    "testing/strategies/problems.py": "what a failing test raises",
    "testing/measurements.py": "what a failing test raises",
    "testing/statements.py": "what a failing test raises",
}
"""Files that raise a standard exception which does not leave the package."""


def bare_raises(source: str) -> list[int]:
    """The lines that raise a standard exception by its own name."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id in STANDARD:
                lines.append(node.lineno)
    return lines


def own_exceptions() -> Iterator[type[Exception]]:
    """Every public exception class of the package, warnings left out; the checker stands alone and has its own."""
    for module in pkgutil.walk_packages([str(PACKAGE)], "anil_theory."):
        if module.name.endswith("__main__") or module.name.startswith("anil_theory.checker"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.startswith("_") or not inspect.isclass(value) or not issubclass(value, Exception):
                continue
            if value.__module__ == module.name and not issubclass(value, Warning):
                yield value


INTERNAL = {"Stopped", "Refused", "UnusableFolder"}
"""Signals between functions of the package, never raised to a caller."""


def test_every_exception_has_the_base_and_a_row_of_the_table() -> None:
    found = {error.__name__: error for error in own_exceptions() if error.__name__ not in INTERNAL}
    assert {"InvalidParameter", "NotFinite", "NoEnclosure", "NoProof", "UnreadableRecord"} <= found.keys()
    for name, error in found.items():
        assert issubclass(error, AnilTheoryError), name
        assert error.__doc__
        if error is not AnilTheoryError:
            (row,) = (line for line in (errors.__doc__ or "").splitlines() if name in line and line.startswith("|"))
            standard = row.split("|")[2].strip(" `")
            assert issubclass(error, getattr(builtins, standard)), name


def test_nothing_raises_a_bare_standard_exception_to_a_caller() -> None:
    files = {p.relative_to(PACKAGE).as_posix(): p for p in PACKAGE.rglob("*.py") if "checker" not in p.parts}
    found = {name for name, path in files.items() if bare_raises(path.read_text(encoding="utf-8"))}
    assert found == CAUGHT_INSIDE.keys()


def test_a_bare_raise_is_seen() -> None:
    assert bare_raises("def f():\n    raise ValueError('no')") == [2]
    assert bare_raises("raise errors.Incomparable('no')") == bare_raises("try:\n    f()\nexcept E:\n    raise") == []


@pytest.mark.parametrize("error", [errors.MissingLibrary("install it"), errors.MemoryTooSmall("x does not fit")])
def test_a_command_says_such_an_error_as_it_is(error: AnilTheoryError) -> None:
    assert described(error) == str(error)
