"""The constants of assumptions A1, A2 and Definition 2, where they hold, and how they are known."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from anil_theory._admissible import InvalidParameter, nonnegative, positive, real
from anil_theory._display import Displayed


class Geometry(StrEnum):
    """Which of the paper's two inner-loss geometries applies."""

    STRONGLY_CONVEX = "strongly-convex"
    NONCONVEX = "nonconvex"


class Knowledge(StrEnum):
    """How a set of constants is known: attained by construction, bounded by an inequality on paper (never too small,
    usually not attained), enclosed rigorously by computation, or estimated from samples."""

    EXACT = "exact"
    UPPER_BOUND = "upper-bound"
    CERTIFIED = "certified"
    ESTIMATED = "estimated"


@dataclass(frozen=True)
class Region:
    """The set of z = (w, phi) on which constants hold: a ball about the origin, the whole space when radius is inf."""

    radius: float = math.inf

    def __post_init__(self) -> None:
        allowed = "a number > 0 (inf for the whole space)"
        if self.radius != math.inf:
            object.__setattr__(self, "radius", real("radius", self.radius, allowed))
        if self.radius <= 0:
            raise InvalidParameter("radius", allowed, self.radius)

    def __str__(self) -> str:
        return "the whole space" if math.isinf(self.radius) else f"the ball of radius {self.radius:g}"


WHOLE_SPACE = Region()


@dataclass(frozen=True, repr=False)
class Constants(Displayed):
    """mu, L, rho, tau, M of one family of tasks.

    mu   strong convexity of L_S in w (Definition 2), or None when nothing is assumed (the nonconvex geometry);
    L    smoothness of L_S and L_D jointly in z = (w, phi) (A1);
    rho  Lipschitz constant of D_w^2 L_S in z, operator norm (A2);
    tau  Lipschitz constant of D_phi D_w L_S in z, operator norm (A2);
    M    Lipschitz constant of L_D in z (A1).

    Source: Assumptions 1, 2 and Definition 2 of the paper. Raises InvalidParameter unless 0 < mu <= L, L > 0,
    rho >= 0, tau >= 0 and M > 0, all finite.
    """

    mu: float | None
    L: float
    rho: float
    tau: float
    M: float
    region: Region = field(default=WHOLE_SPACE)
    known: Knowledge = Knowledge.EXACT

    def __post_init__(self) -> None:
        object.__setattr__(self, "L", positive("L", self.L))
        if self.mu is not None:
            mu = positive("mu", self.mu)
            if mu > self.L:
                raise InvalidParameter("mu", f"in (0, L] = (0, {self.L:g}], or None in the nonconvex geometry", self.mu)
            object.__setattr__(self, "mu", mu)
        object.__setattr__(self, "rho", nonnegative("rho", self.rho))
        object.__setattr__(self, "tau", nonnegative("tau", self.tau))
        object.__setattr__(self, "M", positive("M", self.M))
        if not isinstance(self.region, Region):
            raise InvalidParameter("region", "a Region", self.region)
        if not isinstance(self.known, Knowledge):
            raise InvalidParameter("known", "a Knowledge: exact, upper-bound, certified or estimated", self.known)

    @property
    def geometry(self) -> Geometry:
        """Strongly convex when mu is known, nonconvex when it is None."""
        return Geometry.NONCONVEX if self.mu is None else Geometry.STRONGLY_CONVEX

    @property
    def lowest_curvature(self) -> float:
        """The lower bound on D_w^2 L_S that is assumed: mu, or -L when nothing is assumed."""
        return -self.L if self.mu is None else self.mu

    @property
    def condition_number(self) -> float:
        """L/mu; infinite in the nonconvex geometry."""
        return math.inf if self.mu is None else self.L / self.mu

    def _shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {name: getattr(self, name) for name in ("mu", "L", "rho", "tau", "M")}
        if self.region != WHOLE_SPACE:
            shown["region"] = self.region
        if self.known is not Knowledge.EXACT:
            shown["known"] = f"Knowledge.{self.known.name}"
        return shown
