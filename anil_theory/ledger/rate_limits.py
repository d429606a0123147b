"""Ledger sections 3.3 and 5: limits of the derived constants over the printed orders of Proposition 2 and Theorem 1.

The regime is mu -> 0 with N = T L^2/mu^2 (alpha = mu/L^2), T > 0 fixed; see `statements.forms.limits`.
"""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.ledger.base import Fact, Proof, ProofStatus
from anil_theory.ledger.proofs import Expr, all_of, identity, limit, positive_by_derivatives, tends_to
from anil_theory.statements.forms.limits import (
    D0,
    ORDERS,
    SCALE,
    T,
    block_limit,
    limit_in_regime,
    moved,
    order_limit,
    small_mu,
    term_limits,
)
from anil_theory.statements.forms.orders import MISREADINGS, PROPOSITION_2, row
from anil_theory.statements.forms.symbols import L, M, N, latex, mu, q, rho

REGIME = ("alpha = mu/L^2", "mu -> 0 with N = T L^2/mu^2, T > 0 fixed", "explicit constants, rho > 0")
_E = sp.exp(-T)

_LIMITS = {
    "ww": (1, M * rho * (_E - _E**2)),
    "wphi": (2, M * rho * L * (T * _E - _E * (1 - _E))),
    "phiw": (2, M * rho * L * (T * _E - _E * (1 - _E))),
    "phiphi": (3, M * rho * L**2 * (1 - 2 * T * _E - _E**2)),
}
"""The scale p and lim mu^p L_block."""

# Each limit times a positive factor, and the derivative that shows its sign on T > 0.
_SIGNS = {"ww": (sp.exp(T), 1), "wphi": (sp.exp(T), 2), "phiw": (sp.exp(T), 2), "phiphi": (sp.exp(T), 3)}


def positive(block: str, value: Expr) -> Proof:
    """A block's limit is > 0 for every T > 0."""
    factor, order = _SIGNS[block]
    stripped = sp.expand(sp.simplify(value / (M * rho)).subs(L, 1) * factor)
    return positive_by_derivatives(stripped, T, order)


def _block(block: str) -> Fact:
    scale, claimed = _LIMITS[block]
    return Fact(
        name=f"3.3/growth of {block}",
        statement=f"mu^{scale} L_{block} has a positive limit: the derived constant grows at this rate as mu falls",
        section="3.3",
        assumptions=REGIME,
        claimed=claimed,
        prove=lambda claimed: tends_to(block_limit(block, scale), claimed) & positive(block, claimed),
        latex=rf"\lim \mu^{{{scale}}} L_{{{block}}} = {sp.latex(claimed)}",
        controls={"rho squared": claimed * rho, "e^-2T": claimed * _E, "half": claimed / 2},
    )


def _prop2(block: str, verdict: str, claimed: Expr, scale: int, printed: Expr, controls: dict) -> Fact:
    """lim mu^scale L_block/printed = claimed."""
    power, derived = _LIMITS[block]

    def prove(claimed: Expr):
        order = order_limit(printed, power - scale)
        return tends_to(sp.simplify(derived / order), claimed) & tends_to(block_limit(block, power), derived)

    return Fact(
        name=f"3.3/Prop. 2 order of {block}",
        statement=verdict,
        section="3.3",
        assumptions=(*REGIME, "the factor poly(L, M, rho, tau) of the paper set to 1"),
        claimed=claimed,
        prove=prove,
        latex=rf"\lim \mu^{{{scale}}} L_{{{block}}} / \text{{printed}} = {sp.latex(claimed)}",
        controls=controls,
    )


def _printed(block: str) -> Expr:
    return PROPOSITION_2[block]


def _term(name: str) -> Fact:
    def prove(claimed: Expr):
        order, term = order_limit(claimed, SCALE[name]), term_limits()[name]
        finite = bool(order.is_finite is not False and order != 0 and not order.has(sp.oo, sp.zoo, sp.nan))
        if not finite:
            detail = f"mu^{SCALE[name]} order -> {order}, while the term's limit is {term}"
            return Proof(ProofStatus.FAILED, "limit", detail)
        ratio = sp.simplify(term / order)
        # Positive numerators and denominators: products of the limits above, whose signs are facts of their own.
        known = {
            "w_decay": 2 * D0 * _LIMITS["phiw"][1],
            "w_noise": _LIMITS["phiw"][1] / _LIMITS["phiphi"][1] * (M * L * (1 - _E)) ** 2,
            "phi_decay": 2 * D0 * _LIMITS["phiphi"][1],
            "phi_noise": (M * L * (1 - _E)) ** 2,
        }[name]
        ends = (sp.limit(ratio.subs({s: 1 for s in ratio.free_symbols - {T}}), T, end) for end in (0, sp.oo))
        bounded = all(end.is_finite for end in ends)
        if bounded:
            stays_bounded = Proof(ProofStatus.PROVED, "limit")
        else:
            stays_bounded = Proof(ProofStatus.FAILED, "limit", "the ratio is unbounded in T")
        return tends_to(term, known) & stays_bounded

    order = ORDERS[name]
    block, kind = name.split("_")
    wrong = {
        "w_decay": {"1/mu": q ** (N / 2) / mu, "q^N": q**N / mu**2},
        "w_noise": {"1/mu dropped": q ** (2 * N) + q ** (N / 2), "q^(3N/2)": q ** (2 * N) + q ** (3 * N / 2) / mu},
        "phi_decay": {
            "1/mu^3 dropped": MISREADINGS["phi_decay"]["without the term 1/mu^3"],
            "1/mu^2": MISREADINGS["phi_decay"]["1/mu^2 in place of 1/mu^3"],
        },
        "phi_noise": {
            "1/mu^2 dropped": MISREADINGS["phi_noise"]["without the term 1/mu^2"],
            "1/mu": MISREADINGS["phi_noise"]["1/mu in place of 1/mu^2"],
        },
    }
    return Fact(
        name=f"5/Theorem 1, {block} row, {kind}",
        statement=f"the {kind} term of the {block} row has its printed order: term/order tends to a positive number, "
        "bounded over all T (the phi row in the reading that agrees with Table 1)",
        section="5",
        assumptions=(*REGIME, "c = 1, beta = 1/Lam"),
        claimed=order,
        prove=prove,
        latex=rf"\text{{{kind}}} = \Theta\left({sp.latex(order)}\right)",
        controls=wrong[name],
    )


ORDER_OF = {"Lam_w": q ** (N / 2) / mu**2, "Lam_phi": mu**-3, "L_x": q ** (N / 2) / mu**2}
"""1/Lam_w ~ mu^2 q^(-N/2), 1/Lam_phi ~ mu^3; sigma_w ~ q^N, sigma_phi ~ 1/mu."""
SIGMA_W, SIGMA_PHI = q**N, 1 / mu


def _term_by_term() -> Fact:
    derived = {
        "w_decay": ORDER_OF["Lam_w"],
        "w_noise": SIGMA_W**2 + ORDER_OF["Lam_w"] / ORDER_OF["Lam_phi"] * SIGMA_PHI**2,
        "phi_decay": ORDER_OF["L_x"] + ORDER_OF["Lam_phi"],
        "phi_noise": ORDER_OF["Lam_phi"] / ORDER_OF["Lam_w"] * SIGMA_W**2 + SIGMA_PHI**2,
    }

    def prove(claimed: dict[str, Expr]):
        return all_of(identity(derived[name], claimed[name]) for name in derived)

    claimed = dict(ORDERS)
    phi = {
        "phi decay without 1/mu^3": {"phi_decay": MISREADINGS["phi_decay"]["without the term 1/mu^3"]},
        "phi decay with 1/mu": {"phi_decay": q ** (N / 2) / mu + mu**-3},
        "phi noise with q^(N/2)": {"phi_noise": q ** (N / 2) / mu + mu**-2},
        "phi noise with 1/mu": {"phi_noise": MISREADINGS["phi_noise"]["1/mu in place of 1/mu^2"]},
        "decay and noise exchanged": {"phi_decay": ORDERS["phi_noise"], "phi_noise": ORDERS["phi_decay"]},
    }
    return Fact(
        name="5/Theorem 1, term by term",
        statement="the orders of Lam_w, Lam_phi, L_x, sigma_w, sigma_phi multiply out to the four terms of Theorem 1: "
        "its phi rate in the reading that agrees with Table 1 (finding 3)",
        section="5",
        assumptions=("both bounds at beta = 1/Lam", "1/Lam_w ~ mu^2 q^(-N/2), 1/Lam_phi ~ mu^3 (Table 1)"),
        claimed=claimed,
        prove=prove,
        latex=latex(row(Geometry.STRONGLY_CONVEX, "phi")),
        controls={fault: claimed | wrong for fault, wrong in phi.items()},
    )


def _room() -> Fact:
    # N q^N <= N q^(N/2) q^(N/2); with t = N alpha mu: t e^(-t/2) <= 2/e, through e^y - e y >= 0 at y = t/2.
    y = sp.Symbol("y", positive=True)

    def prove(claimed: Expr):
        gap = sp.exp(y) - claimed * y
        lowest = sp.solve(sp.diff(gap, y), y)
        return all_of(identity(gap.subs(y, at), sp.Integer(0)) for at in lowest) & identity(
            sp.diff(gap, y, 2), sp.exp(y)
        )

    return Fact(
        name="5/N q^(N/2) <= 2 L^2/(e mu^2)",
        statement="the factor N of the cross constant costs no more than 1/mu^2: e^y >= e y, with equality at y = 1",
        section="5",
        assumptions=("alpha = mu/L^2", "q <= e^(-alpha mu)"),
        claimed=sp.E,
        prove=prove,
        latex=rf"{latex(N * q ** (N / 2))} \le {latex(2 * L**2 / (sp.E * mu**2))}",
        controls={"3 in place of e": sp.Integer(3), "2 in place of e": sp.Integer(2)},
    )


def _fixed_n(block: str) -> Fact:
    return Fact(
        name=f"3.3/fixed N, {block}",
        statement=f"with N = 2 held fixed, L_{block} tends to L as mu -> 0: there the orders are upper bounds only",
        section="3.3",
        assumptions=("alpha = mu/L^2", "N = 2"),
        claimed=L,
        prove=lambda claimed: tends_to(small_mu(block, 2), claimed),
        latex=rf"\lim_{{\mu \to 0}} L_{{{block}}} = L",
        controls={"twice": 2 * L},
    )


def _gradient_size() -> Fact:
    claimed = M * L * (1 - _E)
    return Fact(
        name="5/size of the phi gradient",
        statement="mu sigma_phi -> M L (1 - e^-T): the noise of the phi block is of order 1/mu, not larger",
        section="5",
        assumptions=(*REGIME, "sigma_phi = M sqrt(1 + s_N^2)"),
        claimed=claimed,
        prove=lambda claimed: (
            tends_to(limit_in_regime(moved(), 1) * M, claimed) & limit(M * L * (1 - _E), T, sp.oo, M * L)
        ),
        latex=rf"\lim \mu \sigma_\phi = {sp.latex(claimed)}",
        controls={"no saturation": M * L * T, "without M": L * (1 - _E)},
    )


FACTS = (
    *(_block(block) for block in _LIMITS),
    _prop2(
        "ww",
        "Proposition 2, w row, w: derived/printed tends to a positive number: the order (L/mu) q^N is right",
        M * rho / L * (1 - _E),
        0,
        _printed("ww"),
        {"misprinted q^(2N)": M * rho / L * (sp.exp(T) - 1)},
    ),
    _prop2(
        "wphi",
        "Proposition 2, w row, phi: derived/printed falls like mu: the order (L/mu + 1) N q^N is an upper bound",
        M * rho / L**2 * (1 - (1 - _E) / T),
        -1,
        _printed("wphi") / N * T * L**2 / mu**2,
        {"as if it were attained": sp.Integer(0), "T forgotten": M * rho / L**2 * (T - (1 - _E))},
    ),
    _prop2(
        "phiphi",
        "Proposition 2, phi row, phi: derived/printed tends to a positive number: the order L^3/mu^3 is right",
        M * rho / L * (1 - 2 * T * _E - _E**2),
        0,
        _printed("phiphi"),
        {"half": M * rho / L * (1 - 2 * T * _E - _E**2) / 2},
    ),
    _prop2(
        "phiw",
        "Proposition 2, phi row, w: (L/mu) q^(N/2) is too small by a factor L/mu: mu derived/printed is positive",
        M * rho * (T * _E - _E * (1 - _E)) * sp.exp(T / 2),
        1,
        _printed("phiw"),
        {"as if the printed order were right": M * rho * (1 - _E)},
    ),
    *(_term(name) for name in ORDERS),
    _term_by_term(),
    _room(),
    _gradient_size(),
    *(_fixed_n(block) for block in _LIMITS),
)
