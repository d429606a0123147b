"""Experiments read from files, and what came out compared with what they should show."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from anil_theory._admissible import InvalidParameter, real

MEMBERS = {"study": str, "shows": str, "refutes": bool, "settings": dict, "expected": dict}
"""The members of a file, with their types; the first two must be there."""

PACKAGE = "anil_theory.experiments"

_IN_WORDS = {"equals": "equal to", "at_least": "at least", "at_most": "at most"}

COMPARISONS = tuple(_IN_WORDS)
"""How a number is compared with the one that is expected."""


@dataclass(frozen=True)
class Experiment:
    """A study with its settings, and what its report should hold.

    name      of the file;
    study     the name of the study;
    shows     what a reader should see, in a sentence;
    refutes   whether something is to be refuted: otherwise a refutation is status 1, as of any study;
    settings  by the names of the command's options;
    expected  by the path into the report: a value, or a table of `equals`, `at_least`, `at_most`.
    """

    name: str
    study: str
    shows: str
    refutes: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, report: Mapping[str, Any]) -> list[str]:
        """In words, every number of the report that is not what it should be; empty where all are."""
        return list(_differences(self.expected, report, ""))


def packaged(name: str) -> Experiment:
    """An experiment that the package carries. Raises InvalidParameter for a name that it does not have."""
    names = [path.name.removesuffix(".toml") for path in _carried() if path.name.endswith(".toml")]
    if name not in names:
        raise InvalidParameter("experiment", f"a file, or one of {', '.join(sorted(names))}", name)
    text = resources.files(PACKAGE).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parsed(text, name)


def read(where: str | Path) -> Experiment:
    """The experiment in a file (its `.toml` may be left out), or the one of that name that the package carries.

    Raises InvalidParameter for a file that cannot be read, or is no experiment.
    """
    path = Path(where)
    if not path.name:
        raise InvalidParameter("experiment", "a file, or the name of an experiment", str(where))
    for candidate in (path, path.with_name(f"{path.name}.toml")):
        if candidate.is_file():
            try:
                return parsed(candidate.read_text(encoding="utf-8"), candidate.stem)
            except (OSError, UnicodeDecodeError) as error:
                raise InvalidParameter("experiment", f"a file that can be read ({error})", str(where)) from error
    return packaged(str(where))


def parsed(text: str, name: str) -> Experiment:
    """The experiment that a text describes. Raises InvalidParameter for anything else."""
    try:
        members = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidParameter("experiment", f"a file of TOML ({error})", name) from error
    unknown = sorted(members.keys() - MEMBERS.keys())
    if unknown:
        raise InvalidParameter("experiment", f"made of {', '.join(MEMBERS)}", unknown[0])
    nouns = {str: "text", bool: "true or false", dict: "a table"}
    for member, kind in MEMBERS.items():
        there = members.get(member, kind())
        if not isinstance(there, kind) or (kind is str and not there):
            raise InvalidParameter(f"{member} of {name}", nouns[kind], members.get(member))
    for path, value in members.get("expected", {}).items():
        _require_comparable(value, path)
    return Experiment(name=name, **members)


def _require_comparable(expected: Any, path: str) -> None:
    """Raises InvalidParameter for an expectation that nothing can fail to meet, and for one that nothing can meet."""
    if not isinstance(expected, Mapping):
        return
    comparisons = expected.keys() & set(COMPARISONS)
    if not expected or (comparisons and comparisons != expected.keys()):
        allowed = f"a value, a table of {', '.join(COMPARISONS)}, or a table of further names"
        raise InvalidParameter(f"expected {path}", allowed, dict(expected))
    for name, value in expected.items():
        if name in ("at_least", "at_most"):
            real(f"expected {path}.{name}", value)
        elif name not in COMPARISONS:
            _require_comparable(value, f"{path}.{name}")


def _carried() -> Iterator[Any]:
    return iter(resources.files(PACKAGE).iterdir())


def _differences(expected: Any, there: Any, path: str) -> Iterator[str]:
    if isinstance(expected, Mapping) and not expected.keys() & set(COMPARISONS):
        for name, inner in expected.items():
            where = f"{path}.{name}" if path else name
            if not isinstance(there, Mapping) or name not in there:
                yield f"{where} is not in the report"
            else:
                yield from _differences(inner, there[name], where)
        return
    wanted = expected if isinstance(expected, Mapping) else {"equals": expected}
    for comparison, value in wanted.items():
        if not _holds(comparison, there, value):
            yield f"{path} is {there!r}, and should be {_IN_WORDS[comparison]} {value!r}"


def _holds(comparison: str, there: Any, value: Any) -> bool:
    if comparison == "equals":
        # True is equal to 1 in Python, and is another value in a report.
        return there == value and isinstance(there, bool) == isinstance(value, bool)
    if isinstance(there, bool) or not isinstance(there, int | float):
        return False
    return there >= value if comparison == "at_least" else there <= value
