"""The best pair (Lam_w, Lam_phi) that dominates the joint form: one search for the rates and for plans.

Claim: on the ray Lam_phi = kappa Lam_w the values that a search works with, those of max Q/(x^2 + kappa y^2) and of
max G/(x^2 + (ratio^2/kappa) y^2), are upper bounds, from chords on cells (`joint`). After every scan the cells are cut
where they decide, at the ray found so far and at both ends of the rays that are left, until the values there are within
RELATIVE of reached ones. What is minimised is quasi-convex along the rays: the pairs that dominate are a convex set,
also those of the chords. The scans are numpy's alone: a start of `advise` has no time for a library of optimisers.
"""

from collections.abc import Callable

import numpy as np

from anil_theory.statements.joint import PARTS, RELATIVE, Form, Which, chords, denominators

WIDEST = 20.0
"""How far log kappa is searched from its start, to both sides."""

SCANNED = 17
"""Values of log kappa in one scan. The next one reaches two of them to both sides of the best."""

ROUNDS = 17
"""Scans: the last one resolves log kappa to some 1e-9."""

FIRST_WIDTH = 0.5
"""Width of the first cells in log(y/x): chords are then at most 3 % high, since (log F)'' <= 1."""

BEYOND = 8.0
"""Cells reach this far in log(y/x) beyond the rays that are searched; farther out the two axes are."""

Cost = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(log kappa, log Lam_w, log max G) -> what is minimised, for arrays; both in units of g^(2N)."""


class Cells:
    """An upper bound of log max F/(x^2 + kappa y^2) for any kappa, F = Q or G, from chords."""

    def __init__(self, form: Form, which: Which, middle: float):
        self.form = form
        self.which: Which = which
        reach = WIDEST / 2 + BEYOND
        self.slopes = np.arange(-reach, reach + FIRST_WIDTH, FIRST_WIDTH) - middle / 2
        self.logs = form.logarithms(which, self.slopes)

    def above(self, log_kappa: np.ndarray) -> np.ndarray:
        """The bound, by kappa."""
        return np.maximum(np.max(self._chords(log_kappa), axis=-1), self._outside(log_kappa))

    def cut(self, log_kappa: np.ndarray) -> None:
        """Cut the cells whose chord is above a value that is reached, at one of these kappa."""
        reached = np.max(self.logs - denominators(np.exp(log_kappa)[:, None], self.slopes), axis=-1)
        wide = np.flatnonzero(np.any(self._chords(log_kappa) > reached[:, None] + RELATIVE, axis=0))
        if not len(wide):
            return
        shares = np.arange(1, PARTS) / PARTS
        new = (self.slopes[wide, None] + (self.slopes[wide + 1] - self.slopes[wide])[:, None] * shares).ravel()
        slopes = np.concatenate((self.slopes, new))
        logs = np.concatenate((self.logs, self.form.logarithms(self.which, new)))
        order = np.argsort(slopes, kind="stable")
        self.slopes = slopes[order]
        self.logs = logs[order]

    def _chords(self, log_kappa: np.ndarray) -> np.ndarray:
        return chords(np.exp(log_kappa)[:, None], self.slopes, self.logs)

    def _outside(self, log_kappa: np.ndarray) -> np.ndarray:
        """F increases in x and in y, so beyond the last cells it is at most what it is at their ends."""
        return np.maximum(self.logs[0], self.logs[-1] - 2 * self.slopes[-1] - log_kappa)


class Rays:
    """The rays about kappa = ratio, on which max Q/(x^2 + kappa y^2) and max G/(x^2 + (ratio^2/kappa) y^2) are asked.

    With ratio = beta_w/beta_phi the second one is what V needs: (sqrt(Lam_w) beta_w a, sqrt(Lam_phi) beta_phi b) with
    a^2 + b^2 = 1 are the (x, y) with x^2 + (ratio^2/kappa) y^2 = Lam_w beta_w^2.
    """

    def __init__(self, form: Form, log_ratio: float = 0.0):
        self.log_ratio = log_ratio
        self.curvature = Cells(form, "curvature", log_ratio)
        self.gradient = Cells(form, "gradient", log_ratio)

    def values(self, log_kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log Lam_w and log max G on rays, in units of g^(2N)."""
        return self.curvature.above(log_kappa), self.gradient.above(2 * self.log_ratio - log_kappa)

    def least(self, cost: Cost, rounds: int = ROUNDS) -> float:
        """log kappa at the smallest cost."""
        middle = self.log_ratio
        reach = WIDEST
        for _ in range(rounds):
            scanned = middle + np.linspace(-reach, reach, SCANNED)
            middle = float(scanned[np.argmin(cost(scanned, *self.values(scanned)))])
            reach *= 4 / (SCANNED - 1)
            deciding = middle + np.array([-reach, 0.0, reach])
            self.curvature.cut(deciding)
            self.gradient.cut(2 * self.log_ratio - deciding)
        return middle
