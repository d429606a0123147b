"""Ledger section 6: the sums and identities behind the statements of other papers (docs/next_statements.md)."""

import sympy as sp

from anil_theory.ledger.base import Fact
from anil_theory.ledger.proofs import Expr, identity, nonnegative, sum_by_induction
from anil_theory.statements.forms.block_constants import double_sum, partial_sum
from anil_theory.statements.forms.hypergradients import EXACT, GHADIMI_WANG, Y_inf
from anil_theory.statements.forms.maml_smoothness import APART, APART_PLAIN, MULTI_STEP, ONE_STEP
from anil_theory.statements.forms.symbols import B, L, N, S, alpha, j, m, mu, r, rho, tau

T = sp.Symbol("T", integer=True, positive=True)
v = sp.Symbol("v", nonnegative=True)
"""The variance of one task."""
x = sp.Symbol("x", nonnegative=True)


def _dropped() -> Fact:
    """alpha L S_N telescopes."""
    claimed = 1 - (1 - alpha * L) ** N
    summed = alpha * L * sp.Sum((1 - alpha * L) ** m, (m, 0, N - 1))

    def prove(claimed: Expr):
        geometric = summed.subs(1 - alpha * L, r).subs(alpha * L, 1 - r)
        return sum_by_induction(geometric, claimed.subs(1 - alpha * L, r), geometric=False)

    return Fact(
        name="6/bias of commuting Hessians",
        statement="alpha L sum_{j<N} (1 - alpha L)^j = 1 - (1 - alpha L)^N: statement A where all Hessians are L",
        section="6",
        assumptions=("0 < alpha L < 1",),
        claimed=claimed,
        prove=prove,
        latex=f"{sp.latex(summed)} = {sp.latex(claimed)}",
        controls={"one step more": 1 - (1 - alpha * L) ** (N + 1), "the sign": (1 - alpha * L) ** N},
    )


def _product_sum() -> Fact:
    claimed = r ** (N - 1) * sp.Sum(partial_sum(m), (m, 0, N - 1))
    plain = double_sum(r**j)
    return Fact(
        name="6/product sum of the unrolled error",
        statement="the double sum of statement C's third term is r^(N-1) sum_{m<N} S_m",
        section="6",
        assumptions=("r > 0, r != 1",),
        claimed=claimed,
        prove=lambda claimed: sum_by_induction(plain, claimed, ratio=r),
        latex=f"{sp.latex(plain)} = {sp.latex(claimed)}",
        controls={"a power of r dropped": claimed / r, "S_N for the sum": r ** (N - 1) * partial_sum(N)},
    )


def _outer() -> Fact:
    k = sp.sqrt(L**2 - mu**2) / mu
    return Fact(
        name="6/joint move at the minimum",
        statement="1 + k^2 = L^2/mu^2, k = cbar/mu: how far (w*, phi) moves per unit of phi, squared",
        section="6",
        assumptions=("0 < mu <= L",),
        claimed=L**2 / mu**2,
        prove=lambda claimed: identity(1 + k**2, claimed),
        latex=f"1 + {sp.latex(k)}^2 = {sp.latex(L**2 / mu**2)}",
        controls={"mu once": L**2 / mu, "without the 1": L**2 / mu**2 - 1},
    )


def _without_replacement() -> Fact:
    """E|mean|^2 of B draws: B variances and B (B - 1) covariances -v/(T - 1)."""
    factor = v / B * (T - B) / (T - 1)
    summed = (B * v - B * (B - 1) * v / (T - 1)) / B**2
    return Fact(
        name="6/noise without replacement",
        statement="B variances v and B (B - 1) covariances -v/(T - 1) give the factor (T - B)/(T - 1)",
        section="6",
        assumptions=("T > 1", "the covariance of two different draws is -v/(T - 1), as all T sum to 0"),
        claimed=factor,
        prove=lambda claimed: identity(summed, claimed),
        latex=f"{sp.latex(summed)} = {sp.latex(factor)}",
        controls={"T for T - 1": v / B * (T - B) / T, "no factor": v / B},
    )


def _below_printed() -> Fact:
    """Y(k) <= rho k^2 + 2 tau k + tau, and k <= L/mu; the printed form has more of each term."""
    refined = EXACT.subs(Y_inf, rho * (L / mu) ** 2 + tau + tau * L / mu + rho * L / mu)
    gap = GHADIMI_WANG - refined
    return Fact(
        name="6/the printed smoothness is no smaller",
        statement="with Y(k) <= rho k^2 + (rho + tau) k + tau and k <= L/mu, the sharp form is at most the printed one",
        section="6",
        assumptions=("0 < mu <= L", "Y(k) <= rho k^2 + 2 b k + tau for some b <= min(rho, tau)"),
        claimed=gap,
        prove=lambda claimed: identity(gap, claimed) & nonnegative(claimed, [(L, mu + x)]),
        latex=f"{sp.latex(gap)} \\ge 0",
        controls={"the other way": -gap},
    )


def _commuting() -> Fact:
    """The slices of a symmetric tensor commute: it is a sum over orthonormal eigenvectors of theirs."""
    a, b, d = sp.symbols("a b d", positive=True)

    def prove(claimed: Expr):
        of_w, of_phi = sp.Matrix([[a, b], [b, d]]), sp.Matrix([[b, d], [d, claimed]])
        return identity((of_w * of_phi - of_phi * of_w)[0, 1], sp.Integer(0))

    claimed = (b**2 + d**2 - a * d) / b
    return Fact(
        name="6/two directions of the witness of statement E",
        statement="for one third derivative in phi the slices [[a, b], [b, d]] and [[b, d], [d, e]] commute",
        section="6",
        assumptions=("b > 0",),
        claimed=claimed,
        prove=prove,
        latex=f"e = {sp.latex(claimed)}",
        controls={"the sign": -claimed, "without the product": (b**2 + d**2) / b},
    )


def _one_step() -> Fact:
    """The one-step form from the N-step one at alpha = 1/(L + x)."""
    at_one = MULTI_STEP.subs(N, 1).subs(S[1], 1).subs(r, 1 + alpha * L)
    gap = ONE_STEP - at_one
    return Fact(
        name="6/one step of MAML",
        statement="at N = 1 and alpha <= 1/L the N-step form of statement G is at most 4 L + 2 rho alpha G",
        section="6",
        assumptions=("0 < alpha <= 1/L",),
        claimed=gap,
        prove=lambda claimed: identity(gap, claimed) & nonnegative(claimed.subs(L, 1 / (alpha + x))),
        latex=f"{sp.latex(gap)} \\ge 0",
        controls={"the other way": -gap, "half of it": gap - ONE_STEP / 2},
    )


def _biased_step() -> Fact:
    slope, bias = sp.symbols("g b", real=True)
    step = -slope * (slope + bias) + (slope + bias) ** 2 / 2
    claimed = -(slope**2) / 2 + bias**2 / 2
    return Fact(
        name="6/a step with a biased gradient",
        statement="Lam times the descent lemma at beta = 1/Lam, along g + b: statement B (in one direction)",
        section="6",
        assumptions=("||D^2 L_meta|| <= Lam", "an inner product is the sum of its coordinates' products"),
        claimed=claimed,
        prove=lambda claimed: identity(step, claimed),
        latex=f"{sp.latex(step)} = {sp.latex(claimed)}",
        controls={"the whole bias": claimed + bias**2 / 2, "the sign of the bias": claimed - bias**2},
    )


def _longer_step() -> Fact:
    slope, followed = sp.symbols("g F", real=True)
    Lambda = sp.Symbol("Lambda", positive=True)
    step = -slope * followed + Lambda * followed**2 / 2
    claimed = (-(slope**2) + (slope - Lambda * followed) ** 2) / (2 * Lambda)
    return Fact(
        name="6/a step along another direction",
        statement="the descent lemma along F, in coordinates in which the step is 1: statement B at every step",
        section="6",
        assumptions=("||D^2 L_meta|| <= Lambda", "an inner product is the sum of its coordinates' products"),
        claimed=claimed,
        prove=lambda claimed: identity(step, claimed),
        latex=f"{sp.latex(step)} = {sp.latex(claimed)}",
        controls={"F for Lambda F": claimed.subs(Lambda * followed, followed), "Lambda twice": claimed / Lambda},
    )


def _stand_still() -> Fact:
    high, low, size = sp.symbols("h l M", positive=True)
    middle = (high + low) / 2
    claimed = (high * size - low * size) / 2
    return Fact(
        name="6/two tasks between which first-order MAML stands still",
        statement="their mean meta-gradient is the bias of either at Lambda = (h + l)/2, h and l what the loop leaves",
        section="6",
        assumptions=("the gradients after the loop are M and -M, so that their mean is 0",),
        claimed=claimed,
        prove=lambda claimed: identity((high - middle) * size, claimed) & identity((middle - low) * size, claimed),
        latex=f"{sp.latex((high - middle) * size)} = {sp.latex(claimed)}",
        controls={"the larger one alone": (high - 1) * size, "without the half": 2 * claimed},
    )


def _apart() -> Fact:
    geometric = (r**N - 1) / (r - 1)
    claimed = geometric + r * (N * r ** (N - 1) - geometric) / (r - 1)
    carried = sp.Sum(r ** (N - 1 - m) * partial_sum(m), (m, 0, N - 1))

    def prove(claimed: Expr):
        evaluated = sum_by_induction(carried, (claimed - geometric) / r, ratio=r)
        return sum_by_induction(APART_PLAIN, claimed, ratio=r) & evaluated

    return Fact(
        name="6/iterates from the last one",
        statement="sum_{m<N} r^m S_(N-m), and S_N + r sum_{m<N} r^(N-1-m) S_m, which is evaluated: U_N of statement G",
        section="6",
        assumptions=("r > 0, r != 1",),
        claimed=claimed,
        prove=prove,
        latex=f"{sp.latex(APART_PLAIN)} = {sp.latex(APART)} = {sp.latex(claimed)}",
        controls={"without r": geometric + (N * r ** (N - 1) - geometric) / (r - 1), "r^N": claimed * r},
    )


def _kept_curvature() -> Fact:
    h = sp.Symbol("h", positive=True)
    value = h * (1 - alpha * h) ** N
    claimed = (1 - alpha * h) ** (N - 1) * (1 - (N + 1) * alpha * h)
    return Fact(
        name="6/curvature that a quadratic keeps",
        statement="the derivative of h (1 - alpha h)^N: its one sign change in (0, 1/alpha) is at 1/(alpha (N + 1))",
        section="6",
        assumptions=("0 < alpha h < 1",),
        claimed=claimed,
        prove=lambda claimed: identity(sp.expand(sp.diff(value, h) / (1 - alpha * h) ** (N - 1)), _over(claimed, h)),
        latex=f"\\frac{{d}}{{dh}} {sp.latex(value)} = {sp.latex(claimed)}",
        controls={
            "N for N + 1": (1 - alpha * h) ** (N - 1) * (1 - N * alpha * h),
            "a power": claimed * (1 - alpha * h),
        },
    )


def _over(derivative: Expr, h: Expr) -> Expr:
    """The derivative without the power that both sides have."""
    return sp.expand(sp.powsimp(derivative / (1 - alpha * h) ** (N - 1)))


FACTS = (
    _biased_step(),
    _longer_step(),
    _stand_still(),
    _dropped(),
    _product_sum(),
    _outer(),
    _without_replacement(),
    _below_printed(),
    _commuting(),
    _one_step(),
    _apart(),
    _kept_curvature(),
)
