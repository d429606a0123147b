"""How hard a search tries."""

import dataclasses
from dataclasses import dataclass

from anil_theory._admissible import count


@dataclass(frozen=True)
class Budget:
    """How hard to search, per task: pairs, points, power iterations at each point, ascents and their iterations."""

    pairs: int = 64
    points: int = 16
    power_iterations: int = 8
    starts: int = 4
    iterations: int = 40

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            count(field.name, getattr(self, field.name))
        if self.starts > self.points:
            object.__setattr__(self, "points", self.starts)
