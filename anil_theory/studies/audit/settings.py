"""What `anil-theory audit` can be asked for."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._admissible import seed as admissible_seed
from anil_theory._options import Options, option


@dataclass(frozen=True)
class AuditSettings(Options):
    """Show, by runs, what is printed, what the numbers say beside it, and what stays true."""

    command: ClassVar[str] = "audit"
    measured: ClassVar[tuple[str, ...]] = ("name", "title", "verdict", "printed", "shown", "stays")

    findings: tuple[str, ...] = option((), "Which findings, by number; all, if left out.", argument=True)
    seed: int = option(0, "Seed of tasks and searches.")
    quick: bool = option(False, "Smaller searches.")

    def __post_init__(self) -> None:
        admissible_seed("seed", self.seed)
