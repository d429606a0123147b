"""The errors that the estimates of iMAML claim, against the witness's closed forms in sixty digits."""

from typing import Any

import mpmath
import numpy as np
import pytest

from anil_theory.constants import Constants
from anil_theory.estimators import MEASUREMENTS, Effort
from anil_theory.schedule import Schedule
from anil_theory.tasks import ProximalWitness

STEPS = 3
ALPHA = 0.3


def exact_values(constants: Constants, lam: float, w_0: float) -> dict[str, Any]:
    """Every quantity at w_0 > 0: (h + lam) w* + rho w*^2/2 = lam w_0."""
    h, L, rho, M, lam = map(mpmath.mpf, (constants.lowest_curvature, constants.L, constants.rho, constants.M, lam))
    w_0 = mpmath.mpf(w_0)
    best = (mpmath.sqrt((h + lam) ** 2 + 2 * rho * lam * w_0) - h - lam) / rho

    def gradient(w: Any) -> Any:
        return lam * max(M - L * abs(w), -M) / (lam + min(h + rho * abs(w), L))

    H = h + rho * best
    k = lam / (lam + H)
    falls = k * L + rho * k**2 / lam * (M - L * best)
    w = w_0
    for _ in range(STEPS):
        w -= mpmath.mpf(ALPHA) * (h * w + rho * w * abs(w) / 2 + lam * (w - w_0))
    slope = abs(h * w_0 + rho * w_0**2 / 2)
    return {
        "imaml_error/slope": falls,
        "imaml_lipschitz/ww": falls * k,
        "imaml_error/distance": max(abs(gradient(best + 1) - gradient(best)), abs(gradient(best - 1) - gradient(best))),
        "imaml_error/neumann": abs(gradient(best)) * (1 - (lam + H) / (L + lam)) ** STEPS,
        "imaml_error/steps": abs(gradient(w) - gradient(best)) / slope,
    }


@pytest.mark.parametrize(
    ("constants", "lam"),
    [
        (Constants(0.3, 1, 1, 0.5, 1), 0.5),
        (Constants(0.3, 1, 1, 0.5, 1), 1e-3),
        (Constants(None, 1, 1, 0.5, 1), 1.01),
        (Constants(None, 2, 0.3, 0.5, 10), 5.0),
    ],
)
def test_no_estimate_is_off_by_more_than_it_claims(constants: Constants, lam: float) -> None:
    problem = ProximalWitness(constants).problem(tasks=1)
    seen = set()
    with mpmath.workdps(60):
        for name in ("imaml", "imaml-steps"):
            for quantity, finding in MEASUREMENTS[name].run(problem, Schedule(ALPHA, STEPS, lam=lam), Effort()).items():
                (estimate,) = finding.estimates
                assert estimate.witness is not None
                w_0 = float(np.asarray(estimate.witness.points["z"])[0])
                exact = exact_values(constants, lam, w_0)[quantity]
                off = float(abs(mpmath.mpf(estimate.value) - exact))
                assert off <= estimate.rounding < 0.01 * estimate.value, (quantity, off, estimate.rounding)
                seen.add(quantity)
    assert len(seen) == 5
