"""Certified constants of one task on the ball |z| <= R, beside what a search finds and what was derived on paper.

    L     largest norm of D^2 L_S and of D^2 L_D;          M    largest norm of D L_D;
    mu    s - largest norm of s I - D_w^2 L_S, with s = the analytic L (then s I - D_w^2 L_S has no eigenvalue < 0);
    rho   largest norm of D^3 L_S [z; w, w] unfolded to a matrix of n rows; tau: of D^3 L_S [z; w, phi].

Claim: every true constant of the task lies between `lower` (a point that an audit found, in float64) and `upper`
(branch and bound); mu the other way round. The norm of an unfolded tensor is at least its norm as a
multilinear form, with equality when the slices have rank one, as for two classes or n_w = 1: elsewhere rho and tau
are certified and perhaps not sharp. The analytic bound is proved too, so the smaller of the two holds.
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
from anil_theory.certify.ball_interpreter import run
from anil_theory.certify.balls import Undecided, precision
from anil_theory.certify.branch_and_bound import (
    CEILING,
    BoxBounds,
    Boxes,
    ClosingStatus,
    Ended,
    Maximum,
    maximise,
    widest_axis,
)
from anil_theory.certify.general_blocks import (
    PARTS,
    enclosed_intervals,
    norm_above,
    norm_below,
    pulled_axis,
    serves_intervals,
    subdivided,
)
from anil_theory.certify.interval_matrices import norms_above, norms_below
from anil_theory.certify.interval_values import interval_program
from anil_theory.certify.intervals import Intervals
from anil_theory.certify.plain_losses import plain_losses
from anil_theory.certify.program import flat_program
from anil_theory.certify.refused_rules import refuse_custom_vjp
from anil_theory.certify.work import OPERATIONS, boxes_within
from anil_theory.constants import Region
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.constants_audit import CURVATURE_RANGE, audit_constants
from anil_theory.tasks.base import Family, TaskSet

NAMES = ("M", "L", "mu", "rho", "tau")
MU_FLOOR = 0.01
"""In units of L: a smaller curvature than this is not resolved any further."""
_BITS = 80


@dataclass(frozen=True)
class CertifiedConstant:
    """One constant of one task on a ball.

    lower     what a search found (for mu: the smallest curvature found, which is above mu);
    upper     certified (for mu: certified to be below mu; it may be negative);
    analytic  what the family declares (NaN for a mu that it does not);
    status    CLOSED, or INCONCLUSIVE with the reason when a budget was used up: `upper` holds all the same;
    ended_by  what ended the search: only where it was the clock does the result depend on the machine's load.
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

    @property
    def estimate(self) -> Estimate:
        """The certified bound as an UPPER estimate, with which an assumption can be CONFIRMED. Not for mu."""
        if self.name == "mu":
            raise InvalidParameter("name", "a constant that is a supremum", self.name)
        return Estimate(f"constants/{self.name}", self.upper, Direction.UPPER, "branch and bound", samples=self.boxes)


def certify_constants(
    family: Family,
    tasks: TaskSet,
    task: int = 0,
    *,
    gap: float = 0.1,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
    starts: int = 4,
) -> dict[str, CertifiedConstant]:
    """The table {name: [lower audit, certified upper, analytic]} of one task of a family on a bounded region.

    gap       relative width at which a search stops (of mu: in units of the curvature found);
    operations  the work allowed for each constant, in interval operations (`work`);
    seconds  a ceiling on the time of all searches together: a row says so where it was what ended the search;
    starts    ascents of the audit on the lower side.

    Raises InvalidParameter when the family's region is not bounded, and NoEnclosure for a loss without one.
    """
    region = family.constants.region
    if math.isinf(region.radius):
        raise InvalidParameter("family", "one whose constants hold on a ball", family.name)
    positive("operations", operations)
    positive("seconds", seconds)
    one = tasks.take(jnp.array([range(len(tasks))[task]]))
    refuse_custom_vjp(one.losses, one.task(0), family.n_w, family.n_phi)
    audit = audit_constants(family, one, starts=starts, iterations=60)
    # The audit measures L - mu, a supremum; the row that is certified is that of mu.
    audited = {"mu" if name == CURVATURE_RANGE else name: estimate.value for name, estimate in audit.items()}
    names = [name for name in NAMES if name in audited]
    started, found = time.perf_counter(), {}
    programs = _Derivatives(family, one)
    for i, name in enumerate(names):
        left = max((seconds - (time.perf_counter() - started)) / (len(names) - i), 1e-3)
        # mu is measured as a small difference of large numbers: its own size sets the width to reach.
        size = max(abs(family.constants.L - audited[name]), MU_FLOOR * family.constants.L)
        widths = (0.0, gap * size) if name == "mu" else (gap, 1e-9)
        maximum = _search(programs, name, region.radius, widths, operations, left)
        found[name] = _row(family, name, audited[name], maximum)
    return found


def _row(family: Family, name: str, found: float, maximum: Maximum) -> CertifiedConstant:
    constants = family.constants
    analytic = getattr(constants, name)
    lower, upper = found, maximum.high
    if name == "mu":
        # Both are about s - mu; one more unit in the last place pays for the subtraction.
        lower, upper = constants.L - found, math.nextafter(constants.L - upper, -math.inf)
    rest = (constants.region, maximum.status, maximum.reason, maximum.boxes, maximum.seconds, maximum.ended_by)
    return CertifiedConstant(name, lower, upper, math.nan if analytic is None else analytic, *rest)


class _Derivatives:
    """Derivatives of both losses of order 1 to 4 as jaxprs, traced when they are first asked for."""

    def __init__(self, family: Family, tasks: TaskSet):
        self.n_w, self.n, self.shift = family.n_w, family.n_w + family.n_phi, family.constants.L
        data = tasks.task(0)
        centre = jnp.zeros(self.n)
        plain = plain_losses(tasks.losses, data, centre[: self.n_w], centre[self.n_w :])
        self.losses = [lambda z, loss=loss: loss(z[: self.n_w], z[self.n_w :], data) for loss in plain]
        self.traced: dict[tuple[int, int], Any] = {}
        self.of_intervals: dict[tuple[int, int], Any] = {}

    def program(self, which: int, order: int) -> Any:
        """D^order of L_S (0) or L_D (1) as a jaxpr."""
        if (which, order) not in self.traced:
            derivative = jax.grad(self.losses[which])
            for _ in range(order - 1):
                derivative = jax.jacfwd(derivative)
            shape = jax.ShapeDtypeStruct((self.n,), np.float64)
            self.traced[which, order] = flat_program(jax.make_jaxpr(derivative)(shape), _BITS)
        return self.traced[which, order]

    def interval_program(self, which: int, order: int) -> Any:
        """The same with its constants as intervals."""
        if (which, order) not in self.of_intervals:
            self.of_intervals[which, order] = interval_program(self.program(which, order))
        return self.of_intervals[which, order]

    def evaluate(self, which: int, order: int, z: list[flint.arb]) -> np.ndarray:
        """The derivative in balls; NaN balls where control flow cannot be decided."""
        program = self.program(which, order)
        try:
            (out,) = run(program, [np.array(z, dtype=object)])
        except Undecided:
            return np.full(program.out_avals[0].shape, flint.arb("nan"), dtype=object)
        return np.asarray(out, dtype=object)

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
        return all(serves_intervals(self.interval_program(which, ORDERS[name] + 1), self.n) for which in labels)


ORDERS = {"M": 1, "L": 2, "mu": 2, "rho": 3, "tau": 3}
"""Which derivative a constant is about; boxes are narrowed with the next one."""


def _search(
    programs: _Derivatives, name: str, radius: float, widths: tuple[float, float], operations: float, seconds: float
) -> Maximum:
    """`widths`: relative and absolute, of which one is to be reached."""
    reach = np.full(programs.n, radius)
    # Label 0 is L_S, label 1 is L_D.
    labels = {"M": [1], "L": [0, 1]}.get(name, [0])
    region = Boxes.of(np.tile(-reach, (len(labels), 1)), np.tile(reach, (len(labels), 1)), labels)
    fast = programs.serves_intervals(name, labels)
    of_boxes = partial(_interval_bounds if fast else _ball_bounds, programs, name)

    def enclose(boxes: Boxes) -> BoxBounds:
        nearest = np.clip(0.0, boxes.lower, boxes.upper)
        middle = boxes.lower / 2 + boxes.upper / 2
        limit = radius * radius
        points = np.where((np.sum(middle**2, axis=1) * (1 + 1e-14) <= limit)[:, None], middle, nearest)
        inside = np.sum(points**2, axis=1) * (1 + 1e-14) <= limit
        kept = np.sum(nearest**2, axis=1) <= limit * (1 + 1e-12)
        high, low, axes = np.full(len(inside), -np.inf), np.full(len(inside), -np.inf), widest_axis(boxes)
        for which in np.unique(boxes.label[kept]):
            i = np.flatnonzero(kept & (boxes.label == which))
            high[i], low[i], axes[i] = of_boxes(int(which), boxes.take(i), points[i])
        return BoxBounds(high, np.where(inside, low, -np.inf), points, axes)

    if fast:
        region = subdivided(region, PARTS)
    # The dearer of the losses decides: a search over both cannot tell in advance which of them it will look at.
    kind = "intervals" if fast else "balls"
    orders = (ORDERS[name], ORDERS[name] + 1)
    allowed = min(
        boxes_within(operations, *(programs.program(which, order) for order in orders), arithmetic=kind)
        for which in labels
    )
    return maximise(
        enclose,
        region,
        gap=widths[0],
        absolute=widths[1],
        seconds=seconds,
        max_boxes=min(2_000_000, allowed),
        batch=2048 if fast else 8,
    )


Bounds = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of boxes: at least the norm over each, at most the norm at its point, the axis to cut."""


def _interval_bounds(programs: _Derivatives, name: str, which: int, boxes: Boxes, points: np.ndarray) -> Bounds:
    order = ORDERS[name]
    over, here, pull = enclosed_intervals(
        programs.interval_program(which, order), programs.interval_program(which, order + 1), boxes, points
    )
    above, below = (programs.interval_matrix(name, each) for each in (over, here))
    return norms_above(above), norms_below(below), pulled_axis(pull, boxes)


def _ball_bounds(programs: _Derivatives, name: str, which: int, boxes: Boxes, points: np.ndarray) -> Bounds:
    rows = []
    with precision(_BITS):
        for lower, upper, point in zip(boxes.lower, boxes.upper, points, strict=True):
            over, here, pull = _enclosed(programs, name, which, lower, upper, point)
            rows.append((norm_above(over), norm_below(here), pull))
    high, low, pulls = (np.array(column) for column in zip(*rows, strict=True))
    return high, low, pulled_axis(pulls, boxes)


def _enclosed(
    programs: _Derivatives, name: str, which: int, lower: np.ndarray, upper: np.ndarray, point: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrix over the box (plain evaluation met with the mean value form), at the point, and each axis' share."""
    order = ORDERS[name]
    box = [flint.arb(float(a)).union(flint.arb(float(b))) for a, b in zip(lower, upper, strict=True)]
    centre = [flint.arb(float(x)) for x in point]
    here, plain = (programs.evaluate(which, order, z) for z in (centre, box))
    slopes = programs.evaluate(which, order + 1, box)
    moves = [x - c for x, c in zip(box, centre, strict=True)]
    centred = here + sum(slopes[..., k] * moves[k] for k in range(programs.n))
    over = np.asarray(np.frompyfunc(_meet, 2, 1)(plain, centred))
    pull = np.array([sum(float((abs(t) * moves[k]).rad()) for t in slopes[..., k].flat) for k in range(programs.n)])
    return programs.matrix(name, over), programs.matrix(name, here), pull


def _meet(a: flint.arb, b: flint.arb) -> flint.arb:
    if not (a.is_finite() and b.is_finite()):
        return b if b.is_finite() else a
    return a.intersection(b)
