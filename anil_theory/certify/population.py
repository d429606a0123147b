"""The numbers of Theorem I, certified: lam, V and D0 of a population, over a box that holds its iterates.

Let the iterates from which steps are taken lie in a box R, and let R+ be a box that holds R and z - beta g_i(z) for
every z in R and every task i: every step from R ends in R+, and so does the segment to there.

    lam   the largest eigenvalue of D^(1/2) D^2 L_meta D^(1/2) on R+ (of the mean over the tasks), at least 0
    V     the largest mean over tasks of beta_w |g_w|^2 + beta_phi |g_phi|^2 on R
    D0    L_meta(z_0) - the smallest L_meta on R+

Claim: each lies in the interval [low, high] of its search, whatever its status. With them Theorem I holds for the run
that stops where it leaves R: the descent of a step needs lam on its segment and V where it starts, and the last iterate
lies in R+, where L_meta is at least L_meta(z_0) - D0. A run of K steps that stays in R is not stopped. Where R+ = R no
run leaves it (`stays`).

Each search is branch and bound over boxes (`search`), for small dimensions: their number grows as 4^n.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from anil_theory._admissible import InvalidParameter, positive
from anil_theory._display import Displayed, short
from anil_theory.certify.certificate import BoxRegion
from anil_theory.certify.general_blocks import PARTS, subdivided
from anil_theory.certify.population_enclosures import PopulationEnclosures
from anil_theory.certify.search.branch_and_bound import CEILING, BoxBounds, Boxes, Maximum, maximise
from anil_theory.certify.search.polish import Ascent
from anil_theory.certify.search.work import LEAST_SHARE, OPERATIONS, Shares
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet

MOVED_PARTS = 8
"""The box R is cut into so many parts along every axis where the steps from it are enclosed."""

NUMBERS = ("curvature", "second_moment", "D0")


@dataclass(frozen=True, repr=False)
class CertifiedPopulation(Displayed):
    """Theorem I's numbers over the boxes `region` (R) and `reach` (R+), each with both ends of its search.

    curvature, second_moment   in the norm of the steps `weights`, by coordinate.
    """

    curvature: Maximum
    second_moment: Maximum
    D0: Maximum
    region: BoxRegion
    reach: BoxRegion
    weights: tuple[float, ...]

    @property
    def stays(self) -> bool:
        """Whether no step leaves the region, so that every iterate stays in it."""
        return self.reach == self.region

    @property
    def finite(self) -> bool:
        """Whether all three have an upper bound."""
        return all(math.isfinite(getattr(self, name).high) for name in NUMBERS)

    @property
    def why_not(self) -> str:
        """Which of the numbers has no upper bound, and why; empty where all have one."""
        missing = [name for name in NUMBERS if not math.isfinite(getattr(self, name).high)]
        return "; ".join(f"{name}: {getattr(self, name).reason}" for name in missing)

    def _shown(self) -> dict[str, Any]:
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return {name: f"[{short(each.low)}, {short(each.high)}]" for name, each in numbers.items()} | {
            "on": str(self.region)
        }


def certify_population(
    tasks: TaskSet,
    schedule: Schedule,
    start: Sequence[float] | np.ndarray,
    lower: Sequence[float] | np.ndarray,
    upper: Sequence[float] | np.ndarray,
    *,
    n_w: int,
    gap: float = 0.05,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
) -> CertifiedPopulation:
    """lam, V and D0 of Theorem I at the schedule's outer steps, over the box R with the corners `lower` and `upper`.

    tasks       the population; its losses take flat w and phi;
    start       z_0, in the box;
    gap         relative width of each number at which its search stops;
    operations, seconds  the work and the time allowed for all three, in interval operations (`search.work`).

    Raises InvalidParameter for a missing outer step and a box that does not hold the start, and NoEnclosure for losses
    that have none.
    """
    z0 = np.asarray(start, float)
    weights = _weights(schedule, n_w, len(z0))
    region = _box_about(z0, lower, upper)
    enclosures = PopulationEnclosures(tasks, schedule, n_w, len(z0))
    return certified(
        enclosures, z0, region, reach_of(enclosures, weights, region), weights,
        gap=gap, operations=operations, seconds=seconds,
    )  # fmt: skip


def certified(
    enclosures: PopulationEnclosures,
    start: Float[np.ndarray, " n"],
    region: Boxes,
    reach: Boxes,
    weights: Float[np.ndarray, " n"],
    *,
    gap: float,
    operations: float,
    seconds: float,
) -> CertifiedPopulation:
    """The three searches over boxes R and R+ that are known to hold what they have to."""
    work = Shares(positive("operations", operations) * 1.0, len(NUMBERS))
    clock = Shares(positive("seconds", seconds), len(NUMBERS), least=LEAST_SHARE)
    named = {"region": _named(region), "reach": _named(reach), "weights": tuple(weights.tolist())}
    if not np.all(np.isfinite(reach.lower) & np.isfinite(reach.upper)):
        nothing = _nothing("a step has no enclosure, so that nothing holds where it ends")
        return CertifiedPopulation(nothing, nothing, nothing, **named)

    def search(enclose: Callable[[Boxes], BoxBounds], boxes: Boxes) -> Maximum:
        started = time.perf_counter()
        result = maximise(
            enclose,
            subdivided(boxes, PARTS),
            gap=gap,
            absolute=1e-12,
            seconds=clock.next(),
            max_boxes=work.next_boxes(enclosures.cost),
            ascent=Ascent(enclose),
        )
        work.spend(result.boxes * enclosures.cost)
        clock.spend(time.perf_counter() - started)
        return result

    return CertifiedPopulation(
        curvature=search(partial(enclosures.curvatures, weights), reach),
        second_moment=search(partial(enclosures.moments, weights), region),
        D0=search(partial(enclosures.drops, start), reach),
        **named,
    )


def reach_of(enclosures: PopulationEnclosures, weights: Float[np.ndarray, " n"], region: Boxes) -> Boxes:
    """R+ of a box R: the hull of R and of where a step from R may end; unbounded where no step has an enclosure."""
    low, high = enclosures.moved(weights, subdivided(region, MOVED_PARTS))
    lower = np.minimum(region.lower[0], low)
    upper = np.maximum(region.upper[0], high)
    return Boxes(lower[None], upper[None], np.zeros(1, int))


def _weights(schedule: Schedule, n_w: int, n: int) -> Float[np.ndarray, " n"]:
    """The outer step of every coordinate."""
    if schedule.beta_w is None:
        raise InvalidParameter("beta_w", "a finite number > 0", None)
    if schedule.beta_phi is None and n > n_w:
        raise InvalidParameter("beta_phi", "a finite number > 0 unless phi is empty", None)
    return np.concatenate([np.full(n_w, schedule.beta_w), np.full(n - n_w, schedule.beta_phi or 0.0)])


def _box_about(start: np.ndarray, lower: Sequence[float] | np.ndarray, upper: Sequence[float] | np.ndarray) -> Boxes:
    region = Boxes.of(lower, upper, name="region")
    if region.lower.shape != (1, len(start)):
        raise InvalidParameter("region", f"one box: corners of shape ({len(start)},)", region.lower.shape)
    if np.any(start < region.lower[0]) or np.any(start > region.upper[0]):
        raise InvalidParameter("region", f"a box that holds the start {start.tolist()}", str(_named(region)))
    return region


def _named(box: Boxes) -> BoxRegion:
    return BoxRegion(tuple(map(float, box.lower[0])), tuple(map(float, box.upper[0])))


def _nothing(reason: str) -> Maximum:
    """A search that did not begin."""
    from anil_theory.certify.search.branch_and_bound import ClosingStatus, Ended

    status = ClosingStatus.UNDECIDED_BRANCH
    return Maximum(-math.inf, math.inf, (), -1, 0, 0.0, status, reason, Ended.RESOLUTION)
