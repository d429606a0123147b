"""Certified constants of one task on the ball |z| <= R, beside what a search finds and what was derived on paper.

    L     largest norm of D^2 L_S and of D^2 L_D;          M    largest norm of D L_D;
    mu    s - largest norm of s I - D_w^2 L_S, with s = the analytic L (then s I - D_w^2 L_S has no eigenvalue < 0);
    rho   largest norm of D^3 L_S [z; w, w] unfolded to a matrix of n rows; tau: of D^3 L_S [z; w, phi].

Each is the Lipschitz constant of a field (of L_D for M, of a gradient for L, of a Hessian for rho and tau), or for mu
how fast D_w L_S grows: `lipschitz_enclosures` says when its derivative bounds it. A loss with a kink (relu) in the ball
has no such bound: `upper` is inf then (-inf for mu), and the status UNDECIDED_BRANCH.

Claim: every true constant of the task lies between `lower` (a point that an audit found, in float64) and `upper`
(branch and bound); mu the other way round. The norm of an unfolded tensor is at least its norm as a
multilinear form, with equality when the slices have rank one, as for two classes or n_w = 1: elsewhere rho and tau
are certified and perhaps not sharp. The analytic bound is proved too, so the smaller of the two holds; what a family
has only estimated is no bound and is left out of that comparison.
Boxes are enclosed in float64 intervals, thousands at a time, and one by one in balls where an interval has no rule.
"""

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np

from anil_theory._admissible import InvalidParameter, positive
from anil_theory._display import Displayed, short
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.general_blocks import PARTS, norm_above, norm_below, subdivided
from anil_theory.certify.intervals.matrices import norms_above, norms_below
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.lipschitz_enclosures import (
    FieldPrograms,
    enclosed_balls,
    enclosed_intervals,
    field_programs,
    pulled_axis,
    serves_intervals,
)
from anil_theory.certify.losses.plain import plain_losses
from anil_theory.certify.losses.refused_rules import refuse_custom_vjp
from anil_theory.certify.search.branch_and_bound import (
    CEILING,
    BoxBounds,
    Boxes,
    ClosingStatus,
    Ended,
    Maximum,
    maximise,
)
from anil_theory.certify.search.in_ball import in_ball
from anil_theory.certify.search.polish import Ascent, into_ball
from anil_theory.certify.search.work import LEAST_SHARE, OPERATIONS, Shares, cost_of_a_box
from anil_theory.constants import Knowledge, Region
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.constants_audit import CURVATURE_RANGE, audit_constants
from anil_theory.problem import Problem
from anil_theory.tasks.base import Family, TaskSet

NAMES = ("M", "L", "mu", "rho", "tau")
MU_FLOOR = 0.01
"""A curvature below this many times L is not resolved any further."""
_BITS = 80


@dataclass(frozen=True, repr=False)
class CertifiedConstant(Displayed):
    """One constant of one task on a ball.

    lower     what a search found (for mu: the smallest curvature found, which is above mu);
    upper     certified (for mu: certified to be below mu; it may be negative);
    analytic  what the family declares (NaN for a mu that it does not);
    status    CLOSED, or INCONCLUSIVE with the reason when a budget was used up (`upper` holds all the same), or
              UNDECIDED_BRANCH (`upper` is infinite);
    ended_by  what ended the search: only where it was the clock does the result depend on the machine's load;
    known     how the family knows what it declares: an estimate is no bound, so that `best` does not take it;
    rounding_kind   of `lower`, in the words of `Estimate`: a heuristic is no bound of its error.
    """

    name: str
    lower: float
    upper: float
    analytic: float
    region: Region
    status: ClosingStatus
    reason: str
    boxes: int
    seconds: float
    ended_by: Ended = Ended.GAP
    known: Knowledge = Knowledge.UPPER_BOUND
    rounding_kind: str = ""

    def _shown(self) -> dict[str, Any]:
        shown = {"name": self.name, "found": short(self.lower), "certified": short(self.upper), "on": str(self.region)}
        return shown | {"status": self.status.value}

    @property
    def best(self) -> float:
        """The better of the certified and the analytic bound (for mu: the larger); both are proved.

        The certified one where the family declares nothing, or no more than an estimate.
        """
        if math.isnan(self.analytic) or self.known is Knowledge.ESTIMATED:
            return self.upper
        return max(self.upper, self.analytic) if self.name == "mu" else min(self.upper, self.analytic)

    @property
    def best_from(self) -> str:
        """Where `best` comes from: "certified" (branch and bound) or "on paper" (an inequality)."""
        return "certified" if self.best == self.upper else "on paper"

    @property
    def estimate(self) -> Estimate:
        """The certified bound as an UPPER estimate, with which an assumption can be CONFIRMED. Not for mu.

        Never `best`: a declaration on paper cannot confirm itself.
        """
        if self.name == "mu":
            raise InvalidParameter("name", "a constant that is a supremum", self.name)
        return Estimate(f"constants/{self.name}", self.upper, Direction.UPPER, "branch and bound", samples=self.boxes)


def certify_constants(
    family: Family | Problem,
    tasks: TaskSet,
    task: int = 0,
    *,
    gap: float = 0.1,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
    starts: int = 4,
) -> dict[str, CertifiedConstant]:
    """The table {name: [lower audit, certified upper, analytic]} of one task of a family or problem on a ball.

    gap       relative width at which a search stops (of mu: in units of the curvature found);
    operations  the work allowed for each constant, in interval operations (`search.work`); the next share what one
                leaves;
    seconds  a ceiling on the time of all searches together: a row says so where it was what ended the search;
    starts    ascents of the audit on the lower side.

    Raises InvalidParameter when the family's region is not bounded, and NoEnclosure for a loss without one.
    """
    region = family.constants.region
    if math.isinf(region.radius):
        raise InvalidParameter("family", "one whose constants hold on a ball", family.name)
    positive("operations", operations)
    positive("seconds", seconds)
    single = tasks.take(jnp.array([range(len(tasks))[task]]))
    refuse_custom_vjp(single.losses, single.task(0), family.n_w, family.n_phi)
    audit = audit_constants(family, single, starts=starts, iterations=60)
    # The audit measures L - mu, a supremum; the row that is certified is that of mu.
    audited = {"mu" if name == CURVATURE_RANGE else name: estimate for name, estimate in audit.items()}
    names = [name for name in NAMES if name in audited]
    work = Shares(operations * len(names), len(names))
    clock = Shares(seconds, len(names), least=LEAST_SHARE)
    rows = {}
    programs = _Derivatives(family, single)
    for name in names:
        started = time.perf_counter()
        # mu is measured as a small difference of large numbers: its own size sets the width to reach.
        size = max(abs(family.constants.L - audited[name].value), MU_FLOOR * family.constants.L)
        widths = (0.0, gap * size) if name == "mu" else (gap, 1e-9)
        maximum = _search(programs, name, region.radius, widths, work, clock)
        clock.spend(time.perf_counter() - started)
        rows[name] = _row(family, name, audited[name], maximum)
    return rows


def _row(family: Family | Problem, name: str, estimate: Estimate, maximum: Maximum) -> CertifiedConstant:
    constants = family.constants
    analytic = getattr(constants, name)
    lower, upper = estimate.value, maximum.high
    if name == "mu":
        # Both are about s - mu; one more unit in the last place pays for the subtraction.
        lower, upper = constants.L - lower, math.nextafter(constants.L - upper, -math.inf)
    return CertifiedConstant(
        name=name,
        lower=lower,
        upper=upper,
        analytic=math.nan if analytic is None else analytic,
        region=constants.region,
        status=maximum.status,
        reason=maximum.reason,
        boxes=maximum.boxes,
        seconds=maximum.seconds,
        ended_by=maximum.ended_by,
        known=constants.known,
        rounding_kind=estimate.rounding_kind,
    )


class _Derivatives:
    """Derivatives of both losses of order 0 to 4 as jaxprs, traced when they are first asked for."""

    def __init__(self, family: Family | Problem, tasks: TaskSet):
        self.n_w = family.n_w
        self.n = family.n_w + family.n_phi
        self.shift = family.constants.L
        data = tasks.task(0)
        centre = jnp.zeros(self.n)
        plain = plain_losses(tasks.losses, data, centre[: self.n_w], centre[self.n_w :])
        self.losses = [lambda z, loss=loss: loss(z[: self.n_w], z[self.n_w :], data) for loss in plain]
        self.traced: dict[tuple[int, int], FieldPrograms] = {}
        self.converted: dict[tuple[int, int], FieldPrograms] = {}

    def programs(self, name: str, which: int) -> FieldPrograms:
        """The field of L_S (0) or L_D (1) whose Lipschitz constant is sought, and its derivatives."""
        order = ORDERS[name]
        if (which, order) not in self.traced:
            field = self.losses[which]
            if order > 1:
                field = jax.grad(field)
            for _ in range(order - 2):
                field = jax.jacfwd(field)
            self.traced[which, order] = field_programs(field, self.n, _BITS)
        return self.traced[which, order]

    def of_intervals(self, name: str, which: int) -> FieldPrograms:
        """The same programs with their constants as intervals."""
        key = which, ORDERS[name]
        if key not in self.converted:
            self.converted[key] = self.programs(name, which).of_intervals()
        return self.converted[key]

    def part(self, name: str, derivative: np.ndarray) -> np.ndarray:
        """The matrix whose norm is the constant (for mu: before the shift), from the last axes of a derivative."""
        w, n_w = slice(0, self.n_w), self.n_w
        if name == "M":
            return derivative[..., None]
        if name == "mu":
            return derivative[..., w, w]
        if name in ("rho", "tau"):
            third = derivative[..., w, w] if name == "rho" else derivative[..., w, n_w:]
            return third.reshape(*third.shape[:-2], -1)
        return derivative

    def matrix(self, name: str, derivative: np.ndarray) -> np.ndarray:
        """The matrix in balls."""
        part = self.part(name, derivative)
        shift = np.array([[flint.arb(s) for s in row] for row in self.shift * np.eye(self.n_w)])
        return shift - part if name == "mu" else part

    def interval_matrix(self, name: str, derivative: Intervals) -> Intervals:
        """The matrices in intervals, boxes first."""
        part = derivative.rearranged(partial(self.part, name))
        return Intervals.exact(self.shift * np.eye(self.n_w)[None]) - part if name == "mu" else part

    def serves_intervals(self, name: str, labels: list[int]) -> bool:
        """Whether float64 intervals have a rule for all that a constant needs."""
        return all(serves_intervals(self.of_intervals(name, which), self.n) for which in labels)


ORDERS = {"M": 1, "L": 2, "mu": 2, "rho": 3, "tau": 3}
"""Which derivative a constant is about: the one before it is the field whose Lipschitz constant it is."""


def _search(
    programs: _Derivatives, name: str, radius: float, widths: tuple[float, float], work: Shares, clock: Shares
) -> Maximum:
    """Search for the supremum until its enclosure has the relative or the absolute width of `widths`."""
    reach = np.full(programs.n, radius)
    # Label 0 is L_S, label 1 is L_D.
    labels = {"M": [1], "L": [0, 1]}.get(name, [0])
    region = Boxes.of(np.tile(-reach, (len(labels), 1)), np.tile(reach, (len(labels), 1)), labels)
    fast = programs.serves_intervals(name, labels)
    of_boxes = partial(_interval_bounds if fast else _ball_bounds, programs, name)

    def of_every_label(boxes: Boxes, points: np.ndarray) -> BoxBounds:
        high, low = np.empty((2, len(points)))
        axis = np.empty(len(points), int)
        jumps = np.empty(len(points), bool)
        for which in np.unique(boxes.label):
            i = np.flatnonzero(boxes.label == which)
            enclosed = of_boxes(int(which), boxes.take(i), points[i])
            high[i], low[i] = enclosed.high, enclosed.low
            axis[i], jumps[i] = enclosed.axis, enclosed.jumps
        return BoxBounds(high, low, points, axis, jumps)

    enclose = in_ball(of_every_label, radius)
    if fast:
        region = subdivided(region, PARTS)
    # The dearer of the losses decides: a search over both cannot tell in advance which of them it will look at.
    kind = "intervals" if fast else "balls"
    cost = max(cost_of_a_box(*programs.programs(name, which), arithmetic=kind) for which in labels)
    maximum = maximise(
        enclose,
        region,
        gap=widths[0],
        absolute=widths[1],
        seconds=clock.next(),
        max_boxes=min(2_000_000, work.next_boxes(cost)),
        batch=2048 if fast else 8,
        ascent=Ascent(enclose, into_ball(radius)),
    )
    work.spend(maximum.boxes * cost)
    return maximum


def _interval_bounds(programs: _Derivatives, name: str, which: int, boxes: Boxes, points: np.ndarray) -> BoxBounds:
    enclosed = enclosed_intervals(programs.of_intervals(name, which), boxes, points)
    above, below = (programs.interval_matrix(name, each) for each in (enclosed.over, enclosed.here))
    high = np.where(enclosed.unknown, np.inf, norms_above(above))
    low = np.where(enclosed.unknown, -np.inf, norms_below(below))
    return BoxBounds(high, low, points, pulled_axis(enclosed.pull, boxes), enclosed.jumps)


def _ball_bounds(programs: _Derivatives, name: str, which: int, boxes: Boxes, points: np.ndarray) -> BoxBounds:
    highs = []
    lows = []
    pulls = []
    jumps = []
    with precision(_BITS):
        for lower, upper, point in zip(boxes.lower, boxes.upper, points, strict=True):
            enclosed = enclosed_balls(programs.programs(name, which), lower, upper, point)
            over, here = (programs.matrix(name, each) for each in (enclosed.over, enclosed.here))
            highs.append(math.inf if enclosed.unknown else norm_above(over))
            lows.append(-math.inf if enclosed.unknown else norm_below(here))
            pulls.append(enclosed.pull)
            jumps.append(enclosed.jumps)
    axis = pulled_axis(np.array(pulls), boxes)
    return BoxBounds(np.array(highs), np.array(lows), points, axis, np.array(jumps))
