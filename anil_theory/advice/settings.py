"""What advice says: settings with their cost and bounds, what dominates them, and what would change them."""

from dataclasses import dataclass
from typing import Any

from anil_theory._display import Displayed, short
from anil_theory.statements.complexity import OracleCount
from anil_theory.statements.joint_plans import JointTerms
from anil_theory.statements.plans import Plan
from anil_theory.statements.scaled import Scaled

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


def settings_of(chosen: Plan) -> RecommendedSettings:
    schedule = chosen.schedule
    K, B = schedule.outer_steps, schedule.batch
    assert schedule.beta_w is not None
    bounds = {name: row.total(K, schedule.effective_batch) for name, row in chosen.rows.items()}
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
    total = terms.total(schedule.outer_steps, schedule.effective_batch)
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
