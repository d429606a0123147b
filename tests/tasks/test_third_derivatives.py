"""The largest third derivatives along a direction, and what of them is always so."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.tasks.third_derivatives import own_maximiser

SIZES = st.floats(-2.0, 2.0).map(lambda power: 10.0**power)


@given(s=SIZES, rho=SIZES, tau=SIZES)
def test_no_admissible_choice_is_larger_and_the_choice_is_convex(s: float, rho: float, tau: float) -> None:
    a, b, d = own_maximiser(s, rho, tau)
    assert math.isclose(math.hypot(a, b), rho, rel_tol=1e-12) and math.isclose(math.hypot(b, d), tau, rel_tol=1e-12)
    assert b**2 <= a * d * (1 + 1e-6)
    others = np.linspace(-1.0, 1.0, 201) * min(rho, tau)
    values = np.sqrt(rho**2 - others**2) * s**2 + 2 * others * s + np.sqrt(tau**2 - others**2)
    assert values.max() <= (a * s**2 + 2 * b * s + d) * (1 + 1e-12)
