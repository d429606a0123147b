"""Certified constants of one task on the ball |z| <= R, beside what a search finds and what was derived on paper.

    L     largest norm of D^2 L_S and of D^2 L_D;          M    largest norm of D L_D;
    mu    s - largest norm of s I - D_w^2 L_S, with s = the analytic L (then s I - D_w^2 L_S has no eigenvalue < 0);
    rho   largest norm of D^3 L_S [z; w, w] unfolded to a matrix of n rows; tau: of D^3 L_S [z; w, phi].

Claim: every true constant of the task lies between `lower` (a point that an audit found, in float64) and `upper`
(branch and bound in ball arithmetic); mu the other way round. The norm of an unfolded tensor is at least its norm as a
multilinear form, with equality when the slices have rank one, as for two classes or n_w = 1: elsewhere rho and tau
are certified and perhaps not sharp. The analytic bound is proved too, so the smaller of the two holds.
One box costs tens of milliseconds: a linear body with n = 2 closes in seconds, a softmax head with n = 3 and a
two-layer head with n = 4 end INCONCLUSIVE for L, rho and tau.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np

from anil_theory._admissible import InvalidParameter, positive
from anil_theory.certify.ball_interpreter import run
from anil_theory.certify.balls import Undecided, precision
from anil_theory.certify.branch_and_bound import BoxBounds, Boxes, ClosingStatus, Maximum, maximise, widest_axis
from anil_theory.certify.general_blocks import norm_above, norm_below
from anil_theory.constants import Region
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.constants_audit import audit_constants
from anil_theory.tasks.base import Family, TaskSet

NAMES = ("M", "L", "mu", "rho", "tau")
_BITS = 80


@dataclass(frozen=True)
class CertifiedConstant:
    """One constant of one task on a ball.

    lower     what a search found (for mu: the smallest curvature found, which is above mu);
    upper     certified (for mu: certified to be below mu; it may be negative);
    analytic  what the family declares (NaN for a mu that it does not);
    status    CLOSED, or INCONCLUSIVE with the reason when a budget was used up: `upper` holds all the same.
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

    @property
    def estimate(self) -> Estimate:
        """The certified bound as an UPPER estimate, with which an assumption can be CONFIRMED. Not for mu."""
        if self.name == "mu":
            raise InvalidParameter("name", "a constant that is a supremum", self.name)
        return Estimate(f"constants/{self.name}", self.upper, Direction.UPPER, "branch and bound", samples=self.boxes)


def certify_constants(
    family: Family, tasks: TaskSet, task: int = 0, *, gap: float = 0.1, seconds: float = 60.0, starts: int = 4
) -> dict[str, CertifiedConstant]:
    """The table {name: [lower audit, certified upper, analytic]} of one task of a family on a bounded region.

    gap       relative width at which a search stops;  seconds  budget of all searches together;
    starts    ascents of the audit on the lower side.

    Raises InvalidParameter when the family's region is not bounded, and NoEnclosure for a loss without one.
    """
    region = family.constants.region
    if math.isinf(region.radius):
        raise InvalidParameter("family", "one whose constants hold on a ball", family.name)
    positive("seconds", seconds)
    one = tasks.take(jnp.array([range(len(tasks))[task]]))
    audited = audit_constants(family, one, starts=starts, iterations=60)
    names = [name for name in NAMES if name in audited]
    started, found = time.perf_counter(), {}
    programs = _Derivatives(family, one)
    for i, name in enumerate(names):
        left = max((seconds - (time.perf_counter() - started)) / (len(names) - i), 1e-3)
        maximum = _search(programs, name, region.radius, gap, left)
        found[name] = _row(family, name, audited[name].value, maximum)
    return found


def _row(family: Family, name: str, found: float, maximum: Maximum) -> CertifiedConstant:
    constants = family.constants
    analytic = getattr(constants, name)
    lower, upper = found, maximum.high
    if name == "mu":
        # Both are about s - mu; one more unit in the last place pays for the subtraction.
        lower, upper = constants.L - found, math.nextafter(constants.L - upper, -math.inf)
    rest = (constants.region, maximum.status, maximum.reason, maximum.boxes, maximum.seconds)
    return CertifiedConstant(name, lower, upper, math.nan if analytic is None else analytic, *rest)


class _Derivatives:
    """Derivatives of both losses of order 1 to 4 as jaxprs, traced when they are first asked for."""

    def __init__(self, family: Family, tasks: TaskSet):
        self.n_w, self.n, self.shift = family.n_w, family.n_w + family.n_phi, family.constants.L
        data = tasks.task(0)
        self.losses = [lambda z, loss=loss: loss(z[: self.n_w], z[self.n_w :], data) for loss in tasks.losses]
        self.traced: dict[tuple[int, int], Any] = {}

    def program(self, which: int, order: int) -> Any:
        """D^order of L_S (0) or L_D (1) as a jaxpr."""
        if (which, order) not in self.traced:
            derivative = jax.grad(self.losses[which])
            for _ in range(order - 1):
                derivative = jax.jacfwd(derivative)
            shape = jax.ShapeDtypeStruct((self.n,), np.float64)
            self.traced[which, order] = jax.make_jaxpr(derivative)(shape)
        return self.traced[which, order]

    def evaluate(self, which: int, order: int, z: list[flint.arb]) -> np.ndarray:
        """The derivative in balls; NaN balls where control flow cannot be decided."""
        program = self.program(which, order)
        try:
            (out,) = run(program, [np.array(z, dtype=object)])
        except Undecided:
            return np.full(program.out_avals[0].shape, flint.arb("nan"), dtype=object)
        return np.asarray(out, dtype=object)

    def matrix(self, name: str, derivative: np.ndarray) -> np.ndarray:
        """The matrix whose norm is the constant (see the module docstring)."""
        w, n_w = slice(0, self.n_w), self.n_w
        if name == "M":
            return derivative.reshape(-1, 1)
        if name == "mu":
            shift = np.array([[flint.arb(self.shift * (i == j)) for j in range(n_w)] for i in range(n_w)])
            return shift - derivative[w, w]
        if name == "rho":
            return derivative[:, w, w].reshape(self.n, -1)
        return derivative[:, w, n_w:].reshape(self.n, -1) if name == "tau" else derivative


ORDERS = {"M": 1, "L": 2, "mu": 2, "rho": 3, "tau": 3}
"""Which derivative a constant is about; boxes are narrowed with the next one."""


def _search(programs: _Derivatives, name: str, radius: float, gap: float, seconds: float) -> Maximum:
    reach = np.full(programs.n, radius)
    # Label 0 is L_S, label 1 is L_D.
    labels = {"M": [1], "L": [0, 1]}.get(name, [0])
    region = Boxes.of(np.tile(-reach, (len(labels), 1)), np.tile(reach, (len(labels), 1)), labels)

    def enclose(boxes: Boxes) -> BoxBounds:
        nearest = np.clip(0.0, boxes.lower, boxes.upper)
        middle = boxes.lower / 2 + boxes.upper / 2
        limit = radius * radius
        points = np.where((np.sum(middle**2, axis=1) * (1 + 1e-14) <= limit)[:, None], middle, nearest)
        inside = np.sum(points**2, axis=1) * (1 + 1e-14) <= limit
        dropped = np.sum(nearest**2, axis=1) > limit * (1 + 1e-12)
        high, low, axes = np.full(len(inside), -np.inf), np.full(len(inside), -np.inf), widest_axis(boxes)
        with precision(_BITS):
            for i in np.flatnonzero(~dropped):
                over, here, pull = _enclosed(programs, name, boxes.label[i], boxes.lower[i], boxes.upper[i], points[i])
                high[i] = norm_above(over)
                low[i] = norm_below(here) if inside[i] else -np.inf
                if np.isfinite(pull).all() and pull.any():
                    axes[i] = np.argmax(pull)
        return BoxBounds(high, low, points, axes)

    return maximise(enclose, region, gap=gap, absolute=1e-9, seconds=seconds, max_boxes=100_000, batch=8)


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
