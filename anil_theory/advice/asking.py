"""From constants and an accuracy to settings: step sizes, N, B, K, their predicted cost, and what would change them.

Claim: with the settings of `Advice.anil`, Theorem 1 or 2 guarantees that the averages of E||D_w L_meta||^2 and of
E||D_phi L_meta||^2 are at most eps: by Theorem J (kind SHARP), or by the refined or explicit theorem. Kind: upper
bounds, hence an upper bound of what is needed; the costs are exact counts of those settings. Of the questions that are
asked beside the first, none about a smaller class of tasks (larger mu, smaller L, rho, tau, M) is dearer, because its
search includes the other's inner loop and every bound there is smaller. Source: `statements.joint_plans`,
`statements.rates`, `statements.plans` and docs/formulas.md, thm1 and thm2.

Everything is a plain value: `anil_theory._plain.to_plain(advice)` is its JSON.
"""

import dataclasses
import math
from collections.abc import Sequence
from decimal import Decimal

from anil_theory._admissible import InvalidParameter, count, one_of, positive
from anil_theory.advice.settings import Advice, PopulationSettings, Sensitivity, settings_of
from anil_theory.constants import Constants, Knowledge
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.complexity import Split
from anil_theory.statements.plans import Plan, Question, fixed_count_plan, plan_at, recommended_plan
from anil_theory.statements.population_rates import PopulationNumbers, PopulationRate, population_steps
from anil_theory.statements.rates import Weight
from anil_theory.statements.searches import EVERY

KINDS = (Kind.SHARP, Kind.REFINED, Kind.EXPLICIT)

MOST_INNER_STEPS = 1024
"""How far `advise` looks for N unless told otherwise."""

FEWER = 16
"""Up to here all N are looked at for a changed question, and beyond a grid that is refined: seven of them are asked."""

LEAST_ADAPTATION = 0.01
"""The least alpha N L that `advise` searches unless told otherwise."""

SAME = 1e-9
"""Inner step sizes that differ by less, relatively, are one."""


def advise(
    mu: float | None,
    L: float,
    rho: float,
    tau: float,
    M: float,
    eps: float,
    n_w: int = 1,
    n_phi: int = 1,
    *,
    D0: float = 1.0,
    objective: str = "evaluations",
    alpha: float | None = None,
    beta_w: float | None = None,
    beta_phi: float | None = None,
    inner_steps: int | None = None,
    maml_alpha: float | None = None,
    weight: Weight | float = Weight.BALANCED,
    split: Split = Split.EVEN,
    kind: Kind = Kind.SHARP,
    adaptation: float = LEAST_ADAPTATION,
    batch: int | None = None,
    population: int | None = None,
    most: int = MOST_INNER_STEPS,
    curvature: float | None = None,
    second_moment: float | None = None,
) -> Advice:
    """Settings that reach eps-accuracy at the smallest predicted cost.

    mu            strong convexity in w, or None in the nonconvex geometry;
    eps           the accuracy, in units of a squared gradient (Definition 1);
    D0            the initial gap L_meta(z_0) - inf L_meta, or an upper bound;
    objective     "evaluations" (oracle calls) or "entries" (numbers computed, Table 2);
    alpha         inner step size; None searches it, with alpha N L >= adaptation;
    beta_w, beta_phi   outer step sizes, both or neither; None takes the cheapest, or 1/Lam for the other kinds;
    inner_steps   N; None searches 1..most;
    maml_alpha    MAML's own inner step size; None searches it in the same way;
    weight, split  how the other kinds choose beta, K and B;
    kind          SHARP (Theorem J), REFINED or EXPLICIT;
    adaptation    how much inner loop there is to be, at least: the bounds favour none, since it makes L_meta smoother;
    batch         B; None takes the one with the fewest tasks K B (kind SHARP).
    population    T: the B tasks of a step are drawn without replacement from T, B <= T (kind SHARP); None: not so;
    curvature, second_moment   of a population, over a set that holds the iterates, both or neither: the largest
                  eigenvalue of D^2 L_meta, and the largest mean of |g_w|^2 + |g_phi|^2 over its tasks. With them
                  Theorem I gives settings too. They belong to one L_meta, so alpha and inner_steps must be given.

    Raises InvalidParameter for eps <= 0 and any other input outside its set, and for a beta beyond its limit, with the
    limit.
    """
    one_of("kind", kind, KINDS)
    inner_time = positive("adaptation", adaptation) / positive("L", L)
    supplied = {"curvature": curvature, "second_moment": second_moment}
    if any(value is not None for value in supplied.values()):
        needed = {**supplied, "alpha": alpha, "inner_steps": inner_steps}
        for name, value in needed.items():
            if value is None:
                raise InvalidParameter(name, "given, with curvature, second_moment, alpha and inner_steps", None)
    if mu is not None and alpha is None and inner_steps is None and adaptation > count("most", most):
        raise InvalidParameter("adaptation", f"at most {most}, since alpha <= 1/L and N <= {most}", adaptation)
    question = Question(
        Constants(mu, L, rho, tau, M),
        eps,
        D0,
        n_w,
        n_phi,
        objective,
        alpha,
        beta_w=beta_w,
        beta_phi=beta_phi,
        weight=weight,
        split=split,
        kind=kind,
        inner_time=inner_time if alpha is None else None,
        batch=batch,
        population=population,
    )

    def best(question: Question, also: Sequence[tuple[float, int]] = (), every: int = EVERY) -> Plan:
        if inner_steps is not None:
            return fixed_count_plan(question, inner_steps, also)
        return recommended_plan(question, most, every, also)

    def replies(anil: Plan) -> list[tuple[str, float, float, Plan]]:
        """What each changed input leads to."""
        results = []
        for name, value, replaced in _perturbations(question):
            try:
                changed = best(_changed(question, name, replaced), also=[_inner_loop(anil)], every=FEWER)
            except InvalidParameter:  # a step size that was given does not fit the changed constants
                continue
            results.append((name, value, replaced, changed))
        return results

    anil = best(question)
    maml = best(question.of_maml(maml_alpha))
    answers = replies(anil)
    others = [_inner_loop(changed) for *_, changed in answers]
    new = [loop for loop in others if not _is_same(loop, _inner_loop(anil))]
    if new:
        # An inner loop that serves other constants may serve these better than the one that their search found.
        again = best(question, also=new)
        if again.cost < anil.cost:
            anil = again
            answers = replies(anil)
    sensitivities = [
        Sensitivity(
            parameter=name,
            given=value,
            replaced=replaced,
            cost_factor=changed.cost / anil.cost,
            inner_steps=changed.schedule.inner_steps,
        )
        for name, value, replaced, changed in answers
    ]
    sensitivities.sort(key=lambda s: -max(s.cost_factor, 1 / s.cost_factor))
    return Advice(
        geometry=question.geometry.value,
        eps=question.eps,
        D0=question.D0,
        objective=objective,
        anil=settings_of(anil),
        maml=settings_of(maml),
        cost_ratio=maml.cost / anil.cost,
        kind=kind.value,
        fewer_tasks=_fewer_tasks(anil) if kind is Kind.SHARP else None,
        sensitivities=tuple(sensitivities),
        changes=tuple(map(str, sensitivities)),
        notes=_notes(question, anil, inner_steps is None, most),
        population=_of_population(anil, curvature, second_moment),
    )


def _of_population(chosen: Plan, curvature: float | None, second_moment: float | None) -> PopulationSettings | None:
    """Settings by Theorem I at the batch that was asked for, or B = 1."""
    if curvature is None or second_moment is None:
        return None
    question = chosen.question
    B = question.batch or 1
    beta, K = population_steps(curvature, second_moment, question.D0, question.eps, B)
    # Whoever gave the numbers knows how they are known; what is said of them is no more than they are.
    numbers = PopulationNumbers(beta * curvature, beta * second_moment, question.D0, Knowledge.ESTIMATED)
    rate = PopulationRate(numbers, Schedule(*_inner_loop(chosen), beta, beta, B, K))
    return PopulationSettings(
        beta=beta,
        batch=B,
        outer_steps=K,
        tasks=K * B,
        bounds={row: rate.bound(row).value for row in ("w", "phi")},
        fewer_tasks=chosen.tasks / (K * B),
    )


def _inner_loop(chosen: Plan) -> tuple[float, int]:
    return chosen.schedule.one_alpha, chosen.schedule.inner_steps


def _is_same(first: tuple[float, int], second: tuple[float, int]) -> bool:
    return first[1] == second[1] and math.isclose(first[0], second[0], rel_tol=SAME)


def _fewer_tasks(chosen: Plan) -> float:
    """K B of the refined theorem at this alpha and N, with its own step sizes and independent draws, over K B here."""
    refined = dataclasses.replace(
        chosen.question,
        kind=Kind.REFINED,
        weight=Weight.BALANCED,
        batch=None,
        population=None,
        beta_w=None,
        beta_phi=None,
    )
    return plan_at(refined, *_inner_loop(chosen)).tasks / chosen.tasks


def _perturbations(question: Question) -> list[tuple[str, float, float]]:
    constants = question.constants
    values = {name: getattr(constants, name) for name in ("L", "rho", "tau", "M")}
    changes = [(name, value, 2 * value) for name, value in values.items() if value > 0]
    if constants.mu is not None:
        twice = 2 * constants.mu
        changes.append(("mu", constants.mu, twice if twice <= constants.L else constants.mu / 2))
    return [*changes, ("D0", question.D0, 2 * question.D0), ("eps", question.eps, question.eps / 2)]


def _changed(question: Question, name: str, value: float) -> Question:
    if name in ("D0", "eps"):
        return dataclasses.replace(question, **{name: value})
    return dataclasses.replace(question, constants=dataclasses.replace(question.constants, **{name: value}))


def _notes(question: Question, anil: Plan, searched: bool, most: int) -> tuple[str, ...]:
    notes = [
        "upper bounds: a run may reach eps earlier, and its own constants may be smaller than the declared ones",
        "MAML: rho is taken to bound its whole second derivative, and M, L, D0 to be the same",
    ]
    if anil.doubling is not None and anil.doubling > anil.schedule.batch:
        notes.append(
            f"batches of up to B = {Decimal(anil.doubling):.4g} at most double K B, and divide K by up to half of that"
        )
    if question.alpha is None:
        notes.append(
            f"alpha was searched with alpha N >= {question.inner_time:.6g}: the bounds speak of how small the gradient "
            "of L_meta gets and not of how good the adapted w is, so they favour a short inner loop; ask for a longer "
            "one by the least alpha N L (adaptation)"
        )
    if searched and anil.schedule.inner_steps == most:
        notes.append(f"the cheapest N is the last one looked at, {most}: a larger `most` may do better")
    if searched and anil.schedule.inner_steps == 1:
        notes.append("the cheapest N is 1: the bounds see no gain from a longer inner loop at these constants")
    return tuple(notes)
