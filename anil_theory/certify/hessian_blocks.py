"""Certified upper bounds of the Hessian blocks of L_meta over a ball of z, for the separable family.

Claim: for every task given, every z = (w, phi) with |z| <= R and every block xy, the operator norm of D_y D_x L_meta
is at most `Certificate.upper`; at `Certificate.point` it is at least `Certificate.lower`, which is certified too.
The blocks decouple into coordinate pairs (`pair_jets`), the ball into discs: as z runs through the ball, each pair
(u_k, v_k) runs through the whole disc of radius R, so the supremum over the ball is the largest of the suprema of
|h_k| over discs, which branch and bound encloses (all tasks and coordinates in one search).

Why an upper bound: these losses are analytic (sin, cos, tanh, polynomials), so that the meta-gradient has a continuous
derivative everywhere; its largest norm on the ball, which is convex, is the Lipschitz constant there.

On what it rests: IEEE 754 arithmetic and the accuracy of numpy's sin, cos and tanh assumed in `intervals.outward`; the
task's float64 numbers taken as exact; and its rotations taken as the orthogonal matrices that they are to within
rounding (some 1e-15): the certificate is for the task with exactly orthogonal U and V.
"""

import time
from collections.abc import Callable

import numpy as np

from anil_theory._admissible import InvalidParameter, positive
from anil_theory.certify.certificate import Certificate, Directions
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.pair_jets import (
    ORDERS,
    Jet,
    PairConstants,
    Reach,
    block_jet,
    inner_step,
    narrowed,
    pair_constants,
)
from anil_theory.certify.search.branch_and_bound import CEILING, BoxBounds, Boxes, Maximum, Progress, maximise
from anil_theory.certify.search.polish import Ascent, into_ball
from anil_theory.certify.search.work import LEAST_SHARE, OPERATIONS, Shares
from anil_theory.constants import Region
from anil_theory.estimators.fields import BLOCK_DIRECTIONS
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable import QUERY_LOSSES, SeparableFamily, SeparableTask, support_loss

NEGLIGIBLE = 1e-10
"""A block below this many times L counts as closed, so that the search of one that is identically 0 ends."""


OPERATIONS_A_STEP = 200
"""What one inner step of a box is charged in interval operations: a round number of their order."""


def certify_blocks(
    family: SeparableFamily,
    tasks: TaskSet,
    schedule: Schedule,
    *,
    region: Region,
    gap: float = 0.05,
    operations: float = OPERATIONS,
    seconds: float = CEILING,
    max_boxes: int = 2_000_000,
    on_progress: Callable[[str, Progress], None] = lambda block, progress: None,
) -> dict[str, Certificate]:
    """A certificate of every block, {"ww", "wphi", "phiw", "phiphi"}, those of an empty phi left out.

    region     the ball of z to certify: its radius must be finite;
    gap        relative width (upper - lower)/upper to reach;
    operations, max_boxes  the work allowed per block, in interval operations (`search.work`; what a block leaves, the
               next ones share) and in boxes;
    seconds    a ceiling on the time of all blocks together (what one leaves, the next may use): a certificate says so
               where it was what ended the search;
    on_progress  called with the block and the state of its search.

    "phiw" is the transpose of "wphi" (the Hessian is symmetric) and shares its search. Raises InvalidParameter for
    an unbounded region, for tasks of another family, and when query and support have rotations of their own.
    """
    data = tasks.data
    if not isinstance(data, SeparableTask) or tasks.support is not support_loss:
        raise InvalidParameter("tasks", "a population drawn by SeparableFamily", type(data).__name__)
    if data.query_rotation is not None:
        raise InvalidParameter(
            "tasks", "tasks whose losses share their rotations: the blocks decouple only then", "own"
        )
    sizes = data.rotation_w.shape[-1], data.rotation_phi.shape[-1]
    if sizes != (family.n_w, family.n_phi) or tasks.query is not QUERY_LOSSES[family.query]:
        allowed = f"drawn by the given family (n_w = {family.n_w}, n_phi = {family.n_phi}, {family.query})"
        raise InvalidParameter("tasks", allowed, (*sizes, getattr(tasks.query, "__name__", tasks.query)))
    radius = positive("region", region.radius)
    positive("seconds", seconds)
    enclosers = {block: PairEnclosure(family, data, schedule, block, radius) for block in _blocks(family)}
    cost = OPERATIONS_A_STEP * (schedule.inner_steps + 1)
    work = Shares(positive("operations", operations) * len(enclosers), len(enclosers))
    clock = Shares(seconds, len(enclosers), least=LEAST_SHARE)
    certificates: dict[str, Certificate] = {}
    for block, encloser in enclosers.items():
        started = time.perf_counter()
        maximum = maximise(
            encloser,
            encloser.region(),
            gap=gap,
            absolute=NEGLIGIBLE * family.constants.L,
            seconds=clock.next(),
            max_boxes=min(max_boxes, work.next_boxes(cost)),
            on_progress=lambda progress, block=block: on_progress(block, progress),
            ascent=Ascent(encloser, into_ball(radius)),
        )
        work.spend(maximum.boxes * cost)
        clock.spend(time.perf_counter() - started)
        for name in ("wphi", "phiw") if block == "wphi" else (block,):
            certificates[name] = encloser.certificate(name, maximum, region)
    return certificates


def _blocks(family: SeparableFamily) -> tuple[str, ...]:
    return tuple(ORDERS) if family.n_phi else ("ww",)


class PairEnclosure:
    """|h_k(u, v)| of one block over boxes: label l is coordinate l % k of task l // k."""

    def __init__(self, family: SeparableFamily, data: SeparableTask, schedule: Schedule, block: str, radius: float):
        self.family = family
        self.block = block
        self.radius = radius
        self.inner_steps = schedule.inner_steps
        self.pairs: PairConstants = pair_constants(data, schedule.one_alpha)
        self.rotations = np.asarray(data.rotation_w), np.asarray(data.rotation_phi)
        self.tasks, self.coordinates = np.asarray(data.h).shape

    def region(self) -> Boxes:
        """One square (or, where a coordinate lacks a variable, one segment) for each pair that has the block."""
        i, j = ORDERS[self.block]
        sizes = {1: self.family.n_w, 2: self.family.n_phi}
        live = np.arange(min(sizes[i], sizes[j]))
        labels = (np.arange(self.tasks)[:, None] * self.coordinates + live).reshape(-1)
        k = labels % self.coordinates
        reach = self.radius * np.stack([k < sizes[1], k < sizes[2]], axis=1)
        return Boxes.of(-reach, reach, labels)

    @np.errstate(over="ignore", invalid="ignore")
    def jets(self, boxes: Boxes, point: np.ndarray) -> tuple[Intervals, Intervals, np.ndarray]:
        """The block over the boxes, the block at the points, and how much each coordinate widens it, (n, 2)."""
        pair = self.pairs.take(boxes.label)
        u, v = (Intervals(boxes.lower[:, i], boxes.upper[:, i]) for i in (0, 1))
        at_u, at_v = (Intervals.exact(point[:, i]) for i in (0, 1))
        reach = Reach(u - at_u, v - at_v)
        box, here = Jet.start(u), Jet.start(at_u)
        for _ in range(self.inner_steps):
            here = inner_step(here, at_v, pair)
            box = narrowed(inner_step(box, v, pair), here, reach)
        over = block_jet(self.block, self.family.query, box, v, pair)
        value = block_jet(self.block, self.family.query, here, at_v, pair).value
        whole = over.value.meet(reach.from_point(value, over.along_u, over.along_v))
        pull = np.stack(
            [
                over.along_u.magnitude().hi * (boxes.upper[:, 0] - boxes.lower[:, 0]),
                over.along_v.magnitude().hi * (boxes.upper[:, 1] - boxes.lower[:, 1]),
            ],
            axis=1,
        )
        return whole, value, pull

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, boxes: Boxes) -> BoxBounds:
        nearest = np.clip(0.0, boxes.lower, boxes.upper)
        middle = boxes.lower / 2 + boxes.upper / 2
        inside = _within(middle, self.radius)
        point = np.where(inside[:, None], middle, nearest)
        whole, value, pull = self.jets(boxes, point)
        outside = ~_within(nearest, self.radius * (1 + 1e-12))
        widths = boxes.upper - boxes.lower
        # Where nothing is known of the derivatives, the widest coordinate is cut.
        known = np.all(np.isfinite(pull), axis=1) & np.any(pull > 0, axis=1)
        axis = np.argmax(np.where(known[:, None], pull, widths), axis=1)
        return BoxBounds(
            high=np.where(outside, -np.inf, whole.magnitude().hi),
            low=np.where(_within(point, self.radius), value.magnitude().lo, -np.inf),
            point=point,
            axis=axis,
        )

    def certificate(self, block: str, maximum: Maximum, region: Region) -> Certificate:
        """The search's result, with its witness in the coordinates of z."""
        task, k = divmod(max(maximum.label, 0), self.coordinates)
        n_w, n_phi = self.family.n_w, self.family.n_phi
        u, v = maximum.point or (0.0, 0.0)
        axis_w, axis_phi = np.zeros((2, n_w + n_phi))
        if k < n_w:
            axis_w[:n_w] = self.rotations[0][task][:, k]
        if k < n_phi:
            axis_phi[n_w:] = self.rotations[1][task][:, k]
        here = np.array([[u, v]])
        value = self.jets(Boxes.of(here, here, [max(maximum.label, 0)]), here)[1]
        # The sign goes into a direction, so that the witness shows a positive number.
        sign = -1.0 if value.hi[0] < 0 else 1.0
        first, second = BLOCK_DIRECTIONS[block]
        axes = {"w": axis_w, "phi": axis_phi}
        directions: Directions = (tuple((sign * axes[first]).tolist()), tuple(axes[second].tolist()))
        return Certificate.of(block, maximum, tuple((u * axis_w + v * axis_phi).tolist()), directions, task, region)


def _within(points: np.ndarray, radius: float) -> np.ndarray:
    """Points certainly in the ball: the rounding of the squares is covered by one part in 1e-15."""
    return np.sum(points * points, axis=1) * (1 + 1e-15) <= radius * radius
