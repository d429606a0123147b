"""What changed between two results: rows added and gone, verdicts that changed, values that moved beyond rounding."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anil_theory._display import Displayed
from anil_theory.results.base import Results
from anil_theory.results.flat_rows import KINDS

IDENTITY = (
    "study",
    "statement",
    "name",
    "block",
    "check",
    "geometry",
    "regime",
    "family",
    "setting",
    "region",
    "mu",
    "L",
    "rho",
    "tau",
    "M",
    "alpha",
    "N",
    "B",
    "K",
    "n_w",
    "n_phi",
    "tasks",
    "query",
    "seed",
)
"""The columns that make two rows the same row of two runs. The effort of the search is not among them."""

NUMBERS = ("measured", "lower", "upper", *KINDS)
"""The numbers that are compared."""

ROUNDINGS = 1e-12
"""The relative difference that two runs may have in a number without a rounding of its own: some thousand roundings."""


@dataclass(frozen=True)
class Change:
    """One number, or the verdict, of one row: what it was, and what it is."""

    row: str
    what: str
    before: Any
    after: Any


@dataclass(frozen=True, repr=False)
class Comparison(Displayed):
    """What changed from one result to another.

    added, gone   rows, in words;
    verdicts      those that changed;
    moved         numbers that differ by more than their roundings;
    refuted       rows that are refuted in the second and were not, or were not there, in the first;
    same          how many rows are in both, with the same verdict and the same numbers.
    """

    added: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    verdicts: list[Change] = field(default_factory=list)
    moved: list[Change] = field(default_factory=list)
    refuted: list[str] = field(default_factory=list)
    same: int = 0

    @property
    def differs(self) -> bool:
        """Whether anything changed."""
        return bool(self.added or self.gone or self.verdicts or self.moved)

    def _shown(self) -> dict[str, Any]:
        counted = {name: len(getattr(self, name)) for name in ("added", "gone", "verdicts", "moved", "refuted")}
        return {"same": self.same, **counted}


def compare_results(before: Results, after: Results) -> Comparison:
    """The changes from `before` to `after`, row by row."""
    old, new = _by_identity(before.rows()), _by_identity(after.rows())
    changes = Comparison(
        added=[words for identity, (words, _) in new.items() if identity not in old],
        gone=[words for identity, (words, _) in old.items() if identity not in new],
        same=0,
    )
    same = 0
    for identity, (words, row) in new.items():
        earlier = old[identity][1] if identity in old else None
        if row.get("outcome") == "REFUTED" and (earlier is None or earlier.get("outcome") != "REFUTED"):
            changes.refuted.append(words)
        if earlier is None:
            continue
        changed = _changes(words, earlier, row)
        changes.verdicts.extend(change for change in changed if change.what == "verdict")
        changes.moved.extend(change for change in changed if change.what != "verdict")
        same += not changed
    return Comparison(changes.added, changes.gone, changes.verdicts, changes.moved, changes.refuted, same)


def _by_identity(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], tuple[str, Mapping[str, Any]]]:
    """Rows by their identity; rows with the same identity are numbered."""
    numbered: dict[tuple[Any, ...], tuple[str, Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: str(row.get("record", ""))):
        identity = tuple(row.get(name) for name in IDENTITY)
        place = 0
        while (*identity, place) in numbered:
            place += 1
        numbered[(*identity, place)] = (_in_words(row), row)
    return numbered


def _in_words(row: Mapping[str, Any]) -> str:
    name = "/".join(str(row[each]) for each in ("statement", "name", "block") if row.get(each))
    where = row.get("setting") or _setting(row)
    return f"{row['study']} {name} at {where}"


def _setting(row: Mapping[str, Any]) -> str:
    letters = ("mu", "L", "rho", "tau", "M", "alpha", "N", "B", "K", "region")
    return " ".join(f"{letter}={row[letter]}" for letter in letters if row.get(letter) is not None)


def _changes(words: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    changes = []
    earlier, later = _verdict(before), _verdict(after)
    if earlier != later:
        changes.append(Change(words, "verdict", earlier, later))
    for name in NUMBERS:
        earlier, later = before.get(name), after.get(name)
        if earlier is None and later is None:
            continue
        if earlier is None or later is None or not _close(name, before, after):
            changes.append(Change(words, name, earlier, later))
    return changes


def _verdict(row: Mapping[str, Any]) -> Any:
    """The outcome of a row, or whether a finding of the audit was shown."""
    return row.get("outcome") if "outcome" in row else row.get("verdict")


def _close(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two numbers differ by no more than their roundings."""
    earlier, later = float(before[name]), float(after[name])
    if earlier == later or (math.isnan(earlier) and math.isnan(later)):
        return True
    allowed = ROUNDINGS * max(abs(earlier), abs(later))
    if name == "measured":
        allowed += (before.get("rounding") or 0.0) + (after.get("rounding") or 0.0)
    return abs(earlier - later) <= allowed
