"""What `anil-theory certify` can be asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from anil_theory._options import Options, option
from anil_theory.constants import Geometry


@dataclass(frozen=True)
class CertifySettings(Options):
    """Enclose the constants of Propositions 2 and 3 on sampled tasks from both sides, with proof, over a ball.

    A family whose constants hold on a ball is certified for one task, over a box inside the ball.
    """

    command: ClassVar[str] = "certify"
    row_members: ClassVar[tuple[str, ...]] = (
        "statement",
        "block",
        "geometry",
        "N",
        "region",
        "lower",
        "upper",
        "width",
        "bounds",
        "factors",
        "status",
        "ended_by",
        "reason_of_search",
        "outcome",
        "reason",
        "sampled",
    )

    family: tuple[str, ...] = option(("separable",), "Families of tasks, by name; of plug-ins too.")
    mu: float = option(0.2, "Strong convexity of the strongly convex cells.")
    L: float = option(1.0, "Smoothness.", flag="--L")
    rho: float = option(1.0, "Lipschitz constant of D_w^2 L_S.")
    tau: float = option(0.5, "Lipschitz constant of D_phi D_w L_S.")
    M: float = option(1.0, "Lipschitz constant of L_D.", flag="--M")
    geometry: tuple[Geometry, ...] = option(tuple(Geometry), "Which geometries.")
    inner_steps: tuple[int, ...] = option((), "N; 1 3 5 10 if left out, and 1 3 for families on a ball.")
    c: float = option(0.7, "c of alpha = c/(N L), nonconvex.")
    radius: float | None = option(None, "Radius of the ball of (w, phi); 4 if left out, and 1 for families on a ball.")
    n_w: int = option(2, "Dimension of w.")
    n_phi: int = option(2, "Dimension of phi (0: MAML, needs --tau 0).")
    tasks: int = option(4, "Tasks per cell.")
    query: str = option("sine", "Outer loss: sine or log-cosh.")
    gap: float | None = option(None, "Relative width to reach; 0.01 if left out, and 0.05 for families on a ball.")
    operations: float = option(5e8, "Interval operations allowed per block; beyond, the best enclosure so far.")
    seconds: float = option(600.0, "Ceiling on the time per cell; where it ends a search, that is said.")
    samples: int = option(1000, "Random points to extrapolate from; 0: none.")
    seed: int = option(0, "Seed of the tasks.")
    proof: Path | None = option(None, "Write the boxes, each with its bound, for `anil-theory check`.")
