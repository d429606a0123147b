"""What a measurement hands to the judge."""

from collections.abc import Callable
from dataclasses import dataclass

from anil_theory.estimators import Estimate
from anil_theory.falsifier import Evidence
from anil_theory.statements import Claim
from anil_theory.tasks import TaskSet
from anil_theory.verification.cells import Cell


@dataclass(frozen=True)
class Measured:
    """What a cell has to say of one block: estimates of one quantity, the claims that bound it, and a remark.

    There is no estimate where a run ended without one (it diverged); `remark` then says so. `worst` are further lower
    estimates of the same quantity: the worst instances known, whatever the cell's own tasks are.
    """

    estimates: list[Estimate]
    claims: list[Claim]
    remark: str = ""
    worst: tuple[Evidence, ...] = ()


Measurement = Callable[[Cell, TaskSet], dict[str, Measured]]
