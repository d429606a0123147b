"""Where the inner minimum w*(phi) = argmin_w L_S(w, phi) is, enclosed for whole boxes of phi.

Claim, for a box P of phi whose code is ENCLOSED: for every phi in P the box W of w holds exactly one stationary point
of L_S(., phi), that point lies in `w`, and L_S(., phi) is strictly convex on W. So it is the minimum over W; where L_S
is strongly convex in w on a convex set that holds W (Definition 2), it is w*(phi).

Krawczyk's operator, about the curve c + J (phi - phi_c) with J = -Y C^T that w* follows to first order, v in V:

    K(V) = -Y [D_w L_S(c, phi_c) + (H J + C^T)(P - phi_c)] + (I - Y H) V,    W = c + J (P - phi_c) + V,

H and C^T enclosed over W x P, Y a float64 inverse of H at the centre. If K(V) lies in the interior of V, the map
v - Y D_w L_S maps V into itself for every phi (existence, Brouwer), and every matrix Y H has an inverse, because
|I - Y H| rad V <= rad K(V) < rad V (uniqueness). H is symmetric, nowhere singular on the connected set W x P, and
positive definite at the centre (all pivots are): then it is so everywhere.

With a strong convexity mu that is proved on the whole space, no test is needed: |w* - w| <= |D_w L_S(w)|/mu.

Source: R. Krawczyk 1969; R. E. Moore, R. B. Kearfott, M. J. Cloud, Introduction to Interval Analysis, chapter 8.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from anil_theory.certify.intervals.arrays import matrix_product
from anil_theory.certify.intervals.definite import is_definite, middle, near_inverse, norm, times
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.task_programs import TaskPrograms

ROUNDS = 6
"""Boxes V that are tried, each the image of the one before, inflated."""

NEWTON = 40
"""Damped Newton steps from the start at most."""


class Code(IntEnum):
    """What became of a box, the first obstacle that was met."""

    ENCLOSED = 0
    UNDECIDED = 1
    NOT_CONVEX = 2
    NO_CONTRACTION = 3


REASONS = {
    Code.ENCLOSED: "",
    Code.UNDECIDED: "a branch of the support loss stays undecided",
    Code.NOT_CONVEX: "the Hessian of the support loss is not proved positive definite: mu is not certified",
    Code.NO_CONTRACTION: "Krawczyk's operator does not contract",
}


class InnerMinima(NamedTuple):
    """Enclosures for n boxes of phi.

    w        (n, n_w) holds w*(phi) for every phi of the box; NaN where that is not proved;
    code     (n,) see Code.
    """

    w: Intervals
    code: np.ndarray

    @property
    def enclosed(self) -> np.ndarray:
        return self.code == Code.ENCLOSED


class _Chart(NamedTuple):
    """The centre of each box, and the line through it that w* follows to first order."""

    w: np.ndarray
    phi: np.ndarray
    inverse: np.ndarray
    moves: np.ndarray
    slope: Intervals
    definite: np.ndarray


def near_minima(programs: TaskPrograms, phi: np.ndarray, start: np.ndarray) -> np.ndarray:
    """w*(phi) (n, n_w) up to rounding, by damped Newton steps from one start; no proof of anything."""
    w = np.broadcast_to(np.asarray(start, float), (len(phi), programs.n_w)).copy()
    size = np.ones(len(phi))
    slope, curved = _at(programs, w, phi)
    length = np.linalg.norm(slope, axis=1)
    for _ in range(NEWTON):
        step = np.einsum("bij,bj->bi", near_inverse(curved[:, :, : programs.n_w]), slope)
        trial = w - size[:, None] * step
        slope_there, curved_there = _at(programs, trial, phi)
        length_there = np.linalg.norm(slope_there, axis=1)
        # A step that is worth its size: at the minimum rounding decides, and no step is.
        better = length_there < (1 - size / 4) * length
        if not better.any() and np.all(size <= 0.25):
            break
        w = np.where(better[:, None], trial, w)
        slope = np.where(better[:, None], slope_there, slope)
        curved = np.where(better[:, None, None], curved_there, curved)
        length = np.where(better, length_there, length)
        size = np.where(better, np.minimum(1.0, 2 * size), size / 4)
    return w


def _at(programs: TaskPrograms, w: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = Intervals.exact(np.concatenate([w, phi], axis=1))
    return middle(programs.over("slope", z).values), middle(programs.over("curved", z).values)


@np.errstate(all="ignore")
def enclose_minima(
    programs: TaskPrograms, lower: np.ndarray, upper: np.ndarray, start: np.ndarray, *, mu: float | None = None
) -> InnerMinima:
    """Enclose w* over boxes of phi.

    lower, upper   (n, n_phi) the corners;
    start          (n_w,) where the search for the centres begins;
    mu             a strong convexity of L_S(., phi) that is proved for all w and all phi of the boxes: with it w* is
                   enclosed even where Krawczyk's operator does not contract.
    """
    box = Intervals(lower, upper)
    chart = _chart(programs, lower / 2 + upper / 2, start)
    spread = box - Intervals.exact(chart.phi)
    line = Intervals.exact(chart.w) + times(Intervals.exact(chart.moves), spread)
    number, n_w = len(lower), programs.n_w
    contracts = np.zeros(number, bool)
    image, undecided, value = _krawczyk(programs, chart, box, spread, line, Intervals.exact(np.zeros((number, n_w))))
    radius = None if mu is None else (norm(value) / Intervals.exact(np.array([mu]))).hi[:, None]
    V = _inflated(image, chart.w)
    for _ in range(ROUNDS):
        image, undecided_there, _ = _krawczyk(programs, chart, box, spread, line, V)
        inside = np.all((V.lo < image.lo) & (image.hi < V.hi), axis=1) & ~undecided_there
        settled = contracts | inside
        undecided = np.where(contracts, undecided, undecided_there)
        narrower, wider = image.meet(V), _inflated(image, chart.w)
        V = Intervals(
            np.where(settled[:, None], narrower.lo, wider.lo),
            np.where(settled[:, None], narrower.hi, wider.hi),
        )
        if contracts.all():
            break
        contracts = settled
    contracts &= chart.definite
    proved = contracts
    if radius is not None:
        V = Intervals(
            np.where(contracts[:, None], np.fmax(V.lo, -radius), -radius),
            np.where(contracts[:, None], np.fmin(V.hi, radius), radius),
        )
        proved = contracts | (~undecided & np.isfinite(radius[:, 0]))
    code = np.where(proved, Code.ENCLOSED, np.where(chart.definite, Code.NO_CONTRACTION, Code.NOT_CONVEX))
    code = np.where(~proved & undecided, Code.UNDECIDED, code)
    w = line + V
    unknown = np.where(proved, 0.0, np.nan)[:, None]
    return InnerMinima(Intervals(w.lo + unknown, w.hi + unknown), code)


def _chart(programs: TaskPrograms, phi: np.ndarray, start: np.ndarray) -> _Chart:
    w = near_minima(programs, phi, start)
    z = Intervals.exact(np.concatenate([w, phi], axis=1))
    slope = programs.over("slope", z)
    curved = programs.over("curved", z).values
    n_w = programs.n_w
    inverse = near_inverse(middle(curved)[:, :, :n_w])
    return _Chart(
        w=w,
        phi=phi,
        inverse=inverse,
        moves=-inverse @ middle(curved)[:, :, n_w:],
        slope=slope.values,
        definite=is_definite(curved.rearranged(lambda e: e[:, :, :n_w])),
    )


def _krawczyk(
    programs: TaskPrograms, chart: _Chart, box: Intervals, spread: Intervals, line: Intervals, V: Intervals
) -> tuple[Intervals, np.ndarray, Intervals]:
    """K(V), where a branch is undecided, and D_w L_S on the line."""
    n_w = programs.n_w
    # The line itself belongs to the set: the values of D_w L_S are expanded from it.
    around = Intervals(np.minimum(V.lo, 0.0), np.maximum(V.hi, 0.0))
    w = line + around
    z = Intervals(np.concatenate([w.lo, box.lo], axis=1), np.concatenate([w.hi, box.hi], axis=1))
    curved = programs.over("curved", z)
    # A jump of D_w L_S leaves no trace in its derivative.
    undecided = curved.undecided | programs.over("slope", z).undecided
    H, mixed = (curved.values.rearranged(lambda e, at=at: e[:, :, at]) for at in (slice(0, n_w), slice(n_w, None)))
    drift = matrix_product(H, Intervals.exact(chart.moves)) + mixed
    value = chart.slope + times(drift, spread)
    inverse = Intervals.exact(chart.inverse)
    left = Intervals.exact(np.eye(n_w)[None]) - matrix_product(inverse, H)
    return times(left, V) - times(inverse, value), undecided, value


def _inflated(image: Intervals, w: np.ndarray) -> Intervals:
    """A box about 0 and the image, wider than both."""
    margin = 0.1 * (image.hi - image.lo) + 1e-15 * (1 + np.abs(w))
    lo, hi = np.minimum(image.lo, 0.0) - margin, np.maximum(image.hi, 0.0) + margin
    unknown = ~(np.isfinite(lo) & np.isfinite(hi))
    return Intervals(np.where(unknown, 0.0, lo), np.where(unknown, 0.0, hi))
