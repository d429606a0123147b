"""Certified upper bounds of the Hessian blocks of L_meta over a box, for any losses that can be enclosed.

Claim: for every flat z = (w, phi) in the box and every block xy the operator norm of D_y D_x L_D(w_N(w, phi), phi) is
at most `Certificate.upper`, and at `Certificate.point` at least `Certificate.lower`. The program that computes the
Hessian and the one that differentiates it once more are traced once and interpreted over boxes: in float64 intervals,
thousands of boxes at a time (`interval_interpreter`), or, where a primitive or a branch has no rule there, in balls, a
box at a time (`ball_interpreter`). A box is enclosed by the intersection of the plain evaluation and the mean value
form. In balls nothing rests on float64: the norms of ball matrices are bounded in ball arithmetic too.

The number of boxes grows exponentially with the dimension: this is for small problems (n_w + n_phi up to 3 or 4), and
it says so when it cannot close the gap.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from anil_theory._admissible import InvalidParameter, count, one_of, positive
from anil_theory._precision import require_float64
from anil_theory.algorithm.meta_gradient import meta_gradient
from anil_theory.certify.ball_interpreter import run
from anil_theory.certify.balls import DEFAULT_PRECISION, NoEnclosure, Undecided, precision
from anil_theory.certify.branch_and_bound import CEILING, BoxBounds, Boxes, Progress, maximise, widest_axis
from anil_theory.certify.certificate import BoxRegion, Certificate, Directions
from anil_theory.certify.interval_arrays import summed
from anil_theory.certify.interval_interpreter import run_intervals
from anil_theory.certify.interval_matrices import norms_above, norms_below
from anil_theory.certify.intervals import Intervals
from anil_theory.certify.proof import Proof, Recorder, stated_block
from anil_theory.certify.replay import Enclosure
from anil_theory.certify.work import OPERATIONS, boxes_within
from anil_theory.estimators.fields import BLOCK_DIRECTIONS, live_blocks
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

PARTS = 4
"""A search in intervals starts from the box cut into 4 along every axis: a batch costs hardly more than one box."""

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
) -> dict[str, Certificate]:
    """A certificate of every block of one task's L_meta over a box of flat points z = (w, phi).

    losses, data  (L_S, L_D) with arrays w of shape (n_w,) and phi, and the data of one task (taken as exact);
    lower, upper  the corners of the box, of dimension n_w + n_phi; phi is empty when that is n_w;
    gap, operations, seconds, max_boxes, on_progress  as in `certify_blocks`;
    arithmetic    "intervals" (balls where they do not serve) or "balls";  bits  the precision of the balls;
    proof         takes the boxes of the search, each with its bound, and the losses as programs; write it afterwards.

    Raises InvalidParameter for a box that is empty, unbounded or NaN, and NoEnclosure, naming it, when the losses use
    a primitive without a rule in both arithmetics, or without a place in a proof that is asked for; NoProof when the
    search ends without a finite bound.
    """
    require_float64("data", data)
    region = Boxes.of(lower, upper, name="box")
    if len(region.lower) != 1:
        raise InvalidParameter("box", "one box: corners of shape (n_w + n_phi,)", region.lower.shape)
    n = region.lower.shape[1]
    if count("n_w", n_w) > n:
        raise InvalidParameter("n_w", f"at most the dimension {n} of the box", n_w)
    positive("seconds", seconds)
    fast = one_of("arithmetic", arithmetic, ("intervals", "balls")) == "intervals"
    named = BoxRegion(tuple(map(float, region.lower[0])), tuple(map(float, region.upper[0])))
    programs = _Programs(losses, data, schedule, n_w, n, count("bits", bits, minimum=2))
    fast = fast and serves_intervals(programs.third, n)
    bounds, batch = (programs.interval_bounds, 2048) if fast else (programs.bounds, 4)
    kind = "intervals" if fast else "balls"
    allowed = boxes_within(positive("operations", operations), programs.hessian, programs.third, arithmetic=kind)
    if fast:
        region = subdivided(region, PARTS)
    blocks = [b for b in live_blocks(n - n_w) if b != "phiw"]
    started = time.perf_counter()
    found: dict[str, Certificate] = {}
    stated: dict[str, dict] = {}
    for i, block in enumerate(blocks):
        enclose: Callable[[Boxes], BoxBounds] = partial(bounds, block)
        recorder = Recorder()
        maximum = maximise(
            enclose if proof is None else recorder.around(enclose),
            region,
            gap=gap,
            absolute=1e-12,
            seconds=max((seconds - (time.perf_counter() - started)) / (len(blocks) - i), 1e-3),
            max_boxes=min(max_boxes, allowed),
            batch=batch,
            on_progress=lambda progress, block=block: on_progress(block, progress),
        )
        point = maximum.point or tuple(map(float, region.lower[0]))
        for name in ("wphi", "phiw") if block == "wphi" else (block,):
            directions = programs.directions(name, np.array(point))
            found[name] = Certificate.of(name, maximum, point, directions, 0, named)
        if proof is not None:
            stated[block] = stated_block(
                recorder.tree(maximum.high),
                upper=maximum.high,
                lower=maximum.low,
                point=point,
                entries=programs.entries(block, np.array(point)),
            )
    if proof is not None:
        proof.add(losses, data, schedule, named, n_w=n_w, blocks=stated)
    return found


def subdivided(boxes: Boxes, parts: int) -> Boxes:
    """Every box cut into equal parts along every axis; neighbours share their cuts."""
    for axis in range(boxes.lower.shape[1]):
        share = np.linspace(0.0, 1.0, parts + 1)[:, None]
        cuts = boxes.lower[:, axis] * (1 - share) + boxes.upper[:, axis] * share
        cuts[0], cuts[-1] = boxes.lower[:, axis], boxes.upper[:, axis]
        lower, upper = (np.concatenate([corner] * parts) for corner in (boxes.lower, boxes.upper))
        lower[:, axis], upper[:, axis] = cuts[:-1].ravel(), cuts[1:].ravel()
        boxes = Boxes(lower, upper, np.concatenate([boxes.label] * parts))
    return boxes


def serves_intervals(program: Any, n: int) -> bool:
    """Whether a program of a flat point can be interpreted in float64 intervals."""
    try:
        run_intervals(program, [Intervals.exact(np.zeros((1, n)))])
    except (NoEnclosure, Undecided):
        return False
    return True


@np.errstate(all="ignore")
def enclosed_intervals(
    program: Any, derivative: Any, boxes: Boxes, points: np.ndarray
) -> tuple[Intervals, Intervals, np.ndarray]:
    """A program's output over boxes and at a point of each, (boxes, ..), and how much each coordinate widens it.

    derivative   the program's derivative, with the coordinate as its last axis: the mean value form rests on it.
    """
    box, here = Intervals(boxes.lower, boxes.upper), Intervals.exact(points)
    # Boxes and points in one batch: what a call costs is mostly its thousands of small operations.
    both = Intervals(np.concatenate([box.lo, points]), np.concatenate([box.hi, points]))
    (values,), (slopes,) = run_intervals(program, [both]), run_intervals(derivative, [box])
    assert isinstance(values, Intervals) and isinstance(slopes, Intervals)
    values = values.rearranged(lambda e: np.broadcast_to(e, (2 * len(points), *e.shape[1:])))
    plain, middle = (
        values.rearranged(lambda e, part=part: e[part]) for part in (slice(len(points)), slice(len(points), None))
    )
    moves = (box - here).rearranged(lambda e: e.reshape(len(e), *(1,) * (slopes.lo.ndim - 2), -1))
    change = slopes * moves
    over = plain.meet(middle + summed(change, change.lo.ndim - 1))
    shape = len(points), -1, points.shape[1]
    pull = np.sum(np.broadcast_to(change.hi - change.lo, (len(points), *change.lo.shape[1:])).reshape(shape), axis=1)
    return over, middle, pull


def pulled_axis(pull: np.ndarray, boxes: Boxes) -> np.ndarray:
    """The coordinate that widens an enclosure most, or the widest one where that is not known."""
    known = np.all(np.isfinite(pull), axis=1) & np.any(pull > 0, axis=1)
    return np.where(known, np.argmax(np.where(np.isfinite(pull), pull, 0.0), axis=1), widest_axis(boxes))


class _Programs:
    """The Hessian of L_meta and its derivative as jaxprs, and what they say of boxes (kept: blocks share boxes)."""

    def __init__(self, losses: Losses, data: PyTree, schedule: Schedule, n_w: int, n: int, bits: int):
        self.n_w, self.n, self.bits = n_w, n, bits

        def field(z: Any) -> Any:
            loop: dict[str, Any] = {"alpha": schedule.alpha, "inner_steps": schedule.inner_steps}
            return jnp.concatenate(list(meta_gradient(losses, z[:n_w], z[n_w:], data, **loop)))

        at = jax.ShapeDtypeStruct((n,), np.float64)
        self.hessian = jax.make_jaxpr(jax.jacfwd(field))(at)
        self.third = jax.make_jaxpr(jax.jacfwd(jax.jacfwd(field)))(at)
        self.kept: dict[bytes, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def block(self, name: str, hessian: np.ndarray) -> np.ndarray:
        """The rows and columns of one block, the last two axes of a Hessian."""
        at = {"w": slice(0, self.n_w), "phi": slice(self.n_w, self.n)}
        x, y = BLOCK_DIRECTIONS[name]
        return hessian[..., at[x], at[y]]

    def directions(self, block: str, z: np.ndarray) -> Directions:
        """Singular vectors of a block at a point, as flat vectors."""
        with precision(self.bits):
            here = self._run(self.hessian, [flint.arb(float(x)) for x in z])
        left, right = np.zeros((2, self.n))
        at = {"w": slice(0, self.n_w), "phi": slice(self.n_w, self.n)}
        x, y = BLOCK_DIRECTIONS[block]
        left[at[x]], right[at[y]] = _singular_vectors(self.block(block, here))
        return tuple(left.tolist()), tuple(right.tolist())

    def entries(self, block: str, z: np.ndarray) -> list[list[Enclosure]]:
        """A block at a point, entry by entry."""
        with precision(DEFAULT_PRECISION):
            here = self.block(block, self._run(self.hessian, [flint.arb(float(x)) for x in z]))
        return [[Enclosure.of(x) for x in row] for row in here]

    def interval_bounds(self, block: str, boxes: Boxes) -> BoxBounds:
        """A whole batch in float64 intervals."""
        points = boxes.lower / 2 + boxes.upper / 2
        over, here, pull = enclosed_intervals(self.hessian, self.third, boxes, points)
        of_block = partial(self.block, block)
        high, low = norms_above(over.rearranged(of_block)), norms_below(here.rearranged(of_block))
        return BoxBounds(high, low, points, pulled_axis(pull, boxes))

    def bounds(self, block: str, boxes: Boxes) -> BoxBounds:
        """The same in balls, box by box."""
        points = boxes.lower / 2 + boxes.upper / 2
        rows = []
        with precision(self.bits):
            for lower, upper, point in zip(boxes.lower, boxes.upper, points, strict=True):
                over, here, pull = self._enclosed(lower, upper, point)
                rows.append((norm_above(self.block(block, over)), norm_below(self.block(block, here)), pull))
        high, low, pulls = (np.array(column) for column in zip(*rows, strict=True))
        return BoxBounds(high, low, points, pulled_axis(pulls, boxes))

    def _run(self, program: Any, z: list[flint.arb]) -> np.ndarray:
        try:
            (out,) = run(program, [np.array(z, dtype=object)])
        except Undecided:
            # The balls cannot tell which way the program goes: nothing is known here until the box is cut.
            return np.full(program.out_avals[0].shape, flint.arb("nan"), dtype=object)
        return out

    def _enclosed(self, lower: np.ndarray, upper: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, ...]:
        """The Hessian over the box, the Hessian at the point, and how much each coordinate widens it."""
        key = lower.tobytes() + upper.tobytes()
        if key not in self.kept:
            center = [flint.arb(float(x)) for x in point]
            box = [flint.arb(float(a)).union(flint.arb(float(b))) for a, b in zip(lower, upper, strict=True)]
            here, over, third = (
                self._run(self.hessian, center),
                self._run(self.hessian, box),
                self._run(self.third, box),
            )
            moves = [x - c for x, c in zip(box, center, strict=True)]
            centred = here + sum(third[..., k] * moves[k] for k in range(self.n))
            over = np.asarray(np.frompyfunc(_meet, 2, 1)(over, centred))
            pull = np.array([sum(_upper(abs(t * moves[k])) for t in third[..., k].flat) for k in range(self.n)])
            self.kept[key] = over, here, pull
        return self.kept[key]


def _meet(a: flint.arb, b: flint.arb) -> flint.arb:
    """The intersection of two enclosures of the same number."""
    if not (a.is_finite() and b.is_finite()):
        return b if b.is_finite() else a
    return a.intersection(b)


def _upper(ball: flint.arb) -> float:
    return Enclosure.of(ball).high


def norm_above(block: np.ndarray) -> float:
    """At least the operator norm of every matrix in a ball matrix; inf when nothing is known."""
    if not all(x.is_finite() for x in block.flat):
        return float("inf")
    if block.size == 1:
        return _upper(abs(block.item()))
    middle = flint.arb_mat([[x.mid() for x in row] for row in block])
    power = middle.transpose() * middle
    for _ in range(SQUARINGS):
        power = power * power
    spectral = _frobenius([x for row in power.tolist() for x in row]).root(2 ** (SQUARINGS + 1))
    return _upper(spectral + _frobenius([x.rad() for x in block.flat]))


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
    """Left and right singular vectors of the midpoints, in float64 (whatever they are, the quotient is a bound)."""
    if not all(x.is_finite() for x in block.flat):
        return np.eye(block.shape[0])[0], np.eye(block.shape[1])[0]
    left, _, right = np.linalg.svd(np.array([[float(x.mid()) for x in row] for row in block]))
    return left[:, 0], right[0]
