"""Theorem I for own losses: the population's own lam, V and D0, the settings that they give, and a run at these.

The numbers are those at beta_w = beta_phi = 1, at the alpha and N as studied. First they are estimated at points of the
box that the training run visited, which gives settings. Where certificates are tried, pilots at these settings find the
box that the iterates need, and the numbers are certified there. Steps are then at most so long that none from the box
ends beyond R+, the box with ROOM more on every side, and runs with other seeds are judged by the bound, and watched for
leaving the box. Estimates judge nothing: there are no rows then.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from anil_theory.certify.certificate import BoxRegion
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.general_blocks import subdivided
from anil_theory.certify.population import MOVED_PARTS, CertifiedPopulation, certified
from anil_theory.certify.population_enclosures import PopulationEnclosures
from anil_theory.certify.population_rate import GAP, MEASUREMENT, watched_averages
from anil_theory.certify.search.branch_and_bound import Boxes
from anil_theory.checks import Row
from anil_theory.checks.checking import check_by
from anil_theory.estimators import Effort, NotFinite
from anil_theory.estimators.population_form import DENSE, PopulationForm, population_form
from anil_theory.estimators.visited_box import MARGIN, Corners, expected_box, is_deterministic
from anil_theory.own_losses.auditing import CLOSE
from anil_theory.own_losses.effort import StudyEffort
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.statements.population_rates import population_steps

ROOM = 0.1
"""How far R+ reaches beyond the box of the iterates, in its own widths: the room that a step has."""

MOST_STEPS = 4000
"""Outer steps of the runs, at most: the bound beside them is then that of so many."""

SEEDS = 8
PILOTS = 4
POINTS, FEW_POINTS = 128, 4


@dataclass(frozen=True, eq=False)
class OwnPopulation:
    """Theorem I's numbers of a population of own losses, and what follows.

    curvature, second_moment   lam_1 and V_1: at beta_w = beta_phi = 1, over the boxes;
    local_gap    L_meta at the start less its smallest value on R+;
    known        "certified" where all three are enclosures, or "estimated"; `why_not` says why they are not certified;
    gap_known, gap_reason   the same of `local_gap` alone;
    region       the corners of the box, relative to the start;
    beta, batch, outer_steps   settings by which both blocks come down to eps, as long as the iterates stay in the box;
    bounds       of the squared blocks at these, by block;
    rows         the averages of runs with these settings, or as many of their steps as there is time for, judged; none
                 where the numbers are estimated.
    """

    curvature: float
    second_moment: float
    local_gap: float
    known: str
    why_not: str
    gap_known: str
    gap_reason: str
    region: BoxRegion
    beta: float
    batch: int
    outer_steps: int
    rows: tuple[Row, ...]

    @property
    def plain(self) -> dict[str, Any]:
        """The numbers and the settings as plain values; the rows stand with the others of a study."""
        members = {name: value for name, value in self.__dict__.items() if name not in ("rows", "region")}
        return members | {"lower": list(self.region.lower), "upper": list(self.region.upper)}


def study_population(
    problem: Problem,
    schedule: Schedule,
    visited: Corners,
    eps: float,
    *,
    certify: bool,
    effort: StudyEffort,
    seed: int,
) -> OwnPopulation:
    """The numbers of Theorem I, and settings that reach eps by it at B = 1.

    problem    its points are relative to the start, z_0 = 0;
    schedule   alpha and N;
    visited    the box of the iterates of the training run;
    certify    whether certificates are tried.
    """
    n = problem.n_w + problem.n_phi
    generator = np.random.default_rng([seed, 23])
    estimated = _estimated(problem, schedule, visited, generator)
    region = visited
    why_not = f"no certificates were tried at n_w + n_phi = {n}"
    proofs, longest = None, np.inf
    if certify:
        region = _needed(problem, schedule, visited, estimated, eps, seed)
        estimated = _estimated(problem, schedule, region, generator)
        try:
            proofs, longest = _certified(problem, schedule, region, effort)
            why_not = proofs.why_not or ("" if longest > 0 else "the box has no width where the gradient is not 0")
        except (NoEnclosure, Undecided) as refusal:
            why_not = str(refusal)
    known = proofs is not None and not why_not
    gap_known, gap_reason = _gap_known(proofs, why_not)
    curvature, second_moment, local_gap = (
        (proofs.curvature.high, proofs.second_moment.high, max(proofs.D0.high, 0.0))
        if proofs is not None and known
        else (estimated.curvature, estimated.second_moment, estimated.gap)
    )
    if gap_known == "certified" and proofs is not None:
        local_gap = max(proofs.D0.high, 0.0)
    longest = longest if known else np.inf
    beta, K = _steps(curvature, second_moment, local_gap, eps, longest)
    result = OwnPopulation(
        curvature=curvature,
        second_moment=second_moment,
        local_gap=local_gap,
        known="certified" if known else "estimated",
        why_not="" if known else why_not,
        gap_known=gap_known,
        gap_reason=gap_reason,
        region=BoxRegion(tuple(map(float, region[0])), tuple(map(float, region[1]))),
        beta=beta,
        batch=1,
        outer_steps=K,
        rows=(),
    )
    return replace(result, rows=_rows(problem, schedule, result, seed)) if known else result


@dataclass(frozen=True)
class _Estimates:
    curvature: float
    second_moment: float
    gap: float


def _estimated(problem: Problem, schedule: Schedule, box: Corners, generator: np.random.Generator) -> _Estimates:
    """The numbers at the start and at random points of a box."""
    n = problem.n_w + problem.n_phi
    number = POINTS if n <= DENSE else FEW_POINTS
    lower, upper = box
    points = np.vstack([np.asarray(problem.start), lower + generator.uniform(size=(number, n)) * (upper - lower)])

    def form(at: np.ndarray) -> PopulationForm:
        return population_form(problem, schedule, at, beta_w=1.0, beta_phi=1.0)

    # The start twice: one shape serves both calls where there are few points.
    over = form(points)
    start = form(np.broadcast_to(points[0], points.shape).copy())
    return _Estimates(over.curvature, over.second_moment, max(start.lowest - over.lowest, 0.0))


def _needed(
    problem: Problem, schedule: Schedule, visited: Corners, numbers: _Estimates, eps: float, seed: int
) -> Corners:
    """The box that pilots at the estimated step need; that of the training run where they diverge.

    They take all MOST_STEPS: the estimates know little of how far the minimum is. Their step is the longest that the
    certified numbers, which are larger, can give, so they go as far as what is judged.
    """
    beta, _ = _steps(numbers.curvature, numbers.second_moment, numbers.gap, eps, np.inf)
    run = _run_schedule(problem, schedule, beta, MOST_STEPS)
    pilots = [seed + further for further in range(1, 1 + PILOTS)]
    try:
        lower, upper = expected_box(problem, run, pilots=pilots, seeds=SEEDS)
    except NotFinite:
        return visited
    # Runs that are all equal have a path each for every length of the steps.
    widths = upper - lower if is_deterministic(problem, run) else np.zeros_like(lower)
    return lower - MARGIN * widths, upper + MARGIN * widths


def _run_schedule(problem: Problem, schedule: Schedule, beta: float, K: int) -> Schedule:
    return replace(
        schedule,
        beta_w=beta,
        beta_phi=beta if problem.n_phi else None,
        batch=1,
        outer_steps=min(K, MOST_STEPS),
    )


def _steps(curvature: float, second_moment: float, gap: float, eps: float, longest: float) -> tuple[float, int]:
    """beta and K by Theorem I at B = 1; a flat L_meta allows any step, and one is enough."""
    if curvature <= 0 or second_moment <= 0:
        return (1.0 if np.isinf(longest) else longest), 1
    return population_steps(curvature, second_moment, gap, eps, longest=longest)


def _certified(
    problem: Problem, schedule: Schedule, region: Corners, effort: StudyEffort
) -> tuple[CertifiedPopulation, float]:
    """The certified numbers at steps of length 1, and the longest steps that end in R+ from the box."""
    n = problem.n_w + problem.n_phi
    enclosures = PopulationEnclosures(problem.tasks, schedule, problem.n_w, n)
    inner = Boxes.of(*region)
    room = ROOM * (region[1] - region[0])
    outer = Boxes.of(region[0] - room, region[1] + room)
    steepest = enclosures.largest_gradients(subdivided(inner, MOVED_PARTS))
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.where(steepest > 0, room / steepest, np.inf)
    # Less by more than the rounding of the quotient and of the corners.
    longest = float(np.min(lengths)) * (1 - 1e-9)
    proofs = certified(
        enclosures,
        np.asarray(problem.start),
        inner,
        outer,
        np.ones(n),
        gap=GAP,
        operations=3 * effort.operations,
        seconds=3 * effort.seconds,
    )
    return proofs, longest


def _gap_known(proofs: CertifiedPopulation | None, why_not: str) -> tuple[str, str]:
    """How D0 is known, and why."""
    if proofs is None:
        return "estimated", why_not
    low, high = proofs.D0.low, proofs.D0.high
    if not np.isfinite(high):
        return "estimated", proofs.D0.reason
    if high > CLOSE * max(low, 0.0):
        return "estimated", f"its enclosure, {max(low, 0.0):.3g} to {high:.3g}, is too wide"
    return "certified", "L_meta at the start less its certified minimum on the box that the runs visit"


def _rows(problem: Problem, schedule: Schedule, numbers: OwnPopulation, seed: int) -> tuple[Row, ...]:
    """The averages of runs at the settings, beside the bound of so many steps."""
    run = _run_schedule(problem, schedule, numbers.beta, numbers.outer_steps)
    facts = {
        "curvature": numbers.beta * numbers.curvature,
        "second_moment": numbers.beta * numbers.second_moment,
        "local_gap": numbers.local_gap,
        "enclosed": 1.0,
    }
    # Products of floats round: the bound is a little larger than they are.
    facts = {name: value if name == "enclosed" else float(np.nextafter(value, np.inf)) for name, value in facts.items()}
    remark = f"lam, V and D0 are enclosed on {numbers.region} (checked along the run)"
    measurement = replace(
        MEASUREMENT,
        measure=lambda problem, schedule, effort: watched_averages(
            problem, schedule, effort, numbers.region, remark, average="every"
        ),
        facts=lambda problem, schedule, effort: facts,
    )
    effort = Effort(seed=seed, seeds=SEEDS)
    rows = check_by(STATEMENTS["population"], measurement, problem, run, effort=effort, regime="as studied")
    return tuple(rows)
