"""What `anil-theory constants` can be asked for."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anil_theory._admissible import positive, within
from anil_theory._admissible import seed as admissible_seed
from anil_theory._options import Options, option


@dataclass(frozen=True)
class ConstantsSettings(Options):
    """Certify mu, L, rho, tau, M of a small bounded-region task on a ball, beside the bound derived on paper."""

    command: ClassVar[str] = "constants"
    row_members: ClassVar[tuple[str, ...]] = (
        "name",
        "lower",
        "upper",
        "analytic",
        "best_from",
        "status",
        "known",
        "ended_by",
        "outcome",
    )
    measured: ClassVar[tuple[str, ...]] = ("heading",)

    families: tuple[str, ...] = option((), "Families whose constants hold on a ball; all, if left out.", argument=True)
    radius: float = option(1.0, "Radius of the ball of (w, phi) that is certified.")
    gap: float = option(0.1, "Relative width of the enclosures to reach.")
    operations: float = option(1e8, "Interval operations allowed per constant; beyond, the best enclosure so far.")
    seconds: float = option(600.0, "Ceiling on the time per family; where it ends a search, that is said.")
    seed: int = option(0, "Seed of the task.")

    def __post_init__(self) -> None:
        positive("radius", self.radius)
        positive("operations", self.operations)
        positive("seconds", self.seconds)
        within("gap", self.gap, 0.0, 1.0, "in [0, 1]")
        admissible_seed("seed", self.seed)

    @property
    def work(self) -> dict[str, Any]:
        """How hard to search."""
        return {"gap": self.gap, "operations": self.operations, "seconds": self.seconds}
