"""Operator norms of interval matrices, from both sides, a batch of boxes at once.

Claim: `norms_above` is at least, and `norms_below` at most, the spectral norm of every matrix in the box, on the
assumptions of `outward`. inf and -inf where nothing is known.
"""

import math

import numpy as np

from anil_theory.certify.intervals.arrays import matrix_product, summed
from anil_theory.certify.intervals.outward import Intervals

SQUARINGS = 9
"""||P|| <= ||P^(2^9)||_F^(2^-9), P = A^T A: for A too large by a factor of at most n^(2^-11), 1.0007 for n = 4."""


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def norms_above(block: Intervals) -> np.ndarray:
    """Upper bounds (boxes,) of the norms of matrices (boxes, m, n): that of the middles, plus that of the radii."""
    known = np.all(np.isfinite(block.lo) & np.isfinite(block.hi), axis=(1, 2))
    if block.lo.shape[1:] == (1, 1):
        return np.where(known, block.magnitude().hi[:, 0, 0], math.inf)
    middle = block.lo / 2 + block.hi / 2
    radius = np.maximum((block - Intervals.exact(middle)).magnitude().hi, 0.0)
    spread = _frobenius(Intervals.exact(radius)).hi
    A = Intervals.exact(np.where(known[:, None, None], middle, 0.0))
    power = matrix_product(A.rearranged(lambda e: e.swapaxes(1, 2)), A)
    scales = []
    for _ in range(SQUARINGS):
        # A power of two: dividing by it is exact. It keeps the squares within the range of float64.
        largest = np.max(power.magnitude().hi, axis=(1, 2), keepdims=True)
        scale = np.exp2(np.ceil(np.log2(np.where(largest > 0, largest, 1.0))))
        scales.append(Intervals.exact(scale[:, 0, 0]))
        power = power.rearranged(lambda e, scale=scale: e / scale)
        power = matrix_product(power, power)
    norm = _frobenius(power)
    for scale in reversed(scales):
        # A product that may be 0 is rounded to below 0 too.
        norm = (scale * norm.sqrt()).magnitude()
    total = norm.sqrt() + Intervals.exact(spread)
    # The derivatives of a quadratic vanish identically: 0 without width has norm 0, and no rounding widens it.
    vanishes = np.all((block.lo == 0) & (block.hi == 0), axis=(1, 2))
    return np.where(vanishes, 0.0, np.where(known & np.isfinite(total.hi), total.hi, math.inf))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def norms_below(block: Intervals) -> np.ndarray:
    """Lower bounds (boxes,) of norms: |u^T A v|/(|u| |v|) at the singular vectors of the middles, or any others."""
    known = np.all(np.isfinite(block.lo) & np.isfinite(block.hi), axis=(1, 2))
    left, right = (Intervals.exact(x) for x in singular_vectors(block))
    form = left.rearranged(lambda e: e[:, :, None]) * block * right.rearranged(lambda e: e[:, None, :])
    value = summed(summed(form, 2), 1).magnitude()
    lengths = [summed(x.squared(), 1).sqrt() for x in (left, right)]
    low = (value / (lengths[0] * lengths[1])).lo
    return np.where(known & ~np.isnan(low), low, -math.inf)


def singular_vectors(block: Intervals) -> tuple[np.ndarray, np.ndarray]:
    """Left and right singular vectors of the middles, in float64; of 0 where nothing is known."""
    middle = block.lo / 2 + block.hi / 2
    left, _, right = np.linalg.svd(np.where(np.isfinite(middle), middle, 0.0))
    return left[:, :, 0], right[:, 0, :]


def _frobenius(x: Intervals) -> Intervals:
    # A sum of squares that may be 0 is rounded to below 0, of which there is no root.
    return summed(summed(x.squared(), 2), 1).magnitude().sqrt()
