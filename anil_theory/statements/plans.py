"""A plan: everything one needs to run ANIL or MAML to eps-accuracy at a given N, and the N at which that is cheapest.

Claim: `plan` satisfies every hypothesis of Theorem 1 or 2 and brings both right-hand sides to at most eps;
`recommended_plan` has the smallest total cost among the settings it looked at. With kind SHARP (Theorem J,
`joint_plans`), or where alpha is searched, those are all N until none that follows can be cheaper (K B is at least what
L_phiphi >= L and sigma_phi >= M ask for), or until PATIENCE of them in a row were not. Else they are all N up to EVERY,
then a grid that is refined around its best point: the cost falls and then rises in the strongly convex geometry and
rises in the nonconvex one, up to the rounding of K and B to integers. Kind: upper bounds.
Source: `statements.rates`, `statements.joint_rates`.

Where alpha is searched, the bounds favour short inner loops: with alpha N they all fall to those of no adaptation in
the nonconvex geometry, and mostly in the other. `inner_time` is the least alpha N that counts as adapting.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from anil_theory._admissible import InvalidParameter, count
from anil_theory.schedule import Schedule, sampling_factor
from anil_theory.statements.base import Kind
from anil_theory.statements.complexity import Demand, OracleCount, anil_count, demand, maml_count
from anil_theory.statements.given_steps import at_given_steps
from anil_theory.statements.joint_plans import (
    ROUGH,
    JointTerms,
    joint_demand,
    least_inverse_step,
    outer_steps,
)
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.question import OBJECTIVES as OBJECTIVES
from anil_theory.statements.question import Question as Question
from anil_theory.statements.rates import Ingredients, Terms, Weight, ingredients
from anil_theory.statements.scaled import scaled
from anil_theory.statements.searches import EVERY, cheapest_count, golden

PATIENCE = 6
"""The search for N ends when so many in a row were no cheaper."""

ALPHA_TOLERANCE = 1e-3
"""How well log alpha is found: near its smallest the cost does not depend on it to first order."""

SCANNED_ALPHAS = 5
"""Parts into which the logarithm of alpha is cut, before the best one is searched between its neighbours."""

BETA_TOLERANCE = 1e-12
"""A given beta may exceed 1/Lam by this fraction: it is a float that was printed and typed in again."""


@dataclass(frozen=True)
class Plan:
    """One answer: the schedule (with K and B), the numbers of the proof, and the counts of an outer iteration.

    c, ingredients   the weight and what the bounds are made of; None for kind SHARP;
    kappa, doubling  for kind SHARP Lam_phi/Lam_w of the pair, and the largest B at which K B at most doubles (None at
                     step sizes that were given, and without replacement).
    """

    question: Question
    schedule: Schedule
    rows: Mapping[str, Terms | JointTerms]
    per_iteration: OracleCount
    c: float | None = None
    ingredients: Ingredients | None = None
    kappa: float | None = None
    doubling: int | None = None

    @property
    def tasks(self) -> int:
        """K B, the tasks that the run looks at."""
        return self.schedule.outer_steps * self.schedule.batch

    @property
    def total(self) -> OracleCount:
        """The counts of the whole run."""
        return self.per_iteration.times(self.schedule.outer_steps)

    @property
    def cost(self) -> int:
        """The total in the units of the objective."""
        return getattr(self.total, self.question.objective)


def plan(question: Question, inner_steps: int) -> Plan:
    """The plan at N, with the cheapest alpha where it is searched.

    Raises InvalidParameter for a beta beyond its limit there, with the limit, and where no alpha <= 1/L has alpha N as
    asked.
    """
    N = count("inner_steps", inner_steps)
    plans = []
    for each in question.at_either_end():
        alpha = _searched_alpha(each, N) if _searches(each) else each.inner_step(N)
        plans.append(plan_at(each, alpha, N))
    return min(plans, key=lambda each: each.cost)


def plan_at(question: Question, alpha: float, inner_steps: int) -> Plan:
    """The plan at alpha and N."""
    schedule = Schedule(alpha, inner_steps)
    if question.kind is not Kind.SHARP:
        return _weighted_plan(question, schedule)
    plans = [_joint_plan(each, schedule) for each in question.at_either_end()]
    return min(plans, key=lambda each: each.cost)


def _weighted_plan(q: Question, schedule: Schedule) -> Plan:
    """By the weight c of the explicit or refined theorem."""
    N = schedule.inner_steps
    sizes = ingredients(q.constants, schedule, q.geometry, q.kind, phi=not q.maml)
    if q.beta_w is None:
        c, beta_w, beta_phi = sizes.steps(q.weight)
    else:
        beta_w, beta_phi = q.beta_w, q.beta_phi or q.beta_w
        c = sizes.weight(beta_w, beta_phi) if isinstance(q.weight, Weight) else q.weight
        for name, beta, lam in zip(("beta_w", "beta_phi"), (beta_w, beta_phi), sizes.smoothness(c), strict=True):
            if float(lam * beta) > 1 + BETA_TOLERANCE:
                raise InvalidParameter(name, f"in (0, 1/Lam] = (0, {float(1 / lam):.6g}] at N = {N}, c = {c:.6g}", beta)
    names = ("w",) if q.maml else ("w", "phi")
    rows = {name: sizes.terms(name, beta_w, beta_phi, c, q.D0) for name in names}
    need: Demand = demand(tuple(rows.values()), q.eps, q.split)
    chosen = replace(
        schedule,
        beta_w=beta_w,
        beta_phi=None if q.maml else beta_phi,
        batch=need.batch,
        outer_steps=need.outer_steps,
    )
    return Plan(q, chosen, rows, _counts(q, N, need.batch), c=c, ingredients=sizes)


def _joint_plan(q: Question, schedule: Schedule) -> Plan:
    """By Theorem J."""
    if q.beta_w is None:
        need = joint_demand(
            q.constants, schedule, q.geometry, q.eps, batch=q.batch, population=q.population, phi=not q.maml
        )
        rows = need.terms(q.D0)
        kappa, B = need.kappa, need.batch
        doubling = need.doubling if q.population is None else None
        K = outer_steps(rows, q.eps, need.effective)
        assert K is not None, "the noise is at most half of eps there"
        steps = replace(schedule, beta_w=need.beta, beta_phi=None if q.maml else need.beta)
    else:
        steps = replace(schedule, beta_w=q.beta_w, beta_phi=None if q.maml else q.beta_phi)
        rate = JointRate(q.constants, steps, q.geometry, q.D0, phi=not q.maml)
        at = at_given_steps(rate, q.eps, q.batch, q.population)
        kappa, B, K, rows = at.kappa, at.batch, at.outer_steps, at.rows
        doubling = None
    chosen = replace(steps, batch=B, outer_steps=K, population=q.population)
    counts = _counts(q, schedule.inner_steps, B)
    return Plan(q, chosen, rows, counts, kappa=kappa, doubling=doubling)


def _counts(q: Question, inner_steps: int, batch: int) -> OracleCount:
    return (maml_count if q.maml else anil_count)(inner_steps, batch, q.n_w, q.n_phi)


def _searches(question: Question) -> bool:
    return question.alpha is None and question.inner_time is not None


def _searched_alpha(q: Question, N: int) -> float:
    """The cheapest alpha in [inner_time/N, 1/L]; without strong convexity the smallest: all bounds increase in it."""
    assert q.inner_time is not None
    least = q.inner_time / N
    if q.constants.mu is None:
        return least
    most = 1 / q.constants.L
    if least > most * (1 + BETA_TOLERANCE):
        fewest = math.ceil(q.inner_time * q.constants.L)
        raise InvalidParameter("inner_steps", f"at least {fewest}, so that alpha <= 1/L has alpha N as asked", N)
    least = min(least, most)

    joint = q.kind is Kind.SHARP and q.beta_w is None

    def cost(log_alpha: float, below: float = math.inf) -> float:
        """log K B, up to the rounding to integers; or some number that is not below `below`, where that is quick."""
        schedule = Schedule(min(math.exp(log_alpha), most), N)
        if joint:
            options: dict[str, Any] = {"batch": q.batch, "population": q.population}
            least = least_inverse_step(q.constants, schedule, q.geometry, q.eps, **options)
            if least.log10 >= below:
                return least.log10
            need = joint_demand(q.constants, schedule, q.geometry, q.eps, rounds=ROUGH, **options)
            return need.inverse_step.log10
        try:
            return scaled(plan_at(q, schedule.one_alpha, N).tasks).log10
        except InvalidParameter:
            return math.inf

    low, high = math.log(least), math.log(most)
    step = (high - low) / SCANNED_ALPHAS
    if not step:
        return least
    best, smallest = 0, cost(low)
    for i in range(1, SCANNED_ALPHAS + 1):
        here = cost(low + i * step, smallest)
        if here < smallest:
            best = i
            smallest = here
    if best == 0:
        return least
    if best == SCANNED_ALPHAS:
        return most
    return min(math.exp(golden(cost, low + (best - 1) * step, low + (best + 1) * step, ALPHA_TOLERANCE)), most)


def recommended_plan(
    question: Question, most: int = 4096, every: int = EVERY, also: Sequence[tuple[float, int]] = ()
) -> Plan:
    """The cheapest plan over N = 1..most. A given beta leaves out the N at which it exceeds its limit.

    every   up to here all N are looked at (`cheapest_count`), for the kinds other than SHARP;
    also    pairs (alpha, N) to look at too.

    Raises InvalidParameter when that leaves nothing.
    """
    most = count("most", most)
    ends = list(question.at_either_end())
    if len(ends) > 1:
        plans_at_ends = [recommended_plan(each, most, every, also) for each in ends]
        return min(plans_at_ends, key=lambda each: (each.cost, each.schedule.inner_steps))
    question = ends[0]
    plans: dict[int, Plan] = {}
    refusal: list[InvalidParameter] = []

    def cost(N: int) -> float | int:
        try:
            plans[N] = plan(question, N)
        except InvalidParameter as error:
            refusal.append(error)
            return math.inf
        return plans[N].cost

    if question.kind is Kind.SHARP or _searches(question):
        _every_count_that_can_win(question, most, cost)
    else:
        cheapest_count(cost, most, every)
    candidates = list(plans.values())
    looked_at = {(each.schedule.one_alpha, each.schedule.inner_steps) for each in candidates}
    for alpha, N in also:
        if (alpha, N) not in looked_at and _admits(question, alpha, N, most):
            try:
                candidates.append(plan_at(question, alpha, N))
            except InvalidParameter as error:
                refusal.append(error)
    if not candidates:
        raise refusal[0]
    return min(candidates, key=lambda each: (each.cost, each.schedule.inner_steps))


def fixed_count_plan(question: Question, inner_steps: int, also: Sequence[tuple[float, int]] = ()) -> Plan:
    """`plan`, or a cheaper one of `also` with the same N."""
    results = [plan(question, inner_steps)]
    for alpha, N in also:
        if inner_steps == N and alpha != results[0].schedule.one_alpha and _admits(question, alpha, N, N):
            results.append(plan_at(question, alpha, N))
    return min(results, key=lambda each: each.cost)


def _admits(q: Question, alpha: float, N: int, most: int) -> bool:
    """Whether alpha and N are among what is searched."""
    if most < N or (q.constants.mu is not None and alpha > 1 / q.constants.L):
        return False
    if _searches(q):
        assert q.inner_time is not None
        return alpha * N >= q.inner_time * (1 - BETA_TOLERANCE)
    return alpha == q.inner_step(N)


def _every_count_that_can_win(q: Question, most: int, cost: Callable[[int], float]) -> None:
    """Ask the cost of every N, in order, until none that follows can be cheaper, or PATIENCE in a row were not.

    L_phiphi >= L (1 + s^2) and sigma_phi^2 >= M^2 (1 + s^2), s = s_N the move of w_N with phi (0 in MAML, where
    L_ww >= L and sigma_w >= M since r >= 1), so K B is at least that of these two.
    """
    best = math.inf
    waited = 0
    fewest = 1
    if _searches(q) and q.constants.mu is not None:
        assert q.inner_time is not None
        fewest = min(most, max(1, math.ceil(q.inner_time * q.constants.L * (1 - BETA_TOLERANCE))))
    for N in range(fewest, most + 1):
        if best < math.inf and getattr(_counts(q, N, 1), q.objective) * _fewest_tasks(q, N) >= best:
            return
        here = cost(N)
        waited = 0 if here < best else waited + 1
        best = min(best, here)
        if waited == PATIENCE:
            return


def _fewest_tasks(q: Question, N: int) -> Fraction:
    """A lower bound of K B at any N' >= N, in any of the kinds."""
    constants = q.constants
    stretched = 1.0
    if constants.mu is not None and not q.maml:
        # s_N increases with N and alpha; of all alpha N >= inner_time it is least as N -> infinity.
        if _searches(q):
            assert q.inner_time is not None
            contracted = math.exp(-q.inner_time * constants.mu)
        else:
            contracted = max(0.0, 1 - q.inner_step(N) * constants.mu) ** N
        cbar = math.sqrt(max(constants.L**2 - constants.mu**2, 0.0))
        stretched += (cbar * (1 - contracted) / constants.mu) ** 2
    L, M = Fraction(constants.L), Fraction(constants.M)
    # Less 1e-9 for the roundings of `stretched`.
    size = 2 * Fraction(q.D0) / Fraction(q.eps) * L * Fraction(stretched) * (1 - Fraction(1, 10**9))
    B = 1 if q.batch is None else q.batch
    # K B = (2 D0/eps) (Lam (B - f) + f V_1/eps), f = 1 for independent draws.
    f = Fraction(sampling_factor(B, q.population))
    return max(Fraction(B), size * (B - f + f * M * M * Fraction(stretched) / Fraction(q.eps)))
