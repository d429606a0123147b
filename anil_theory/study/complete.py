"""Whether a record holds what the reports of its study read: one that does not is damaged, though its digest fits."""

from collections.abc import Iterable

from anil_theory._options import Options
from anil_theory.record import Record

OUTCOMES = ("CONFIRMED", "CONSISTENT", "REFUTED", "INCONCLUSIVE", "NOT_APPLICABLE")
"""The values of `verdict.Outcome`, held equal by a test: importing it would load JAX, which the ledger does without."""


def what_is_missing(record: Record, settings: type[Options]) -> str:
    """The first member that a record of this study lacks, in words; empty where it has all of them.

    What could not be finished has no measurements: nothing is asked of them there.
    """
    for index, row in enumerate(record.verdicts):
        where = f"verdicts[{index}]"
        missing = _first_missing(row, settings.row_members)
        if missing:
            return f"{where} has no member {missing!r}"
        outcome = row.get("outcome")
        if outcome is not None and outcome not in OUTCOMES:
            return f"{where} has the outcome {str(outcome)[:40]!r}, which is none"
    missing = _first_missing(record.measurements, settings.measured)
    return f"measurements has no member {missing!r}" if missing else ""


def _first_missing(present: Iterable[str], members: Iterable[str]) -> str:
    names = set(present)
    return next((name for name in members if name not in names), "")
