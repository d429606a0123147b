"""How hard a search tries."""

import dataclasses
from dataclasses import dataclass

from anil_theory._admissible import count


@dataclass(frozen=True)
class Budget:
    """How hard to search, per task.

    pairs          random pairs of points;
    points         random points;
    lanczos_steps  of each norm, at most n_w + n_phi; they cost as many products with the Hessian and two more;
    starts         ascents, from the best points;
    iterations     of each ascent.

    Raises InvalidParameter for what is not an integer >= 1.
    """

    pairs: int = 64
    points: int = 16
    lanczos_steps: int = 14
    starts: int = 4
    iterations: int = 40

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            count(field.name, getattr(self, field.name))
        if self.starts > self.points:
            object.__setattr__(self, "points", self.starts)

    @property
    def shapes(self) -> "Budget":
        """What a compilation depends on: all but the iterations, which are a traced number."""
        return dataclasses.replace(self, iterations=1)
