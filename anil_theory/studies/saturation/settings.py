"""What `anil-theory saturation` can be asked for."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._options import Options, option


@dataclass(frozen=True)
class SaturationSettings(Options):
    """Measure where the size of the meta-gradient stops depending on N (strongly convex), with an interval over seeds.

    Nothing is judged: the fitted length stands beside the longest that alpha and mu allow.
    """

    command: ClassVar[str] = "saturation"
    plugins: ClassVar[bool] = False

    mu: tuple[float, ...] = option((0.1, 0.2), "Strong convexity.")
    L: float = option(1.0, "Smoothness.", flag="--L")
    rho: float = option(1.0, "Lipschitz constant of D_w^2 L_S.")
    tau: float = option(0.5, "Lipschitz constant of D_phi D_w L_S.")
    M: float = option(1.0, "Lipschitz constant of L_D.", flag="--M")
    inner_steps: tuple[int, ...] = option(
        (1, 3, 6, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320), "N, four values at least."
    )
    n_w: int = option(3, "Dimension of w.")
    n_phi: int = option(3, "Dimension of phi.")
    tasks: int = option(16, "Tasks that each seed draws.")
    points: int = option(8, "Points that each seed draws for each task.")
    seeds: int = option(24, "Draws of tasks and points.")
    seed: int = option(0, "Seed of the draws.")
