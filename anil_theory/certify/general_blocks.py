"""Certified upper bounds of the Hessian blocks of L_meta over a box, for any losses that can be enclosed.

Claim: the field is the meta-gradient that the product computes, g = (D_w L_meta, D_phi L_meta), of N inner steps. In
every block xy it is Lipschitz over the box with a constant of at most `Certificate.upper`: |g_x(z') - g_x(z)| <=
upper |z' - z| for z', z in the box that differ in y alone. Where it is differentiable, the norm of D_y g_x is at most
that, and at `Certificate.point` it is at least `Certificate.lower`. This holds for any losses: where g may jump (kinks
of a loss, or jumps of the second derivative of L_S, which is part of g), `upper` is inf, the status
UNDECIDED_BRANCH.

The programs of g, of its derivative and of that one's are traced once, made plain and interpreted over boxes
(`lipschitz_enclosures`): in float64 intervals, thousands of boxes at a time, or, where a primitive or a branch has no
rule there, in balls, a box at a time. In balls nothing rests on float64: the norms of ball matrices are bounded in ball
arithmetic too.

The number of boxes grows exponentially with the dimension: this is for small problems (n_w + n_phi up to 3 or 4), and
it says so when it cannot close the gap.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import flint
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn
from jaxtyping import Array, PyTree

from anil_theory._admissible import ConflictingArguments, InvalidParameter, count, one_of, positive
from anil_theory._precision import require_float64
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.certify.certificate import BoxRegion, Certificate, Directions
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.flint_precision import DEFAULT_PRECISION, precision
from anil_theory.certify.intervals.matrices import norms_above, norms_below
from anil_theory.certify.lipschitz_enclosures import (
    BallEnclosures,
    IntervalEnclosures,
    at_point,
    enclosed_balls,
    enclosed_intervals,
    field_programs,
    pulled_axis,
    serves_intervals,
    where_undecided,
)
from anil_theory.certify.losses.own_derivatives import differentiates_as_written
from anil_theory.certify.losses.plain import plain_losses
from anil_theory.certify.losses.refused_rules import refuse_custom_vjp
from anil_theory.certify.proof import Proof, Recorder, stated_block
from anil_theory.certify.search.branch_and_bound import CEILING, BoxBounds, Boxes, ClosingStatus, Progress, maximise
from anil_theory.certify.search.in_ball import in_ball
from anil_theory.certify.search.polish import Ascent, into_ball
from anil_theory.certify.search.work import LEAST_SHARE, OPERATIONS, Shares, cost_of_a_box
from anil_theory.constants import Region
from anil_theory.estimators.fields import BLOCK_DIRECTIONS, live_blocks
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

PARTS = 4
"""A search in intervals starts from the box cut into 4 along every axis: a batch costs hardly more than one box."""

SMALL_BATCH = 64
"""A search has few batches as small as this, and the blocks share them."""

SQUARINGS = 10
"""||A||_2 <= ||(A^T A)^(2^10)||_F^(2^-11): too large by a factor of at most n^(2^-12), 1.0004 for n = 4."""


def certify_hessian_blocks_general(
    losses: Losses,
    data: PyTree,
    schedule: Schedule,
    lower: Sequence[float],
    upper: Sequence[float],
    *,
    n_w: int,
    gap: float = 0.05,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
    max_boxes: int = 2_000_000,
    arithmetic: str = "intervals",
    bits: int = 80,
    on_progress: Callable[[str, Progress], None] = lambda block, progress: None,
    proof: Proof | None = None,
    subject: str = "a task",
    within: float = math.inf,
) -> dict[str, Certificate]:
    """A certificate of every block of one task's L_meta over a box of flat points z = (w, phi).

    losses, data  (L_S, L_D) with arrays w of shape (n_w,) and phi, and the data of one task (taken as exact);
    lower, upper  the corners of the box, of dimension n_w + n_phi; phi is empty when that is n_w;
    gap, operations, seconds, max_boxes, on_progress  as in `certify_blocks`;  what a block leaves, the next ones share;
    arithmetic    "intervals" (balls where they do not serve) or "balls";  bits  the precision of the balls;
    proof         takes the boxes of the search, each with its bound, and the losses as programs; write it afterwards;
    subject       which task it is, in words that the proof quotes;
    within        only points at most this far from the origin count; a proof is of the whole box.

    A block whose meta-gradient may jump has upper = inf and the status UNDECIDED_BRANCH, with the primitive as reason.
    Raises InvalidParameter for a box that is empty, unbounded or NaN, and NoEnclosure, naming it, when the losses use
    a primitive without a rule in both arithmetics, call a `custom_vjp` function, or have no place in a proof that is
    asked for; NoProof when the search ends without a finite bound.
    """
    require_float64("data", data)
    region = Boxes.of(lower, upper, name="box")
    if len(region.lower) != 1:
        raise InvalidParameter("box", "one box: corners of shape (n_w + n_phi,)", region.lower.shape)
    n = region.lower.shape[1]
    if count("n_w", n_w) > n:
        raise InvalidParameter("n_w", f"at most the dimension {n} of the box", n_w)
    positive("seconds", seconds)
    refuse_custom_vjp(losses, data, n_w, n - n_w)
    fast = one_of("arithmetic", arithmetic, ("intervals", "balls")) == "intervals"
    box = BoxRegion(tuple(map(float, region.lower[0])), tuple(map(float, region.upper[0])))
    named = box if math.isinf(within) else Region(within)
    if proof is not None and math.isfinite(within):
        raise ConflictingArguments("within", "a proof is of a whole box: leave out within or proof", within)
    middle = region.lower[0] / 2 + region.upper[0] / 2
    plain = plain_losses(losses, data, jnp.asarray(middle[:n_w]), jnp.asarray(middle[n_w:]))
    programs = _Programs(plain, data, schedule, n_w, n, count("bits", bits, minimum=2))
    symmetric = all(differentiates_as_written(lambda z, loss=loss: loss(z[:n_w], z[n_w:], data), n) for loss in losses)
    """Whether the field is known to be a gradient: one search then serves both cross blocks."""
    fast = fast and serves_intervals(programs.of_intervals, n)
    bounds, batch = (programs.interval_bounds, 2048) if fast else (programs.bounds, 4)
    kind = "intervals" if fast else "balls"
    cost = cost_of_a_box(*programs.programs, arithmetic=kind)
    if fast:
        region = subdivided(region, PARTS)
    blocks = [block for block in live_blocks(n - n_w) if block != "phiw" or not symmetric]
    work = Shares(positive("operations", operations) * len(blocks), len(blocks))
    clock = Shares(seconds, len(blocks), least=LEAST_SHARE)
    certificates: dict[str, Certificate] = {}
    stated: dict[str, dict] = {}
    for block in blocks:
        started = time.perf_counter()
        enclose = in_ball(partial(bounds, block), within)
        recorder = Recorder()
        maximum = maximise(
            enclose if proof is None else recorder.around(enclose),
            region,
            gap=gap,
            absolute=1e-12,
            seconds=clock.next(),
            max_boxes=min(max_boxes, work.next_boxes(cost)),
            batch=batch,
            on_progress=lambda progress, block=block: on_progress(block, progress),
            # What the ascent asks is no part of a proof.
            ascent=Ascent(enclose, into_ball(within)),
        )
        work.spend(maximum.boxes * cost)
        point = maximum.point or tuple(map(float, region.lower[0]))
        if maximum.status is ClosingStatus.UNDECIDED_BRANCH:
            maximum = replace(maximum, reason=f"{maximum.reason}{where_undecided(programs.jump)}")
        for name in ("wphi", "phiw") if block == "wphi" and symmetric else (block,):
            directions = programs.directions(name, np.array(point))
            certificates[name] = Certificate.of(name, maximum, point, directions, 0, named)
        if proof is not None and block != "phiw":
            stated[block] = stated_block(
                recorder.tree(maximum.high),
                upper=maximum.high,
                lower=maximum.low,
                point=point,
                entries=programs.entries(block, np.array(point)),
            )
        clock.spend(time.perf_counter() - started)
    if proof is not None:
        proof.add(losses, data, schedule, box, n_w=n_w, blocks=stated, subject=subject)
    return certificates


def subdivided(boxes: Boxes, parts: int) -> Boxes:
    """Every box cut into equal parts along every axis but those where all are points; neighbours share their cuts."""
    for axis in range(boxes.lower.shape[1]):
        if np.all(boxes.lower[:, axis] == boxes.upper[:, axis]):
            continue
        share = np.linspace(0.0, 1.0, parts + 1)[:, None]
        cuts = boxes.lower[:, axis] * (1 - share) + boxes.upper[:, axis] * share
        cuts[0], cuts[-1] = boxes.lower[:, axis], boxes.upper[:, axis]
        lower, upper = (np.concatenate([corner] * parts) for corner in (boxes.lower, boxes.upper))
        lower[:, axis], upper[:, axis] = cuts[:-1].ravel(), cuts[1:].ravel()
        boxes = Boxes(lower, upper, np.concatenate([boxes.label] * parts))
    return boxes


class _Programs:
    """The programs of the meta-gradient and its derivatives, and what they say of boxes (kept: blocks share boxes)."""

    def __init__(self, losses: Losses, data: PyTree, schedule: Schedule, n_w: int, n: int, bits: int):
        self.n_w = n_w
        self.n = n
        self.bits = bits

        def field(z: Array) -> Array:
            loop = UnrolledLoop(schedule.one_alpha, schedule.inner_steps)
            return jnp.concatenate(list(meta_gradient(losses, z[:n_w], z[n_w:], data, loop)))

        self.programs = field_programs(field, n, bits)
        self.of_intervals = self.programs.of_intervals()
        self.kept: dict[bytes, BallEnclosures] = {}
        self.kept_batches: dict[bytes, IntervalEnclosures] = {}
        self.jump: JaxprEqn | None = None
        """An equation of the meta-gradient that was undecided."""

    def block(self, name: str, hessian: np.ndarray) -> np.ndarray:
        """The rows and columns of one block, the last two axes of a Hessian."""
        at = {"w": slice(0, self.n_w), "phi": slice(self.n_w, self.n)}
        x, y = BLOCK_DIRECTIONS[name]
        return hessian[..., at[x], at[y]]

    def directions(self, block: str, z: np.ndarray) -> Directions:
        """Singular vectors of a block at a point, as flat vectors."""
        with precision(self.bits):
            here = at_point(self.programs.first, z)
        left, right = np.zeros((2, self.n))
        at = {"w": slice(0, self.n_w), "phi": slice(self.n_w, self.n)}
        x, y = BLOCK_DIRECTIONS[block]
        left[at[x]], right[at[y]] = _singular_vectors(self.block(block, here))
        return tuple(left.tolist()), tuple(right.tolist())

    def entries(self, block: str, z: np.ndarray) -> list[list[Enclosure]]:
        """A block at a point, entry by entry."""
        with precision(DEFAULT_PRECISION):
            here = self.block(block, at_point(self.programs.first, z))
        return [[Enclosure.of(x) for x in row] for row in here]

    def interval_bounds(self, block: str, boxes: Boxes, points: np.ndarray) -> BoxBounds:
        """Bounds of a block over a whole batch of boxes and at a point of each, in float64 intervals."""
        enclosed = self._enclosed_batch(boxes, points)
        of_block = partial(self.block, block)
        high = np.where(enclosed.unknown, np.inf, norms_above(enclosed.over.rearranged(of_block)))
        low = np.where(enclosed.unknown, -np.inf, norms_below(enclosed.here.rearranged(of_block)))
        self.jump = self.jump if enclosed.jump is None else enclosed.jump
        return BoxBounds(high, low, points, pulled_axis(enclosed.pull, boxes), enclosed.jumps)

    def _enclosed_batch(self, boxes: Boxes, points: np.ndarray) -> IntervalEnclosures:
        """Small batches are kept: the first one, and those that follow an undecided branch, serve every block."""
        if len(boxes.lower) > SMALL_BATCH:
            return enclosed_intervals(self.of_intervals, boxes, points)
        key = boxes.lower.tobytes() + boxes.upper.tobytes()
        if key not in self.kept_batches:
            self.kept_batches[key] = enclosed_intervals(self.of_intervals, boxes, points)
        return self.kept_batches[key]

    def bounds(self, block: str, boxes: Boxes, points: np.ndarray) -> BoxBounds:
        """Bounds of a block over boxes and at a point of each, in balls, box by box."""
        highs = []
        lows = []
        pulls = []
        jumps = []
        with precision(self.bits):
            for lower, upper, point in zip(boxes.lower, boxes.upper, points, strict=True):
                enclosed = self._enclosed(lower, upper, point)
                highs.append(math.inf if enclosed.unknown else norm_above(self.block(block, enclosed.over)))
                lows.append(-math.inf if enclosed.unknown else norm_below(self.block(block, enclosed.here)))
                pulls.append(enclosed.pull)
                jumps.append(enclosed.jumps)
        axis = pulled_axis(np.array(pulls), boxes)
        return BoxBounds(np.array(highs), np.array(lows), points, axis, np.array(jumps))

    def _enclosed(self, lower: np.ndarray, upper: np.ndarray, point: np.ndarray) -> BallEnclosures:
        key = lower.tobytes() + upper.tobytes()
        if key not in self.kept:
            self.kept[key] = enclosed_balls(self.programs, lower, upper, point)
            self.jump = self.jump if self.kept[key].jump is None else self.kept[key].jump
        return self.kept[key]


def norm_above(block: np.ndarray) -> float:
    """At least the operator norm of every matrix in a ball matrix; inf when nothing is known."""
    if not all(x.is_finite() for x in block.flat):
        return float("inf")
    if block.size == 1:
        return Enclosure.of(abs(block.item())).high
    middle = flint.arb_mat([[x.mid() for x in row] for row in block])
    power = middle.transpose() * middle
    for _ in range(SQUARINGS):
        power = power * power
    spectral = _frobenius([x for row in power.tolist() for x in row]).root(2 ** (SQUARINGS + 1))
    return Enclosure.of(spectral + _frobenius([x.rad() for x in block.flat])).high


def norm_below(block: np.ndarray) -> float:
    """At most the operator norm of every matrix in a ball matrix; -inf when nothing is known."""
    if not all(x.is_finite() for x in block.flat):
        return -float("inf")
    left, right = ([flint.arb(float(x)) for x in vector] for vector in _singular_vectors(block))
    value = sum((left[i] * block[i, j] * right[j] for i, j in np.ndindex(block.shape)), flint.arb(0))
    return Enclosure.of(abs(value) / (_frobenius(left) * _frobenius(right))).low


def _frobenius(entries: list[flint.arb]) -> flint.arb:
    return sum((x * x for x in entries), flint.arb(0)).sqrt()


def _singular_vectors(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left and right singular vectors of the midpoints, in float64: the quotient is a bound for any vectors."""
    if not all(x.is_finite() for x in block.flat):
        return np.eye(block.shape[0])[0], np.eye(block.shape[1])[0]
    left, _, right = np.linalg.svd(np.array([[float(x.mid()) for x in row] for row in block]))
    return left[:, 0], right[0]
