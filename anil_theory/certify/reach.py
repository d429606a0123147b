"""How far inner iterates go from a box of starts, enclosed: what a claim about constants on a ball needs.

Claim: every start z_0 = (w_0, phi) in a box has |(w_m, phi)| of at most `enclosed_reach`, m = 0..N. It is an upper
bound alone: one beyond a ball shows no iterate that leaves it.

w occurs twice in w - alpha D_w L_S, so that intervals widen it by 1 + alpha L where the step shrinks it by
1 - alpha mu. The mean value form w_m(c) + D w_m (z_0 - c) knows how both terms cancel. It holds where the step is
continuous and piecewise smooth on what the box is enclosed by (see `lipschitz_enclosures`); elsewhere intervals alone
are used. Where starts come from a ball, |z_0| is at most its radius, however far the corners of the boxes are, and
|z_m| <= |z_0| + |w_m - w_0|: the form less w_0 knows how short the way from w_0 is.
"""

import math
from dataclasses import dataclass

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array

from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.certify.enclosures.branches import recorded
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.general_blocks import PARTS, subdivided
from anil_theory.certify.intervals.arrays import matrix_product, summed
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.losses.own_derivatives import with_own_derivative
from anil_theory.certify.losses.refused_rules import refuse_custom_vjp
from anil_theory.certify.search.branch_and_bound import Boxes
from anil_theory.problem import TaskSet
from anil_theory.schedule import Schedule


@np.errstate(all="ignore")
def enclosed_reach(
    tasks: TaskSet, task: int, schedule: Schedule, boxes: Boxes, n_w: int, *, within: float = math.inf
) -> float:
    """At least |(w_m, phi)| for m = 0..N and every start in a box; inf where nothing bounds it.

    within   starts beyond this distance from the origin are left out.

    Raises NoEnclosure for a support loss without one, and Undecided where its control flow depends on the point.
    """
    data = tasks.task(task)
    n = boxes.lower.shape[1]
    refuse_custom_vjp(tasks.losses, data, n_w, n - n_w)

    def step(z: Array) -> Array:
        return inner_loop(tasks.support, z[:n_w], z[n_w:], data, alpha=schedule.one_alpha, inner_steps=1).final

    parts = subdivided(boxes, PARTS)
    nearest = np.clip(0.0, parts.lower, parts.upper)
    parts = parts.take(np.flatnonzero(np.sum(nearest**2, axis=1) <= within**2 * (1 + 1e-12)))
    start = Intervals(parts.lower, parts.upper)
    at = jax.ShapeDtypeStruct((n,), np.float64)
    own = with_own_derivative(step, at)
    program = jax.make_jaxpr(own)(at)
    slope = jax.make_jaxpr(jax.jacfwd(own))(at)
    phi = start.rearranged(lambda e: e[:, n_w:])
    box = start
    form = _MeanValue.at(start, n_w)
    farthest = min(float(np.max(_norms(box))), within)
    for _ in range(schedule.inner_steps):
        with recorded(len(parts.lower)) as branches:
            (stepped,) = run_intervals(program, [box])
        assert isinstance(stepped, Intervals)
        form = form.stepped(program, slope, box, continuous=~branches.jumps)
        w = stepped.meet(form.values(start))
        box = Intervals(*(np.concatenate([getattr(w, end), getattr(phi, end)], axis=1) for end in ("lo", "hi")))
        from_start = Intervals.exact(within) + Intervals.exact(_norms(form.ways(start)))
        norms = np.minimum(_norms(box), np.where(np.isnan(from_start.hi), math.inf, from_start.hi))
        farthest = max(farthest, float(np.max(norms)))
    return farthest


def _norms(vectors: Intervals) -> np.ndarray:
    """At least the length of every vector of each row; inf where nothing bounds it."""
    norms = summed(vectors.squared(), 1).magnitude().sqrt().hi
    return np.where(np.isnan(norms), math.inf, norms)


@dataclass(frozen=True, eq=False)
class _MeanValue:
    """w_m at the centre of every box, and D w_m over the box: NaN where the form does not hold.

    centre   (boxes, n), of z_0;  here  (w_m, phi) from there;  slope  (boxes, n_w, n), over z_0.
    """

    centre: np.ndarray
    here: Intervals
    slope: Intervals

    @classmethod
    def at(cls, start: Intervals, n_w: int) -> "_MeanValue":
        """The form of w_0 = w."""
        centre = start.lo / 2 + start.hi / 2
        number, n = centre.shape
        return cls(centre, Intervals.exact(centre), Intervals.exact(np.tile(np.eye(n)[:n_w], (number, 1, 1))))

    def stepped(self, program: ClosedJaxpr, slope: ClosedJaxpr, box: Intervals, continuous: np.ndarray) -> "_MeanValue":
        """The form of the next iterate; `box` encloses this one, and the step is `continuous` on it."""
        number, n_w, n = self.slope.lo.shape
        try:
            (here,) = run_intervals(program, [self.here])
            (slopes,) = run_intervals(slope, [box])
        except (NoEnclosure, Undecided):
            here = slopes = Intervals.exact(np.array(math.nan))
        assert isinstance(here, Intervals) and isinstance(slopes, Intervals)
        here = here.rearranged(lambda e: np.broadcast_to(e, (number, n_w)))
        slopes = slopes.rearranged(lambda e: np.broadcast_to(e, (number, n_w, n)))
        through_w = matrix_product(slopes.rearranged(lambda e: e[:, :, :n_w]), self.slope)
        direct = slopes.rearranged(lambda e: np.where(np.arange(n) < n_w, 0.0, e))
        chained = (through_w + direct).rearranged(lambda e: np.where(continuous[:, None, None], e, math.nan))
        phi = self.here.rearranged(lambda e: e[:, n_w:])
        both = Intervals(*(np.concatenate([getattr(here, e), getattr(phi, e)], axis=1) for e in ("lo", "hi")))
        return _MeanValue(self.centre, both, chained)

    def values(self, start: Intervals) -> Intervals:
        """What the form says of w_m: NaN where it does not hold."""
        return self.here.rearranged(self._of_w) + self._off_centre(self.slope, start)

    def ways(self, start: Intervals) -> Intervals:
        """What the form says of w_m - w_0: NaN where it does not hold."""
        n_w, n = self.slope.lo.shape[1:]
        of_centre = self.here.rearranged(self._of_w) - Intervals.exact(self._of_w(self.centre))
        return of_centre + self._off_centre(self.slope - Intervals.exact(np.eye(n)[:n_w]), start)

    def _of_w(self, z: np.ndarray) -> np.ndarray:
        return z[:, : self.slope.lo.shape[1]]

    def _off_centre(self, slope: Intervals, start: Intervals) -> Intervals:
        moves = (start - Intervals.exact(self.centre)).rearranged(lambda e: e[:, None, :])
        return summed(slope * moves, 2)
