"""Rates read off measured curves: the slope of log y against log x, with an optional floor, and its interval.

Claim measured: y(x) = floor + C x^slope, x = K, B or N. The point estimate is least squares on the logarithms of the
mean over seeds; the interval is a bootstrap over seeds (whole seeds are drawn, so errors shared along a curve stay
together). Source of the method: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, sections 9 and 14.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from anil_theory._admissible import InvalidParameter, count, within


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval at confidence `level`."""

    low: float
    high: float
    level: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class FittedRate:
    """slope of log(y - floor) against log x; residual = root mean square misfit of the logarithms; S seeds."""

    slope: float
    interval: Interval
    constant: float
    floor: float
    residual: float
    seeds: int


def check_curves(x: np.ndarray, curves: np.ndarray, minimum: int) -> tuple[np.ndarray, np.ndarray]:
    """x (P,) strictly increasing, at least `minimum` points; curves (S, P) finite. Raises InvalidParameter."""
    x, curves = np.asarray(x, float), np.asarray(curves, float)
    if x.ndim != 1 or len(x) < minimum or not np.all(np.isfinite(x)) or np.any(np.diff(x) <= 0):
        raise InvalidParameter("x", f"at least {minimum} finite, strictly increasing numbers", x)
    if curves.ndim != 2 or curves.shape[1] != len(x) or len(curves) < 2 or not np.all(np.isfinite(curves)):
        allowed = f"a finite array (seeds >= 2, {len(x)})"
        raise InvalidParameter("curves", allowed, getattr(curves, "shape", None))
    return x, curves


def bootstrap_means(curves: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Means of seeds drawn with replacement, (resamples, P)."""
    S = len(curves)
    counts = np.random.default_rng(seed).multinomial(S, np.full(S, 1 / S), size=resamples)
    return counts @ curves / S


def expanded(values: np.ndarray, centre: float, S: int, level: float) -> Interval:
    """Percentile interval about `centre`, widened by sqrt(S/(S-1)): the bootstrap's variance has a divisor of S."""
    tail = (1 - level) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    stretch = np.sqrt(S / (S - 1))
    return Interval(float(centre - stretch * (centre - low)), float(centre + stretch * (high - centre)), level)


def _lines(log_x: np.ndarray, y: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes, intercepts and mean squared residuals of log(y - floor), one per row of y."""
    log_y = np.log(y - floor)
    centred = log_x - log_x.mean()
    slope = log_y @ centred / (centred @ centred)
    intercept = log_y.mean(axis=-1) - slope * log_x.mean()
    misfit = log_y - slope[..., None] * log_x - intercept[..., None]
    return slope, intercept, (misfit**2).mean(axis=-1)


def _best_floor(log_x: np.ndarray, y: np.ndarray) -> float:
    """The floor in [0, min y) with the smallest misfit of the logarithms."""

    def cost(share: float) -> float:
        return float(_lines(log_x, y[None], share * y.min())[2][0])

    optimum = minimize_scalar(cost, bounds=(0.0, 1 - 1e-9), method="bounded", options={"xatol": 1e-7})
    return float(optimum.x) * float(y.min()) if optimum.fun < cost(0.0) else 0.0


def fit_rate(
    x: np.ndarray,
    curves: np.ndarray,
    *,
    floor: float | str | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> FittedRate:
    """Fit y = floor + C x^slope to curves (S, P) over x (P,).

    floor   None for 0, a number that is known, or "fit" (needs 4 points);
    level   confidence of the interval, in (0, 1).

    Raises InvalidParameter for non-increasing or non-positive x, fewer than 2 seeds, mean values not above the floor.
    With few seeds (below 10) bootstrap intervals are too short; the widening by sqrt(S/(S-1)) does not cure that.
    """
    x, curves = check_curves(x, curves, 4 if floor == "fit" else 2)
    if x[0] <= 0:
        raise InvalidParameter("x", "positive (a rate is a power of x)", x[0])
    level = within("level", level, 1e-6, 1 - 1e-6, "in (0, 1)")
    count("resamples", resamples, minimum=20)
    log_x, mean = np.log(x), curves.mean(axis=0)
    fixed = 0.0 if floor is None or isinstance(floor, str) else float(floor)
    means = bootstrap_means(curves, resamples, seed)
    if mean.min() <= fixed:
        raise InvalidParameter("curves", f"means above the floor {fixed:g}", float(mean.min()))
    if floor == "fit":
        fixed = _best_floor(log_x, mean)
        means = means[means.min(axis=1) > 0]
        slopes = np.array([_lines(log_x, row[None], _best_floor(log_x, row))[0][0] for row in means])
    else:
        means = means[means.min(axis=1) > fixed]
        slopes = _lines(log_x, means, fixed)[0]
    slope, intercept, misfit = _lines(log_x, mean[None], fixed)
    interval = expanded(slopes, float(slope[0]), len(curves), level)
    return FittedRate(
        slope=float(slope[0]),
        interval=interval,
        constant=float(np.exp(intercept[0])),
        floor=fixed,
        residual=float(np.sqrt(misfit[0])),
        seeds=len(curves),
    )
