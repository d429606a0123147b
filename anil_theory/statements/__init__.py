"""The claimed side: one file per numbered result of the paper, one line per result in `STATEMENTS`."""

from anil_theory.statements import (
    assumptions,
    prop1_meta_gradient,
    prop2_strongly_convex,
    prop3_nonconvex,
    table1_complexity_orders,
    table2_cost_comparison,
    thm1_strongly_convex,
    thm2_nonconvex,
)
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.contraction import (
    BLOCKS,
    Blocks,
    block_bound,
    block_constants,
    blocks,
    contraction_factor,
    gradient_sizes,
    mixed_norm,
)
from anil_theory.statements.scaled import Enclosure, Scaled

STATEMENTS: dict[str, Statement] = {
    "assumptions": assumptions.STATEMENT,
    "prop1": prop1_meta_gradient.STATEMENT,
    "prop2": prop2_strongly_convex.STATEMENT,
    "prop3": prop3_nonconvex.STATEMENT,
    "thm1": thm1_strongly_convex.STATEMENT,
    "thm2": thm2_nonconvex.STATEMENT,
    "table1": table1_complexity_orders.STATEMENT,
    "table2": table2_cost_comparison.STATEMENT,
}

__all__ = [
    "BLOCKS",
    "STATEMENTS",
    "Blocks",
    "Bound",
    "Claim",
    "Enclosure",
    "Hypothesis",
    "Kind",
    "MissingFact",
    "Scaled",
    "Statement",
    "block_bound",
    "block_constants",
    "blocks",
    "contraction_factor",
    "gradient_sizes",
    "mixed_norm",
]
