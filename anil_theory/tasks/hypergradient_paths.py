"""Inner loops of many tasks in one dimension at a time, and how far off their hypergradients are: where a witness is
looked for.

At phi = 0 let H(w) = mu + f(w) and C(w) = c + x f(w), f(w) = max(0, height - rate |w - peak|): what a function of one
direction v makes of the second derivatives of L_S, x = v_phi/v_w (`tasks.ridges`). The loop starts at w = 1, and w* is
0. With K = C/H or what a solver makes of it, a hypergradient is q - K p; the query's gradient (p, q) is a multiple of
one unit vector u, by s_0 at w* and s_N at w_N, |s_0|, |s_N| <= M and |s_N - s_0| <= L u_w w_N.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks.ridges import area

WAYS = ("unrolled", "neumann", "cg")


@dataclass(frozen=True)
class Tents:
    """Tents, as arrays of one shape: tangent is x >= 0, half the width of half a tent, rate its steepness."""

    tangent: Float[np.ndarray, " *shape"]
    peak: Float[np.ndarray, " *shape"]
    half: Float[np.ndarray, " *shape"]
    rate: Float[np.ndarray, " *shape"]

    @property
    def height(self) -> Float[np.ndarray, " *shape"]:
        return self.rate * self.half

    @classmethod
    def steepest(cls, constants: Constants, tangent: np.ndarray, peak: np.ndarray, half: np.ndarray) -> "Tents":
        """With the largest rates that rho and tau allow; of width 0 where that is 0."""
        axes = np.meshgrid(tangent, peak, half, indexing="ij")
        every_tangent, every_peak, every_half = (axis.ravel() for axis in axes)
        mixed = np.full_like(every_tangent, np.inf)
        np.divide(constants.tau, every_tangent, out=mixed, where=every_tangent > 0)
        rate = np.minimum(constants.rho, mixed) / np.sqrt(1 + every_tangent**2)
        steep = rate > 0
        return cls(every_tangent, every_peak, np.where(steep, every_half, 0.0), np.where(steep, rate, 1.0))

    @classmethod
    def grid(cls, constants: Constants, schedule: Schedule) -> "Tents":
        """Tents at the minimum, at the end of a loop at mu, and in between, of all widths, and the one of width 0."""
        assert constants.mu is not None
        end = (1 - schedule.one_alpha * constants.mu) ** schedule.inner_steps
        lengths = np.concatenate([end * np.array([0.5, 0.8, 0.9, 0.95, 1.0, 1.1]), np.geomspace(max(end, 1e-6), 1, 16)])
        tangents = np.concatenate([[0.0], np.geomspace(0.02, 3.0, 16)])
        if constants.tau > 0 < constants.rho:
            tangents = np.append(tangents, constants.tau / constants.rho)
        return cls.steepest(constants, tangents, np.append(lengths, 0.0), np.append(lengths, 0.0))

    def near(self, constants: Constants, width: float) -> "Tents":
        """Those around one tent."""
        factors = 1 + width * np.linspace(-1, 1, 9)
        return self.steepest(constants, self.tangent * factors, self.peak * factors, self.half * factors)

    def chosen(self, index: np.ndarray) -> "Tents":
        return Tents(self.tangent[index], self.peak[index], self.half[index], self.rate[index])


class Paths(NamedTuple):
    """What the loops end with: w_N, K at w* and, for each of WAYS, K at w_N. NaN where no such task exists."""

    end: Float[np.ndarray, " *shape"]
    exact: Float[np.ndarray, " *shape"]
    solved: Float[np.ndarray, "ways *shape"]

    def chosen(self, index: np.ndarray) -> "Paths":
        return Paths(self.end[index], self.exact[index], self.solved[:, index])


def base_of(constants: Constants, tents: Tents) -> tuple[np.ndarray, np.ndarray]:
    """C and D_phi^2 L_S where f = 0; NaN where that is impossible.

    With the Hessian [[mu, c], [c, g]] having the eigenvalue -L, c = -sqrt((L + mu) (L + g)). At the top it is
    [[mu + h, c + x h], [., g + x^2 h]], with the eigenvalue L: an equation for sqrt(L + g), of degree 2. In between the
    eigenvalues lie between, as they grow with f.
    """
    mu, L = constants.mu, constants.L
    assert mu is not None
    h, x = tents.height, tents.tangent
    quadratic = 2 * L - h
    half_linear = h * x * math.sqrt(L + mu)
    constant = (h * x) ** 2 + (L - mu - h) * (h * x**2 - 2 * L)
    with np.errstate(invalid="ignore"):
        root = (half_linear + np.sqrt(half_linear**2 - quadratic * constant)) / quadratic
    own = root**2 - L
    possible = (h < L - mu) & (root > 0) & (own + x**2 * h <= L)
    return np.where(possible, -math.sqrt(L + mu) * root, np.nan), np.where(possible, own, np.nan)


def along(constants: Constants, schedule: Schedule, tents: Tents) -> Paths:
    """The inner loops."""
    assert constants.mu is not None
    alpha = schedule.one_alpha
    mixed, _ = base_of(constants, tents)

    def curvature(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f = np.maximum(0.0, tents.height - tents.rate * np.abs(w - tents.peak))
        return constants.mu + f, mixed + tents.tangent * f

    def below(w: np.ndarray | float) -> np.ndarray:
        return area(w - tents.peak, height=tents.height, jerk=tents.rate)

    w, unrolled = np.ones_like(tents.half), np.zeros_like(tents.half)
    at_minimum = below(0.0)
    for _ in range(schedule.inner_steps):
        H, C = curvature(w)
        unrolled = (1 - alpha * H) * unrolled + alpha * C
        w = w - alpha * (constants.mu * w + below(w) - at_minimum)
    H, C = curvature(w)
    exact_H, exact_C = curvature(np.zeros_like(w))
    series = C / H * (1 - (1 - H / constants.L) ** schedule.inner_steps)
    return Paths(w, exact_C / exact_H, np.stack([unrolled, series, C / H]))


class Query(NamedTuple):
    """Slopes of Q at w* and at w_N, and how far off the hypergradient is with them."""

    start_slope: np.ndarray
    end_slope: np.ndarray
    error: np.ndarray


def best_query(constants: Constants, paths: Paths, way: int, angles: np.ndarray) -> Query:
    """The best two slopes for each angle of u; those of one sign, as the other one is the same with L_D negated.

    The error s_N (u_phi - K_N u_w) - s_0 (u_phi - K u_w) is linear in both slopes: it is largest in a corner.
    """
    M = constants.M
    u_w, u_phi = np.cos(angles), np.sin(angles)
    room = constants.L * u_w * np.abs(paths.end)
    of_end, of_start = u_phi - paths.solved[way] * u_w, u_phi - paths.exact * u_w
    low = np.maximum(-M, M - room)
    full = np.full_like(low, M)
    corners = [(full, full), (full, low), (low, full)]
    errors = [np.nan_to_num(np.abs(s_N * of_end - s_0 * of_start), nan=-1.0) for s_0, s_N in corners]
    best = np.argmax(errors, axis=0)
    slopes = [np.choose(best, [corner[i] for corner in corners]) for i in (0, 1)]
    return Query(slopes[0], slopes[1], np.choose(best, errors))
