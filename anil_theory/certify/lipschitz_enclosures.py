"""The Lipschitz constant of a field over a box, through its derivative: what has to hold, and the two enclosures.

Claim: let F be a field on a convex region, covered by boxes, and let each box be free of jumps (`jumps` below). Then F
is Lipschitz on the region, with a constant of at most the largest norm that the enclosures of DF allow. On each box all
values that the program of F computes are locally Lipschitz in the point (`enclosures.branches`), so that DF exists
almost everywhere and automatic differentiation, with one branch or the other, gives it (`losses.own_derivatives`:
nothing is taken on trust); a segment of the region meets finitely many boxes, and F is continuous on each of these,
which are closed.

Where F may jump nothing follows from DF, whatever its size: |x|, relu, a hinge or a Huber loss inside the inner loop
have a meta-gradient of this kind. There the upper bound is infinite.

The mean value form DF(c) + D^2 F(box)(z - c) needs the same of DF: it serves on boxes where no branch of
DF was undecided.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flint
import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn
from jaxtyping import Array

from anil_theory.certify.balls.interpreter import run
from anil_theory.certify.enclosures.branches import Branches, recorded
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals.arrays import summed
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import interval_program
from anil_theory.certify.losses.flat import flat_program
from anil_theory.certify.losses.own_derivatives import with_own_derivative
from anil_theory.certify.program.source_lines import user_line
from anil_theory.certify.search.branch_and_bound import Boxes, widest_axis


class FieldPrograms(NamedTuple):
    """The flat programs of a field and of its first two derivatives (coordinates last)."""

    field: ClosedJaxpr
    first: ClosedJaxpr
    second: ClosedJaxpr

    def of_intervals(self) -> "FieldPrograms":
        """The same programs with their constants as intervals."""
        return FieldPrograms(*map(interval_program, self))


def field_programs(field: Callable[[Array], Array], n: int, bits: int) -> FieldPrograms:
    """`field` takes a float64 vector of n entries and returns an array; it is traced and never run.

    bits   the precision of the numbers that depend on data alone.

    All three are made plain in the same way (`losses.flat`), so that a branch which the field does not have is not
    asked for in its derivative, and one that it has is not lost.
    """
    at = jax.ShapeDtypeStruct((n,), np.float64)
    own = with_own_derivative(field, at)
    first = jax.jacfwd(own)
    return FieldPrograms(*(flat_program(jax.make_jaxpr(each)(at), bits) for each in (own, first, jax.jacfwd(first))))


class IntervalEnclosures(NamedTuple):
    """Enclosures for n boxes: DF over each and at a point of each, (n, ..), what widens it, and whether F may jump.

    pull     (n, d) how much each coordinate widens DF;
    jumps    (n,) a branch of F is undecided, so that F may be discontinuous in the box;
    unknown  (n,) that, or F has no finite enclosure there: DF bounds nothing;
    jump     an equation of F that was undecided, or None.
    """

    over: Intervals
    here: Intervals
    pull: np.ndarray
    jumps: np.ndarray
    unknown: np.ndarray
    jump: JaxprEqn | None


class BallEnclosures(NamedTuple):
    """The same for one box, in balls."""

    over: np.ndarray
    here: np.ndarray
    pull: np.ndarray
    jumps: bool
    unknown: bool
    jump: JaxprEqn | None


@np.errstate(all="ignore")
def serves_intervals(programs: FieldPrograms, n: int) -> bool:
    """Whether all programs (of intervals) can be interpreted in float64 intervals."""
    point = Intervals.exact(np.zeros((1, n)))
    try:
        for program in programs:
            run_intervals(program, [point])
    except (NoEnclosure, Undecided):
        return False
    return True


@np.errstate(all="ignore")
def enclosed_intervals(programs: FieldPrograms, boxes: Boxes, points: np.ndarray) -> IntervalEnclosures:
    """Enclose a batch of boxes in intervals; `points` (n, d) holds one point of each."""
    box, at = Intervals(boxes.lower, boxes.upper), Intervals.exact(points)
    number = len(points)
    with recorded(number) as of_field:
        (values,) = run_intervals(programs.field, [box])
    # Boxes and points in one batch: what a call costs is mostly its thousands of small operations.
    both = Intervals(np.concatenate([box.lo, points]), np.concatenate([box.hi, points]))
    with recorded(2 * number) as of_first:
        (derivatives,) = run_intervals(programs.first, [both])
    (slopes,) = run_intervals(programs.second, [box])
    assert isinstance(values, Intervals) and isinstance(derivatives, Intervals) and isinstance(slopes, Intervals)
    derivatives = derivatives.rearranged(lambda e: np.broadcast_to(e, (2 * number, *e.shape[1:])))
    plain = derivatives.rearranged(lambda e: e[:number])
    here = derivatives.rearranged(lambda e: e[number:])
    moves = (box - at).rearranged(lambda e: e.reshape(len(e), *(1,) * (slopes.lo.ndim - 2), -1))
    change = slopes * moves
    centred = here + summed(change, change.lo.ndim - 1)
    defined = ~(np.isnan(plain.lo) | np.isnan(plain.hi))
    smooth = _for_each_box(~of_first.undecided[:number], plain) & defined
    both_forms = plain.meet(centred)
    over = Intervals(np.where(smooth, both_forms.lo, plain.lo), np.where(smooth, both_forms.hi, plain.hi))
    spread = np.broadcast_to(change.hi - change.lo, (number, *change.lo.shape[1:]))
    pull = np.sum(spread.reshape(number, -1, points.shape[1]), axis=1)
    unknown = of_field.jumps | ~_finite(values)
    return IntervalEnclosures(over, here, pull, of_field.jumps, unknown, of_field.first_jump)


def _for_each_box(flags: np.ndarray, like: Intervals) -> np.ndarray:
    return flags.reshape(-1, *(1,) * (like.lo.ndim - 1))


def _finite(values: Intervals) -> np.ndarray:
    known = np.asarray(np.isfinite(values.lo) & np.isfinite(values.hi))
    return np.all(known.reshape(len(known), -1), axis=1)


def enclosed_balls(programs: FieldPrograms, lower: np.ndarray, upper: np.ndarray, point: np.ndarray) -> BallEnclosures:
    """Enclose one box in balls, at the current precision."""
    box = [flint.arb(float(a)).union(flint.arb(float(b))) for a, b in zip(lower, upper, strict=True)]
    centre = [flint.arb(float(x)) for x in point]
    values, of_field = _run(programs.field, box)
    plain, of_first = _run(programs.first, box)
    here, _ = _run(programs.first, centre)
    slopes, _ = _run(programs.second, box)
    moves = [x - c for x, c in zip(box, centre, strict=True)]
    over = plain
    if not of_first.undecided.any():
        centred = here + sum(slopes[..., k] * moves[k] for k in range(len(moves)))
        over = np.asarray(np.frompyfunc(_meet, 2, 1)(plain, centred))
    pull = np.array([sum(_upper(abs(t * moves[k])) for t in slopes[..., k].flat) for k in range(len(moves))])
    jumps = bool(of_field.jumps.any())
    unknown = jumps or not all(value.is_finite() for value in values.flat)
    return BallEnclosures(over, here, pull, jumps, unknown, of_field.first_jump)


def _run(program: Any, z: list[flint.arb]) -> tuple[np.ndarray, Branches]:
    """A program in balls, NaN where its control flow cannot be decided until the box is cut."""
    with recorded() as branches:
        try:
            (out,) = run(program, [np.array(z, dtype=object)])
        except Undecided:
            branches.add(np.array([True]), None, jump=True)
            out = np.full(program.out_avals[0].shape, flint.arb("nan"), dtype=object)
    return np.asarray(out, dtype=object), branches


def at_point(program: Any, z: np.ndarray) -> np.ndarray:
    """A program of a flat point in balls, at the current precision."""
    return _run(program, [flint.arb(float(x)) for x in z])[0]


def _meet(a: flint.arb, b: flint.arb) -> flint.arb:
    """The intersection of two enclosures of the same number."""
    if not (a.is_finite() and b.is_finite()):
        return b if b.is_finite() else a
    return a.intersection(b)


def _upper(ball: flint.arb) -> float:
    return Enclosure.of(ball).high


def pulled_axis(pull: np.ndarray, boxes: Boxes) -> np.ndarray:
    """The coordinate that widens an enclosure most, or the widest one where that is not known."""
    known = np.all(np.isfinite(pull), axis=1) & np.any(pull > 0, axis=1)
    return np.where(known, np.argmax(np.where(np.isfinite(pull), pull, 0.0), axis=1), widest_axis(boxes))


def where_undecided(equation: JaxprEqn | None) -> str:
    """The equation in words for the reason of a certificate, as ": `max` (file:line)"; "" where it is not known."""
    if equation is None:
        return ""
    return f": {equation.primitive.name}{user_line(equation)}"
