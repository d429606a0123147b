"""What is generated from the table: each formula that a number is computed from, with its function's name and type.

A single formula becomes a function of its number, a family of formulas (blocks, rows) a function of all its numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.forms import (
    biased_descent,
    block_constants,
    claims,
    counts,
    first_order,
    hypergradients,
    imaml,
    maml_smoothness,
    orders,
    rate_bounds,
)
from anil_theory.statements.forms.block_constants import BLOCKS
from anil_theory.statements.forms.numeric_code import code, name_of, with_sequences
from anil_theory.statements.forms.symbols import B, Expr, L, N, S, mu
from anil_theory.statements.forms.text_layout import family, function

S_N = sp.Symbol("S_N", nonnegative=True)
ANY_BATCH = sp.Symbol("B", positive=True)
"""A batch that need not be an integer: `Schedule.effective_batch`."""
x: Expr = sp.IndexedBase("x")
"""e_m or n_m, whichever the caller has."""


def arguments(formulas: Iterable[Expr], number: str) -> list[str]:
    """The symbols of all formulas as annotated names, in alphabetical order."""
    types: dict[str, str] = {}
    for formula in map(with_sequences, formulas):
        sequences = formula.atoms(sp.IndexedBase)
        indices = {index for total in formula.atoms(sp.Sum) for index in total.variables}
        labels = {sequence.label for sequence in sequences}
        types |= {name_of(sequence): "Growing" for sequence in sequences}
        for symbol in formula.atoms(sp.Symbol) - indices - labels:
            types[name_of(symbol)] = "int" if symbol.is_integer else number
    return [f"{name}: {types[name]}" for name in sorted(types)]


@dataclass(frozen=True)
class Single:
    """One formula, one function.

    number   the type of what is returned and of every symbol that is no integer: "Scaled", "float" or "int".
    """

    name: str
    meaning: str
    number: str
    formula: Expr

    def source(self) -> str:
        """The function."""
        names = arguments([self.formula], self.number)
        return function(self.name, names, self.number, self.meaning, code(self.formula))


@dataclass(frozen=True)
class Family:
    """Formulas that are evaluated together: one function that returns a dictionary."""

    name: str
    meaning: str
    number: str
    formulas: Mapping[str, Expr]

    def source(self) -> str:
        """The function."""
        names = arguments(self.formulas.values(), self.number)
        bodies = {key: code(formula) for key, formula in self.formulas.items()}
        return family(self.name, names, self.number, self.meaning, bodies)


def _terms_of(part: str) -> dict[str, Expr]:
    return {row: rate_bounds.terms(row)[part] for row in orders.ROWS}


def _table_1_orders(geometry: Geometry) -> dict[str, Expr]:
    return {term: orders.THEOREMS[geometry][term] for term in orders.TERMS}


def _rows(geometry: Geometry) -> dict[str, Expr]:
    return {row: orders.row(geometry, row) for row in orders.ROWS}


CONVEX = Geometry.STRONGLY_CONVEX
NONCONVEX = Geometry.NONCONVEX

FUNCTIONS = (
    Family(
        "declared",
        "What the assumptions bound; mu stands for the lowest curvature.",
        "float",
        {name: formula.right for name, formula in claims.DECLARED.items()},
    ),
    Single("contracting", "r in the strongly convex geometry.", "float", block_constants.CONTRACTION_FACTOR[CONVEX]),
    Single("expanding", "r in the nonconvex geometry.", "float", block_constants.CONTRACTION_FACTOR[NONCONVEX]),
    Single(
        "mixed_norm",
        "cbar, refined; no square that could overflow.",
        "float",
        sp.sqrt(sp.factor(L**2 - mu**2)),
    ),
    Family(
        "block_constants",
        "The block constants; x is e_m (explicit) or n_m (refined).",
        "Scaled",
        {block: block_constants.single_sums(block, x) for block in BLOCKS},
    ),
    Family(
        "sharp_constants",
        "The sharp constants, with one constant for both cross blocks.",
        "Scaled",
        {
            "ww": block_constants.single_sums("ww"),
            "cross": block_constants.sharp_block("wphi"),
            "phiphi": block_constants.sharp_block("phiphi"),
        },
    ),
    Single("smoothness", "The larger eigenvalue of the matrix of blocks.", "float", block_constants.SMOOTHNESS),
    Single("sigma_w", "The bound on ||g_w||.", "Scaled", block_constants.SIGMA_W),
    Single("sigma_phi", "The bound on ||g_phi||.", "Scaled", block_constants.SIGMA_PHI.subs(S[N], S_N)),
    Single("weighted_smoothness_w", "Lam_w.", "Scaled", rate_bounds.WEIGHTED_SMOOTHNESS["w"]),
    Single("weighted_smoothness_phi", "Lam_phi.", "Scaled", rate_bounds.WEIGHTED_SMOOTHNESS["phi"]),
    Single("best_weight", "The c at which all rows are smallest.", "Scaled", rate_bounds.BEST_WEIGHT),
    Family("decay", "What is divided by K, by row.", "Scaled", _terms_of("decay")),
    Family("noise_w", "What is divided by B, by row: the part of w.", "Scaled", _terms_of("noise_w")),
    Family("noise_phi", "What is divided by B, by row: the part of phi.", "Scaled", _terms_of("noise_phi")),
    Single("kept_w", "c_w of Theorem J.", "float", rate_bounds.KEPT["w"].subs(B, ANY_BATCH)),
    Single("kept_phi", "c_phi of Theorem J.", "float", rate_bounds.KEPT["phi"].subs(B, ANY_BATCH)),
    Family(
        "joint_over",
        "What 2 D0/K + V/B is divided by, by row.",
        "float",
        rate_bounds.JOINT_OVER,
    ),
    Single("kept_of_population", "c_I of Theorem I.", "float", rate_bounds.POPULATION_KEPT.subs(B, ANY_BATCH)),
    Family(
        "population_rate",
        "The rows of Theorem I.",
        "float",
        {row: rate_bounds.population_bound(row).subs(B, ANY_BATCH) for row in orders.ROWS},
    ),
    Family(
        "table_1_decay",
        "The terms of Table 1 that are divided by K, at beta = 1/Lam.",
        "Scaled",
        {term: rate_bounds.TABLE_1[term] for term in ("w_decay", "phi_decay")},
    ),
    Single("table_1_w_noise", "The noise of the w row at beta = 1/Lam.", "Scaled", rate_bounds.TABLE_1["w_noise"]),
    Single(
        "table_1_phi_noise", "The noise of the phi row at beta = 1/Lam.", "Scaled", rate_bounds.TABLE_1["phi_noise"]
    ),
    Family("proposition_2", "The printed orders, by block.", "Scaled", orders.PROPOSITION_2),
    Family("proposition_3", "The printed orders, by block.", "int", orders.PROPOSITION_3),
    Family("theorem_1", "The printed orders, by row.", "Scaled", _rows(CONVEX)),
    Family("theorem_2", "The printed orders, by row.", "float", _rows(NONCONVEX)),
    Family("table_1_convex", "The printed orders, by term.", "Scaled", _table_1_orders(CONVEX)),
    Family("table_1_nonconvex", "The printed orders, by term.", "int", _table_1_orders(NONCONVEX)),
    Family("misread_decay", "The phi row's decay, misread.", "Scaled", orders.MISREADINGS["phi_decay"]),
    Family("misread_noise", "The phi row's noise, misread.", "Scaled", orders.MISREADINGS["phi_noise"]),
    Family("anil", "Calls and numbers of one outer iteration; n_phi = 0 is MAML.", "int", counts.ANIL),
    Single(
        "printed_gradient_entries",
        "As Table 2 writes them.",
        "int",
        counts.PRINTED_GRADIENT_ENTRIES,
    ),
    Single("one_step_maml", "Smoothness of one-step MAML at a point.", "Scaled", maml_smoothness.ONE_STEP),
    Single(
        "multi_step_maml",
        "Smoothness of MAML at a point.",
        "Scaled",
        maml_smoothness.MULTI_STEP.subs(S[N], S_N),
    ),
    Single("flat_maml", "The same near one quadratic.", "Scaled", maml_smoothness.FLAT),
    Single(
        "biased_descent",
        "The average squared gradient of runs along a biased one.",
        "Scaled",
        biased_descent.BIASED.subs(B, ANY_BATCH),
    ),
    Single("dropped_w", "What first-order ANIL drops of g_w.", "Scaled", first_order.DROPPED_W.subs(S[N], S_N)),
    Single("dropped_phi", "What first-order ANIL drops of g_phi.", "Scaled", first_order.DROPPED_PHI.subs(S[N], S_N)),
    Single("unrolled_solved", "The error of ITD from w*.", "Scaled", hypergradients.UNROLLED["solved"]),
    Single("unrolled_started", "The error of ITD at a distance.", "Scaled", hypergradients.UNROLLED["started"]),
    Single("implicit_started", "What AID errs by for w_N.", "Scaled", hypergradients.STARTED),
    Single("unrolled_moved", "What ITD changes by with d_0.", "Scaled", hypergradients.MOVED["unrolled"]),
    Single("implicit_moved", "What AID changes by with d_0.", "Scaled", hypergradients.MOVED["implicit"]),
    Single("hypergradients_apart", "How far apart two hypergradients are at most.", "Scaled", hypergradients.MOST),
    Single("neumann_series", "What AID errs by for the series.", "Scaled", hypergradients.NEUMANN),
    Single("conjugate_gradients", "What AID errs by for CG.", "Scaled", hypergradients.CG),
    Single("exact_objective", "The smoothness of Phi.", "Scaled", hypergradients.EXACT),
    Single("ghadimi_wang", "The smoothness of Phi as printed.", "Scaled", hypergradients.GHADIMI_WANG),
    Single("imaml_slope", "The error of iMAML's gradient per unit of distance.", "Scaled", imaml.PER_DISTANCE),
    Single("imaml_far", "That error at a distance, in proportion.", "Scaled", imaml.AT_DISTANCE["explicit"]),
    Single("imaml_near", "That error at a distance, by angles.", "float", imaml.AT_DISTANCE["refined"]),
    Single("imaml_turn", "The tangent c of its formula.", "float", imaml.SOLVE),
    Single("imaml_root", "The root R of its formula.", "float", imaml.ROOT),
    Single("imaml_steps", "That error after N gradient steps.", "Scaled", imaml.STEPS),
    Single("imaml_series", "What a Neumann series leaves of iMAML's gradient.", "Scaled", imaml.NEUMANN),
    Single("imaml_conjugate", "What conjugate gradients leave of it.", "Scaled", imaml.CG),
    Single("imaml_smoothness", "The smoothness of iMAML's objective.", "Scaled", imaml.SMOOTHNESS),
)
