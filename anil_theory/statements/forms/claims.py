"""The formula behind each claim of `STATEMENTS`, by the claim's name, from which its LaTeX is printed.

The right-hand sides and definitions are expressions of the table. Left-hand sides name what is bounded. Two things are
text, because they are no expressions of numbers: Proposition 1, whose products do not commute, and the maxima X and Y
of the sharp constants (docs/sharp_bounds.md).
"""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.base import Kind
from anil_theory.statements.forms import (
    biased_descent,
    block_constants,
    counts,
    first_order,
    hypergradients,
    imaml,
    maml_smoothness,
    orders,
    rate_bounds,
)
from anil_theory.statements.forms.block_constants import BLOCKS
from anil_theory.statements.forms.formula import POLY, Formula
from anil_theory.statements.forms.names import JOINT_FORM
from anil_theory.statements.forms.symbols import (
    BLOCK_SYMBOLS,
    Expr,
    L,
    L_phiw,
    L_wphi,
    L_x,
    Lambda_phi,
    Lambda_w,
    M,
    N,
    S,
    alpha,
    c_I,
    c_phi,
    c_w,
    cbar,
    e,
    latex,
    m,
    mu,
    n,
    q,
    r,
    rho,
    s,
    sigma_phi,
    sigma_w,
    tau,
)

CONVEX = Geometry.STRONGLY_CONVEX


def _factor(geometry: Geometry) -> tuple[Expr, Expr]:
    return r, block_constants.CONTRACTION_FACTOR[geometry]


def _explicit(geometry: Geometry, kind: Kind, block: str) -> Formula:
    x = e if kind is Kind.EXPLICIT else n
    right = block_constants.plain_block(block, x)
    if kind is Kind.REFINED and block in ("wphi", "phiw"):
        both = (block_constants.plain_block(each, x) for each in ("wphi", "phiw"))
        right = sp.Min(*both, evaluate=False)
    definitions = [_factor(geometry)]
    if block != "ww":
        definitions.append((x[m], block_constants.per_step(kind)))
        definitions.append((cbar, block_constants.mixed_norm(geometry, kind)))
    return Formula(latex(BLOCK_SYMBOLS[block]), "=", right, tuple(definitions))


_X = r"{X}_{m} = \max_{a^{2} + b^{2} \le \rho^{2},\ b^{2} \le \tau^{2}} (a {s}_{m} + b)"
_Y = (
    r"{Y}_{m} = \max_{a^{2} + b^{2} \le \rho^{2},\ b^{2} + d^{2} \le \tau^{2}}"
    r" (a {s}_{m}^{2} + 2 b {s}_{m} + d)"
)


def _sharp(geometry: Geometry, block: str) -> Formula:
    right = block_constants.sharp_block(block)
    left = latex(BLOCK_SYMBOLS[block])
    if block == "ww":
        return Formula(left, "=", right, (_factor(geometry),))
    definitions = (
        _factor(geometry),
        (n[m], sp.sqrt(1 + s[m] ** 2)),
        (s[m + 1], block_constants.sharp_move(geometry)),
        (s[0], sp.Integer(0)),
    )
    return Formula(left, "=", right, definitions, (_Y if block == "phiphi" else _X,))


def _paper_step(geometry: Geometry) -> tuple[tuple[Expr, Expr], ...]:
    if geometry is Geometry.NONCONVEX:
        return ()
    return (q, block_constants.CONTRACTION_FACTOR[geometry]), (alpha, block_constants.PAPER_STEP)


def _proposition(name: str, geometry: Geometry, printed: dict[str, Expr]) -> dict[str, Formula]:
    formulas = {}
    for block in BLOCKS:
        formulas[f"{name}/{block}/explicit"] = _explicit(geometry, Kind.EXPLICIT, block)
        formulas[f"{name}/{block}/refined"] = _explicit(geometry, Kind.REFINED, block)
        formulas[f"{name}/{block}/sharp"] = _sharp(geometry, block)
        order = Formula(latex(BLOCK_SYMBOLS[block]), rf"\le {POLY}", printed[block], _paper_step(geometry))
        formulas[f"{name}/{block}/order"] = order
    return formulas


_AVERAGE = {
    "weighted": r"\frac{1}{K} \sum_{k<K} \mathbb{E} [\beta_w \|\nabla_w\|^{2} + \beta_\phi \|\nabla_\phi\|^{2}]",
    "w": r"\frac{1}{K} \sum_{k<K} \mathbb{E} \|\nabla_w\|^{2}",
    "phi": r"\frac{1}{K} \sum_{k<K} \mathbb{E} \|\nabla_\phi\|^{2}",
}


def _rate(geometry: Geometry, kind: Kind, row: str) -> Formula:
    definitions = (
        (Lambda_w, rate_bounds.WEIGHTED_SMOOTHNESS["w"]),
        (Lambda_phi, rate_bounds.WEIGHTED_SMOOTHNESS["phi"]),
        (L_x, sp.Min(L_wphi, L_phiw)),
        (sigma_w, block_constants.SIGMA_W),
        (sigma_phi, block_constants.SIGMA_PHI.subs(S[N], block_constants.partial_sum(N))),
        _factor(geometry),
        (cbar, block_constants.mixed_norm(geometry, kind)),
    )
    return Formula(_AVERAGE[row], r"\le", rate_bounds.bound(row), definitions)


_PAIR = r"Q(x, y) \le {\Lambda}_{w} x^{2} + {\Lambda}_{\phi} y^{2}"
_MOVES = {
    Geometry.STRONGLY_CONVEX: r"{t}_{m+1} = r {t}_{m} + \alpha \bar{c} y",
    Geometry.NONCONVEX: r"{t}_{m+1} = {t}_{m} + \alpha L \sqrt{{t}_{m}^{2} + y^{2}}",
}
_JOINT_Y = (
    r"{Y}_{m} = \max_{a^{2} + b^{2} \le \rho^{2},\ b^{2} + d^{2} \le \tau^{2}}"
    r" (a {t}_{m}^{2} + 2 b {t}_{m} y + d y^{2})"
)


def _joint_rate(geometry: Geometry, row: str) -> Formula:
    kept = ((c_w, rate_bounds.KEPT["w"]), (c_phi, rate_bounds.KEPT["phi"]))
    remarks = (
        r"V = M^{2} \max_{a^{2} + b^{2} = 1}"
        r" G(\sqrt{{\Lambda}_{w}} \beta_w a, \sqrt{{\Lambda}_{\phi}} \beta_\phi b)",
        _PAIR,
        *_joint_remarks(geometry),
    )
    definitions = (*kept, *_joint_definitions(geometry))
    return Formula(_AVERAGE[row], r"\le", rate_bounds.joint_bound(row), definitions, remarks)


def _joint_definitions(geometry: Geometry) -> tuple[tuple[Expr, Expr], ...]:
    mixed = ((cbar, block_constants.mixed_norm(geometry, Kind.REFINED)),) if geometry is CONVEX else ()
    return _factor(geometry), *mixed


_SMALL_G = r"G(x, y) = {t}_{N}^{2} + y^{2}"


def _joint_remarks(geometry: Geometry) -> tuple[str, ...]:
    """Q and G."""
    curved = r"Q(x, y) = L G(x, y) + M \alpha \sum_{m<N} r^{N-1-m} {Y}_{m}"
    return curved, _SMALL_G, r"{t}_{0} = x", _MOVES[geometry], _JOINT_Y


_STEPS = r"\max_{a^{2} + b^{2} = 1} FORM(\sqrt{\beta_w} a, \sqrt{\beta_\phi} b)"


def _joint_forms() -> dict[str, Formula]:
    """The largest curvature and the largest gradient of one task, in the norm of the outer steps."""
    curved = r"\|D^{1/2} \nabla^{2} L_{\mathrm{meta}} D^{1/2}\|"
    sized = r"\beta_w \|g_w\|^{2} + \beta_\phi \|g_\phi\|^{2}"
    formulas = {}
    for geometry, name in JOINT_FORM.items():
        definitions = _joint_definitions(geometry)
        remarks = _joint_remarks(geometry)
        weights = r"D = \mathrm{diag}(\beta_w I, \beta_\phi I)"
        largest = _STEPS.replace("FORM", "Q")
        formulas[f"{name}/curvature/sharp"] = Formula(curved, r"\le", largest, definitions, (weights, *remarks))
        of_gradient = (_SMALL_G, r"{t}_{0} = x", _MOVES[geometry])
        largest = rf"M^{{2}} {_STEPS.replace('FORM', 'G')}"
        # The contraction factor enters t_m in one geometry only.
        needed = definitions if geometry is CONVEX else ()
        formulas[f"{name}/gradient/sharp"] = Formula(sized, r"\le", largest, needed, of_gradient)
    return formulas


def _theorem(name: str, geometry: Geometry) -> dict[str, Formula]:
    formulas = {}
    for row in orders.ROWS:
        formulas[f"{name}/{row}/sharp"] = _joint_rate(geometry, row)
        formulas[f"{name}/{row}/explicit"] = _rate(geometry, Kind.EXPLICIT, row)
        formulas[f"{name}/{row}/refined"] = _rate(geometry, Kind.REFINED, row)
        order = Formula(_AVERAGE[row], rf"\le {POLY}", orders.row(geometry, row), _paper_step(geometry))
        formulas[f"{name}/{row}/order"] = order
    return formulas


_OF_POPULATION = (
    r"\lambda_I = \max_{R^{+}} \lambda_{\max}(D^{1/2} \nabla^{2} L_{meta} D^{1/2})_{+}",
    r"V = \max_{R} \frac{1}{T} \sum_{i} (\beta_w \|g_{i,w}\|^{2} + \beta_\phi \|g_{i,\phi}\|^{2})",
    r"D_0 = L_{meta}(z_0) - \min_{R^{+}} L_{meta}",
)


def _population() -> dict[str, Formula]:
    """Theorem I, whose formula does not tell whether its numbers are enclosed."""
    kept = ((c_I, rate_bounds.POPULATION_KEPT),)
    formulas = {}
    for row in orders.ROWS:
        right = rate_bounds.population_bound(row)
        formulas[f"population/{row}/certified"] = Formula(_AVERAGE[row], r"\le", right, kept, _OF_POPULATION)
    return formulas


def printed_term(geometry: Geometry, term: str) -> str:
    """One printed entry of Table 1."""
    return latex(orders.THEOREMS[geometry][term])


def _table_1() -> dict[str, Formula]:
    formulas = {}
    for term in orders.TERMS:
        number = rate_bounds.TABLE_1[term]
        convex, nonconvex = (rf"O\left({printed_term(geometry, term)}\right)" for geometry in orders.THEOREMS)
        formulas[f"table1/{term}/explicit"] = Formula("", "", number)
        formulas[f"table1/{term}/refined"] = Formula("", "", number)
        formulas[f"table1/{term}/order"] = Formula(latex(number), "=", rf"{convex}\ \text{{or}}\ {nonconvex}")
    return formulas


_PRODUCT = r"\prod_{m=0}^{N-1} (I - \alpha H_m)\, \nabla_w L_D(w_N, \phi)"
_CARRIED = r"-\alpha \sum_{m=0}^{N-1} C_m \prod_{j=m+1}^{N-1} (I - \alpha H_j)\, \nabla_w L_D(w_N, \phi)"
PROPOSITION_1 = {
    "w": Formula(r"\nabla_w L_D(w_N(w, \phi), \phi)", "=", _PRODUCT),
    "phi": Formula(r"\nabla_\phi L_D(w_N(w, \phi), \phi)", "=", rf"{_CARRIED} + \nabla_\phi L_D(w_N, \phi)"),
}

DECLARED: dict[str, Formula] = {
    "L - mu": Formula(r"L - \lambda_{\min}(D_w^2 L_S)", r"\le", L - mu),
    "L": Formula(r"\|D^2 L_S\|, \|D^2 L_D\|", r"\le", L),
    "rho": Formula(r"\mathrm{Lip}(D_w^2 L_S)", r"\le", rho),
    "tau": Formula(r"\mathrm{Lip}(D_\phi D_w L_S)", r"\le", tau),
    "M": Formula(r"\|D L_D\|", r"\le", M),
}
"""The assumptions: what the constants bound."""

FORMULAS: dict[str, Formula] = {
    **{f"assumptions/{name}/declared": formula for name, formula in DECLARED.items()},
    **{f"prop1/{name}/identity": formula for name, formula in PROPOSITION_1.items()},
    **_proposition("prop2", Geometry.STRONGLY_CONVEX, orders.PROPOSITION_2),
    **_proposition("prop3", Geometry.NONCONVEX, orders.PROPOSITION_3),
    **_theorem("thm1", Geometry.STRONGLY_CONVEX),
    **_theorem("thm2", Geometry.NONCONVEX),
    **_population(),
    **_table_1(),
    **first_order.formulas(),
    **hypergradients.formulas(),
    **imaml.formulas(),
    **biased_descent.formulas(),
    **maml_smoothness.formulas(),
    **_joint_forms(),
    **{f"table2/{name}/identity": Formula("", "", count) for name, count in counts.TABLE_2.items()},
}
