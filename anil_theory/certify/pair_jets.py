"""Third-order jets of one coordinate pair (u, v) of a separable task, pushed through the N inner steps in intervals.

When both losses share U and V, a separable task is a sum over coordinates k, each a task with scalar w = u_k and
phi = v_k, and every block of its Hessian of L_meta is U diag(h_k) V^T with h_k a function of (u_k, v_k) alone: the
block's norm is max_k |h_k|. With theta = w1 u_m + w2 v + p, f = 1 - alpha (h - A w1^2 sin theta), all at step m,

    u     <- u - alpha (h u + c v - a + A w1 cos theta)
    u_i   <- f u_i - [i = v] alpha (c - A w1 w2 sin theta)
    u_ij  <- f u_ij  + alpha A w1 cos(theta) theta_i theta_j
    u_ijk <- f u_ijk + alpha A w1 (cos(theta) (theta_ij theta_k + theta_ik theta_j + theta_jk theta_i)
                                   - sin(theta) theta_i theta_j theta_k),     theta_i.. = w1 u_i.. + w2 [i = v],

and L_meta = m d psi(y), y = (cos(angle) u_N + sin(angle) v - b)/d, is differentiated by the chain rule. Derivatives
serve twice: the second are the blocks, and each order narrows the one below it by the mean value theorem, so that
enclosures over small boxes are wider than the range by the square of the box's width only.

Source: the sensitivity recursions of docs/sharp_bounds.md, to third order; derived for this project.
"""

from typing import NamedTuple

import flint
import numpy as np
from numpy.typing import ArrayLike

from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.tasks.separable import SeparableTask

ORDERS = {"ww": (1, 1), "wphi": (1, 2), "phiphi": (2, 2)}
"""The derivative of L_meta that a block consists of: 1 is u, 2 is v."""


class PairConstants(NamedTuple):
    """The numbers of P pairs as intervals of shape (P,): see the module docstring; `keep` is 1 - alpha h."""

    keep: Intervals
    alpha_c: Intervals
    alpha_a: Intervals
    frequency_w: Intervals
    frequency_phi: Intervals
    phase: Intervals
    slope: Intervals
    """alpha A w1"""
    curvature: Intervals
    """alpha A w1^2"""
    mixed: Intervals
    """alpha A w1 w2"""
    cosine: Intervals
    sine: Intervals
    center: Intervals
    weight: Intervals
    inverse_width: Intervals

    def take(self, index: np.ndarray) -> "PairConstants":
        """The pairs that an index array selects."""
        return PairConstants(*(Intervals(c.lo[index], c.hi[index]) for c in self))


def pair_constants(data: SeparableTask, alpha: float) -> PairConstants:
    """The constants of all pairs of a population (T tasks, k coordinates), P = T k of them, task by task.

    The float64 numbers of the task and of alpha are taken as exact; so are the angles, whose sine and cosine are
    enclosed in ball arithmetic.
    """

    def exact(values: ArrayLike) -> Intervals:
        return Intervals.exact(np.asarray(values, float).reshape(-1))

    def ends(enclosures: list[Enclosure]) -> Intervals:
        return Intervals(np.array([e.low for e in enclosures]), np.array([e.high for e in enclosures]))

    unit, step = Intervals.exact(1.0), Intervals.exact(alpha)
    w1, w2 = exact(data.frequency_w), exact(data.frequency_phi)
    slope = step * exact(data.amplitude) * w1
    width = np.asarray(data.width, float).reshape(-1)
    inverse = Intervals(np.nextafter(1 / width, -np.inf), np.nextafter(1 / width, np.inf))
    with precision(100):
        angles = [flint.arb(float(x)) for x in np.asarray(data.angle, float).reshape(-1)]
        cosine, sine = ([Enclosure.of(getattr(x, name)()) for x in angles] for name in ("cos", "sin"))
    return PairConstants(
        keep=unit - step * exact(data.h),
        alpha_c=step * exact(data.c),
        alpha_a=step * exact(data.a),
        frequency_w=w1,
        frequency_phi=w2,
        phase=exact(data.phase),
        slope=slope,
        curvature=slope * w1,
        mixed=slope * w2,
        cosine=ends(cosine),
        sine=ends(sine),
        center=exact(data.center),
        weight=exact(data.weight),
        inverse_width=inverse,
    )


class Jet(NamedTuple):
    """u_m and its derivatives in the start (u, v), up to the third."""

    value: Intervals
    d1: Intervals
    d2: Intervals
    d11: Intervals
    d12: Intervals
    d22: Intervals
    d111: Intervals
    d112: Intervals
    d122: Intervals
    d222: Intervals

    @classmethod
    def start(cls, u: Intervals) -> "Jet":
        """u_0 = u."""
        zero = Intervals.exact(np.zeros_like(u.lo))
        return cls(u, Intervals.exact(np.ones_like(u.lo)), *(zero,) * 8)


def inner_step(x: Jet, v: Intervals, pair: PairConstants) -> Jet:
    """The jet of u_{m+1} from that of u_m."""
    w1, w2 = pair.frequency_w, pair.frequency_phi
    sine, cosine = (w1 * x.value + w2 * v + pair.phase).sin_cos()
    f = pair.keep + pair.curvature * sine
    t1, t2 = w1 * x.d1, w1 * x.d2 + w2
    t11 = w1 * x.d11
    t12 = w1 * x.d12
    t22 = w1 * x.d22
    p11 = t1.squared()
    p12 = t1 * t2
    p22 = t2.squared()
    push, turn = pair.slope * cosine, pair.slope * sine
    three = Intervals.exact(3.0)
    two = Intervals.exact(2.0)
    return Jet(
        pair.keep * x.value - pair.alpha_c * v + pair.alpha_a - push,
        f * x.d1,
        f * x.d2 - (pair.alpha_c - pair.mixed * sine),
        f * x.d11 + push * p11,
        f * x.d12 + push * p12,
        f * x.d22 + push * p22,
        f * x.d111 + push * (three * (t11 * t1)) - turn * (p11 * t1),
        f * x.d112 + push * (t11 * t2 + two * (t12 * t1)) - turn * (p11 * t2),
        f * x.d122 + push * (t22 * t1 + two * (t12 * t2)) - turn * (p22 * t1),
        f * x.d222 + push * (three * (t22 * t2)) - turn * (p22 * t2),
    )


class Reach(NamedTuple):
    """The box minus its reference point, in both coordinates."""

    u: Intervals
    v: Intervals

    def from_point(self, here: Intervals, along_u: Intervals, along_v: Intervals) -> Intervals:
        """Mean value form: the value at the reference point, and the derivatives over the box times the move."""
        return here + along_u * self.u + along_v * self.v


def narrowed(box: Jet, point: Jet, reach: Reach) -> Jet:
    """The jet over the box, met with its mean value form, from the highest order down."""
    d11 = box.d11.meet(reach.from_point(point.d11, box.d111, box.d112))
    d12 = box.d12.meet(reach.from_point(point.d12, box.d112, box.d122))
    d22 = box.d22.meet(reach.from_point(point.d22, box.d122, box.d222))
    d1 = box.d1.meet(reach.from_point(point.d1, d11, d12))
    d2 = box.d2.meet(reach.from_point(point.d2, d12, d22))
    value = box.value.meet(reach.from_point(point.value, d1, d2))
    return Jet(value, d1, d2, d11, d12, d22, *box[6:])


class BlockJet(NamedTuple):
    """One second derivative of L_meta and its own two derivatives."""

    value: Intervals
    along_u: Intervals
    along_v: Intervals


def _outer(query: str, y: Intervals) -> tuple[Intervals, Intervals, Intervals]:
    """psi', psi'' and psi''' of the query loss."""
    if query == "sine":
        sine, cosine = y.sin_cos()
        return cosine, -sine, -cosine
    slope = y.tanh()
    curved = Intervals.exact(1.0) - slope.squared()
    # 1 - tanh^2 is positive and at most 1, which the padding of tanh hides far from 0.
    curved = Intervals(np.clip(curved.lo, 0.0, 1.0), np.clip(curved.hi, 0.0, 1.0))
    return slope, curved, Intervals.exact(-2.0) * slope * curved


def block_jet(block: str, query: str, x: Jet, v: Intervals, pair: PairConstants) -> BlockJet:
    """One block of the Hessian of L_meta from the jet of u_N; `block` is a key of ORDERS, `query` the name of psi."""
    cosine, scale = pair.cosine, pair.inverse_width
    psi1, psi2, psi3 = _outer(query, (cosine * x.value + pair.sine * v - pair.center) * scale)
    y = {
        1: cosine * x.d1,
        2: cosine * x.d2 + pair.sine,
        11: cosine * x.d11,
        12: cosine * x.d12,
        22: cosine * x.d22,
    }
    third = {111: x.d111, 112: x.d112, 122: x.d122, 222: x.d222}
    i, j = ORDERS[block]
    product = y[i].squared() if i == j else y[i] * y[j]
    bent, sharp = scale * psi2, scale * scale * psi3

    def derivative(k: int) -> Intervals:
        a, b, c = sorted((i, j, k))
        crossed = y[10 * a + b] * y[c] + y[10 * a + c] * y[b] + y[10 * b + c] * y[a]
        return pair.weight * (sharp * (product * y[k]) + bent * crossed + psi1 * (cosine * third[100 * a + 10 * b + c]))

    value = pair.weight * (bent * product + psi1 * y[10 * i + j])
    return BlockJet(value, derivative(1), derivative(2))
