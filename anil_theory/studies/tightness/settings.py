"""What `anil-theory tightness` can be asked for."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._options import Options, option
from anil_theory.constants import Geometry


@dataclass(frozen=True)
class TightnessSettings(Options):
    """Show how tight Propositions 2 and 3 are: programs, functions that reach the sharp bounds, worst tasks."""

    command: ClassVar[str] = "tightness"
    measured: ClassVar[tuple[str, ...]] = ("rows",)

    mu: tuple[float, ...] = option((0.2, 0.7), "Strong convexity (strongly convex geometry).", quick=(0.2,))
    L: float = option(1.0, "Smoothness.", flag="--L")
    rho: tuple[float, ...] = option((1.0,), "Lipschitz constant of D_w^2 L_S.")
    tau: tuple[float, ...] = option((0.3, 1.0, 3.0), "Lipschitz constant of D_phi D_w L_S.", quick=(0.5,))
    M: float = option(1.0, "Lipschitz constant of L_D.", flag="--M")
    inner_steps: tuple[int, ...] = option((1, 3, 10), "N.", quick=(1, 3))
    geometry: tuple[Geometry, ...] = option(tuple(Geometry), "Which geometries.")
    c: float = option(0.7, "c of alpha = c/(N L), nonconvex.")
    seed: int = option(0, "Seed of the searches.")
    broken: str | None = option(None, "Halve the bounds of a block on purpose: ww, wphi, phiw, phiphi.", flag="--break")
    quick: bool = option(False, "One setting per geometry.")
