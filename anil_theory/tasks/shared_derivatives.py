"""Derivatives of a mirrored pair of tasks, the same at all inner iterates, and SGD on the pair under small noise.

One w and one phi. At every inner iterate of task A, (v, y) the offset from it, D_w^2 L_S = h - a v - b y and
D_phi D_w L_S = -c - b v - d y; around (w_N, phi), L_D has the Hessian L and the gradient M (p, q), p^2 + q^2 = 1.
Task B is the mirror image, so z = 0 is stationary and the noise there is +-g. For small noise SGD is linear, and the
average of beta_w |D_w|^2 + beta_phi |D_phi|^2 and the covariance of the iterate have closed forms.

Source: derived for this project; docs/theorem_bounds.md.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks.third_derivatives import own_maximiser

SCANNED = 9
"""Points of each scan over the angle of the direction, and over that of (p, q)."""

SCANS = 5
"""Each is four times finer than the one before, and reaches one of its spacings about its best."""

LEAST_ANGLE = 0.1
"""How close to an axis the direction may come: at an axis b or d is 0, and the ridges of L_S have no direction."""


@dataclass(frozen=True)
class SharedDerivatives:
    """Task A at its inner iterates, and the loop and the outer steps that act on it."""

    h: float
    c: float
    a: float
    b: float
    d: float
    outer: np.ndarray
    constants: Constants
    schedule: Schedule

    @cached_property
    def carried(self) -> np.ndarray:
        """What (w_0, phi) moves to at w_0 .. w_N, shape (N + 1, 2, 2)."""
        step = np.array([[1 - self.schedule.one_alpha * self.h, self.schedule.one_alpha * self.c], [0.0, 1.0]])
        powers = [np.eye(2)]
        for _ in range(self.schedule.inner_steps):
            powers.append(step @ powers[-1])
        return np.array(powers)

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        """D^2 L_meta at z = 0 is the first and p times the second: what L_D is curved, and what L_S turns."""
        kept = 1 - self.schedule.one_alpha * self.h
        turned = np.array([[self.a, self.b], [self.b, self.d]])
        bent = np.zeros((2, 2))
        for Z in self.carried[:-1]:
            bent = kept * bent + self.schedule.one_alpha * Z.T @ turned @ Z
        last = self.carried[-1]
        return self.constants.L * last.T @ last, self.constants.M * bent

    @property
    def hessian(self) -> np.ndarray:
        """D^2 L_meta at z = 0."""
        plain, turned = self._parts
        return plain + self.outer[0] * turned

    @property
    def steps(self) -> np.ndarray:
        """beta_w and beta_phi."""
        return np.array([self.schedule.beta_w, self.schedule.beta_phi], float)

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eigenvalues and eigenvectors of the Hessian in the units of the steps, and the noise along them."""
        root = np.sqrt(self.steps)
        values, basis = np.linalg.eigh(root[:, None] * self.hessian * root)
        gradient = self.constants.M * self.carried[-1].T @ self.outer
        return values, basis, basis.T @ (root * gradient)

    @property
    def lam(self) -> float:
        """The largest curvature in the units of the steps."""
        return float(self._modes[0].max())

    @property
    def stable(self) -> bool:
        """Whether SGD has a stationary distribution."""
        return bool(self._modes[0].min() > 0 and self.lam < 2)

    @property
    def floor(self) -> float:
        """B times the average of the weighted squares; 0 where SGD is unstable."""
        return float(self.floors(self.outer[None])[0])

    def floors(self, outers: np.ndarray) -> np.ndarray:
        """`floor` for other gradients (p, q) of L_D, shape (n, 2): n^T A (2 - A)^-1 n, in the units of the steps."""
        root = np.sqrt(self.steps)
        plain, turned = self._parts
        A = root[:, None] * (plain + outers[:, :1, None] * turned) * root
        noise = self.constants.M * root * (outers @ self.carried[-1])
        rest = 2 * np.eye(2) - A
        sums = [each[:, 0, 0] + each[:, 1, 1] for each in (A, rest)]
        products = [each[:, 0, 0] * each[:, 1, 1] - each[:, 0, 1] ** 2 for each in (A, rest)]
        stable = np.min([*sums, *products], axis=0) > 0
        # The inverse of a matrix of order 2 by its adjugate.
        swapped = np.stack(
            [
                rest[:, 1, 1] * noise[:, 0] - rest[:, 0, 1] * noise[:, 1],
                rest[:, 0, 0] * noise[:, 1] - rest[:, 0, 1] * noise[:, 0],
            ],
            axis=1,
        )
        values = np.einsum("ki,kij,kj->k", noise, A, swapped) / np.where(stable, products[1], 1.0)
        return np.where(stable, values, 0.0)

    def spreads(self, direction: np.ndarray) -> np.ndarray:
        """Standard deviations of (w_m, phi) along a direction, for m = 0 .. N, at the batch of the schedule."""
        values, basis, noise = self._modes
        of_modes = np.outer(noise, noise) / (values[:, None] + values - np.outer(values, values))
        root = np.sqrt(self.steps)
        covariance = root[:, None] * (basis @ of_modes @ basis.T) * root / self.schedule.batch
        moved = direction @ self.carried
        return np.sqrt(np.einsum("mi,ij,mj->m", moved, covariance, moved))


def derivatives_at(constants: Constants, schedule: Schedule, angle: float, share: float) -> SharedDerivatives:
    """The choice for the direction (cos angle, sin angle), with (p, q) = (cos share, sin share).

    Strongly convex: h = mu. Nonconvex: (h, -c) is the point of the circle of radius L that the direction asks for.
    """
    L = constants.L
    direction = np.array([np.cos(angle), np.sin(angle)])
    if constants.mu is not None:
        h, c = constants.mu, float(np.sqrt(L - constants.mu) * np.sqrt(L + constants.mu))
    else:
        h, c = (float(entry) for entry in L * direction * [-1, 1])
    a, b, d = own_maximiser(direction[0] / direction[1], constants.rho, constants.tau)
    return SharedDerivatives(h, c, a, b, d, _unit(share), constants, schedule)


def _unit(angle: float | np.ndarray) -> np.ndarray:
    """Unit vectors, along a last axis."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def best_derivatives(constants: Constants, schedule: Schedule) -> SharedDerivatives:
    """The choice with the largest `floor` at the outer steps of the schedule."""
    best = derivatives_at(constants, schedule, np.pi / 4, 0.0)
    largest = best.floor
    middle, reach = np.full(2, np.pi / 4), np.pi / 4
    lowest, highest = np.array([LEAST_ANGLE, 0.0]), np.array([np.pi / 2 - LEAST_ANGLE, np.pi / 2])
    for _ in range(SCANS):
        low, high = np.maximum(middle - reach, lowest), np.minimum(middle + reach, highest)
        shares = np.linspace(low[1], high[1], SCANNED)
        for angle in np.linspace(low[0], high[0], SCANNED):
            tried = derivatives_at(constants, schedule, float(angle), 0.0)
            floors = tried.floors(_unit(shares))
            k = int(np.argmax(floors))
            if floors[k] > largest:
                best, largest = replace(tried, outer=_unit(shares[k])), floors[k]
                middle = np.array([angle, shares[k]])
        reach /= 4
    return best
