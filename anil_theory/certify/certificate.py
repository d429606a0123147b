"""What a certificate says of one block: an interval that holds its largest norm over a region, and the witness."""

import math
from dataclasses import dataclass
from typing import Any

from anil_theory._display import Displayed, short
from anil_theory.certify.search.branch_and_bound import ClosingStatus, Ended, Maximum
from anil_theory.constants import Region
from anil_theory.estimators.base import Direction, Estimate, Witness

QUANTITY = "meta_gradient_lipschitz"
METHOD = "branch and bound"

Directions = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class BoxRegion:
    """A box of flat points z = (w, phi): its two corners."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __str__(self) -> str:
        return "the box " + " x ".join(f"[{a:g}, {b:g}]" for a, b in zip(self.lower, self.upper, strict=True))


@dataclass(frozen=True, repr=False)
class Certificate(Displayed):
    """One block of the Hessian of L_meta over a region: its largest operator norm lies in [lower, upper].

    block       "ww", "wphi", "phiw" or "phiphi";
    point       a flat z where the norm is at least `lower`, in task `task`;
    directions  the two unit vectors that show it (the block's output and input, as flat vectors);
    status      CLOSED, or INCONCLUSIVE when a budget was used up (the enclosure is right and wider than asked), or
                UNDECIDED_BRANCH when the meta-gradient may jump: `upper` is inf, and no verdict is CONFIRMED with it;
    ended_by    what ended the search: only where it was the clock does the result depend on the machine's load.
    """

    block: str
    lower: float
    upper: float
    point: tuple[float, ...]
    directions: Directions
    task: int
    region: Region | BoxRegion
    status: ClosingStatus
    reason: str
    boxes: int
    seconds: float
    ended_by: Ended = Ended.GAP

    @classmethod
    def of(
        cls, block: str, maximum: Maximum, point: tuple[float, ...], directions: Directions, task: int, region: object
    ) -> "Certificate":
        """The result of a search with its witness in the coordinates of z."""
        assert isinstance(region, Region | BoxRegion)
        lower = max(maximum.low, 0.0)
        rest = (maximum.status, maximum.reason, maximum.boxes, maximum.seconds, maximum.ended_by)
        return cls(block, lower, maximum.high, point, directions, task, region, *rest)

    @property
    def width(self) -> float:
        """(upper - lower)/upper; 0 when both are 0, 1 when there is no finite upper bound."""
        if math.isinf(self.upper):
            return 1.0
        return (self.upper - self.lower) / self.upper if self.upper > 0 else 0.0

    @property
    def estimate(self) -> Estimate:
        """The certified upper bound: with it a verdict can be CONFIRMED, on the region."""
        return self._estimate(self.upper, Direction.UPPER)

    @property
    def lower_estimate(self) -> Estimate:
        """The value at the witness, which is certified too: with it a verdict can be REFUTED."""
        return self._estimate(self.lower, Direction.LOWER)

    def _estimate(self, value: float, direction: Direction) -> Estimate:
        u, v = map(list, self.directions)
        witness = Witness({"z": list(self.point), "u": u, "v": v}, self.task)
        return Estimate(f"{QUANTITY}/{self.block}", value, direction, METHOD, samples=self.boxes, witness=witness)

    def _shown(self) -> dict[str, Any]:
        shown = {"block": self.block, "norm": f"[{short(self.lower)}, {short(self.upper)}]", "on": str(self.region)}
        return shown | {"status": self.status.value, "boxes": str(self.boxes)}
