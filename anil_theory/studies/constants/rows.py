"""One certified constant as a row: its enclosure beside the bound on paper, and the verdict."""

from typing import Any

from anil_theory._plain import to_plain
from anil_theory.certify.family_constants import CertifiedConstant
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.verdict import judge

CLAIMS = {claim.block: claim for claim in STATEMENTS["assumptions"].claims}

ANY_SCHEDULE = Schedule(1.0, 1)
"""These claims ask nothing of the schedule."""


def row_of(certified: CertifiedConstant, declared: Constants) -> dict[str, Any]:
    """The enclosure beside the analytic bound; a certified mu is a lower bound, and has no verdict of its own."""
    outcome = None
    if certified.name != "mu":
        outcome = judge(CLAIMS[certified.name], declared, ANY_SCHEDULE, certified.estimate).outcome.value
    better = {"best": certified.best, "best_from": certified.best_from}
    return {**to_plain(certified), **better, "region": str(certified.region), "outcome": outcome}
