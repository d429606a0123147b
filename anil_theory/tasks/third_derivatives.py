"""The third derivatives of L_S that A2 allows with one w and one phi, largest along a direction."""

import math


def own_maximiser(s: float, rho: float, tau: float) -> tuple[float, float, float]:
    """(a, b, d) that maximises a s^2 + 2 b s + d where a^2 + b^2 <= rho^2 and b^2 + d^2 <= tau^2; b^2 <= a d.

    It is concave in b, so its derivative is bisected. That is 0 where s^2 b/a + b/d = 2 s, and the left-hand side is at
    least 2 s b/sqrt(a d), hence b^2 <= a d.
    """
    low, high = 0.0, min(rho, tau)
    for _ in range(200):
        b = (low + high) / 2
        a, d = math.sqrt(max(rho**2 - b**2, 0.0)), math.sqrt(max(tau**2 - b**2, 0.0))
        # The derivative 2 s - s^2 b/a - b/d, times a d.
        rising = 2 * s * a * d - s**2 * b * d - b * a > 0
        low, high = (b, high) if rising else (low, b)
    return a, b, d
