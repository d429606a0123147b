"""The symbolic ledger: every step of the derivation of sections 2, 3 and 5 as a fact that sympy proves when asked.

    Fact --enter--> Entry (PROVED, CHECKED or FAILED)

One file per group of steps, each with its FACTS; adding a fact touches that file alone. The claimed side: it imports
the expressions of `statements` (no formula that stands there is typed in again) and nothing that measures.
"""

from anil_theory.ledger import (
    block_recursions,
    conditioning,
    counts,
    descent,
    iterates,
    rate_limits,
    refinements,
    step_condition,
    sums,
)
from anil_theory.ledger.base import Entry, Fact, Proof, Status, enter

GROUPS = (iterates, sums, block_recursions, refinements, conditioning, step_condition, rate_limits, descent, counts)

FACTS: dict[str, Fact] = {fact.name: fact for group in GROUPS for fact in group.FACTS}
SECTIONS = tuple(sorted({fact.section for fact in FACTS.values()}))

__all__ = ["FACTS", "GROUPS", "SECTIONS", "Entry", "Fact", "Proof", "Status", "enter"]
