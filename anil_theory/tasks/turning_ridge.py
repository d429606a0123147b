"""A convex function of one variable whose curvature grows by one step to the left of each of several points."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anil_theory.tasks.piecewise import PiecewiseCubic, integrate


@dataclass(frozen=True)
class TurningRidge:
    """F with F''(s) = sum_m clip(kappa (point_m + right_m - s), 0, kappa (right_m + left_m)), 0 on the far right.

    kappa         the rate at which F'' falls from the left of a point to the right of it, >= 0;
    right, left   how far it does so around each point, shape (N,). The points are descending, further apart than that.
    """

    kappa: float
    right: Float[np.ndarray, " N"]
    left: Float[np.ndarray, " N"]

    @property
    def steps(self) -> Float[np.ndarray, " N"]:
        """What F'' gains at each point."""
        return self.kappa * (self.right + self.left)

    def narrowed(self, share: float) -> "TurningRidge":
        """The function that falls as fast, but only this share as far around each point."""
        return TurningRidge(self.kappa, share * self.right, share * self.left)

    def slope_at(self, points: np.ndarray, m: int) -> float:
        """F' at point m; only the points up to it count."""
        middles = points[:m] + (self.right - self.left)[:m] / 2
        whole_steps = float(self.steps[:m] @ (middles - points[m]))
        return -whole_steps - self.kappa * float(self.right[m]) ** 2 / 2

    def function(self, points: np.ndarray, pieces: int) -> PiecewiseCubic:
        """F as so many pieces, at least 2 N + 1."""
        reached = np.cumsum(self.steps)
        breaks, curvatures, jerks = [], [], []
        for m in reversed(range(len(points))):
            breaks += [points[m] - self.left[m], points[m] + self.right[m]]
            curvatures += [reached[m], reached[m]]
            jerks += [0.0, -self.kappa]
        rightmost = len(breaks) - 1
        return integrate(breaks, [*curvatures, 0.0], [*jerks, 0.0], {rightmost: 0.0}).pad(pieces)
