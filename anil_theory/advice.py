"""From constants and an accuracy to settings: step sizes, N, B, K, their predicted cost, and what would change them.

Claim: with the settings of `Advice.anil`, Theorem 1 or 2 guarantees that the averages of E||D_w L_meta||^2 and of
E||D_phi L_meta||^2 are at most eps: by Theorem J (kind SHARP), or by the refined or explicit theorem. Kind: upper
bounds, hence an upper bound of what is needed; the costs are exact counts of those settings. A larger class of tasks
(smaller mu, larger L, rho, tau, M) never costs less, because the search of the smaller one includes the other's inner
loop and every bound there is smaller. Source: `statements.joint_plans`, `statements.rates`, `statements.plans` and
docs/formulas.md, thm1 and thm2.

Everything is a plain value: `anil_theory._plain.to_plain(advice)` is its JSON.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from anil_theory._admissible import InvalidParameter, one_of, positive
from anil_theory._display import Displayed, short
from anil_theory.constants import Constants, Knowledge
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.complexity import OracleCount, Split
from anil_theory.statements.joint_plans import JointTerms
from anil_theory.statements.plans import EVERY, Plan, Question, fixed_count_plan, plan_at, recommended_plan
from anil_theory.statements.population_rates import PopulationNumbers, PopulationRate, population_steps
from anil_theory.statements.rates import Weight
from anil_theory.statements.scaled import Scaled

KINDS = (Kind.SHARP, Kind.REFINED, Kind.EXPLICIT)

MOST_INNER_STEPS = 1024
"""How far `advise` looks for N unless told otherwise."""

FEWER = 16
"""Up to here all N are looked at for a changed question, and beyond a grid that is refined: seven of them are asked."""

LEAST_ADAPTATION = 0.01
"""The least alpha N L that `advise` searches unless told otherwise."""

SAME = 1e-9
"""Inner step sizes that differ by less, relatively, are one."""

_TERMS = {
    "initial_gap": "the initial gap (2 D0/K)",
    "noise": "the sampling noise of both blocks (V/B)",
    "initial_gap_ww": "the initial gap through L_ww (2 L_ww D0/K)",
    "initial_gap_cross": "the initial gap through the cross constant L_x",
    "initial_gap_phiphi": "the initial gap through L_phiphi (2 L_phiphi D0/K)",
    "initial_gap_step": "the initial gap through outer steps shorter than this block's limit",
    "noise_w": "the sampling noise of the w block (sigma_w^2/B)",
    "noise_phi": "the sampling noise of the phi block (sigma_phi^2/B)",
}


@dataclass(frozen=True)
class Share:
    """One term of the bound and the fraction of the right-hand side that it makes up."""

    term: str
    meaning: str
    fraction: float


@dataclass(frozen=True)
class RecommendedSettings:
    """What to run, what it costs and what it guarantees.

    c, kappa     of the proof (nothing to set in a run): its weight, or Lam_phi/Lam_w of its pair (kind SHARP);
    tasks        K B, the tasks that the run looks at;
    bounds       the right-hand sides at these settings, by block, each at most eps;
    per_iteration, total   oracle calls of an outer iteration and of the run;
    cost         the total in the units of the objective;
    dominating   the terms of the block with the larger right-hand side, the largest first.
    """

    alpha: float
    beta_w: float
    beta_phi: float | None
    c: float | None
    kappa: float | None
    inner_steps: int
    batch: int
    outer_steps: int
    tasks: int
    bounds: dict[str, float]
    per_iteration: OracleCount
    total: OracleCount
    cost: int
    dominating: tuple[Share, ...]


@dataclass(frozen=True)
class PopulationSettings:
    """What Theorem I asks of one population with this alpha and N: steps of one length, at B as asked or 1.

    bounds       the right-hand sides, by block, at most eps;
    fewer_tasks  K B of the settings for the whole class over K B here.
    """

    beta: float
    batch: int
    outer_steps: int
    tasks: int
    bounds: dict[str, float]
    fewer_tasks: float


@dataclass(frozen=True)
class Sensitivity:
    """The factor by which the cost is multiplied when one input is replaced and everything is chosen anew."""

    parameter: str
    given: float
    replaced: float
    cost_factor: float
    inner_steps: int

    def __str__(self) -> str:
        verb = "doubling" if self.replaced == 2 * self.given else "halving"
        if self.replaced not in (2 * self.given, self.given / 2):
            verb = f"moving to {self.replaced:.6g}"
        effect = f"{verb} {self.parameter} (from {self.given:.6g}) multiplies the cost by {self.cost_factor:.3g}"
        return f"{effect}, at N = {self.inner_steps}"


@dataclass(frozen=True, repr=False)
class Advice(Displayed):
    """Settings for ANIL, for MAML at the same accuracy, and what would change them.

    cost_ratio   MAML's cost over ANIL's;
    kind         of the theorem that the settings rest on;
    fewer_tasks  the tasks K B that the refined theorem needs with this inner loop, over those here (kind SHARP);
    changes      `sensitivities` as sentences, the largest effect first;
    population   settings by Theorem I, where the population's own numbers were given.
    """

    geometry: str
    eps: float
    D0: float
    objective: str
    anil: RecommendedSettings
    maml: RecommendedSettings
    cost_ratio: float
    kind: str
    fewer_tasks: float | None
    sensitivities: tuple[Sensitivity, ...]
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    population: PopulationSettings | None = None

    def _shown(self) -> dict[str, Any]:
        chosen = self.anil
        shown = {"geometry": self.geometry, "eps": self.eps, "alpha": short(chosen.alpha), "N": chosen.inner_steps}
        shown |= {"B": chosen.batch, "K": chosen.outer_steps, "cost": chosen.cost}
        return shown | {"cost_of_maml": f"x{short(self.cost_ratio)}"}


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
    curvature, second_moment   of a population, over a set that holds the iterates, both or neither: the largest
                  eigenvalue of D^2 L_meta, and the largest mean of |g_w|^2 + |g_phi|^2 over its tasks. With them
                  Theorem I gives settings too. They belong to one L_meta, so alpha and inner_steps must be given.

    Raises InvalidParameter for eps <= 0 and any other input outside its set, and for a beta beyond its limit, with the
    limit.
    """
    one_of("kind", kind, KINDS)
    inner_time = positive("adaptation", adaptation) / positive("L", L)
    given = {"curvature": curvature, "second_moment": second_moment}
    if any(value is not None for value in given.values()):
        needed = {**given, "alpha": alpha, "inner_steps": inner_steps}
        for name, value in needed.items():
            if value is None:
                raise InvalidParameter(name, "given, with curvature, second_moment, alpha and inner_steps", None)
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
    )

    def best(question: Question, also: Sequence[tuple[float, int]] = (), every: int = EVERY) -> Plan:
        if inner_steps is not None:
            return fixed_count_plan(question, inner_steps, also)
        return recommended_plan(question, most, every, also)

    def replies(anil: Plan) -> list[tuple[str, float, float, Plan]]:
        """What each changed input leads to."""
        found = []
        for name, value, replaced in _perturbations(question):
            try:
                changed = best(_changed(question, name, replaced), also=[_inner_loop(anil)], every=FEWER)
            except InvalidParameter:  # a step size that was given does not fit the changed constants
                continue
            found.append((name, value, replaced, changed))
        return found

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
        anil=_settings(anil),
        maml=_settings(maml),
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
    """K B of the refined theorem at this alpha and N, with its own step sizes, over K B here."""
    refined = dataclasses.replace(
        chosen.question, kind=Kind.REFINED, weight=Weight.BALANCED, batch=None, beta_w=None, beta_phi=None
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


def _settings(chosen: Plan) -> RecommendedSettings:
    schedule = chosen.schedule
    K, B = schedule.outer_steps, schedule.batch
    assert schedule.beta_w is not None
    bounds = {name: row.total(K, B) for name, row in chosen.rows.items()}
    largest = max(bounds, key=lambda name: bounds[name])
    return RecommendedSettings(
        alpha=schedule.one_alpha,
        beta_w=schedule.beta_w,
        beta_phi=schedule.beta_phi,
        c=chosen.c,
        kappa=chosen.kappa,
        inner_steps=schedule.inner_steps,
        batch=B,
        outer_steps=K,
        tasks=chosen.tasks,
        bounds={name: float(bound) for name, bound in bounds.items()},
        per_iteration=chosen.per_iteration,
        total=chosen.total,
        cost=chosen.cost,
        dominating=_shares(chosen, largest),
    )


def _shares(chosen: Plan, row: str) -> tuple[Share, ...]:
    schedule = chosen.schedule
    terms = chosen.rows[row]
    total = terms.total(schedule.outer_steps, schedule.batch)
    decay = terms.decay / schedule.outer_steps
    gap = _fraction(decay, total)
    if isinstance(terms, JointTerms):
        return _ordered({"initial_gap": gap, "noise": 1 - gap})
    beta = schedule.beta_w if row == "w" else schedule.beta_phi
    assert beta is not None
    x, c = chosen.ingredients, chosen.c
    assert x is not None and c is not None
    own, mixed = (x.ww, x.cross * c) if row == "w" else (x.phiphi, x.cross / c)
    # The term is 2 D0/(beta K). The constants ask for the part Lam of 1/beta; the rest comes of a step that is shorter.
    used_own = float(own * beta)
    used_mixed = float(mixed * beta)
    parts = {
        "initial_gap_ww" if row == "w" else "initial_gap_phiphi": gap * used_own,
        "initial_gap_cross": gap * used_mixed,
        "initial_gap_step": gap * max(1 - used_own - used_mixed, 0.0),
        "noise_w": _fraction(terms.noise_w / schedule.batch, total),
        "noise_phi": _fraction(terms.noise_phi / schedule.batch, total),
    }
    return _ordered(parts)


def _ordered(parts: dict[str, float]) -> tuple[Share, ...]:
    """The shares that are not 0, the largest first."""
    shares = (Share(name, _TERMS[name], part) for name, part in parts.items() if part > 0)
    return tuple(sorted(shares, key=lambda share: -share.fraction))


def _fraction(part: Scaled, whole: Scaled) -> float:
    return float(part / whole) if whole else 0.0


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
