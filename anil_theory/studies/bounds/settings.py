"""What `anil-theory bounds` can be asked for."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._options import Options, option
from anil_theory.constants import Geometry


@dataclass(frozen=True)
class BoundsSettings(Options):
    """Trace the bounds of Propositions 2 and 3 against N: every kind, where each turns, what functions reach of them.

    Nothing is judged: the records are what figures and tables of the bounds are drawn from.
    """

    command: ClassVar[str] = "bounds"
    plugins: ClassVar[bool] = False

    mu: tuple[float, ...] = option((0.1,), "Strong convexity (strongly convex geometry).")
    L: float = option(1.0, "Smoothness.", flag="--L")
    rho: float = option(1.0, "Lipschitz constant of D_w^2 L_S.")
    tau: float = option(0.5, "Lipschitz constant of D_phi D_w L_S.")
    M: float = option(1.0, "Lipschitz constant of L_D.", flag="--M")
    geometry: tuple[Geometry, ...] = option(tuple(Geometry), "Which geometries.")
    alpha: float | None = option(None, "The fixed inner step size, nonconvex; 0.1/L if left out.")
    c: float = option(0.7, "c of alpha = c/(N L), nonconvex.")
    longest: int = option(1000, "The largest N.")
    a_decade: int = option(20, "Values of N per decade, evenly on a logarithmic scale.")
    reached: int = option(2, "Values of N per decade at which functions that reach the bounds are built; 0: none.")
