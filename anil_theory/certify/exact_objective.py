"""The Hessian of the exact bilevel objective, certified over a ball of phi: statement E from the other side.

    Phi(phi) = L_D(w*(phi), phi),   w*(phi) = argmin_w L_S(w, phi)

Claim: ||D^2 Phi(phi)|| <= `upper` at every phi of the ball, for the losses as functions of real numbers. w* is enclosed
box by box (`inner_minima`), and D^2 Phi by its formula (`task_programs`) over W x P, met with the mean value form
D^2 Phi(phi_c) + D^3 Phi(P)(phi - phi_c). The search is over phi alone.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory._precision import require_float64
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.inner_minima import Code, InnerMinima, enclose_minima, near_minima
from anil_theory.certify.intervals.arrays import summed
from anil_theory.certify.intervals.definite import norm
from anil_theory.certify.intervals.matrices import norms_above, norms_below
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.phi_search import BilevelCertificate, Limits, Norms, PhiBall, certified, refused
from anil_theory.certify.search.branch_and_bound import CEILING, Boxes
from anil_theory.certify.search.work import OPERATIONS
from anil_theory.certify.task_programs import TaskPrograms
from anil_theory.estimators.hypergradients import SMOOTHNESS
from anil_theory.tasks.base import Losses

KEPT = 8
"""Batches of enclosed minima that are kept: the errors of several hypergradients begin with the same boxes."""


def certify_exact_objective(
    losses: Losses,
    data: PyTree,
    ball: PhiBall,
    *,
    n_w: int,
    start: Sequence[float] | None = None,
    mu: float | None = None,
    gap: float = 0.05,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
) -> BilevelCertificate:
    """The largest ||D^2 Phi|| of one task over a ball of phi.

    losses, data   (L_S, L_D) with arrays w of shape (n_w,) and phi, and the data of one task (taken as exact);
    start          (n_w,) where the search for w* begins; left out: 0. No claim depends on it;
    mu             a strong convexity of L_S in w that is proved everywhere, if there is one: w* is then enclosed in
                   boxes where Krawczyk's operator does not contract. Left out, nothing is taken on trust;
    gap, operations, seconds   as in `certify_hessian_blocks_general`.

    Where there is no bound `upper` is inf and `reason` says why: the operator does not contract, no certified mu, an
    undecided branch, a primitive without a rule. Raises InvalidParameter for a start of another size.
    """
    limits = Limits(gap, operations, seconds)
    try:
        task = BilevelTask(losses, data, n_w, ball, start, mu)
        cost = task.programs.cost("slope", "curved", "curved", "bend", "turn")
        return certified(SMOOTHNESS, task.norms_of_hessian, ball, ball.box, limits, cost=cost)
    except NoEnclosure as refusal:
        return refused(SMOOTHNESS, ball, f"no enclosure: {refusal}")


class BilevelTask:
    """The programs of one task, and w* over boxes of phi."""

    def __init__(
        self,
        losses: Losses,
        data: PyTree,
        n_w: int,
        ball: PhiBall,
        start: Sequence[float] | None,
        mu: float | None,
    ):
        require_float64("data", data)
        n_w = count("n_w", n_w)
        first = np.zeros(n_w) if start is None else np.asarray(start, float)
        if first.shape != (n_w,) or not np.all(np.isfinite(first)):
            raise InvalidParameter("start", f"a point w of {n_w} finite numbers", start)
        self.n_w = n_w
        self.mu = None if mu is None else positive("mu", mu)
        self._kept: dict[bytes, InnerMinima] = {}
        self.programs = TaskPrograms(losses, data, n_w, len(ball.centre))
        self.start = near_minima(self.programs, np.array([ball.centre]), first)[0]

    def minima(self, lower: np.ndarray, upper: np.ndarray) -> tuple[Intervals, Intervals, np.ndarray]:
        """The boxes of w*, those of (w*, phi), and the codes."""
        key = lower.tobytes() + upper.tobytes()
        if key not in self._kept:
            if len(self._kept) == KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = enclose_minima(self.programs, lower, upper, self.start, mu=self.mu)
        minima = self._kept[key]
        return minima.w, joined(minima.w, Intervals(lower, upper)), minima.code

    @np.errstate(all="ignore")
    def norms_of_hessian(self, boxes: Boxes, points: np.ndarray) -> Norms:
        """||D^2 Phi|| over boxes of phi and at a point of each."""
        number = len(points)
        lower, upper = np.concatenate([boxes.lower, points]), np.concatenate([boxes.upper, points])
        _, z, code = self.minima(lower, upper)
        bend = self.programs.over("bend", z)
        over, here = (bend.values.rearranged(part) for part in (lambda e: e[:number], lambda e: e[number:]))
        turn = self.programs.over("turn", z.rearranged(lambda e: e[:number]))
        spread = Intervals(boxes.lower, boxes.upper) - Intervals.exact(points)
        change = turn.values * spread.rearranged(lambda e: e[:, None, None, :])
        centred = here + summed(change, 3)
        both = over.meet(centred)
        smooth = (~turn.undecided & ~bend.undecided[:number] & (code[number:] == Code.ENCLOSED))[:, None, None]
        narrow = Intervals(np.where(smooth, both.lo, over.lo), np.where(smooth, both.hi, over.hi))
        jumps = bend.undecided | self.programs.over("query", z).undecided
        code = np.where((code == Code.ENCLOSED) & jumps, Code.UNDECIDED, code)
        low = np.where(code[number:] == Code.ENCLOSED, norms_below(here), -np.inf)
        pull = np.sum(change.hi - change.lo, axis=(1, 2))
        far = norm(z)
        return Norms(norms_above(narrow), low, code[:number], far.hi[:number], far.lo[number:], pull)


def joined(w: Intervals, phi: Intervals) -> Intervals:
    """The boxes of (w, phi)."""
    return Intervals(np.concatenate([w.lo, phi.lo], axis=1), np.concatenate([w.hi, phi.hi], axis=1))
