"""A norm bounded over a ball of phi, where w*(phi) is enclosed box by box: the search, and what it says.

Claim: `BilevelCertificate.upper` is at least the norm at every phi of the ball, and `lower` at most the norm at `phi`.
Where w* could not be enclosed in some box, `upper` is inf, and the reason says what was in the way.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from anil_theory._admissible import InvalidParameter, positive, within
from anil_theory._display import Displayed, short
from anil_theory.certify.general_blocks import PARTS, subdivided
from anil_theory.certify.inner_minima import REASONS, Code
from anil_theory.certify.lipschitz_enclosures import pulled_axis
from anil_theory.certify.search.branch_and_bound import (
    BoxBounds,
    Boxes,
    ClosingStatus,
    Ended,
    Maximum,
    maximise,
    widest_axis,
)
from anil_theory.estimators.base import Direction, Estimate, Witness

METHOD = "Krawczyk, branch and bound"

REACH_GAP = 0.05
"""The relative width to which it is enclosed how far the points go."""

ABSOLUTE = 1e-12
"""Below this width an enclosure is closed, whatever the norm."""

BATCH = 1024
"""Boxes that are cut at a time."""

FIRST_BATCH = 256
"""Boxes that a search starts from, about: a batch of so many costs hardly more than one."""


@dataclass(frozen=True)
class PhiBall:
    """The ball of phi over which is searched, or of w_0 in its place; `variable` is its name in reports."""

    centre: tuple[float, ...]
    radius: float
    variable: str = "phi"

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre", tuple(map(float, self.centre)))
        if not self.centre or not all(map(math.isfinite, self.centre)):
            raise InvalidParameter("centre", "a point phi: n_phi >= 1 finite numbers", self.centre)
        object.__setattr__(self, "radius", positive("radius", self.radius))

    def __str__(self) -> str:
        about = ", ".join(f"{x:g}" for x in self.centre)
        return f"|{self.variable} - ({about})| <= {self.radius:g}"

    @property
    def box(self) -> Boxes:
        """The cube about the ball."""
        # One unit in the last place pays for the rounding of the corners.
        lower = [math.nextafter(x - self.radius, -math.inf) for x in self.centre]
        upper = [math.nextafter(x + self.radius, math.inf) for x in self.centre]
        return Boxes.of(lower, upper)


@dataclass(frozen=True)
class Limits:
    """How hard to search.

    gap          relative width at which a search stops;
    operations   allowed for each quantity (`search.work`);  seconds   a ceiling on the time of each search.

    Raises InvalidParameter on construction for numbers outside their sets.
    """

    gap: float
    operations: float
    seconds: float

    def __post_init__(self) -> None:
        within("gap", self.gap, 0.0, 1.0, "in [0, 1]")
        positive("operations", self.operations)
        positive("seconds", self.seconds)


class Norms(NamedTuple):
    """What is known of n boxes.

    high    (n,) at least the norm, anywhere in the box;  low   (n,) at most the norm at the point that was asked;
    code    (n,) see `inner_minima.Code`: `high` is no bound but where that is ENCLOSED;
    reach   (n,) at least |(w, phi)|, for every w that the quantity looks at;
    reached (n,) at most that, at the point;
    pull    (n, d) how much each coordinate widens the enclosure; None: not known.
    """

    high: np.ndarray
    low: np.ndarray
    code: np.ndarray
    reach: np.ndarray
    reached: np.ndarray
    pull: np.ndarray | None = None


Enclose = Callable[[Boxes, np.ndarray], Norms]
"""Boxes (their last n_phi coordinates are those of phi), and a point of each."""


@dataclass(frozen=True, repr=False)
class BilevelCertificate(Displayed):
    """One norm of one task over a ball of phi: its largest value lies in [lower, upper].

    quantity  as in the claims;
    phi       where it is at least `lower`;
    reach     at least |(w, phi)| for every w that was looked at: constants have to hold that far;
    reached   at most the largest of these |(w, phi)|: one of them lies as far out;
    status    CLOSED, or INCONCLUSIVE when the boxes allowed were used up (the enclosure is right and wider than asked),
              or UNDECIDED_BRANCH: `upper` is inf, and the reason says whether w* was not enclosed and why;
    """

    quantity: str
    lower: float
    upper: float
    phi: tuple[float, ...]
    reach: float
    reached: float
    region: PhiBall
    status: ClosingStatus
    reason: str
    boxes: int
    seconds: float
    ended_by: Ended = Ended.GAP
    task: int = 0

    @property
    def estimate(self) -> Estimate:
        """The certified upper bound: with it a verdict can be CONFIRMED, on the ball."""
        witness = Witness({"phi": list(self.phi)}, self.task)
        return Estimate(self.quantity, self.upper, Direction.UPPER, METHOD, samples=self.boxes, witness=witness)

    def _shown(self) -> dict[str, Any]:
        shown = {"quantity": self.quantity, "norm": f"[{short(self.lower)}, {short(self.upper)}]"}
        return shown | {"on": str(self.region), "status": self.status.value, "boxes": str(self.boxes)}


def refused(quantity: str, region: PhiBall, reason: str) -> BilevelCertificate:
    """No bound, and why."""
    return BilevelCertificate(
        quantity=quantity,
        lower=0.0,
        upper=math.inf,
        phi=region.centre,
        reach=math.inf,
        reached=0.0,
        region=region,
        status=ClosingStatus.INCONCLUSIVE,
        reason=reason,
        boxes=0,
        seconds=0.0,
        ended_by=Ended.RESOLUTION,
    )


def certified(
    quantity: str,
    enclose: Enclose,
    ball: PhiBall,
    boxes: Boxes,
    limits: Limits,
    *,
    cost: float,
) -> BilevelCertificate:
    """Search the boxes for the largest norm, and then for the farthest point.

    boxes   each covers the ball in its last coordinates; further ones come before these;
    cost    operations that a box takes.
    """
    started = time.perf_counter()
    search = _Search(enclose, ball)
    options: dict[str, Any] = {
        "seconds": limits.seconds,
        "max_boxes": max(1, int(limits.operations / cost)),
        "absolute": ABSOLUTE,
        "batch": BATCH,
    }
    cut = _first_batch(boxes, len(ball.centre))
    maximum = maximise(search.norms, cut, gap=limits.gap, **options)
    reach = math.inf
    reached = 0.0
    if math.isfinite(maximum.high):
        farthest = maximise(search.reach, cut, gap=REACH_GAP, **options)
        reach = farthest.high
        reached = max(farthest.low, 0.0)
    point = maximum.point or tuple(map(float, boxes.lower[0]))
    return BilevelCertificate(
        quantity=quantity,
        lower=max(maximum.low, 0.0),
        upper=maximum.high,
        phi=point[-len(ball.centre) :],
        reach=reach,
        reached=reached,
        region=ball,
        status=maximum.status,
        reason=search.reason(maximum),
        boxes=maximum.boxes,
        seconds=time.perf_counter() - started,
        ended_by=maximum.ended_by,
    )


def _first_batch(boxes: Boxes, n_phi: int) -> Boxes:
    """The boxes cut evenly, along the axes in which each is no point: finely along phi, where w* is to be enclosed."""
    further = boxes.lower.shape[1] - n_phi
    cut = []
    for i in range(len(boxes.lower)):
        lower, upper = boxes.lower[i], boxes.upper[i]
        first = subdivided(Boxes.of(lower[:further], upper[:further]), PARTS) if further else None
        faces = 1 if first is None else len(first.lower)
        parts = max(2, round((FIRST_BATCH / (faces * len(boxes.lower))) ** (1 / n_phi)))
        phi = subdivided(Boxes.of(lower[further:], upper[further:]), parts)
        cut.append(phi if first is None else _product(first, phi))
    return Boxes(*(np.concatenate(each) for each in zip(*cut, strict=True)))


def _product(first: Boxes, second: Boxes) -> Boxes:
    """Every box of the one beside every box of the other."""
    i, j = np.divmod(np.arange(len(first.lower) * len(second.lower)), len(second.lower))
    lower = np.concatenate([first.lower[i], second.lower[j]], axis=1)
    upper = np.concatenate([first.upper[i], second.upper[j]], axis=1)
    return Boxes(lower, upper, first.label[i])


class _Search:
    """What a search asks of boxes, and why some were not enclosed."""

    def __init__(self, enclose: Enclose, ball: PhiBall):
        self.enclose = enclose
        self.ball = ball
        self.centre = np.array(ball.centre)
        self.square = ball.radius**2
        self.first: dict[bytes, Norms] = {}
        self.finest = math.inf
        self.obstacle = ""

    def norms(self, boxes: Boxes) -> BoxBounds:
        """Bounds of the norm."""
        return self._bounds(boxes, of_reach=False)

    def reach(self, boxes: Boxes) -> BoxBounds:
        """Bounds of how far the points go."""
        return self._bounds(boxes, of_reach=True)

    def _bounds(self, boxes: Boxes, *, of_reach: bool) -> BoxBounds:
        n_phi = len(self.centre)
        middle = boxes.lower / 2 + boxes.upper / 2
        near = np.clip(self.centre, boxes.lower[:, -n_phi:], boxes.upper[:, -n_phi:])
        inside = self._distance(middle[:, -n_phi:]) * (1 + 1e-14) <= self.square
        points = middle.copy()
        points[:, -n_phi:] = np.where(inside[:, None], middle[:, -n_phi:], near)
        admissible = self._distance(points[:, -n_phi:]) * (1 + 1e-14) <= self.square
        kept = np.flatnonzero(self._distance(near) <= self.square * (1 + 1e-12))
        number = len(middle)
        jumps = np.zeros(number, bool)
        bounds = BoxBounds(
            high=np.full(number, -np.inf),
            low=np.full(number, -np.inf),
            point=points,
            axis=widest_axis(boxes),
            jumps=jumps,
        )
        if not len(kept):
            return bounds
        some = boxes.take(kept)
        known = self._enclosed(some, points[kept])
        unknown = (known.code != Code.ENCLOSED) | ~np.isfinite(known.high)
        self._note(some, known.code)
        high, low = (known.reach, known.reached) if of_reach else (known.high, known.low)
        bounds.high[kept] = np.where(unknown, np.inf, high)
        bounds.low[kept] = np.where(admissible[kept] & np.isfinite(low), low, -np.inf)
        jumps[kept] = known.code != Code.ENCLOSED
        if known.pull is not None:
            bounds.axis[kept] = pulled_axis(known.pull, some)
        # What does not depend on phi has no part in enclosing w*.
        of_phi = boxes.lower.shape[1] - n_phi + np.argmax((boxes.upper - boxes.lower)[kept, -n_phi:], axis=1)
        bounds.axis[kept] = np.where(jumps[kept], of_phi, bounds.axis[kept])
        return bounds

    def _enclosed(self, boxes: Boxes, points: np.ndarray) -> Norms:
        """What is known of boxes; of the first batch it is kept, because both searches start there."""
        key = boxes.lower.tobytes() + boxes.upper.tobytes()
        if not self.first:
            self.first[key] = self.enclose(boxes, points)
        return self.first[key] if key in self.first else self.enclose(boxes, points)

    def _distance(self, phi: np.ndarray) -> np.ndarray:
        return np.sum((phi - self.centre) ** 2, axis=1)

    def _note(self, boxes: Boxes, code: np.ndarray) -> None:
        """The obstacle in the smallest box that was not enclosed."""
        failed = np.flatnonzero(code != Code.ENCLOSED)
        if not len(failed):
            return
        n_phi = len(self.centre)
        sizes = np.max((boxes.upper - boxes.lower)[failed, -n_phi:], axis=1)
        i = failed[np.argmin(sizes)]
        if sizes.min() < self.finest:
            self.finest = float(sizes.min())
            at = ", ".join(f"{x:.4g}" for x in boxes.lower[i, -n_phi:] / 2 + boxes.upper[i, -n_phi:] / 2)
            self.obstacle = (
                f"{REASONS[Code(code[i])]} near {self.ball.variable} = ({at}), in a box {self.finest:.2g} wide"
            )

    def reason(self, maximum: Maximum) -> str:
        """The reason of a search; the obstacle where there is no bound."""
        if math.isfinite(maximum.high):
            return maximum.reason
        return f"no bound: {self.obstacle or maximum.reason}"
