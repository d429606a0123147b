"""From constants and an accuracy to settings: step sizes, N, B, K, their predicted cost, and what would change them.

Claim: with the settings of `Advice.anil`, Theorem 1 or 2 guarantees that the averages of E||D_w L_meta||^2 and of
E||D_phi L_meta||^2 are at most eps. Kind: upper bounds (`statements.rates`), hence an upper bound of what is needed;
the costs are exact counts of those settings. Source: `statements.rates`, `statements.plans` and docs/formulas.md, thm1
and thm2.

Everything is a plain value: `anil_theory._plain.to_plain(advice)` is its JSON.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from anil_theory._admissible import InvalidParameter
from anil_theory._display import Displayed, short
from anil_theory.constants import Constants
from anil_theory.statements.base import Kind
from anil_theory.statements.complexity import OracleCount, Split
from anil_theory.statements.plans import EVERY, Plan, Question, plan, recommended_plan
from anil_theory.statements.rates import Weight
from anil_theory.statements.scaled import Scaled

MOST_INNER_STEPS = 1024
"""How far `advise` looks for N unless told otherwise."""

FEWER = 16
"""Up to here all N are looked at for a changed question, and beyond a grid that is refined: seven of them are asked."""

_TERMS = {
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

    c            the weight of the proof (nothing to set in a run);
    bounds       the right-hand sides at these settings, by block, each at most eps;
    per_iteration, total   oracle calls of an outer iteration and of the run;
    cost         the total in the units of the objective;
    dominating   the terms of the block with the larger right-hand side, the largest first.
    """

    alpha: float
    beta_w: float
    beta_phi: float | None
    c: float
    inner_steps: int
    batch: int
    outer_steps: int
    bounds: dict[str, float]
    per_iteration: OracleCount
    total: OracleCount
    cost: int
    dominating: tuple[Share, ...]


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
    changes      `sensitivities` as sentences, the largest effect first.
    """

    geometry: str
    eps: float
    D0: float
    objective: str
    anil: RecommendedSettings
    maml: RecommendedSettings
    cost_ratio: float
    sensitivities: tuple[Sensitivity, ...]
    changes: tuple[str, ...]
    notes: tuple[str, ...]

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
    kind: Kind = Kind.REFINED,
    most: int = MOST_INNER_STEPS,
) -> Advice:
    """Settings that reach eps-accuracy at the smallest predicted cost.

    mu            strong convexity in w, or None in the nonconvex geometry;
    eps           the accuracy, in units of a squared gradient (Definition 1);
    D0            the initial gap L_meta(z_0) - inf L_meta, or an upper bound;
    objective     "evaluations" (oracle calls) or "entries" (numbers computed, Table 2);
    alpha         inner step size; None takes mu/L^2, or 0.7/(N L) in the nonconvex geometry;
    beta_w, beta_phi   outer step sizes, both or neither; None takes them at their limits;
    inner_steps   N; None searches 1..most;
    maml_alpha    MAML's own inner step size; None takes 0.7/(N L).

    Raises InvalidParameter for eps <= 0 and any other input outside its set, and for a beta beyond 1/Lam, with the
    limit.
    """
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
    )

    def best(question: Question, every: int = EVERY) -> Plan:
        return recommended_plan(question, most, every) if inner_steps is None else plan(question, inner_steps)

    anil = best(question)
    maml = best(question.of_maml(maml_alpha))
    sensitivities = []
    for name, value, replaced in _perturbations(question):
        try:
            changed = best(_changed(question, name, replaced), every=FEWER)
        except InvalidParameter:  # a step size that was given does not fit the changed constants
            continue
        sensitivity = Sensitivity(
            parameter=name,
            given=value,
            replaced=replaced,
            cost_factor=changed.cost / anil.cost,
            inner_steps=changed.schedule.inner_steps,
        )
        sensitivities.append(sensitivity)
    sensitivities.sort(key=lambda s: -max(s.cost_factor, 1 / s.cost_factor))
    return Advice(
        geometry=question.geometry.value,
        eps=question.eps,
        D0=question.D0,
        objective=objective,
        anil=_settings(anil),
        maml=_settings(maml),
        cost_ratio=maml.cost / anil.cost,
        sensitivities=tuple(sensitivities),
        changes=tuple(map(str, sensitivities)),
        notes=_notes(question, anil, inner_steps is None, most),
    )


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
        inner_steps=schedule.inner_steps,
        batch=B,
        outer_steps=K,
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
    beta = schedule.beta_w if row == "w" else schedule.beta_phi
    assert beta is not None
    x, c = chosen.ingredients, chosen.c
    own, mixed = (x.ww, x.cross * c) if row == "w" else (x.phiphi, x.cross / c)
    # The term is 2 D0/(beta K). The constants ask for the part Lam of 1/beta; the rest comes of a step that is shorter.
    used_own = float(own * beta)
    used_mixed = float(mixed * beta)
    gap = float(decay / total) if total else 0.0
    parts = {
        "initial_gap_ww" if row == "w" else "initial_gap_phiphi": gap * used_own,
        "initial_gap_cross": gap * used_mixed,
        "initial_gap_step": gap * max(1 - used_own - used_mixed, 0.0),
        "noise_w": _fraction(terms.noise_w / schedule.batch, total),
        "noise_phi": _fraction(terms.noise_phi / schedule.batch, total),
    }
    shares = (Share(name, _TERMS[name], part) for name, part in parts.items() if part > 0)
    return tuple(sorted(shares, key=lambda share: -share.fraction))


def _fraction(part: Scaled, whole: Scaled) -> float:
    return float(part / whole) if whole else 0.0


def _notes(question: Question, anil: Plan, searched: bool, most: int) -> tuple[str, ...]:
    notes = [
        "upper bounds: a run may reach eps earlier, and its own constants may be smaller than the declared ones",
        "MAML: rho is taken to bound its whole second derivative, and M, L, D0 to be the same",
    ]
    if searched and anil.schedule.inner_steps == most:
        notes.append(f"the cheapest N is the last one looked at, {most}: a larger `most` may do better")
    if searched and anil.schedule.inner_steps == 1:
        notes.append("the cheapest N is 1: the bounds see no gain from a longer inner loop at these constants")
    return tuple(notes)
