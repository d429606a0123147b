"""Where the outer iterations that an accuracy takes stop depending on N: the fit to a curve of costs, and its words."""

from collections.abc import Sequence

import numpy as np

from anil_theory.estimators.saturation import Saturation, fit_saturation

FEWEST = 4
"""Values of N that the fit needs."""


def fit(inner_steps: Sequence[int], steps: np.ndarray, *, seed: int) -> Saturation | None:
    """The fit to the outer iterations `steps` (S, P) of S seeds over the P values of N at which all reached eps.

    steps   NaN where a seed did not reach eps. None where fewer than four values of N are left.
    """
    reached = np.isfinite(steps).all(axis=0)
    if reached.sum() < FEWEST:
        return None
    N = np.asarray(inner_steps, float)[reached]
    return fit_saturation(N, steps[:, reached], seed=seed)


def notes(label: str, saturation: Saturation | None) -> list[str]:
    """The fit in words; nothing where there is none."""
    if saturation is None:
        return []
    if not saturation.resolved:
        return [f"{label}: outer iterations show no exponential saturation on this grid of N"]
    low, high = saturation.point_interval.low, saturation.point_interval.high
    return [f"{label}: outer iterations saturate at N = {saturation.point:.1f} [{low:.1f}, {high:.1f}]"]
