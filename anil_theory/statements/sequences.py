"""Sequences over the inner steps that grow like a power of g = max(1, r), kept so that no entry overflows.

The block constants are sums of products of S_m, e_m (or n_m) and powers of r. At r = 2 and N = 10,000 their last terms
are far beyond float64, but each sequence divided by its own growth g^(order m) is an array of ordinary numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from anil_theory.statements.scaled import Scaled, scaled

ONE = scaled(1.0)


@dataclass(frozen=True)
class Growing:
    """The sequence factor * g^(order m) * kept[m], m = 0, 1, ..

    g      the growth, >= 1;
    kept   what is left of each entry, nonnegative; entries below 1e-308 of the largest do not matter.
    """

    g: float
    order: int
    kept: np.ndarray
    factor: Scaled = ONE

    def __mul__(self, other: "Growing") -> "Growing":
        """Entry by entry, as far as both go."""
        size = min(len(self.kept), len(other.kept))
        with np.errstate(under="ignore"):
            kept = self.kept[:size] * other.kept[:size]
        return Growing(self.g, self.order + other.order, kept, self.factor * other.factor)

    def __getitem__(self, m: int) -> Scaled:
        """Entry m; the order must not be negative."""
        return self.factor * scaled(self.g) ** (self.order * m) * float(self.kept[m])

    def sum(self, steps: int) -> Scaled:
        """The sum of the entries m < steps, as its largest power of g times a sum of ordinary numbers."""
        m = np.arange(steps)
        largest = max(self.order * (steps - 1), 0)
        with np.errstate(under="ignore"):
            rest = (1 / self.g) ** (largest - self.order * m)
            total = float(np.sum(self.kept[:steps] * rest))
        return self.factor * scaled(self.g) ** largest * total


@dataclass(frozen=True)
class InnerLoop:
    """The sequences of an inner loop of N steps with the factor r.

    one       1, for m = 0..N, in the order 1 of the moves: its kept part is g^-m;
    S         S_m = sum_{j<m} r^j, for m = 0..N;
    carried   r^(N-1-m), for m = 0..N-1.
    """

    one: Growing
    S: Growing
    carried: Growing

    @classmethod
    def of(cls, r: float, steps: int) -> Self:
        """r^m = g^m q^m with q = min(1, r); one of q and 1/g is 1, hence S_m = g^(m-1) sum_{j<m} (q/g)^j."""
        g = max(1.0, r)
        q = min(1.0, r)
        m = np.arange(steps + 1)
        with np.errstate(under="ignore"):
            inverse = (1 / g) ** m
            partial = np.concatenate(([0.0], np.cumsum((q / g) ** m[:-1]) / g))
            back = q ** m[steps - 1 :: -1]
        return cls(
            one=Growing(g, 1, inverse),
            S=Growing(g, 1, partial),
            carried=Growing(g, -1, back, scaled(g) ** (steps - 1)),
        )

    def moves(self, rate: float, combine: Callable) -> Growing:
        """e_m or n_m: 1 and s_m = rate S_m, combined by addition or as sqrt(1 + s_m^2)."""
        with np.errstate(under="ignore"):
            return Growing(self.one.g, 1, combine(self.one.kept, rate * self.S.kept))
