"""The symbolic ledger: every step of the derivation of the bounds as a fact that sympy proves when asked.

    Fact --enter--> Entry (PROVED, CHECKED or FAILED)

Each group of steps is one file with its FACTS, and adding a fact touches that file alone. The ledger belongs to the
claimed side: it imports the expressions of `statements`, so that no formula is typed in twice, and nothing that
measures. The sections are those of docs/theory.md, which has the derivation in words.
"""

from anil_theory.ledger import (
    block_recursions,
    conditioning,
    counts,
    descent,
    implicit_maml,
    iterates,
    joint_descent,
    joint_forms,
    other_papers,
    rate_limits,
    refinements,
    step_condition,
    sums,
)
from anil_theory.ledger.base import Entry, Fact, Proof, ProofStatus, enter

GROUPS = (
    iterates,
    sums,
    block_recursions,
    refinements,
    conditioning,
    step_condition,
    rate_limits,
    descent,
    joint_descent,
    joint_forms,
    counts,
    other_papers,
    implicit_maml,
)

FACTS: dict[str, Fact] = {fact.name: fact for group in GROUPS for fact in group.FACTS}

SECTIONS = {
    "2": "inner iterates: contraction factors, and how far two runs drift apart",
    "3.1": "explicit block constants: sums, recursions and closed forms",
    "3.2": "refined block constants, and that they are at most the explicit ones",
    "3.3": "orders of Propositions 2 and 3: near perfect conditioning, growth in N, the phi row",
    "5": "Theorems 1 and 2: the descent inequality, both bounds, their rates and oracle counts",
    "6": "statements of other papers: sums and identities behind docs/next_statements.md",
}
"""The sections of the ledger by their keys, in the order of the derivation."""

__all__ = ["FACTS", "GROUPS", "SECTIONS", "Entry", "Fact", "Proof", "ProofStatus", "enter"]
