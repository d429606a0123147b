"""What an estimate is: a value, the direction in which it can err, its error, and the point that shows it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from anil_theory._admissible import InvalidParameter, nonnegative
from anil_theory._display import Displayed, short

BLOCKS = ("ww", "wphi", "phiw", "phiphi")
"""The blocks of the meta-gradient's Lipschitz constant: block xy says how fast D_x L_meta moves when only y moves."""


COUNTED = "heuristic: a number of roundings that the loss was not asked for"
"""The `rounding_kind` of estimates whose rounding is not derived from their program."""


def counted_roundings(n: int, inner_steps: int = 1) -> int:
    """The roundings in a row that a measurement is charged with where they are not derived from its program.

    n             the numbers in (w, phi); 0 where a task has one coordinate and nothing is summed;
    inner_steps   N, or 1 for a derivative of a loss itself.

    Derivation, for a loss that is a sum over the coordinates. Such a sum is a chain of n roundings, and the way back
    through it, which gives the gradient, another n. A tangent doubles both, because the derivative of a product is a
    sum of two products. An inner step is taken on the way out and again on the way back: 8 n in all. Each of the four
    evaluations also has elementary functions, whose number does not grow with n; 16 roundings are allowed for them.

    No loss is asked for its own operations, so this is a convention and no bound: a loss that sums over many examples
    rounds more often. Estimates that rest on it say so in `rounding_kind`.
    """
    return inner_steps * (8 * n + 64)


def is_heuristic(rounding_kind: str) -> bool:
    """Whether a rounding of this kind is no bound of the error."""
    return rounding_kind.startswith("heuristic")


def leading_kind(kinds: Iterable[str]) -> str:
    """The `rounding_kind` to report for several: a heuristic, if there is one, or else the first that says anything.

    Empty where there is none.
    """
    known = [kind for kind in kinds if kind]
    return next(filter(is_heuristic, known), known[0] if known else "")


class Direction(StrEnum):
    """On which side of the true value an estimate can lie; `verdict` says what each side can refute and confirm."""

    LOWER = "lower"
    """sampled or searched: at most the supremum, so it can refute a bound and never confirm it"""
    UPPER = "upper"
    """certified: at least the supremum, so it can confirm a bound and never refute it"""
    EXACT = "exact"
    """a closed form"""
    MEAN = "mean"
    """a mean over seeds, with a standard error"""


@dataclass(frozen=True, repr=False)
class Witness(Displayed):
    """What is needed to see an estimate again.

    points   named float64 arrays (a point z and unit directions, or a pair of points), as nested lists of floats;
    task     the index of the task in its batch;
    """

    points: Mapping[str, Any]
    task: int

    def _shown(self) -> dict[str, Any]:
        return {"task": self.task, "points": ", ".join(self.points)}


@dataclass(frozen=True, repr=False)
class Estimate(Displayed):
    """One measured quantity.

    quantity   key, the same as in the claim that bounds it;
    value      the measured number;
    direction  see Direction;
    method     how it was measured ("pairs", "points", "ascent", ...);
    rounding   the absolute error that float64 arithmetic may have made in `value`;
    rounding_kind   what that number is: "first-order bound, doubled" (see `rounding`), or "heuristic" with the reason;
    stderr     standard error (means only, else 0);
    samples    how many points, pairs, starts or seeds stand behind it;
    seed       the integer the random key was made from;
    outside    by how much (in norm) the computation left the region where the constants hold; 0 if it stayed inside;
    outside_direction   LOWER: a point is known to have left the region; UPPER: an enclosure reaches so far beyond it,
               which shows no point that left;
    region     the region that `outside` is about, in words, where it is not that of the constants;
    outside_kind   how the rounding that `outside` allows for was found, in the words of `rounding_kind`; empty where
               the region is the whole space;
    dropped    how many of the samples were left out because the quantity is not finite there;
    first_dropped   the first of them in words: loss, task, block, point;
    witness    the point that shows the value;
    scale      of a distance that should be 0: the size of what it is the distance of. A rounding beyond it says
               nothing. None where it is not known;
    residual   of a norm by Lanczos: in exact arithmetic the block at the witness has a singular value within this
               distance of `value`. Which one is not known, so it is no upper bound of the norm. None elsewhere.
    """

    quantity: str
    value: float
    direction: Direction
    method: str
    rounding: float = 0.0
    stderr: float = 0.0
    samples: int = 1
    seed: int = 0
    outside: float = 0.0
    outside_direction: Direction = Direction.LOWER
    rounding_kind: str = ""
    outside_kind: str = ""
    region: str = ""
    dropped: int = 0
    first_dropped: str = ""
    witness: Witness | None = field(default=None, compare=False)
    residual: float | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.value):
            raise InvalidParameter("value", "a number: a run that diverges has a status and no estimate", self.value)
        if math.isinf(self.value) and self.direction is not Direction.UPPER:
            raise InvalidParameter("value", "finite (only a certified upper bound can fail to be)", self.value)
        if self.stderr > 0 and self.direction is not Direction.MEAN:
            raise InvalidParameter("stderr", f"0 for a {self.direction.value} estimate", self.stderr)
        for name in ("rounding", "stderr", "outside"):
            nonnegative(name, getattr(self, name))

    def _shown(self) -> dict[str, Any]:
        shown = {"quantity": self.quantity, "value": short(self.value), "direction": self.direction.value}
        shown["method"] = self.method
        if self.rounding:
            shown["rounding"] = f"{self.rounding:.2g}"
        return shown | ({"stderr": f"{self.stderr:.2g}"} if self.stderr else {})
