"""Ledger sections 3.2 and 5: the joint form on its axis, the descent of Theorems J and I, and the steps that need the
fewest tasks (`statements.joint`, `statements.joint_rates`, `statements.joint_plans`, `statements.population_rates`)."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, all_of, identity, nonnegative
from anil_theory.statements.forms import rate_bounds
from anil_theory.statements.forms.block_constants import plain_block
from anil_theory.statements.forms.symbols import (
    D0,
    B,
    K,
    L,
    Lambda_phi,
    Lambda_w,
    M,
    N,
    V,
    alpha,
    beta_phi,
    beta_w,
    c_I,
    lambda_I,
    latex,
    r,
    rho,
)

g_w, g_phi, m_w, m_phi = sp.symbols("g_w g_phi m_w m_phi", nonnegative=True)
"""Squared norms of the gradient blocks, and second moments of those of one task."""
eps, V_1, Lambda, beta, extra = sp.symbols("epsilon V_1 Lambda beta extra", positive=True)
x = sp.Symbol("x", nonnegative=True)

LOOPS = (1, 2, 3, 4)
"""The N of the fact about the axis: for each the sum over m has so many terms."""


def moment(g: Expr, m: Expr) -> Expr:
    """E|mean of B independent gradients|^2, of mean g and second moment m."""
    return (1 - 1 / B) * g + m / B


def _axis() -> Fact:
    """Along w alone t_m = r^m x and Y(t, 0) = rho t^2."""

    def joint(count: int) -> Expr:
        moved = [r**m * x for m in range(count + 1)]
        own = sum(r ** (count - 1 - m) * rho * moved[m] ** 2 for m in range(count))
        return L * moved[count] ** 2 + M * alpha * own

    def prove(claimed: Expr):
        return all_of(identity(joint(count), claimed.subs(N, count).doit()) for count in LOOPS)

    claimed = plain_block("ww") * x**2
    return Fact(
        name="3.2/joint form along w",
        statement="moving w alone, the joint form Q(x, 0) is L_ww x^2 (N = 1 to 4, every term)",
        section="3.2",
        assumptions=("t_m = r^m x", "Y(t, 0) = rho t^2"),
        claimed=claimed,
        prove=prove,
        latex=rf"Q(x, 0) = \left({latex(plain_block('ww'))}\right) x^2",
        controls={"not squared": plain_block("ww") * x, "rho left out": plain_block("ww").subs(rho, 1) * x**2},
    )


def _batch() -> Fact:
    def prove(claimed: Expr):
        # The mean of B independent ones has the variance of one over B.
        return identity(claimed, g_w + (m_w - g_w) / B)

    claimed = moment(g_w, m_w)
    return Fact(
        name="5/second moment of a batch",
        statement="the mean of B independent gradients has second moment (1 - 1/B) |D|^2 + E|g_i|^2/B",
        section="5",
        assumptions=("i.i.d. batch, with replacement",),
        claimed=claimed,
        prove=prove,
        latex=rf"\mathbb{{E}} |\hat g|^2 = {latex(claimed)}",
        controls={"mean kept whole": g_w + m_w / B, "no batch": m_w},
    )


def _one_step() -> Fact:
    noise = Lambda_w * beta_w**2 * m_w + Lambda_phi * beta_phi**2 * m_phi
    """At most V."""
    decrease = beta_w * g_w + beta_phi * g_phi
    increase = Lambda_w * beta_w**2 * moment(g_w, m_w) + Lambda_phi * beta_phi**2 * moment(g_phi, m_phi)

    def prove(claimed: Expr):
        return identity(increase / 2 - decrease, claimed)

    kept = rate_bounds.KEPT
    claimed = noise / (2 * B) - (kept["w"] * beta_w * g_w + kept["phi"] * beta_phi * g_phi) / 2
    return Fact(
        name="5/descent of one outer step, Theorem J",
        statement="with a pair that dominates the joint form, a step gains c_x beta_x/2 of each squared block",
        section="5",
        assumptions=("Q(x, y) <= Lam_w x^2 + Lam_phi y^2", "i.i.d. batch", "E of A |g_w|^2 + B |g_phi|^2 is at most V"),
        claimed=claimed,
        prove=prove,
        latex=rf"\mathbb{{E}} L_{{k+1}} - L_k \le \frac{{{latex(V)}}}{{2B}} - \frac{{1}}{{2}} \sum c_x \beta_x |D_x|^2",
        controls={
            "c = 1": noise / (2 * B) - decrease / 2,
            "c = 2": noise / (2 * B) - decrease,
            "noise not halved": noise / B - (kept["w"] * beta_w * g_w + kept["phi"] * beta_phi * g_phi) / 2,
        },
    )


KEPT = 2 - Lambda * beta * (1 - 1 / B)
"""c at steps of one length."""


def _best_step() -> Fact:
    room = KEPT * beta * eps - beta**2 * V_1 / B
    """2 D0/K may be this much."""
    inverse = Lambda * (1 - 1 / B) + V_1 / (eps * B)

    def prove(claimed: tuple[Expr, Expr]):
        step, steps = claimed
        stationary = identity(sp.diff(room, beta).subs(beta, step), sp.Integer(0))
        largest = nonnegative(-sp.diff(room, beta, 2).subs(B, 1 + extra))
        return stationary & largest & identity(2 * D0 / room.subs(beta, step), steps)

    claimed = (1 / inverse, 2 * D0 * inverse / eps)
    return Fact(
        name="5/best step of one length",
        statement="both blocks are at most eps with the fewest outer steps at beta = 1/q, K = 2 D0 q/eps",
        section="5",
        assumptions=("Theorem J with Lam_w, Lam_phi <= Lam", "V = beta^2 V_1"),
        claimed=claimed,
        prove=prove,
        latex=rf"q = {latex(inverse)},\quad K = 2 D_0 q/\epsilon",
        controls={
            "half the step": (1 / (2 * inverse), claimed[1]),
            "K halved": (claimed[0], claimed[1] / 2),
            "noise over B twice": (1 / (Lambda * (1 - 1 / B) + V_1 / (eps * B**2)), claimed[1]),
        },
    )


def _fewest_tasks() -> Fact:
    inverse = Lambda * (1 - 1 / B) + V_1 / (eps * B)

    def prove(claimed: Expr):
        grows = nonnegative(sp.diff(claimed, B))
        return identity(2 * D0 * inverse / eps * B, claimed) & grows

    claimed = 2 * D0 / eps * (Lambda * (B - 1) + V_1 / eps)
    return Fact(
        name="5/fewest tasks",
        statement="the tasks K B increase with B: they are fewest at B = 1, where K = 2 D0 V_1/eps^2",
        section="5",
        assumptions=("beta = 1/q, K = 2 D0 q/eps",),
        claimed=claimed,
        prove=prove,
        latex=rf"{latex(K)} {latex(B)} = {latex(claimed)}",
        controls={
            "Lam B": 2 * D0 / eps * (Lambda * B + V_1 / eps),
            "eps once": 2 * D0 / eps * (Lambda * (B - 1) + V_1),
        },
    )


def _population_step() -> Fact:
    """In the norm of the steps: g is the weighted square of D L_meta, and V bounds that of a task in the mean."""
    change = -g_w + lambda_I / 2 * moment(g_w, V)

    def prove(claimed: Expr):
        return identity(change, claimed)

    claimed = lambda_I * V / (2 * B) - rate_bounds.POPULATION_KEPT * g_w / 2
    noise = rf"\frac{{{latex(lambda_I * V)}}}{{2B}}"
    return Fact(
        name="5/descent of one outer step, Theorem I",
        statement="with the population's own lam and V, a step gains c_I/2 of the weighted squares",
        section="5",
        assumptions=("D^2 L_meta <= lam on the step", "i.i.d. batch", "the mean of beta |g_i|^2 is at most V"),
        claimed=claimed,
        prove=prove,
        latex=rf"\mathbb{{E}} L_{{k+1}} - L_k \le {noise} - \frac{{{latex(c_I)}}}{{2}} |D|^2",
        controls={
            "no batch": lambda_I * V / 2 - rate_bounds.POPULATION_KEPT * g_w / 2,
            "c = 1": lambda_I * V / (2 * B) - g_w / 2,
            "c = 2": lambda_I * V / (2 * B) - g_w,
        },
    )


def _population_noise() -> Fact:
    """The noise of a task is orthogonal to the iterate of a quadratic, so its square is V less that of D L_meta."""

    def prove(claimed: Expr):
        stays = identity((1 - lambda_I) ** 2 * claimed + lambda_I**2 * (V - claimed) / B, claimed)
        bound = lambda_I * V / B / rate_bounds.POPULATION_KEPT
        return stays & identity(bound, claimed)

    claimed = lambda_I * V / (B * (2 - lambda_I) + lambda_I)
    return Fact(
        name="5/orthogonal noise attains Theorem I",
        statement="noise orthogonal to the iterate of a quadratic keeps |D|^2 at the bound of a long run",
        section="5",
        assumptions=("L_meta quadratic, curvature lam in the norm of the steps", "every task has beta |g_i|^2 = V"),
        claimed=claimed,
        prove=prove,
        latex=rf"|D|^2 = {latex(claimed)}",
        controls={
            "lam left out": lambda_I * V / (B * (2 - lambda_I)),
            "halved": claimed / 2,
        },
    )


FACTS = (
    _axis(),
    _batch(),
    _one_step(),
    _best_step(),
    _fewest_tasks(),
    _population_step(),
    _population_noise(),
)
