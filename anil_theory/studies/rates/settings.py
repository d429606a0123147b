"""What `anil-theory rates` can be asked for."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._options import Options, option


@dataclass(frozen=True)
class RatesSettings(Options):
    """Plot averages against K, floors against B and the cost of eps against N of Algorithm 1, beside the bounds."""

    command: ClassVar[str] = "rates"
    measured: ClassVar[tuple[str, ...]] = ("study", "curves", "notes", "status", "reason")

    mu: float = option(0.2, "Strong convexity of the strongly convex panels.")
    L: float = option(1.0, "Smoothness.", flag="--L")
    rho: float = option(1.0, "Lipschitz constant of D_w^2 L_S.")
    tau: float = option(0.5, "Lipschitz constant of D_phi D_w L_S.")
    M: float = option(1.0, "Lipschitz constant of L_D.", flag="--M")
    inner_steps: tuple[int, ...] = option(
        (1, 2, 3, 5, 7, 10, 15, 20, 30), "N of the cost study; convergence takes at most four.", quick=(1, 3, 10)
    )
    batch: tuple[int, ...] = option((2, 4, 8, 16, 32), "B of the floor study.", quick=(2, 8))
    outer_steps: int = option(2000, "K.", quick=300)
    eps: float = option(0.25, "Accuracy, as a fraction of the squared gradient at the start.")
    alpha: float = option(0.1, "The inner step size that both geometries share.")
    n_w: int = option(3, "Dimension of w.")
    n_phi: int = option(3, "Dimension of phi.")
    tasks: int = option(4, "Tasks in the population.")
    population: int | None = option(
        None, "T: draw the B tasks of a step without replacement from T, which --tasks then is; B is at most T."
    )
    seeds: int = option(16, "Runs of Algorithm 1 per curve.")
    seed: int = option(0, "Seed of tasks and runs.")
    quick: bool = option(False, "Fewer curves and steps.")
