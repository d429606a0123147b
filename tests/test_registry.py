"""A plug-in that nobody registered is found: its module is there, and its registry does not know it."""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from anil_theory import statements, tasks
from anil_theory.statements import STATEMENTS
from anil_theory.statements.base import Statement
from anil_theory.tasks import FAMILIES
from anil_theory.tasks.base import Family

NUMBERED_RESULT = re.compile(r"(prop|thm|table)\d")


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """Every module of a registry folder, imported."""
    for info in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{info.name}")


def unregistered_statements(package: ModuleType, registry: Mapping[str, Any]) -> list[str]:
    """Modules whose STATEMENT the registry does not hold, and modules named after a result that have none."""
    found = []
    for module in modules(package):
        statement = getattr(module, "STATEMENT", None)
        named = NUMBERED_RESULT.match(module.__name__.rpartition(".")[2])
        if (statement is not None or named) and not any(statement is known for known in registry.values()):
            found.append(module.__name__)
    return found


def unregistered_families(package: ModuleType, registry: Mapping[str, Any]) -> list[str]:
    """Concrete families defined in a module of the folder that the registry does not hold."""
    return [
        f"{module.__name__}.{name}"
        for module in modules(package)
        for name, member in vars(module).items()
        if inspect.isclass(member) and issubclass(member, Family) and not inspect.isabstract(member)
        if member.__module__ == module.__name__ and member not in registry.values()
    ]


def test_every_statement_is_registered_under_its_name() -> None:
    assert unregistered_statements(statements, STATEMENTS) == []
    assert STATEMENTS and all(isinstance(statement, Statement) for statement in STATEMENTS.values())
    assert [statement.name for statement in STATEMENTS.values()] == list(STATEMENTS)


def test_every_family_is_registered_under_its_name() -> None:
    assert unregistered_families(tasks, FAMILIES) == []
    assert FAMILIES and all(issubclass(family, Family) for family in FAMILIES.values())
    assert [family.name for family in FAMILIES.values()] == list(FAMILIES)


def test_claims_have_names_of_their_own() -> None:
    names = [claim.name for statement in STATEMENTS.values() for claim in statement.claims]
    assert len(set(names)) == len(names)
    assert all(claim.statement == name for name, statement in STATEMENTS.items() for claim in statement.claims)


SYNTHETIC = {
    "__init__.py": "",
    "base.py": "from anil_theory.tasks.base import Family",
    "known.py": "STATEMENT = object()",
    "forgotten.py": "STATEMENT = object()",
    "prop7_forgotten.py": "",
    "engine.py": "",
    "family.py": (
        "from anil_theory.tasks.base import Family\n"
        "class Abstract(Family): ...\n"
        "class Forgotten(Family):\n"
        "    name = 'forgotten'\n"
        "    def sample(self, key, num_tasks): ...\n"
        "    def query_infimum(self, data): ...\n"
    ),
}


@pytest.fixture
def synthetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A registry folder in which some plug-ins were forgotten."""
    folder = tmp_path / "synthetic_plug_ins"
    folder.mkdir()
    for name, text in SYNTHETIC.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("synthetic_plug_ins")
    for name in [name for name in sys.modules if name.startswith("synthetic_plug_ins")]:
        del sys.modules[name]


def test_forgotten_statements_are_found(synthetic: ModuleType) -> None:
    known = importlib.import_module("synthetic_plug_ins.known").STATEMENT
    found = unregistered_statements(synthetic, {"known": known})
    assert found == ["synthetic_plug_ins.forgotten", "synthetic_plug_ins.prop7_forgotten"]


def test_forgotten_families_are_found(synthetic: ModuleType) -> None:
    assert unregistered_families(synthetic, FAMILIES) == ["synthetic_plug_ins.family.Forgotten"]
    forgotten = importlib.import_module("synthetic_plug_ins.family").Forgotten
    assert unregistered_families(synthetic, {"forgotten": forgotten}) == []
