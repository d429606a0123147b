"""The studies, each with its settings: what the command line offers, and what an experiment's file can name.

One folder for each: `settings` holds what it can be asked for and imports nothing heavy; `study` has the cells and the
page; what measures the cells stands beside them, where no other part of the package has it.
"""

from importlib import import_module
from typing import Any

from anil_theory._admissible import one_of
from anil_theory._options import Options
from anil_theory.study import Study

STUDIES = (
    "verify",
    "rates",
    "tightness",
    "certify",
    "bounds",
    "saturation",
    "constants",
    "study",
    "ledger",
    "audit",
    "bench",
    "advise",
)
"""The names, in the order of the help."""

_FOLDERS = {"study": "own_losses"}
"""The folders of studies that do not have the name of their command."""


def settings_of(name: str) -> type[Options]:
    """The class of a study's settings. Raises InvalidParameter for a name that no study has."""
    module = import_module(f"{_folder(one_of('study', name, STUDIES))}.settings")
    return next(kind for kind in vars(module).values() if isinstance(kind, type) and _is_of(kind, name))


def study_of(settings: Options) -> Study[Any]:
    """The study that settings ask for."""
    module = import_module(f"{_folder(settings.command)}.study")
    kinds = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Study))
    return next(kind for kind in kinds if kind is not Study and kind.__module__ == module.__name__)(settings)


def _folder(command: str) -> str:
    return f"{__name__}.{_FOLDERS.get(command, command)}"


def _is_of(kind: type, name: str) -> bool:
    return issubclass(kind, Options) and kind.command == name
