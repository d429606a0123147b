"""The claimed side: one file per numbered result of the paper, one line per result in `STATEMENTS`."""

from anil_theory._admissible import InvalidParameter
from anil_theory._registry import Registry
from anil_theory.constants import Geometry
from anil_theory.statements import (
    assumptions,
    biased_descent,
    bilevel_smoothness,
    first_order_bias,
    imaml,
    implicit_hypergradient,
    joint_form,
    maml_smoothness,
    population,
    prop1_meta_gradient,
    prop2_strongly_convex,
    prop3_nonconvex,
    table1_complexity_orders,
    table2_cost_comparison,
    thm1_strongly_convex,
    thm2_nonconvex,
    unrolled_hypergradient,
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
from anil_theory.statements.papers import PAPERS
from anil_theory.statements.scaled import RoundingRange, Scaled

STATEMENTS: Registry[Statement] = Registry(
    "statement",
    Statement,
    (
        assumptions.STATEMENT,
        prop1_meta_gradient.STATEMENT,
        prop2_strongly_convex.STATEMENT,
        prop3_nonconvex.STATEMENT,
        thm1_strongly_convex.STATEMENT,
        thm2_nonconvex.STATEMENT,
        population.STATEMENT,
        table1_complexity_orders.STATEMENT,
        table2_cost_comparison.STATEMENT,
        first_order_bias.CONVEX,
        first_order_bias.NONCONVEX,
        biased_descent.CONVEX,
        biased_descent.NONCONVEX,
        unrolled_hypergradient.STATEMENT,
        implicit_hypergradient.STATEMENT,
        bilevel_smoothness.STATEMENT,
        imaml.STATEMENT,
        maml_smoothness.ONE_STEP,
        maml_smoothness.STEPS,
        maml_smoothness.CONVEX_STEPS,
        joint_form.CONVEX,
        joint_form.NONCONVEX,
    ),
)


def statement_about(quantity: str, geometry: Geometry) -> Statement:
    """The first registered statement that bounds a quantity in a geometry: that of the paper, where it has one.

    Raises InvalidParameter when none does.
    """
    for statement in STATEMENTS.values():
        bounded = any(claim.quantity == quantity for claim in statement.claims)
        if bounded and statement.geometry in (None, geometry):
            return statement
    raise InvalidParameter("quantity", f"bounded by a registered statement in the {geometry} geometry", quantity)


__all__ = [
    "BLOCKS",
    "PAPERS",
    "STATEMENTS",
    "Blocks",
    "Bound",
    "Claim",
    "Hypothesis",
    "Kind",
    "MissingFact",
    "RoundingRange",
    "Scaled",
    "Statement",
    "block_bound",
    "block_constants",
    "blocks",
    "contraction_factor",
    "gradient_sizes",
    "mixed_norm",
    "statement_about",
]
