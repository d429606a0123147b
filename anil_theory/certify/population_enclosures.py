"""The mean over a population of tasks, enclosed over boxes: its loss, gradients and Hessian for Theorem I.

Claim: over every box that is free of jumps,

    `curvatures`     are at least the largest eigenvalue of D^(1/2) D^2 L_meta D^(1/2), D = diag(weights), at every
                     point where D^2 L_meta exists: almost everywhere, and D L_meta is Lipschitz there;
    `moments`        are at least the mean over tasks of sum_k weights_k g_ik^2;
    `drops`          are at least L_meta(z_0) - L_meta;
    `moved`          holds z - weights g_i(z) for every task i and point z, in every coordinate.

Where the loss or the gradient may jump nothing bounds them: the bound is inf. A loss whose gradient is not what
differentiation of it gives (a rule of its own, a stop_gradient) is refused, because then g is not the gradient of
L_meta. All tasks are interpreted side by side; where a loss does not admit that, one after the other.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array, Float, PyTree

from anil_theory.algorithm._inner_loop import admit_loss, inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.certify.enclosures.branches import recorded
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals.arrays import summed
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.matrices import norms_above
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import interval_program
from anil_theory.certify.lipschitz_enclosures import FieldPrograms, enclosed_intervals, field_programs, pulled_axis
from anil_theory.certify.losses.flat import flat_program
from anil_theory.certify.losses.own_derivatives import differentiates_as_written, with_own_derivative
from anil_theory.certify.losses.plain import plain_program
from anil_theory.certify.losses.refused_rules import refuse_custom_vjp
from anil_theory.certify.search.branch_and_bound import BoxBounds, Boxes
from anil_theory.certify.search.work import cost_of_a_box
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses, TaskSet

BITS = 80
"""The precision of what depends on data alone."""


class _Programs(NamedTuple):
    """Of flat points, for all tasks: the losses (T,), and their gradients (T, n) with two derivatives, as intervals."""

    losses: ClosedJaxpr
    gradients: FieldPrograms

    def converted(self) -> "_Programs":
        return _Programs(interval_program(self.losses), self.gradients.of_intervals())


class PopulationEnclosures:
    """The population at one inner loop. See the module docstring; `weights` are those of the coordinates, (n,).

    Raises NoEnclosure, naming it, for losses with a primitive that has no rule in intervals, with rules of their own
    for derivatives, or whose branches hide an argument.
    """

    def __init__(self, tasks: TaskSet, schedule: Schedule, n_w: int, n: int):
        for task in range(len(tasks)):
            refuse_custom_vjp(tasks.losses, tasks.task(task), n_w, n - n_w)
            _refuse_hidden(tasks, task, n_w, n)
        loop = UnrolledLoop(schedule.one_alpha, schedule.inner_steps)
        try:
            programs = _traced(_together(tasks, loop, n_w, n), n)
            _serves(programs, n)
        except NoEnclosure:
            programs = _traced(_one_by_one(tasks, loop, n_w), n)
            _serves(programs, n)
        self.n = n
        self.tasks = len(tasks)
        self.programs = programs.converted()
        self.cost = cost_of_a_box(programs.losses, *programs.gradients, arithmetic="intervals")
        """How many interval operations a box takes."""

    @np.errstate(all="ignore")
    def losses(self, boxes: Intervals) -> tuple[Intervals, np.ndarray]:
        """L_meta over each box, and where it may jump."""
        with recorded(len(boxes.lo)) as branches:
            (values,) = run_intervals(self.programs.losses, [boxes])
        assert isinstance(values, Intervals)
        mean = self._mean(values.rearranged(lambda e: np.broadcast_to(e, (len(boxes.lo), *e.shape[1:]))))
        return mean, branches.jumps | ~(np.isfinite(mean.lo) & np.isfinite(mean.hi))

    @np.errstate(all="ignore")
    def curvatures(self, weights: Float[np.ndarray, " n"], boxes: Boxes) -> BoxBounds:
        """Bounds of the largest eigenvalue of D^(1/2) D^2 L_meta D^(1/2), at least 0."""
        points = boxes.lower / 2 + boxes.upper / 2
        enclosed = enclosed_intervals(self.programs.gradients, boxes, points)
        jumps = enclosed.jumps | self.losses(Intervals(boxes.lower, boxes.upper))[1]
        roots = Intervals.exact(weights).sqrt()
        outer = roots.rearranged(lambda e: e[:, None]) * roots.rearranged(lambda e: e[None])
        over, here = (outer * self._mean(each) for each in (enclosed.over, enclosed.here))
        unknown = enclosed.unknown | jumps
        high = np.where(unknown, math.inf, np.maximum(largest_eigenvalue_above(over), 0.0))
        low = np.where(unknown, -math.inf, np.maximum(largest_eigenvalue_below(here), 0.0))
        return BoxBounds(high, low, points, pulled_axis(enclosed.pull, boxes), jumps)

    @np.errstate(all="ignore")
    def moments(self, weights: Float[np.ndarray, " n"], boxes: Boxes) -> BoxBounds:
        """Bounds of the mean over tasks of sum_k weights_k g_ik^2."""
        points, moves, here, over, slopes, jumps = self._gradients(boxes)
        scale = Intervals.exact(weights)
        at_point = summed(self._mean(scale * here.squared()), 1)
        plain = summed(self._mean(scale * over.squared()), 1)
        # d/dz_j of sum_k weights_k g_k^2 is 2 sum_k weights_k g_k dg_k/dz_j.
        products = (scale * over).rearranged(lambda e: e[..., None]) * slopes
        rises = summed(self._mean(Intervals.exact(2.0) * products), 1)
        centred = at_point + summed(rises * moves, 1)
        whole = plain.meet(centred)
        pull = rises.magnitude().hi * (boxes.upper - boxes.lower)
        high = np.where(jumps | np.isnan(whole.hi), math.inf, whole.hi)
        return BoxBounds(high, np.where(jumps, -math.inf, at_point.lo), points, pulled_axis(pull, boxes), jumps)

    @np.errstate(all="ignore")
    def drops(self, start: Float[np.ndarray, " n"], boxes: Boxes) -> BoxBounds:
        """Bounds of L_meta(start) - L_meta."""
        points, moves, here, over, slopes, jumps = self._gradients(boxes)
        at_start, _ = self.losses(Intervals.exact(start[None]))
        at_point, _ = self.losses(Intervals.exact(points))
        values, jumping = self.losses(Intervals(boxes.lower, boxes.upper))
        jumps = jumps | jumping
        gradient = self._mean(over)
        # The mean value form, and the second-order one: near a minimum the gradient is small, and the box is not.
        first = at_point + summed(gradient * moves, 1)
        bend = summed(self._mean(slopes) * moves.rearranged(lambda e: e[:, None, :]), 2)
        second = at_point + summed(self._mean(here) * moves, 1) + Intervals.exact(0.5) * summed(bend * moves, 1)
        lowest = values.meet(first).meet(second)
        pull = gradient.magnitude().hi * (boxes.upper - boxes.lower)
        high = np.where(jumps, math.inf, (at_start - lowest).hi)
        low = np.where(jumps, -math.inf, (at_start - at_point).lo)
        return BoxBounds(high, low, points, pulled_axis(pull, boxes), jumps)

    @np.errstate(all="ignore")
    def moved(self, weights: Float[np.ndarray, " n"], boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
        """The corners (n,) of a box that holds z - weights g_i(z) of every task; infinite where nothing bounds g."""
        points, moves, here, over, slopes, jumps = self._gradients(boxes)
        scale = Intervals.exact(weights)
        plain = Intervals(boxes.lower, boxes.upper).rearranged(lambda e: e[:, None]) - scale * over
        # The derivative of the move is I - diag(weights) J.
        carried = Intervals.exact(np.eye(self.n)) - scale.rearranged(lambda e: e[:, None]) * slopes
        change = summed(carried * moves.rearranged(lambda e: e[:, None, None, :]), 3)
        centred = Intervals.exact(points[:, None]) - scale * here + change
        whole = plain.meet(centred)
        known = ~(np.isnan(whole.lo) | np.isnan(whole.hi)) & ~jumps[:, None, None]
        low = np.where(known, whole.lo, -math.inf)
        high = np.where(known, whole.hi, math.inf)
        return low.min(axis=(0, 1)), high.max(axis=(0, 1))

    @np.errstate(all="ignore")
    def largest_gradients(self, boxes: Boxes) -> np.ndarray:
        """At least |g_ik| of every task i over the boxes, by coordinate k, (n,)."""
        _, _, _, over, _, jumps = self._gradients(boxes)
        sizes = over.magnitude().hi
        return np.where(jumps[:, None, None] | np.isnan(sizes), math.inf, sizes).max(axis=(0, 1))

    def _gradients(self, boxes: Boxes) -> tuple[np.ndarray, Intervals, Intervals, Intervals, Intervals, np.ndarray]:
        """(points, box - point, g at the points, g over the boxes, its derivative there, where g may jump)."""
        number = len(boxes.lower)
        points = boxes.lower / 2 + boxes.upper / 2
        both = Intervals(np.concatenate([boxes.lower, points]), np.concatenate([boxes.upper, points]))
        with recorded(2 * number) as branches:
            (values,) = run_intervals(self.programs.gradients.field, [both])
        (slopes,) = run_intervals(self.programs.gradients.first, [Intervals(boxes.lower, boxes.upper)])
        assert isinstance(values, Intervals) and isinstance(slopes, Intervals)
        values = values.rearranged(lambda e: np.broadcast_to(e, (2 * number, *e.shape[1:])))
        slopes = slopes.rearranged(lambda e: np.broadcast_to(e, (number, *e.shape[1:])))
        plain = values.rearranged(lambda e: e[:number])
        here = values.rearranged(lambda e: e[number:])
        moves = Intervals(boxes.lower, boxes.upper) - Intervals.exact(points)
        change = summed(slopes * moves.rearranged(lambda e: e[:, None, None, :]), 3)
        finite = np.isfinite(plain.lo) & np.isfinite(plain.hi)
        jumps = branches.jumps[:number] | ~np.all(finite, axis=(1, 2))
        return points, moves, here, plain.meet(here + change), slopes, jumps

    def _mean(self, each: Intervals) -> Intervals:
        """The mean over the tasks, axis 1."""
        return summed(each, 1) / Intervals.exact(float(self.tasks))


def largest_eigenvalue_above(matrices: Intervals) -> np.ndarray:
    """Upper bounds (boxes,) of the largest eigenvalue of every symmetric matrix in each; inf where nothing is known.

    Of one or two rows it is a formula that increases with the diagonal and with |off-diagonal|. Otherwise it is the
    norm of A + s I, less s, for any s >= 0: the one for which that is the largest eigenvalue of the middles.
    """
    n = matrices.lo.shape[-1]
    known = np.all(np.isfinite(matrices.lo) & np.isfinite(matrices.hi), axis=(1, 2))
    safe = matrices.rearranged(lambda e: np.where(known[:, None, None], e, 0.0))
    if n == 1:
        return np.where(known, safe.hi[:, 0, 0], math.inf)
    if n == 2:
        first, last = (Intervals.exact(safe.hi[:, i, i]) for i in (0, 1))
        # Both are the same number.
        either = safe.rearranged(lambda e: e[:, 0, 1]).meet(safe.rearranged(lambda e: e[:, 1, 0]))
        mixed = Intervals.exact(np.maximum(either.magnitude().hi, 0.0))
        half = Intervals.exact(0.5)
        apart = half * (first - last)
        total = half * (first + last) + (apart.squared() + mixed.squared()).sqrt()
        return np.where(known, total.hi, math.inf)
    middle = (safe.lo + safe.lo.swapaxes(1, 2) + safe.hi + safe.hi.swapaxes(1, 2)) / 4
    values = np.linalg.eigvalsh(middle)
    shift = np.maximum(-(values[:, 0] + values[:, -1]) / 2, 0.0)
    shifted = safe + Intervals.exact(shift[:, None, None] * np.eye(n))
    norms = norms_above(shifted)
    return np.where(known, (Intervals.exact(norms) - Intervals.exact(shift)).hi, math.inf)


def largest_eigenvalue_below(matrices: Intervals) -> np.ndarray:
    """Lower bounds (boxes,): v^T A v/|v|^2 at the eigenvector of the middles, which is a bound for any v."""
    middle = matrices.lo / 2 + matrices.hi / 2
    known = np.all(np.isfinite(middle), axis=(1, 2))
    middle = np.where(known[:, None, None], middle, 0.0)
    vectors = np.linalg.eigh((middle + middle.swapaxes(1, 2)) / 2)[1][:, :, -1]
    v = Intervals.exact(vectors)
    form = v.rearranged(lambda e: e[:, :, None]) * matrices * v.rearranged(lambda e: e[:, None, :])
    quotient = summed(summed(form, 2), 1) / summed(v.squared(), 1)
    return np.where(known & ~np.isnan(quotient.lo), quotient.lo, -math.inf)


Fields = tuple[Callable[[Array], Array], Callable[[Array], Array]]
"""The losses (T,) and the gradients (T, n) of all tasks as functions of a flat point."""


def _together(tasks: TaskSet, loop: UnrolledLoop, n_w: int, n: int) -> Fields:
    """All tasks at once: the data are arguments of the rewritten losses."""
    plain = _plain(tasks, n_w, n)

    def losses(z: Array) -> Array:
        return jax.vmap(lambda data: _loss(plain, z, n_w, data, loop))(tasks.data)

    def gradients(z: Array) -> Array:
        return jax.vmap(lambda data: _gradient(plain, z, n_w, data, loop))(tasks.data)

    return losses, gradients


def _one_by_one(tasks: TaskSet, loop: UnrolledLoop, n_w: int) -> Fields:
    """Each task with its own program, where they have none in common."""
    every = [tasks.task(index) for index in range(len(tasks))]

    def losses(z: Array) -> Array:
        return jnp.stack([_loss(tasks.losses, z, n_w, data, loop) for data in every])

    def gradients(z: Array) -> Array:
        return jnp.stack([_gradient(tasks.losses, z, n_w, data, loop) for data in every])

    return losses, gradients


def _loss(losses: Losses, z: Array, n_w: int, data: PyTree, loop: UnrolledLoop) -> Array:
    adapted = inner_loop(losses.support, z[:n_w], z[n_w:], data, loop)
    return losses.query(adapted.final, z[n_w:], data)


def _gradient(losses: Losses, z: Array, n_w: int, data: PyTree, loop: UnrolledLoop) -> Array:
    return jnp.concatenate(list(meta_gradient(losses, z[:n_w], z[n_w:], data, loop)))


def _plain(tasks: TaskSet, n_w: int, n: int) -> Losses:
    """Both losses rewritten (`losses.plain`) with the data as an argument; the first task's data show their types."""
    first = tasks.task(0)
    w, phi = jnp.zeros(n_w), jnp.zeros(n - n_w)

    def rewritten(name: str, loss: Callable[..., Any]) -> Callable[..., Any]:
        admitted = admit_loss(name, loss, w, phi, first)
        program = plain_program(jax.make_jaxpr(admitted)(w, phi, first), None)
        return lambda w, phi, data: program(*jax.tree.leaves((w, phi, data)))[0]

    return Losses(*(rewritten(name, loss) for name, loss in zip(Losses._fields, tasks.losses, strict=True)))


def _traced(fields: Fields, n: int) -> _Programs:
    losses, gradients = fields
    at = jax.ShapeDtypeStruct((n,), np.float64)
    flat = flat_program(jax.make_jaxpr(with_own_derivative(losses, at))(at), BITS)
    return _Programs(flat, field_programs(gradients, n, BITS))


@np.errstate(all="ignore")
def _serves(programs: _Programs, n: int) -> None:
    """Raise NoEnclosure where intervals have no rule."""

    converted = programs.converted()
    point = Intervals.exact(np.zeros((1, n)))
    for program in (converted.losses, *converted.gradients):
        try:
            run_intervals(program, [point])
        except Undecided as undecided:
            raise NoEnclosure(f"the control flow of the losses depends on the parameters: {undecided}") from undecided


def _refuse_hidden(tasks: TaskSet, task: int, n_w: int, n: int) -> None:
    """Raise NoEnclosure where the gradient of a loss is not what differentiation of it gives."""
    data = tasks.task(task)
    for name, loss in zip(("support", "query"), tasks.losses, strict=True):
        if not differentiates_as_written(lambda z, loss=loss: loss(z[:n_w], z[n_w:], data), n):
            raise NoEnclosure(
                f"the {name} loss has a derivative of its own or a stop_gradient: nothing proves that the "
                "meta-gradient is the gradient of L_meta"
            )
