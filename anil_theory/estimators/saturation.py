"""Where a quantity stops depending on N: a + b exp(-N/s), its decay length s, and the N at which it is flat.

In the strongly convex geometry the constants depend on N through powers of q = 1 - alpha mu, hence exponentially,
and then not at all. For given s the model is linear in (a, b), so the fit is a search over log s alone (variable
projection: G. Golub, V. Pereyra, SIAM J. Numer. Anal. 10, 1973), vectorised over bootstrap resamples of the seeds.
"""

from dataclasses import dataclass

import numpy as np

from anil_theory._admissible import count, within
from anil_theory.estimators.rates import Interval, bootstrap_means, check_curves, expanded

_GRID = 200
_REFINEMENTS = 6


@dataclass(frozen=True)
class Saturation:
    """y(N) = level + drop exp(-N/length); from `point` = length log(1/remaining) on, a share below `remaining` of
    the drop is left. `resolved` is False when the fit ran into the end of its search range: the grid of N does
    not show the decay (`length` is then the end of the range and the interval one-sided at best).
    """

    level: float
    drop: float
    length: float
    length_interval: Interval
    point: float
    point_interval: Interval
    residual: float
    resolved: bool
    seeds: int


def _project(N: np.ndarray, y: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best (a, b) and residual sum of squares for rows y (..., P) at lengths s (...)."""
    e = np.exp(-(N - N[0]) / s[..., None])
    e_mean, y_mean = e.mean(axis=-1, keepdims=True), y.mean(axis=-1, keepdims=True)
    spread = ((e - e_mean) ** 2).sum(axis=-1)
    b = ((e - e_mean) * (y - y_mean)).sum(axis=-1) / np.where(spread > 0, spread, 1.0)
    a = y_mean[..., 0] - b * e_mean[..., 0]
    return a, b, ((y - a[..., None] - b[..., None] * e) ** 2).sum(axis=-1)


def _best_length(N: np.ndarray, y: np.ndarray, low: float, high: float) -> np.ndarray:
    """The length with the smallest residual for each row of y (R, P), by a grid in log s that is refined."""
    grid = np.broadcast_to(np.linspace(np.log(low), np.log(high), _GRID), (len(y), _GRID))
    for _ in range(_REFINEMENTS):
        cost = _project(N, y[:, None, :], np.exp(grid))[2]
        best = cost.argmin(axis=1)
        width = grid[:, 1] - grid[:, 0]
        centre = grid[np.arange(len(y)), best]
        start, end = np.maximum(centre - width, np.log(low)), np.minimum(centre + width, np.log(high))
        grid = np.linspace(start, end, 16, axis=1)
    return np.exp(centre)


def fit_saturation(
    inner_steps: np.ndarray,
    curves: np.ndarray,
    *,
    remaining: float = 0.05,
    level: float = 0.95,
    resamples: int = 500,
    seed: int = 0,
) -> Saturation:
    """Fit curves (S, P) over inner_steps N (P >= 4 values) by y = a + b exp(-N/s); intervals by bootstrap over seeds.

    remaining   the share of the drop from N = 0 that counts as flat, in (0, 1): the saturation point is s log(1/it).
    Lengths are sought between a fifth of the smallest spacing and ten times the range of N.
    Raises InvalidParameter for fewer than 4 values of N, fewer than 2 seeds, values that are not finite.
    """
    N, curves = check_curves(inner_steps, curves, 4)
    remaining = within("remaining", remaining, 1e-9, 1 - 1e-9, "in (0, 1)")
    level = within("level", level, 1e-6, 1 - 1e-6, "in (0, 1)")
    count("resamples", resamples, minimum=20)
    low, high = np.diff(N).min() / 5, 10 * (N[-1] - N[0])
    mean = curves.mean(axis=0)
    length = _best_length(N, mean[None], low, high)
    a, b, residual = _project(N, mean[None], length)
    lengths = _best_length(N, bootstrap_means(curves, resamples, seed), low, high)
    # On a log scale, where a length is closest to normal.
    log_interval = expanded(np.log(lengths), float(np.log(length[0])), len(curves), level)
    interval = Interval(float(np.exp(log_interval.low)), float(np.exp(log_interval.high)), level)
    factor = float(np.log(1 / remaining))
    s = float(length[0])
    return Saturation(
        level=float(a[0]),
        drop=float(b[0] * np.exp(N[0] / s)),
        length=s,
        length_interval=interval,
        point=factor * s,
        point_interval=Interval(factor * interval.low, factor * interval.high, level),
        residual=float(np.sqrt(residual[0] / len(N))),
        resolved=bool(low * 1.01 < s < high / 1.01 and np.any(mean != mean[0])),
        seeds=len(curves),
    )
