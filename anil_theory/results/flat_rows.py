"""The rows of records as flat dictionaries: numbers and words only, under one set of names for every study."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anil_theory.record import Record
from anil_theory.report.rows import SEVERITY

CONSTANTS = ("mu", "L", "rho", "tau", "M")
SCHEDULE = {
    "alpha": "alpha",
    "inner_steps": "N",
    "batch": "B",
    "outer_steps": "K",
    "beta_w": "beta_w",
    "beta_phi": "beta_phi",
}
"""What columns call the members of a schedule."""

KINDS = ("sharp", "refined", "explicit", "order", "declared", "conjectured", "identity", "certified", "estimated")
"""The kinds of bounds, each a column."""

FIRST = (
    "study",
    "statement",
    "block",
    "check",
    "geometry",
    "regime",
    "family",
    *CONSTANTS,
    *SCHEDULE.values(),
    "n_w",
    "n_phi",
    "tasks",
    "seed",
    "outcome",
    "measured",
    "rounding",
    "direction",
    "method",
    *KINDS,
    "tightness",
    "power",
    "powered",
)
"""The columns that come first, as far as rows have them; the others follow in the order in which they appear."""


def flat_rows(study: str, records: Iterable[Record]) -> list[dict[str, Any]]:
    """A dictionary for each row of the records of one study, with the key of its record under "record"."""
    rows = []
    for record in records:
        setting = setting_of(record.cell)
        for row in _rows_of(study, record):
            flat = {**setting, **_flat(row), "record": record.key}
            # `rates` calls its kinds of curves studies too.
            own = {"curve": flat["study"]} if flat.get("study") not in (None, study) else {}
            rows.append(_ordered({**flat, **own, "study": study}))
    return rows


def setting_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What defines a cell, flat: its constants and its schedule under the letters of the paper, and its scalars."""
    flat: dict[str, Any] = {}
    for name, value in cell.items():
        if name == "constants" and isinstance(value, Mapping):
            flat |= {letter: value.get(letter) for letter in CONSTANTS}
        elif name == "schedule" and isinstance(value, Mapping):
            flat |= {letter: _scalar(value.get(member)) for member, letter in SCHEDULE.items()}
        elif name in ("source", "at") and isinstance(value, Mapping):
            flat |= setting_of({"schedule" if name == "at" else "constants": value.get("constants", value), **value})
        elif _is_scalar(value):
            flat[SCHEDULE.get(name, name)] = value
    return flat


def _rows_of(study: str, record: Record) -> Iterator[Mapping[str, Any]]:
    """The rows of one record, whichever member of it has them."""
    if study == "rates":
        for curve in record.measurements["curves"]:
            yield from _points_of(curve)
    elif study == "tightness":
        for row in record.measurements["rows"]:
            outcomes = row["verdicts"].values()
            outcome = min(outcomes, key=SEVERITY.index, default=None)
            # What tasks of the separable family reach is called family there: a number, and no name.
            others = {name: value for name, value in row.items() if name != "family"}
            yield {**others, "family_reaches": row.get("family"), "outcome": outcome}
    elif study == "audit":
        yield {name: record.measurements[name] for name in ("name", "title", "verdict")}
    elif study == "bench":
        losses = record.measurements["loss"]
        tail = losses[-max(1, len(losses) // 4) :]
        test = record.measurements["test"] or {}
        final = sum(tail) / len(tail) if tail else None
        yield {"status": record.status, "measured": final, "test_accuracy": test.get("mean")}
    else:
        yield from record.verdicts


def _points_of(curve: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The points of a curve: its lists of the same length, entry by entry, beside what all points share."""
    length = max((len(value) for value in curve.values() if isinstance(value, list)), default=0)
    for index in range(length):
        yield {
            name: value[index] if isinstance(value, list) and len(value) == length else value
            for name, value in curve.items()
        }


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {name: _scalar(value) for name, value in row.items() if _is_scalar(value)}
    bounds = row.get("bounds")
    if isinstance(bounds, Mapping):
        flat |= {kind: bounds.get(kind) for kind in KINDS if kind in bounds}
    estimates = row.get("estimates")
    if isinstance(estimates, list) and "measured" in row:
        flat["rounding"] = rounding_of(row)
    return flat


def rounding_of(row: Mapping[str, Any]) -> float | None:
    """The rounding of the estimate that a row shows; None where it has none."""
    for estimate in row.get("estimates", ()):
        if estimate.get("value") == row.get("measured"):
            return estimate.get("rounding")
    return None


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _scalar(value: Any) -> Any:
    """A value as one entry of a table: step sizes of parts of w, which are several, as text."""
    return value if _is_scalar(value) else str(value)


def _ordered(flat: Mapping[str, Any]) -> dict[str, Any]:
    first = {name: flat[name] for name in FIRST if name in flat}
    return first | {name: value for name, value in flat.items() if name not in first}
