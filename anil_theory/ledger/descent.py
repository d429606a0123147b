"""Ledger section 5: from block constants to both bounds of Theorems 1 and 2, for any step sizes and any weight c."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, all_of, identity, nonnegative, recursion
from anil_theory.statements.forms import rate_bounds
from anil_theory.statements.forms.symbols import (
    D0,
    B,
    K,
    L_phiphi,
    L_ww,
    L_x,
    Lambda_phi,
    Lambda_w,
    N,
    beta_phi,
    beta_w,
    c,
    j,
    latex,
    sigma_phi,
    sigma_w,
)

a, b = sp.symbols("a b", nonnegative=True)
"""Norms of the moves of w and phi."""
g_w, g_phi, v_w, v_phi = sp.symbols("g_w g_phi v_w v_phi", nonnegative=True)
"""g: squared norms of the gradient blocks; v: bounds sigma^2 on the variances of those of one task."""
slack_w, slack_phi = sp.symbols("s_w s_phi", nonnegative=True)
_VARIANCES = {sigma_w: sp.sqrt(v_w), sigma_phi: sp.sqrt(v_phi)}
Lam_w = rate_bounds.WEIGHTED_SMOOTHNESS["w"]
Lam_phi = rate_bounds.WEIGHTED_SMOOTHNESS["phi"]


def through_variances(expression: Expr) -> Expr:
    """An expression of the table with v in place of sigma^2."""
    return expression.subs(_VARIANCES)


NOISE = through_variances((rate_bounds.NOISE["w"] + rate_bounds.NOISE["phi"]) / B)
"""(Lam_w beta_w^2 sigma_w^2 + Lam_phi beta_phi^2 sigma_phi^2)/B."""
WEIGHTED = rate_bounds.DECAY / K + NOISE
"""2 D0/K + noise/B."""


def _young() -> Fact:
    form = L_ww * a**2 + 2 * L_x * a * b + L_phiphi * b**2

    def prove(claimed: tuple[Expr, Expr]):
        weighted = claimed[0] * a**2 + claimed[1] * b**2
        return identity(weighted - form, L_x / c * (c * a - b) ** 2)

    return Fact(
        name="5/weight c",
        statement="Young: the quadratic form of the blocks is at most Lam_w a^2 + Lam_phi b^2; the gap is a square",
        section="5",
        assumptions=("c > 0", "L_x bounds both cross blocks"),
        claimed=(Lam_w, Lam_phi),
        prove=prove,
        latex=rf"{latex(Lambda_w)} = {latex(Lam_w)},\quad {latex(Lambda_phi)} = {latex(Lam_phi)}",
        controls={"c on both": (L_ww + c * L_x, L_phiphi + c * L_x), "cross halved": (L_ww + c * L_x / 2, Lam_phi)},
    )


def _one_step() -> Fact:
    """beta = 1/(Lam + slack) with slack >= 0, which says 0 < beta <= 1/Lam."""
    at = {beta_w: 1 / (Lambda_w + slack_w), beta_phi: 1 / (Lambda_phi + slack_phi)}
    decrease = beta_w * g_w + beta_phi * g_phi
    # E of the quadratic upper bound: the expected step is beta g, its second moment beta^2 (g + v/B).
    increase = Lambda_w * beta_w**2 * (g_w + v_w / B) / 2 + Lambda_phi * beta_phi**2 * (g_phi + v_phi / B) / 2

    def prove(claimed: Expr):
        return nonnegative((claimed - (increase - decrease)).subs(at))

    claimed = NOISE / 2 - decrease / 2
    return Fact(
        name="5/descent of one outer step",
        statement="an outer step changes L_meta, in expectation, by at most half of noise less weighted gradient",
        section="5",
        assumptions=("A1, A2", "i.i.d. batch: E ||mean - g||^2 <= sigma^2/B", "0 < beta <= 1/Lam"),
        claimed=claimed,
        prove=prove,
        latex=r"\mathbb{E} L_{k+1} - L_k \le \frac{1}{2}(V - G_k),\quad V = " + latex(NOISE),
        controls={
            "whole gradient": NOISE / 2 - decrease,
            "noise halved": NOISE / 4 - decrease / 2,
            "beta not squared in the gain": NOISE / 2 - 2 * decrease,
        },
    )


def _telescope() -> Fact:
    """L_k <= L_0 + sum (V - G_j)/2 solves the one-step inequality; with L_K >= inf, (1/K) sum G <= 2 D0/K + V."""
    V: Expr = sp.Symbol("V", nonnegative=True)
    G: Expr = sp.IndexedBase("G")
    gained: Expr = sp.Sum(G[j], (j, 0, N - 1))
    level = D0 + N * V / 2 - gained / 2

    def prove(claimed: Expr):
        onward = recursion(level, D0, lambda f: f + (V - G[N]) / 2)
        # The level after N = K steps is >= 0 (above the infimum), which is the bound on the average of G:
        return onward & identity(level * 2 / N, claimed.subs(NOISE, V).subs(K, N) - gained / N)

    claimed = WEIGHTED
    return Fact(
        name="5/sum over the outer steps",
        statement="after K steps the average of beta_w E||D_w||^2 + beta_phi E||D_phi||^2 is at most 2 D0/K + noise/B",
        section="5",
        assumptions=("descent of one outer step", "L_meta >= inf L_meta"),
        claimed=claimed,
        prove=prove,
        latex=rf"\frac{{1}}{{K}} \sum_k G_k \le {latex(claimed)}",
        controls={"D0 once": D0 / K + NOISE, "noise divided by K": 2 * D0 / K + NOISE / K},
    )


def _at_limit() -> Fact:
    weighted = WEIGHTED
    at = {beta_w: 1 / Lambda_w, beta_phi: 1 / Lambda_phi}
    at_limits = {name: through_variances(term) for name, term in rate_bounds.TABLE_1.items()}
    claimed = (
        at_limits["w_decay"] / K + at_limits["w_noise"] / B,
        at_limits["phi_decay"] / K + at_limits["phi_noise"] / B,
    )

    def prove(claimed: tuple[Expr, Expr]):
        return all_of(
            identity((weighted / beta).subs(at), each) for beta, each in zip((beta_w, beta_phi), claimed, strict=True)
        )

    return Fact(
        name="5/both bounds at beta = 1/Lam",
        statement="divided by its own beta, at beta = 1/Lam: the two bounds of Theorems 1 and 2 with their constants",
        section="5",
        assumptions=("sum over the outer steps", "beta_w = 1/Lam_w, beta_phi = 1/Lam_phi"),
        claimed=claimed,
        prove=prove,
        latex=rf"\|D_w\|^2: {latex(claimed[0])};\quad \|D_\phi\|^2: {latex(claimed[1])}",
        controls={
            "ratio upside down": (2 * Lambda_w * D0 / K + (v_w + Lambda_phi / Lambda_w * v_phi) / B, claimed[1]),
            "D0 once in the phi row": (claimed[0], claimed[1] - Lambda_phi * D0 / K),
        },
    )


def _any_steps() -> Fact:
    """For general beta the phi row is the weighted row over beta_phi, and smaller steps never beat 2 Lam D0/K."""
    weighted = WEIGHTED

    def prove(claimed: tuple[Expr, Expr]):
        rows = all_of(identity(weighted / s, each) for s, each in zip((beta_w, beta_phi), claimed, strict=True))
        return rows & nonnegative((2 * D0 / K / beta_w - 2 * Lambda_w * D0 / K).subs(beta_w, 1 / (Lambda_w + slack_w)))

    claimed = tuple(through_variances(sp.expand(rate_bounds.bound(row))) for row in ("w", "phi"))
    return Fact(
        name="5/both bounds at any step sizes",
        statement="the two bounds for any 0 < beta <= 1/Lam; a shorter step buys less noise with a slower decay",
        section="5",
        assumptions=("sum over the outer steps", "0 < beta <= 1/Lam"),
        claimed=claimed,
        prove=prove,
        latex=rf"\|D_w\|^2: {latex(claimed[0])};\quad \|D_\phi\|^2: {latex(claimed[1])}",
        controls={"beta not squared": (claimed[0].subs(beta_phi, sp.sqrt(beta_phi)), claimed[1])},
    )


def _best_weight() -> Fact:
    objective = c * beta_w**2 * v_w + beta_phi**2 * v_phi / c  # what of the noise depends on c, up to L_x/B
    w, p = sp.symbols("w p", positive=True)  # sigma_w, sigma_phi

    def prove(claimed: Expr):
        value = objective.subs({v_w: w**2, v_phi: p**2})
        stationary = identity(sp.diff(value, c).subs(c, claimed), sp.Integer(0))
        return stationary & nonnegative(sp.diff(value, c, 2))  # convex in c > 0, so the stationary point is the minimum

    claimed = rate_bounds.BEST_WEIGHT.subs({sigma_w: w, sigma_phi: p})
    return Fact(
        name="5/best weight",
        statement="at given step sizes all rows are smallest at c = beta_phi sigma_phi/(beta_w sigma_w)",
        section="5",
        assumptions=("that c is admissible: beta <= 1/Lam(c)",),
        claimed=claimed,
        prove=prove,
        latex=f"c^{{*}} = {latex(rate_bounds.BEST_WEIGHT)}",
        controls={"upside down": 1 / claimed, "squared": claimed**2},
    )


def _admissible() -> Fact:
    room = (1 - beta_w * L_ww) * (1 - beta_phi * L_phiphi)

    def prove(claimed: Expr):
        # c must lie between these two ends; the interval is not empty exactly when upper/lower >= 1.
        lower, upper = beta_phi * L_x / (1 - beta_phi * L_phiphi), (1 - beta_w * L_ww) / (beta_w * L_x)
        ends = identity(beta_phi * Lam_phi.subs(c, lower), sp.Integer(1)) & identity(
            beta_w * Lam_w.subs(c, upper), sp.Integer(1)
        )
        scaled = sp.Matrix([[beta_w * L_ww, sp.sqrt(beta_w * beta_phi) * L_x], [0, beta_phi * L_phiphi]])
        scaled[1, 0] = scaled[0, 1]
        determinant = (sp.eye(2) - scaled).det()
        return (
            ends
            & identity(upper / lower, room / (beta_w * beta_phi * L_x**2))
            & identity(sp.expand(determinant), sp.expand(claimed))
        )

    claimed = room - beta_w * beta_phi * L_x**2
    return Fact(
        name="5/when a weight exists",
        statement="some c fits both steps exactly when the 2 x 2 matrix of L_xy sqrt(beta_x beta_y) has norm <= 1",
        section="5",
        assumptions=("beta_w L_ww <= 1, beta_phi L_phiphi <= 1",),
        claimed=claimed,
        prove=prove,
        latex=rf"{latex(claimed)} \ge 0",
        controls={
            "cross term not squared": room - beta_w * beta_phi * L_x,
            "twice": room - 2 * beta_w * beta_phi * L_x**2,
        },
    )


FACTS = (_young(), _one_step(), _telescope(), _any_steps(), _at_limit(), _best_weight(), _admissible())
