"""Settings for own losses: what a theorem guarantees at their constants, and what their measured blocks suggest.

guaranteed   alpha, beta, N, B, K of `advice.advise`: by Theorem 1 or 2 the averages of the squared gradients are at
             most eps, if the constants hold. Where these are estimated the guarantee is an estimate too, and where they
             are declared and not proved it is none: why_not says which;
population   beta, K and B = 1 of Theorem I, from the population's own numbers at alpha and N as studied (`population`):
             a guarantee for runs that stay in the box, where those numbers are certified;
practical    alpha and N as studied, beta = 1/(its own block + the cross block) with the blocks as measured: the
             step size of the theorems with measured constants in place of their bounds, and the other's beta where a
             block has next to no curvature. This is a
             heuristic, and so it is tried: the same descent with ten times and with a tenth of beta stands beside it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory._plain import to_plain
from anil_theory.advice import advise
from anil_theory.checks import Row
from anil_theory.constants import Constants, Knowledge
from anil_theory.errors import AnilTheoryError
from anil_theory.estimators import Estimate
from anil_theory.own_losses.effort import StudyEffort
from anil_theory.own_losses.following import Followed
from anil_theory.own_losses.population import OwnPopulation, study_population
from anil_theory.own_losses.short_run import descend, gradients_at_start, lowest_query_losses
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

FACTORS = {"as advised": 1.0, "ten times larger": 10.0, "ten times smaller": 0.1}
"""The step sizes that the short run compares."""
TINY = float(np.finfo(float).tiny)
NEGLIGIBLE = 1e-10
"""A block below this share of the other's counts as none: chosen, and far above the rounding of a measured block."""
DESCENT = 200
"""Gradient steps on each query loss, to find how low it goes."""


@dataclass(frozen=True, eq=False)
class StudyAdvice:
    """What to run.

    eps          the accuracy, in units of a squared gradient;
    D0           the initial gap; D0_direction says how it is known: "declared", "certified" or "estimated", and
                 D0_reason why;
    guaranteed   `Advice` as plain values; None where it cannot be computed, and why_not says why;
    population   `OwnPopulation` as plain values, with "fewer_tasks": K B of Theorem J at the same alpha and N over its
                 own, None where J gives no settings there; None where the numbers are not finite, and population_why
                 says so;
    practical    alpha, beta_w, beta_phi, inner_steps, batch, outer_steps (None: eps was not reached in the short run);
    runs         by label: "loss", L_meta at z_0..z_K, and "squared_gradient", of both blocks together;
    sentence     what the short run showed.
    """

    eps: float
    D0: float
    D0_direction: str
    D0_reason: str
    guaranteed: dict[str, Any] | None
    why_not: str
    population: dict[str, Any] | None
    population_why: str
    practical: dict[str, Any]
    runs: dict[str, dict[str, list[float]]]
    sentence: str

    @property
    def works(self) -> bool:
        """Whether L_meta fell in the short run with the practical settings."""
        loss = self.runs["as advised"]["loss"]
        return bool(np.isfinite(loss).all()) and loss[-1] < loss[0]


def advise_own(
    problem: Problem,
    schedule: Schedule,
    run: Followed,
    measured: dict[str, Estimate],
    *,
    accuracy: float,
    eps: float | None,
    query_infimum: float | None,
    certify: bool,
    doubts: str,
    effort: StudyEffort,
    seed: int,
) -> tuple[StudyAdvice, tuple[Row, ...]]:
    """Advice for a problem with its audited constants, from its measured blocks; and the rows of Theorem I.

    accuracy        eps as a share of the larger squared block of the meta-gradient at the start, unless eps is given;
    query_infimum   a number below which no query loss falls; None: certified on the box of the runs where that closes,
                    or else estimated by descending on each query loss;
    certify         whether certificates are tried;
    doubts          why declared constants are not proved; "" where they are.
    """
    slopes = gradients_at_start(problem, schedule)
    mean = slopes.mean(axis=0)
    squares = [float(np.sum(mean[: problem.n_w] ** 2)), float(np.sum(mean[problem.n_w :] ** 2))]
    chosen_eps = accuracy * max(squares) if eps is None else eps
    if chosen_eps <= 0:
        # The start is a stationary point: any accuracy is reached.
        chosen_eps = accuracy * problem.constants.M**2
    beta_w, beta_phi, flat = _betas(measured)
    betas = np.concatenate([np.full(problem.n_w, beta_w), np.full(problem.n_phi, beta_phi)])
    losses, sizes = descend(problem, schedule, np.array(list(FACTORS.values()))[:, None] * betas, effort.short_run)
    runs = {
        label: {"loss": losses[i].tolist(), "squared_gradient": sizes[i].sum(axis=-1).tolist()}
        for i, label in enumerate(FACTORS)
    }
    own, own_why = _own_numbers(problem, schedule, run, chosen_eps, certify=certify, effort=effort, seed=seed)
    D0, direction, reason = _initial_gap(problem, run, float(losses[0, 0]), query_infimum, own)
    fewer = None if own is None else _fewer_tasks(problem, schedule, own, chosen_eps)
    guaranteed, why_not = _guaranteed(problem, chosen_eps, D0, doubts)
    reached = np.flatnonzero(sizes[0].max(axis=-1) <= chosen_eps)
    variance = float(np.mean(np.sum((slopes - mean) ** 2, axis=1)))
    practical = {
        "alpha": schedule.one_alpha,
        "beta_w": beta_w,
        "beta_phi": beta_phi if problem.n_phi else None,
        "inner_steps": schedule.inner_steps,
        "batch": min(len(problem.tasks), max(1, math.ceil(2 * variance / chosen_eps))),
        "outer_steps": int(reached[0]) if len(reached) else None,
    }
    advice = StudyAdvice(
        eps=chosen_eps,
        D0=D0,
        D0_direction=direction,
        D0_reason=reason,
        population=None if own is None else own.plain | {"fewer_tasks": fewer},
        population_why=own_why,
        guaranteed=guaranteed,
        why_not=why_not,
        practical=practical,
        runs=runs,
        sentence=_sentence(runs, effort.short_run) + (_flat_block(flat) if flat and problem.n_phi else ""),
    )
    return advice, () if own is None else own.rows


def _own_numbers(
    problem: Problem, schedule: Schedule, run: Followed, eps: float, *, certify: bool, effort: StudyEffort, seed: int
) -> tuple[OwnPopulation | None, str]:
    """Theorem I on what the training run visited, or why there is nothing to say."""
    outer = run.trajectory.points[:, 0, 0]
    visited = outer.min(axis=0), outer.max(axis=0)
    try:
        own = study_population(problem, schedule, visited, eps, certify=certify, effort=effort, seed=seed)
    except (ArithmeticError, AnilTheoryError) as error:
        return None, f"Theorem I has no numbers here: {error}"
    return own, ""


def _fewer_tasks(problem: Problem, schedule: Schedule, own: OwnPopulation, eps: float) -> float | None:
    """K B of Theorem J at this alpha and N, over that of Theorem I; both with its D0."""
    if problem.n_phi == 0:
        return None
    constants = problem.constants
    try:
        joint = advise(
            constants.mu,
            constants.L,
            constants.rho,
            constants.tau,
            constants.M,
            eps,
            problem.n_w,
            problem.n_phi,
            D0=max(own.local_gap, TINY),
            alpha=schedule.one_alpha,
            inner_steps=schedule.inner_steps,
        ).anil
    except (AnilTheoryError, ArithmeticError):
        return None
    return joint.outer_steps * joint.batch / (own.outer_steps * own.batch)


def _betas(measured: dict[str, Estimate]) -> tuple[float, float, str]:
    """1/(own block + cross block) of w and of phi; and which of them has so little curvature that it limits no step."""
    size = {block: estimate.value for block, estimate in measured.items()}
    w = size["ww"] + size.get("wphi", 0.0)
    phi = size.get("phiphi", 0.0) + size.get("phiw", 0.0)
    # A block without curvature limits no step: the other one's does then.
    largest = max(w, phi)
    fallback = largest if largest > 0 else 1.0
    curved_w = w > NEGLIGIBLE * largest
    curved_phi = phi > NEGLIGIBLE * largest
    flat = "w" if curved_phi and not curved_w else "phi" if curved_w and not curved_phi else ""
    return 1 / (w if curved_w else fallback), 1 / (phi if curved_phi else fallback), flat


def _initial_gap(
    problem: Problem, run: Followed, at_start: float, query_infimum: float | None, own: OwnPopulation | None
) -> tuple[float, str, str]:
    """D0, how it is known, and why: a declared infimum and a certified minimum bound it, a descent estimates it."""
    if query_infimum is not None:
        if query_infimum > at_start:
            raise InvalidParameter("query_infimum", f"at most L_meta at the start, {at_start:.6g}", query_infimum)
        return max(at_start - query_infimum, TINY), "declared", "from the query_infimum that was declared"
    if own is not None and own.gap_known == "certified":
        return max(own.local_gap, TINY), "certified", own.gap_reason
    ends = np.stack([np.zeros_like(problem.start), run.trajectory.points[-1, 0, -1]])
    lowest = lowest_query_losses(problem, 1 / problem.constants.L, ends, DESCENT)
    gap = at_start - float(np.mean(lowest))
    why = "no certificate" if own is None else own.gap_reason
    descended = f"by {DESCENT} gradient steps on each query loss"
    return max(gap, float(np.finfo(float).eps) * max(1.0, abs(at_start))), "estimated", f"{descended}; {why}"


def _guaranteed(problem: Problem, eps: float, D0: float, doubts: str) -> tuple[dict[str, Any] | None, str]:
    constants: Constants = problem.constants
    if problem.n_phi == 0:
        return None, "phi is empty: this is MAML, and the theorems are about ANIL"
    try:
        advice = advise(
            constants.mu,
            constants.L,
            constants.rho,
            constants.tau,
            constants.M,
            eps,
            problem.n_w,
            problem.n_phi,
            D0=D0,
        )
    except (AnilTheoryError, ArithmeticError) as error:
        return None, f"the theorem gives no settings at these constants: {error}"
    estimated = "it rests on constants that are estimated" if constants.known is Knowledge.ESTIMATED else ""
    return to_plain(advice), "; ".join(filter(None, (estimated, doubts)))


def _flat_block(flat: str) -> str:
    """What is said of a block that limits no step."""
    other = "phi" if flat == "w" else "w"
    return (
        f"; the curvature in {flat} is below {NEGLIGIBLE:.0e} of that in {other}, so that beta_{flat} is beta_{other}"
    )


def _sentence(runs: dict[str, dict[str, list[float]]], K: int) -> str:
    """What the short run showed, in words that are computed."""
    ends = {label: run["loss"][-1] for label, run in runs.items()}
    start = runs["as advised"]["loss"][0]
    shown = {label: f"{end:.4g}" if math.isfinite(end) else "a number beyond float64" for label, end in ends.items()}
    parts = [f"in {K} outer steps L_meta goes from {start:.4g} to {shown['as advised']} as advised"]
    parts += [f"to {shown[label]} with a step size {label}" for label in list(FACTORS)[1:]]
    best = min((label for label in ends if math.isfinite(ends[label])), key=lambda label: ends[label], default="none")
    verdict = "the advised step size ends lowest" if best == "as advised" else f"the one {best} ends lowest here"
    return f"{', '.join(parts)}: {verdict}"
