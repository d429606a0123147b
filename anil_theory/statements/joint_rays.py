"""The best pair (Lam_w, Lam_phi) that dominates the joint form: one search for the rates and for plans.

On the ray Lam_phi = kappa Lam_w the smallest pair is max Q/(x^2 + kappa y^2), and V needs max G/(x^2 + (ratio^2/kappa)
y^2). A search estimates both on a grid of directions, with a parabola through the three points about the best: to some
1e-6 in the logarithm, enough to choose a ray. What is then claimed of the ray is enclosed from above (`Form.largest`):
every ray is valid. What is minimised is quasi-convex along the rays, since the pairs that dominate are a convex set.
The scans are numpy's alone: a start of `advise` has no time for a library of optimisers.
"""

from collections.abc import Callable

import numpy as np

from anil_theory.statements.joint import Form, Which, denominators

WIDEST = 20.0
"""How far log kappa is searched from its start, to both sides."""

SCANNED = 17
"""Values of log kappa in one scan. The next one reaches two of them to both sides of the best."""

ROUNDS = 12
"""Scans: the last one resolves log kappa to 6e-7."""

BEYOND = 8.0
"""The grid reaches this far in log(y/x) beyond the rays that are searched; farther out the two axes are."""

WIDTH = 0.125
"""The distance of its directions in log(y/x)."""

Cost = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(log kappa, log Lam_w, log max G) -> what is minimised, for arrays; both in units of g^(2N)."""


class Grid:
    """log F, F = Q or G, on a grid of directions about the rays that are searched."""

    def __init__(self, form: Form, which: Which, middle: float):
        reach = WIDEST / 2 + BEYOND
        self.slopes = np.arange(-reach, reach + WIDTH, WIDTH) - middle / 2
        self.logs = form.logarithms(which, self.slopes)

    def largest(self, log_kappa: np.ndarray) -> np.ndarray:
        """log max F/(x^2 + kappa y^2), estimated, by kappa."""
        values = self.logs - denominators(np.exp(log_kappa)[:, None], self.slopes)
        best = np.clip(np.argmax(values, axis=-1), 1, len(self.slopes) - 2)
        rows = np.arange(len(log_kappa))
        left = values[rows, best - 1]
        here = values[rows, best]
        right = values[rows, best + 1]
        bend = 2 * here - left - right
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = here + (right - left) ** 2 / (8 * bend)
        highest = np.maximum(np.maximum(left, right), here)
        # At an end of the grid, and where log F is -inf, there is no vertex inside.
        return np.where((bend > 0) & (np.abs(right - left) <= 2 * bend), vertex, highest)


class Rays:
    """The rays about kappa = ratio, on which max Q/(x^2 + kappa y^2) and max G/(x^2 + (ratio^2/kappa) y^2) are asked.

    With ratio = beta_w/beta_phi the second one is what V needs: (sqrt(Lam_w) beta_w a, sqrt(Lam_phi) beta_phi b) with
    a^2 + b^2 = 1 are the (x, y) with x^2 + (ratio^2/kappa) y^2 = Lam_w beta_w^2.
    """

    def __init__(self, form: Form, log_ratio: float = 0.0):
        self.log_ratio = log_ratio
        self.curvature = Grid(form, "curvature", log_ratio)
        self.gradient = Grid(form, "gradient", log_ratio)

    def values(self, log_kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log Lam_w and log max G on rays, estimated, in units of g^(2N)."""
        return self.curvature.largest(log_kappa), self.gradient.largest(2 * self.log_ratio - log_kappa)

    def least(self, cost: Cost, rounds: int = ROUNDS) -> float:
        """log kappa at the smallest cost."""
        middle = self.log_ratio
        reach = WIDEST
        for _ in range(rounds):
            scanned = middle + np.linspace(-reach, reach, SCANNED)
            middle = float(scanned[np.argmin(cost(scanned, *self.values(scanned)))])
            reach *= 4 / (SCANNED - 1)
        return middle
