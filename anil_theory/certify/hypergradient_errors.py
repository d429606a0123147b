"""How far hypergradients are from the exact one, certified over a ball of phi: statements C and D from the other side.

Claim: |g_phi - D Phi(phi)| <= `upper` for every phi of the ball and every w_0 at the given distance from w*(phi), with
g_phi as in `estimators.hypergradients`: N inner steps, and as many terms of a series, or conjugate gradient steps.
Derivatives are those of the losses as functions of real numbers, and so are the steps: no rounding is looked at.

From w* every iterate is w*, so that with T = I - step H the error is |C H^(-1) T^N p| there, both for the unrolled
gradient (step alpha) and for the series (step 1/L). N >= n_w conjugate gradient steps solve H x = p: the error from w*
is 0. Elsewhere w_0 = w* + d y/|y|, y on the surface of a cube, and the iterates are enclosed step by step,

    w_(m+1) in w - alpha D_w L_S(w, phi_c) + (I - alpha H)(W_m - w) - alpha C^T (P - phi_c),   w the middle of W_m,

so that boxes shrink as the iterates do. The search is over y and phi: of n_w - 1 + n_phi dimensions, or n_phi from w*.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import one_of, positive
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.exact_objective import BilevelTask, joined
from anil_theory.certify.inner_minima import Code
from anil_theory.certify.intervals.definite import is_definite, middle, near_inverse, norm, solved_near, times
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.phi_search import BilevelCertificate, Limits, Norms, PhiBall, certified, refused
from anil_theory.certify.search.branch_and_bound import CEILING, Boxes
from anil_theory.certify.search.work import OPERATIONS
from anil_theory.estimators.hypergradients import ERRORS
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses


def certify_hypergradient_errors(
    losses: Losses,
    data: PyTree,
    schedule: Schedule,
    ball: PhiBall,
    *,
    n_w: int,
    L: float,
    distance: float = 1.0,
    quantities: Sequence[str] = ERRORS,
    start: Sequence[float] | None = None,
    mu: float | None = None,
    gap: float = 0.1,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
) -> dict[str, BilevelCertificate]:
    """The largest errors of one task over a ball of phi, by quantity.

    schedule     alpha and N;  L   the series has the step 1/L;
    distance     |w_0 - w*(phi)| of the quantities that end with "started";
    quantities   some of `estimators.hypergradients.ERRORS`;
    operations, seconds   for each of them;  losses, data, ball, n_w, start, mu, gap   as in `certify_exact_objective`.

    Where there is no bound `upper` is inf and `reason` says why: beside the reasons of `certify_exact_objective`, there
    is none for fewer conjugate gradient steps than n_w. Raises InvalidParameter for other quantities.
    """
    for quantity in quantities:
        one_of("quantities", quantity, ERRORS)
    limits = Limits(gap, operations, seconds)
    positive("L", L)
    positive("distance", distance)
    try:
        task = BilevelTask(losses, data, n_w, ball, start, mu)
    except NoEnclosure as refusal:
        return {quantity: refused(quantity, ball, f"no enclosure: {refusal}") for quantity in quantities}
    certificates = {}
    for quantity in quantities:
        way, _, where = quantity.partition("_error/")
        if way == "cg" and schedule.inner_steps < n_w:
            reason = f"no enclosure of N = {schedule.inner_steps} < n_w = {n_w} conjugate gradient steps"
            certificates[quantity] = refused(quantity, ball, reason)
            continue
        errors = Errors(task, way, steps=schedule.inner_steps, alpha=schedule.one_alpha, L=L)
        cube = directions(n_w, ball) if where == "started" else ball.box
        enclose = partial(errors.started, distance) if where == "started" else errors.solved
        try:
            certificates[quantity] = certified(quantity, enclose, ball, cube, limits, cost=errors.cost)
        except NoEnclosure as refusal:
            certificates[quantity] = refused(quantity, ball, f"no enclosure: {refusal}")
    return certificates


def directions(n_w: int, ball: PhiBall) -> Boxes:
    """The surface of the cube [-1, 1]^n_w, face by face, times the cube about the ball."""
    lower, upper = [], []
    for axis in range(n_w):
        for side in (-1.0, 1.0):
            low, high = -np.ones(n_w), np.ones(n_w)
            low[axis] = high[axis] = side
            lower.append(np.concatenate([low, ball.box.lower[0]]))
            upper.append(np.concatenate([high, ball.box.upper[0]]))
    return Boxes.of(np.array(lower), np.array(upper))


class Second(NamedTuple):
    """H and C over boxes of (w, phi)."""

    H: Intervals
    C: Intervals


class Point(NamedTuple):
    """p, q, H and C over boxes of (w, phi), and where a branch is undecided."""

    p: Intervals
    q: Intervals
    second: Second
    undecided: np.ndarray

    def solution(self) -> Intervals:
        """H^(-1) p."""
        H = self.second.H
        right = self.p.rearranged(lambda e: e[:, :, None])
        return solved_near(H, right, near_inverse(middle(H))).rearranged(lambda e: e[:, :, 0])

    def implicit(self, x: Intervals) -> Intervals:
        """q - C x."""
        return self.q - times(self.second.C, x)


class Walk(NamedTuple):
    """An inner loop: the boxes of (w_m, phi) for m = 0..N, H and C at the first N, where a branch is undecided."""

    points: list[Intervals]
    seconds: list[Second]
    undecided: np.ndarray


class Errors:
    """One way to a hypergradient, and its error over boxes.

    way     "unrolled", "neumann" or "cg";
    steps   of the inner loop, and of the solver; 0: a start is where the loop ends;
    alpha   step size of the inner loop;  L   the series has the step 1/L.
    """

    def __init__(self, task: BilevelTask, way: str, *, steps: int, alpha: float, L: float):
        self.task = task
        self.way = way
        self.N = steps
        self.alpha = Intervals.exact(np.array([[alpha]]))
        self.step = Intervals.exact(np.ones((1, 1))) / Intervals.exact(np.array([[L]]))

    @property
    def cost(self) -> int:
        """Operations of one box: it is enclosed along the loop, and so is a point of it."""
        return 2 * (self.N + 1) * self.task.programs.cost("slope", "slope", "curved", "query")

    @np.errstate(all="ignore")
    def solved(self, boxes: Boxes, points: np.ndarray) -> Norms:
        """From w*: boxes of phi."""
        lower, upper = np.concatenate([boxes.lower, points]), np.concatenate([boxes.upper, points])
        _, z, code = self.task.minima(lower, upper)
        at = self.at(z)
        if self.way == "cg":
            nothing = Intervals.exact(np.zeros(len(lower)))
            return norms_of(nothing, norm(z), code, at.undecided)
        factor = contraction(at.second.H, self.alpha if self.way == "unrolled" else self.step)
        x = at.solution()
        for _ in range(self.N):
            x = times(factor, x)
        return norms_of(norm(times(at.second.C, x)), norm(z), code, at.undecided)

    @np.errstate(all="ignore")
    def started(self, distance: float, boxes: Boxes, points: np.ndarray) -> Norms:
        """From the distance: boxes of (y, phi)."""
        lower, upper = np.concatenate([boxes.lower, points]), np.concatenate([boxes.upper, points])
        n_w = self.task.n_w
        y, phi = (Intervals(lower[:, part], upper[:, part]) for part in (slice(0, n_w), slice(n_w, None)))
        best, z, code = self.task.minima(phi.lo, phi.hi)
        unit = y / norm(y).rearranged(lambda e: e[:, None])
        walk = self.walk(best + Intervals.exact(np.array([[distance]])) * unit, phi)
        end = self.at(walk.points[-1])
        exact = self.at(z)
        error = norm(self._hypergradient(walk, end) - exact.implicit(exact.solution()))
        if self.way == "cg":
            # Conjugate gradients solve H x = p where H is positive definite, and w_N lies outside the box of w*.
            solves = is_definite(end.second.H)
            error = Intervals(np.where(solves, error.lo, -np.inf), np.where(solves, error.hi, np.inf))
        lengths = [norm(each) for each in (z, *walk.points)]
        reach = Intervals(*(np.max([getattr(x, side) for x in lengths], axis=0) for side in ("lo", "hi")))
        return norms_of(error, reach, code, walk.undecided | end.undecided | exact.undecided)

    def at(self, z: Intervals) -> Point:
        """The derivatives over boxes of (w, phi)."""
        n_w = self.task.n_w
        query = self.task.programs.over("query", z)
        second, undecided = self.second(z)
        p, q = (query.values.rearranged(lambda e, at=at: e[:, at]) for at in (slice(0, n_w), slice(n_w, None)))
        return Point(p, q, second, query.undecided | undecided)

    def second(self, z: Intervals) -> tuple[Second, np.ndarray]:
        """H and C over boxes of (w, phi), and where a branch is undecided."""
        n_w = self.task.n_w
        curved = self.task.programs.over("curved", z)
        H = curved.values.rearranged(lambda e: e[:, :, :n_w])
        C = curved.values.rearranged(lambda e: e[:, :, n_w:].swapaxes(1, 2))
        return Second(H, C), curved.undecided | self.task.programs.over("slope", z).undecided

    def walk(self, w: Intervals, phi: Intervals) -> Walk:
        """The iterates from boxes of w over those of phi, each from the middle of the box of the one before."""
        phi_c = Intervals.exact(middle(phi))
        spread = phi - phi_c
        points, seconds, undecided = [joined(w, phi)], [], np.zeros(len(phi.lo), bool)
        for _ in range(self.N):
            second, undecided_there = self.second(points[-1])
            centre = Intervals.exact(middle(w))
            slope = self.task.programs.over("slope", joined(centre, phi_c)).values
            mixed = second.C.rearranged(lambda e: e.swapaxes(1, 2))
            moved = times(contraction(second.H, self.alpha), w - centre) - self.alpha * times(mixed, spread)
            w = centre - self.alpha * slope + moved
            seconds.append(second)
            points.append(joined(w, phi))
            undecided |= undecided_there
        return Walk(points, seconds, undecided)

    def _hypergradient(self, walk: Walk, end: Point) -> Intervals:
        if self.way == "unrolled":
            v, g = end.p, end.q
            for second in reversed(walk.seconds):
                g = g - self.alpha * times(second.C, v)
                v = times(contraction(second.H, self.alpha), v)
            return g
        if self.way == "cg":
            return end.implicit(end.solution())
        factor = contraction(end.second.H, self.step)
        x = Intervals.exact(np.zeros_like(end.p.lo))
        for _ in range(self.N):
            x = times(factor, x) + self.step * end.p
        return end.implicit(x)


def contraction(H: Intervals, step: Intervals) -> Intervals:
    """I - step H."""
    eye = Intervals.exact(np.eye(H.lo.shape[1])[None])
    return eye - step.rearranged(lambda e: e[:, :, None]) * H


def norms_of(sizes: Intervals, reach: Intervals, code: np.ndarray, undecided: np.ndarray) -> Norms:
    """The norms over boxes, and at the points that come behind them."""
    number = len(code) // 2
    code = np.where(undecided & (code == Code.ENCLOSED), Code.UNDECIDED, code)
    high = np.where(np.isnan(sizes.hi), np.inf, sizes.hi)[:number]
    low = np.where(code[number:] == Code.ENCLOSED, sizes.lo[number:], -np.inf)
    return Norms(high, low, code[:number], reach.hi[:number], reach.lo[number:])
