"""iMAML from the other side: the errors of its gradient and its smoothness, certified over a ball of w_0.

The regularised problem is an exact bilevel one whose outer variable is y = w_0:

    L_S'(w, y) = L_S(w, phi) + lam/2 |w - y|^2,    L_D'(w, y) = L_D(w, phi),    phi held.

Its Hessian in w is H + lam I and its mixed block -lam I, so that the implicit hypergradient at w is statement F's g(w),
and D^2 Phi' is the Hessian of L_D(w*(w_0)). So w* is enclosed as there (`inner_minima`), and so is what is asked of g.

Claim: `upper` is at least the quantity at every w_0 of the ball, for the losses as functions of real numbers:

    slope, smoothness    ||D g|| at w*,  ||D^2 L_D(w*(w_0))||;
    distance             |g(w) - g(w*)| at every w at the distance from w*;
    neumann, cg          |x - g(w*)|, x the solver's after N steps at w* (0 for N >= n_w conjugate gradient steps);
    steps                |g(w_N) - g(w*)|/|D_w L_S(w_0)|.

The last one is a quotient of two numbers that vanish together, where w_0 = w*. Means of Hessians over segments take the
place of both: with H_m the mean of H + lam I from w* to w_m and G that of D g from w* to w_N,

    g(w_N) - g(w*) = G (I - alpha H_(N-1)) .. (I - alpha H_0) H_0^(-1) D_w L_S(w_0),

and each mean lies in the enclosure over the box about its segment.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, one_of, positive
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.exact_objective import BilevelTask, joined
from anil_theory.certify.hypergradient_errors import Errors, contraction, directions, norms_of
from anil_theory.certify.intervals.arrays import matrix_product
from anil_theory.certify.intervals.definite import is_definite, middle, near_inverse, norm, solved_near
from anil_theory.certify.intervals.matrices import norms_above, norms_below
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.phi_search import BilevelCertificate, Limits, Norms, PhiBall, certified, refused
from anil_theory.certify.search.branch_and_bound import CEILING, Boxes
from anil_theory.certify.search.work import OPERATIONS
from anil_theory.estimators.imaml import AT_POINT, CONJUGATE, SERIES, STEPS
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

SLOPE, DISTANCE, SMOOTHNESS = AT_POINT

QUANTITIES = (*AT_POINT, STEPS, SERIES, CONJUGATE)


def certify_implicit_maml(
    losses: Losses,
    data: PyTree,
    schedule: Schedule,
    ball: PhiBall,
    *,
    phi: Sequence[float] = (),
    L: float,
    distance: float = 1.0,
    quantities: Sequence[str] = QUANTITIES,
    gap: float = 0.1,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
) -> dict[str, BilevelCertificate]:
    """The largest errors, and the largest curvature, of one task over a ball of w_0, by quantity.

    schedule     lam, alpha and N;  L   the series has the step 1/(L + lam);
    ball         of w_0;  phi   (n_phi,) where phi is held;
    distance     |w - w*| of "imaml_error/distance";
    quantities   some of QUANTITIES;
    losses, data, gap, operations, seconds   as in `certify_hypergradient_errors`.

    Where there is no bound `upper` is inf and `reason` says why. `reach` is that of (w, phi). Raises InvalidParameter
    for other quantities and a schedule without lam.
    """
    for quantity in quantities:
        one_of("quantities", quantity, QUANTITIES)
    limits = Limits(gap, operations, seconds)
    positive("L", L)
    positive("distance", distance)
    held = np.asarray(phi, float)
    if held.ndim != 1 or not np.all(np.isfinite(held)):
        raise InvalidParameter("phi", "a point phi of finite numbers", phi)
    n_w = len(ball.centre)
    lam = schedule.proximal_weight
    try:
        task = BilevelTask(_regularised(losses, held, lam), data, n_w, ball, ball.centre, None)
    except NoEnclosure as refusal:
        return {quantity: refused(quantity, ball, f"no enclosure: {refusal}") for quantity in quantities}
    certificates = {}
    for quantity in quantities:
        if quantity == CONJUGATE and schedule.inner_steps < n_w:
            reason = f"no enclosure of N = {schedule.inner_steps} < n_w = {n_w} conjugate gradient steps"
            certificates[quantity] = refused(quantity, ball, reason)
            continue
        norms = _Norms(task, schedule, held, L + lam, distance)
        enclose, cost = norms.of(quantity)
        boxes = directions(n_w, ball) if quantity == DISTANCE else ball.box
        try:
            certificates[quantity] = certified(quantity, enclose, ball, boxes, limits, cost=cost)
        except NoEnclosure as refusal:
            certificates[quantity] = refused(quantity, ball, f"no enclosure: {refusal}")
    return certificates


def _regularised(losses: Losses, phi: np.ndarray, lam: float) -> Losses:
    """L_S' and L_D'."""
    held = jnp.asarray(phi)

    def support(w: Array, y: Array, data: PyTree) -> Array:
        return losses.support(w, held, data) + lam / 2 * jnp.sum((w - y) ** 2)

    def query(w: Array, y: Array, data: PyTree) -> Array:
        return losses.query(w, held, data)

    return Losses(support, query)


class _Norms:
    """What is asked of one task, over boxes of w_0 and at a point of each."""

    def __init__(self, task: BilevelTask, schedule: Schedule, phi: np.ndarray, L: float, distance: float):
        self.task = task
        self.schedule = schedule
        self.L = L
        self.distance = distance
        self.held = norm(Intervals.exact(phi[None])) if len(phi) else Intervals.exact(np.zeros(1))

    def of(self, quantity: str) -> tuple[Callable[[Boxes, np.ndarray], Norms], int]:
        """The enclosure of a quantity, and the operations that a box takes."""
        point = ("slope", "slope", "curved", "query")
        programs = self.task.programs
        N = self.schedule.inner_steps
        if quantity == SMOOTHNESS:
            return self.smoothness, programs.cost("slope", "curved", "curved", "bend", "turn")
        if quantity == SLOPE:
            return self.slope, 2 * programs.cost(*point, "drift")
        if quantity == DISTANCE:
            return self.far, 2 * programs.cost(*point, *point)
        if quantity == STEPS:
            return self.steps, 2 * (N + 1) * programs.cost(*point, "curved") + 2 * programs.cost("drift")
        return self._solver(quantity), 2 * programs.cost(*point)

    def smoothness(self, boxes: Boxes, points: np.ndarray) -> Norms:
        """||D^2 L_D(w*(w_0))||."""
        known = self.task.norms_of_hessian(boxes, points)
        _, w, _, _ = self._minima(boxes, points)
        return self._reaching(known, w)

    @np.errstate(all="ignore")
    def slope(self, boxes: Boxes, points: np.ndarray) -> Norms:
        """||D g|| at w*."""
        _, w, z, code = self._minima(boxes, points)
        drift = self.task.programs.over("drift", z)
        at = self._errors("cg", 0).at(z)
        sizes = Intervals(norms_below(drift.values), norms_above(drift.values))
        return self._reaching(norms_of(sizes, norm(w), code, drift.undecided | at.undecided), w)

    def far(self, boxes: Boxes, points: np.ndarray) -> Norms:
        """|g(w) - g(w*)| at the distance: boxes of (y, w_0)."""
        known = self._errors("cg", 0).started(self.distance, boxes, points)
        n_w = self.task.n_w
        lower, upper = np.concatenate([boxes.lower, points]), np.concatenate([boxes.upper, points])
        w, _, _ = self.task.minima(lower[:, n_w:], upper[:, n_w:])
        y = Intervals(lower[:, :n_w], upper[:, :n_w])
        unit = y / norm(y).rearranged(lambda e: e[:, None])
        return self._reaching(known, w, norm(w + Intervals.exact(np.array([[self.distance]])) * unit))

    def _solver(self, quantity: str) -> Callable[[Boxes, np.ndarray], Norms]:
        errors = self._errors("neumann" if quantity == SERIES else "cg", self.schedule.inner_steps)

        def enclose(boxes: Boxes, points: np.ndarray) -> Norms:
            _, w, _, _ = self._minima(boxes, points)
            return self._reaching(errors.solved(boxes, points), w)

        return enclose

    @np.errstate(all="ignore")
    def steps(self, boxes: Boxes, points: np.ndarray) -> Norms:
        """|g(w_N) - g(w*)|/|D_w L_S(w_0)|."""
        y, w, z, code = self._minima(boxes, points)
        errors = self._errors("cg", self.schedule.inner_steps)
        walk = errors.walk(y, y)
        iterates = [each.rearranged(lambda e: e[:, : self.task.n_w]) for each in walk.points]
        undecided = walk.undecided
        product = None
        for iterate in iterates[:-1]:
            second, unclear = errors.second(joined(_hull(w, iterate), y))
            undecided = undecided | unclear
            factor = contraction(second.H, errors.alpha)
            product = _inverse(second.H) if product is None else product
            product = matrix_product(factor, product)
        assert product is not None
        drift = self.task.programs.over("drift", joined(_hull(w, iterates[-1]), y))
        undecided = undecided | drift.undecided
        above = norms_above(matrix_product(drift.values, product))
        end, exact = errors.at(walk.points[-1]), errors.at(z)
        # Where a segment is long the quotient is the closer one, and where it is short the means are.
        change = norm(end.implicit(end.solution()) - exact.implicit(exact.solution()))
        length = norm(self.task.programs.over("slope", joined(y, y)).values)
        solves = is_definite(end.second.H) & is_definite(exact.second.H)
        quotient = change / length
        direct = solves & (length.lo > 0) & ~np.isnan(quotient.hi)
        sizes = Intervals(np.where(direct, quotient.lo, -np.inf), np.where(direct, np.fmin(above, quotient.hi), above))
        undecided = undecided | end.undecided | exact.undecided
        return self._reaching(norms_of(sizes, norm(w), code, undecided), w, *map(norm, (y, *iterates)))

    def _errors(self, way: str, steps: int) -> Errors:
        return Errors(self.task, way, steps=steps, alpha=self.schedule.one_alpha if steps else 1.0, L=self.L)

    def _minima(self, boxes: Boxes, points: np.ndarray) -> tuple[Intervals, Intervals, Intervals, np.ndarray]:
        """Boxes of w_0 and then points; w* over each, and (w*, w_0), and the codes."""
        lower, upper = np.concatenate([boxes.lower, points]), np.concatenate([boxes.upper, points])
        w, z, code = self.task.minima(lower, upper)
        return Intervals(lower, upper), w, z, code

    def _reaching(self, known: Norms, w: Intervals, *lengths: Intervals) -> Norms:
        """The norms with how far (w, phi) goes, in place of (w, w_0)."""
        number = len(known.high)
        every = [norm(w), *lengths]
        farthest = Intervals(*(np.max([getattr(x, side) for x in every], axis=0) for side in ("lo", "hi")))
        reach = (farthest.squared() + self.held.squared()).sqrt()
        return known._replace(reach=reach.hi[:number], reached=reach.lo[number:])


def _inverse(matrix: Intervals) -> Intervals:
    """An enclosure of all inverses; infinite where one of the matrices may be singular."""
    eye = Intervals.exact(np.broadcast_to(np.eye(matrix.lo.shape[1]), matrix.lo.shape))
    return solved_near(matrix, eye, near_inverse(middle(matrix)))


def _hull(a: Intervals, b: Intervals) -> Intervals:
    return Intervals(np.minimum(a.lo, b.lo), np.maximum(a.hi, b.hi))
