"""The user's choices: step sizes, inner steps, batch and outer steps."""

from dataclasses import dataclass
from typing import Self

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory.constants import Constants, Geometry

MOST_INNER_STEPS = 10**8
"""The bounds are sums over the inner steps, held in memory as arrays of this length."""


@dataclass(frozen=True)
class Schedule:
    """Step sizes and counts of one run of Algorithm 1.

    alpha        inner step size (> 0);
    inner_steps  N >= 1;
    beta_w, beta_phi  outer step sizes (> 0), or None where only the meta-gradient is studied;
    batch        B >= 1 tasks per outer step;
    outer_steps  K >= 1.

    A schedule is valid on its own terms here; whether it fits given constants (alpha <= 1/L in the strongly convex
    geometry) is a hypothesis of each statement, and an error in the constructors `strongly_convex` and `nonconvex`.
    """

    alpha: float
    inner_steps: int
    beta_w: float | None = None
    beta_phi: float | None = None
    batch: int = 1
    outer_steps: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", positive("alpha", self.alpha))
        object.__setattr__(self, "inner_steps", _steps(self.inner_steps))
        for name in ("beta_w", "beta_phi"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, positive(name, value))
        object.__setattr__(self, "batch", count("batch", self.batch, unbounded=True))
        object.__setattr__(self, "outer_steps", count("outer_steps", self.outer_steps, unbounded=True))

    @classmethod
    def strongly_convex(cls, constants: Constants, inner_steps: int, alpha: float | None = None, **rest) -> Self:
        """The strongly convex schedule: the paper's alpha = mu/L^2, or any alpha in (0, 1/L].

        Raises InvalidParameter when mu is unknown or alpha > 1/L.
        """
        if constants.mu is None:
            raise InvalidParameter("mu", "known (> 0) for a strongly convex schedule", None)
        # Two divisions: mu / L**2 can round above 1/L when mu = L.
        alpha = constants.mu / constants.L / constants.L if alpha is None else positive("alpha", alpha)
        if alpha > 1 / constants.L:
            allowed = f"in (0, 1/L] = (0, {1 / constants.L:g}] in the strongly convex geometry"
            raise InvalidParameter("alpha", allowed, alpha)
        return cls(alpha, inner_steps, **rest)

    @classmethod
    def nonconvex(cls, constants: Constants, inner_steps: int, c: float = 0.7, **rest) -> Self:
        """The nonconvex schedule alpha = c/(N L), which keeps (1 + alpha L)^N below e^c (c > 0)."""
        steps = _steps(inner_steps)
        return cls(positive("c", c) / (steps * constants.L), steps, **rest)

    @classmethod
    def paper(cls, constants: Constants, inner_steps: int, **rest) -> Self:
        """The step size of the proposition that covers these constants (Proposition 2 or 3)."""
        if constants.geometry is Geometry.STRONGLY_CONVEX:
            return cls.strongly_convex(constants, inner_steps, **rest)
        return cls.nonconvex(constants, inner_steps, **rest)

    def total_step(self, L: float) -> float:
        """c = alpha N L, the number that decides whether (1 + alpha L)^N stays bounded."""
        return self.alpha * self.inner_steps * L


def _steps(inner_steps: int) -> int:
    steps = count("inner_steps", inner_steps)
    if steps > MOST_INNER_STEPS:
        raise InvalidParameter("inner_steps", f"an integer in 1..{MOST_INNER_STEPS}", inner_steps)
    return steps
