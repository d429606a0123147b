"""The joint form of the smoothness: L_meta along a direction that moves w and phi at once.

Claim: let a direction move w by x and phi by y, x, y >= 0. With t_0 = x and

    t_{m+1} = r t_m + alpha sqrt(L^2 - mu^2) y         (strongly convex)
    t_{m+1} = t_m + alpha L sqrt(t_m^2 + y^2)          (nonconvex)
    Y(t, y) = max { a t^2 + 2 b t y + d y^2 : a^2 + b^2 <= rho^2, b^2 + d^2 <= tau^2 }

    G(x, y) = t_N^2 + y^2,    Q(x, y) = L G(x, y) + M alpha sum_{m<N} r^(N-1-m) Y(t_m, y),

every task has |D^2 L_meta[(dw, dphi), (dw, dphi)]| <= Q(|dw|, |dphi|) and, for all A, B >= 0,

    A |g_w|^2 + B |g_phi|^2 <= M^2 max { G(sqrt(A) a, sqrt(B) b) : a^2 + b^2 = 1 }.

On the axes Q is the sharp constants: Q(x, 0) = L_ww x^2, Q(0, y) = L_phiphi y^2. In between it is at most L_ww x^2 +
2 L_x x y + L_phiphi y^2: three separate suprema need three different tasks.

A pair (Lam_w, Lam_phi) with Q(x, y) <= Lam_w x^2 + Lam_phi y^2 dominates Q. On every ray Lam_phi = kappa Lam_w there is
a smallest one, Lam_w = max Q/(x^2 + kappa y^2), which `Form.largest` encloses from above. Sums, products and roots keep
a function of log(y/x) log-convex: t_m is one, so are Y (a maximum of such), Q and G. Between two directions log Q is
hence at most its chord, and the chord less log(x^2 + kappa y^2) is concave, with its maximum in closed form. Cells are
cut until the largest of these is RELATIVE above a value that is reached.

Kind: upper bounds. Regime: that of the proposition. Source: derived for this project; docs/theorem_bounds.md.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

import numpy as np

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.contraction import contraction_factor, mixed_norm
from anil_theory.statements.scaled import Scaled, scaled
from anil_theory.statements.sharp import own_sensitivity

RELATIVE = 1e-9
"""How far above the maximum an enclosure may stay."""

PARTS = 8
"""Into how many a cell is cut."""

MOST_ROUNDS = 12
"""Cells are cut no more often: their widths are then below 1e-11."""

FIRST_SLOPES = np.arange(-60.0, 60.5, 1.0)
"""log(y/x) at the ends of the first cells, about that of equal parts x^2 = kappa y^2. Beyond them lie the two axes."""

Which = Literal["curvature", "gradient"]


@dataclass(frozen=True)
class Form:
    """Q and G of one setting, both divided by g^(2N), g = max(1, r), so that neither overflows.

    r, alpha, inner_steps   the inner loop;
    L, rho, tau, M          the constants; `cbar` bounds the mixed block;
    contracts               the recursion of the strongly convex geometry, else the nonconvex one.
    """

    r: float
    alpha: float
    inner_steps: int
    L: float
    rho: float
    tau: float
    M: float
    cbar: float
    contracts: bool

    @classmethod
    def of(cls, constants: Constants, schedule: Schedule, geometry: Geometry, r: float | None = None) -> Self:
        """That of constants under a schedule; `r` in place of the geometry's own contraction factor.

        Raises InvalidParameter where `contraction_factor` does.
        """
        return cls(
            r=contraction_factor(constants, schedule, geometry) if r is None else r,
            alpha=schedule.one_alpha,
            inner_steps=schedule.inner_steps,
            L=constants.L,
            rho=constants.rho,
            tau=constants.tau,
            M=constants.M,
            cbar=mixed_norm(constants, geometry, Kind.SHARP),
            contracts=geometry is Geometry.STRONGLY_CONVEX,
        )

    @property
    def growth(self) -> float:
        """g."""
        return max(1.0, self.r)

    @property
    def unit(self) -> Scaled:
        """g^(2N), by which the values are to be multiplied."""
        return scaled(self.growth) ** (2 * self.inner_steps)

    def moved(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """t_m/g^m for m = 0..N, (N + 1, ...)."""
        g, q = self.growth, min(1.0, self.r)
        t = [x]
        scale = 1.0
        for _ in range(self.inner_steps):
            if self.contracts:
                t.append(q * t[-1] + self.alpha * self.cbar * scale / g * y)
            else:
                t.append((t[-1] + self.alpha * self.L * np.hypot(t[-1], scale * y)) / g)
            scale /= g
        return np.stack(t)

    def gradient(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """G(x, y)/g^(2N)."""
        last = self.moved(x, y)[-1]
        return last**2 + (y * self.growth**-self.inner_steps) ** 2

    def curvature(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Q(x, y)/g^(2N)."""
        g, q, N = self.growth, min(1.0, self.r), self.inner_steps
        m = np.arange(N)[:, None]
        with np.errstate(under="ignore"):
            t = self.moved(x, y)
            joint = t[-1] ** 2 + (y * g**-N) ** 2
            own = own_sensitivity(t[:N], y * g ** -m.astype(float), self.rho, self.tau)
            # r^(N-1-m) g^(2m)/g^(2N): one of q and 1/g is 1.
            weights = q ** (N - 1 - m) * g ** (m - N - 1.0)
            return self.L * joint + self.M * self.alpha * np.sum(weights * own, axis=0)

    def slopes(self, which: Which, kappa: float, relative: float = RELATIVE) -> np.ndarray:
        """log(y/x) at the ends of cells that enclose max F/(x^2 + kappa y^2) within `relative`; read-only."""
        return _slopes(self, which, kappa, relative)

    def above(self, which: Which, kappa: float, slopes: np.ndarray) -> float:
        """An upper bound of max F/(x^2 + kappa y^2) over unit, from the ends of any cells; F = Q or G."""
        inside = float(np.exp(np.max(_chords(kappa, slopes, self.logarithms(which, slopes)))))
        # F increases in x and in y, so beyond the last cells it is at most what it is at their ends.
        x, y = _directions(slopes[[0, -1]])
        values = getattr(self, which)(x, y)
        return max(inside, float(values[0] / x[0] ** 2), float(values[1] / (kappa * y[1] ** 2)))

    def largest(self, which: Which, kappa: float) -> Scaled:
        """max F(x, y)/(x^2 + kappa y^2), F = Q ("curvature") or G ("gradient"), kappa > 0: enclosed from above."""
        return self.unit * self.above(which, kappa, self.slopes(which, kappa))

    def steepest(self, which: Which, kappa: float) -> float:
        """y/x at which F(x, y)/(x^2 + kappa y^2) comes within RELATIVE of its maximum."""
        slopes = self.slopes(which, kappa)
        best = np.argmax(self.logarithms(which, slopes) - denominators(kappa, slopes))
        return float(np.exp(slopes[best]))

    def logarithms(self, which: Which, slopes: np.ndarray) -> np.ndarray:
        """log F(1, y/x), a convex function of log(y/x)."""
        x, y = _directions(slopes)
        with np.errstate(divide="ignore"):
            return np.log(getattr(self, which)(x, y)) - 2 * np.log(x)


# Every row of a theorem, and each of its conditions, asks for the same cells.
@lru_cache(maxsize=4096)
def _slopes(form: Form, which: Which, kappa: float, relative: float) -> np.ndarray:
    ends = FIRST_SLOPES - np.log(kappa) / 2
    logs = form.logarithms(which, ends)
    for _ in range(MOST_ROUNDS):
        reached = np.max(logs - denominators(kappa, ends))
        wide = np.flatnonzero(_chords(kappa, ends, logs) > reached + relative)
        if not len(wide):
            break
        shares = np.arange(1, PARTS) / PARTS
        new = (ends[wide, None] + (ends[wide + 1] - ends[wide])[:, None] * shares).ravel()
        order = np.argsort(np.concatenate((ends, new)), kind="stable")
        logs = np.concatenate((logs, form.logarithms(which, new)))[order]
        ends = np.concatenate((ends, new))[order]
    ends.flags.writeable = False
    return ends


def _directions(slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) with x^2 + y^2 = 1 and log(y/x) as asked."""
    return 1 / np.sqrt(1 + np.exp(2 * slopes)), 1 / np.sqrt(1 + np.exp(-2 * slopes))


def denominators(kappa: float | np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """log(1 + kappa (y/x)^2), kappa a number or a column."""
    return np.logaddexp(0.0, np.log(kappa) + 2 * slopes)


def _chords(kappa: float, ends: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """For every cell the largest value of the chord of log F less log(1 + kappa (y/x)^2)."""
    low, high = ends[:-1], ends[1:]
    below, above = logs[:-1], logs[1:]
    # F increases: where it vanishes at the lower end there is no chord, and its upper end is a bound.
    vanishes = np.isinf(below)
    base = np.where(vanishes, above, below)
    rise = np.where(vanishes, 0.0, above - np.where(vanishes, 0.0, below)) / (high - low)
    # The derivative of the denominator's logarithm equals the rise of the chord where kappa (y/x)^2 = rise/(2 - rise).
    with np.errstate(divide="ignore", invalid="ignore"):
        level = (np.log(rise / np.maximum(2 - rise, 0.0)) - np.log(kappa)) / 2
    at = np.clip(np.where(np.isnan(level), high, level), low, high)
    return base + rise * (at - low) - denominators(kappa, at)
