"""Records as `anil-theory verify` leaves them, made without measuring: three settings of one block, and Table 2."""

from pathlib import Path
from typing import Any

from anil_theory._plain import to_plain
from anil_theory.constants import Constants
from anil_theory.record import Record, RecordStore
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.studies.verify.cells import Cell, Regime, job_of
from anil_theory.study.job import Hand

CONSTANTS = Constants(0.1, 1.0, 1.0, 0.5, 1.0)
EVIL = "</script><script>alert(1)</script>"


def block_record(
    N: int,
    share: float = 0.9,
    *,
    outcome: str = "CONSISTENT",
    rounding: float = 1e-12,
    block: str = "ww",
    reason: str = "the largest value found is at most the bound",
) -> Record:
    """A row of Proposition 2 whose measured value is `share` of its sharp bound."""
    schedule = Schedule.strongly_convex(CONSTANTS, N)
    cell = to_plain(Cell("blocks", "prop2", CONSTANTS, schedule, Regime.STRONGLY_CONVEX, max_inner_steps=N))
    claims = [STATEMENTS["prop2"].select(kind, block)[0] for kind in (Kind.SHARP, Kind.EXPLICIT, Kind.ORDER)]
    bounds = {claim.kind.value: claim.evaluate(CONSTANTS, schedule).value for claim in claims}
    measured = share * bounds["sharp"]
    verdicts: list[dict[str, Any]] = [
        {
            "claim": claim.name,
            "latex": claim.latex,
            "outcome": outcome,
            "bound": to_plain(claim.evaluate(CONSTANTS, schedule)),
            "tightness": share,
            "slack": 1e-12,
            "reason": reason,
            "hypotheses": to_plain(list(claim.hypotheses(CONSTANTS, schedule))),
            "suspects": ["the statement itself"] if outcome == "REFUTED" else [],
            "replayed": "",
            "power": share,
        }
        for claim in claims
    ]
    row = {
        "statement": "prop2",
        "block": block,
        "check": "blocks",
        "geometry": "strongly-convex",
        "regime": "alpha = mu/L^2",
        "setting": f"mu=0.1 L=1 rho=1 tau=0.5 M=1 alpha=0.1 N={N} dim 2+2",
        "measured": measured,
        "method": "ascent",
        "direction": "lower",
        "bounds": bounds,
        "tightness": share,
        "outcome": outcome,
        "reason": reason,
        "verdicts": verdicts,
        "estimates": [{"value": measured, "rounding": rounding}],
        "power": share,
        "powered": "sharp",
        "rounding_kind": "heuristic: for this test",
    }
    return Record(cell=cell, verdicts=[row], provenance={"python": "3.11", "commit": None})


def counted_record() -> Record:
    """Table 2, counted by a run."""
    cell = Cell("count", "table2", CONSTANTS, Schedule(0.1, 2, batch=2), Regime.FIXED, 2, 1, max_inner_steps=2)
    job = job_of(cell)
    found = job.measure(Hand(_never()))
    return Record(cell=job.cell, verdicts=found.verdicts)


def _never() -> Any:
    from threading import Event

    return Event()


def keep(folder: Path, *records: Record) -> Path:
    """The records in the folder of a run."""
    store = RecordStore(folder / "records")
    for record in records:
        store.put(record)
    return folder
