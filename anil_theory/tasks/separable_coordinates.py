"""The 2 x 2 curvature of one coordinate pair, drawn without rejection so that its bounds hold and are attained.

Let E be the Hessian of l_k at sin = 1 and F = E + 2 eta (1, t)(1, t)^T the one at sin = -1; every other Hessian lies
between them on a segment, so the spectral norm (convex) is largest at an end. Because F >= E in the Loewner order,
the pair is within the norm L exactly when E >= -L and F <= L. With P = L + E_11 and Q = L - E_11 - 2 eta that reads

    E_22 >= E_12^2/P - L   and   E_22 <= L - (E_12 + 2 eta t)^2/Q - 2 eta t^2,

an interval, nonempty exactly when E_12^2/P + (E_12 + 2 eta t)^2/Q <= 2L - 2 eta t^2: an interval for E_12, centred
at -2 eta t P/(P + Q). It is nonempty for every E_11 in [-L, L - 2 eta] as long as eta <= L/(1 + t^2). Drawing E_11,
E_12 and E_22 in turn from their intervals covers the whole admissible set, the thin corners included.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class CurvatureEnds(NamedTuple):
    """The entries of E for each of k coordinates."""

    ww: Float[Array, " k"]
    wphi: Float[Array, " k"]
    phiphi: Float[Array, " k"]


class Oscillation(NamedTuple):
    """The wave A sin(w1 u + w2 v + p) of each of k coordinates, without its phase."""

    amplitude: Float[Array, " k"]
    frequency_w: Float[Array, " k"]
    frequency_phi: Float[Array, " k"]


def _ratio(numerator: Array, denominator: Array) -> Array:
    """numerator/denominator, 0 where the denominator is 0 (there the numerator is 0 too: the interval is a point)."""
    positive = denominator > 0
    return jnp.where(positive, numerator / jnp.where(positive, denominator, 1.0), 0.0)


def coordinate_ends(
    uniform: Float[Array, "3 k"],
    low: Float[Array, ""],
    L: Float[Array, ""],
    eta: Float[Array, ""],
    t: Float[Array, " k"],
    has_w: Bool[Array, " k"],
    has_phi: Bool[Array, " k"],
    attain_in_pair: bool,
) -> CurvatureEnds:
    """E for k coordinates from uniform numbers: E_11 in [low, L - 2 eta], norms within L, `low` and L attained.

    With a coordinate that has both variables (`attain_in_pair`) the first attains both: E_11 = low and E_22 at the
    upper end of its interval, where the largest eigenvalue of F is L. Otherwise (phi is empty) the first attains
    `low` and the last attains L; a single one attains both because its eta is half of L - low.
    """
    ww = low + uniform[0] * jnp.maximum(L - 2 * eta - low, 0.0)
    if not attain_in_pair:
        ww = ww.at[-1].set(L - 2 * eta)
    ww = ww.at[0].set(low)

    below = L + ww
    above = jnp.maximum(L - ww - 2 * eta, 0.0)
    room = 2 * L - 2 * eta * t * t - _ratio((2 * eta * t) ** 2, below + above)
    center = -_ratio(2 * eta * t * below, below + above)
    half_width = jnp.sqrt(jnp.maximum(room, 0.0) * _ratio(below * above, below + above))
    wphi = center + (2 * uniform[1] - 1) * half_width

    bottom = _ratio(wphi**2, below) - L
    top = L - _ratio((wphi + 2 * eta * t) ** 2, above) - 2 * eta * t * t
    place = uniform[2].at[0].set(1.0) if attain_in_pair else uniform[2]
    phiphi = bottom + place * (top - bottom)
    alone = (2 * uniform[2] - 1) * L
    return CurvatureEnds(ww, wphi, jnp.where(has_w, phiphi, jnp.where(has_phi, alone, 0.0)))


def oscillation(eta: Array, rho: Array, t: Float[Array, " k"], has_w: Bool[Array, " k"]) -> Oscillation:
    """The wave with curvature range 2 eta and a frequency vector of norm rho/eta; none where eta = 0 or w is absent."""
    frequency_w = _ratio(rho, eta) / jnp.sqrt(1 + t * t)
    amplitude = _ratio(eta, frequency_w**2)
    return Oscillation(
        jnp.where(has_w, amplitude, 0.0),
        jnp.where(has_w, frequency_w, 0.0),
        jnp.where(has_w, t * frequency_w, 0.0),
    )
