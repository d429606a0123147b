"""What eps-accuracy costs: the outer steps K and the batch B that the rates ask for, and the oracle calls they make.

Claim: with K and B as returned, both block bounds of `rates` are at most eps, hence so are the averages over k of
E||D_w L_meta||^2 and E||D_phi L_meta||^2, and an iterate drawn uniformly is eps-accurate (Definition 1). Kind: upper
bounds, of the kind of the rate; the counts are identities. Source: `rates` for the bounds; the paper, Table 2, for the
counts.

Each right-hand side is P/K + Q/B, and P, Q are taken as the exact numbers that their floats are:

    EVEN      the smallest K with P/K <= eps/2 and the smallest B with Q/B <= eps/2, in both rows;
    CHEAPEST  the smallest product K B among all pairs that bring both rows under eps, the smaller K among equals.

Units: eps in those of the squared gradient. Errors: InvalidParameter for eps <= 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory.constants import Constants
from anil_theory.statements.generated import formulas
from anil_theory.statements.rates import Terms
from anil_theory.statements.scaled import Scaled

MOST_CANDIDATES = 20_000
"""CHEAPEST compares every pair that can win up to this many; beyond, the rounded optimum of the relaxation, which is
minimal in each of K and B and within a fraction 1e-4 of the smallest product."""


class Split(StrEnum):
    """How eps is divided between the two terms."""

    EVEN = "even"
    CHEAPEST = "cheapest"


@dataclass(frozen=True)
class OracleCount:
    """Oracle calls of one outer iteration, or of `times` many.

    gradient_w, gradient_phi   gradients of L_S or L_D in one block;
    hessian_w, mixed           products with D_w^2 L_S and with D_phi D_w L_S;
    gradient_entries           numbers in those gradients;
    second_order_entries       numbers in the second-derivative matrices (Table 2 counts matrices, not products).
    """

    gradient_w: int
    gradient_phi: int
    hessian_w: int
    mixed: int
    gradient_entries: int
    second_order_entries: int

    @property
    def evaluations(self) -> int:
        """All oracle calls."""
        return self.gradient_w + self.gradient_phi + self.hessian_w + self.mixed

    @property
    def entries(self) -> int:
        """All entries."""
        return self.gradient_entries + self.second_order_entries

    def times(self, outer_steps: int) -> "OracleCount":
        """The counts of that many outer iterations."""
        return OracleCount(
            self.gradient_w * outer_steps,
            self.gradient_phi * outer_steps,
            self.hessian_w * outer_steps,
            self.mixed * outer_steps,
            self.gradient_entries * outer_steps,
            self.second_order_entries * outer_steps,
        )


def anil_count(inner_steps: int, batch: int, n_w: int = 1, n_phi: int = 1) -> OracleCount:
    """One outer iteration of ANIL, per task: N + 1 gradients in w, one in phi, N products of either kind.

    Its gradient entries are B ((N + 1) n_w + n_phi); Table 2 writes N n_w + n_phi and leaves the outer gradient out
    (`printed_anil_gradient_entries`). With n_phi = 0 it is MAML.
    """
    N, B = count("inner_steps", inner_steps), count("batch", batch, unbounded=True)
    n_w, n_phi = count("n_w", n_w), count("n_phi", n_phi, 0)
    return OracleCount(**formulas.anil(B=B, N=N, n_phi=n_phi, n_w=n_w))


def maml_count(inner_steps: int, batch: int, n_w: int = 1, n_phi: int = 1) -> OracleCount:
    """One outer iteration of MAML on the same network: every parameter is adapted, phi is empty."""
    return anil_count(inner_steps, batch, count("n_w", n_w) + count("n_phi", n_phi, 0), 0)


def printed_anil_gradient_entries(inner_steps: int, batch: int, n_w: int, n_phi: int) -> int:
    """B (N n_w + n_phi), as Table 2 writes it: B n_w fewer than are computed."""
    N = count("inner_steps", inner_steps)
    B = count("batch", batch, unbounded=True)
    return formulas.printed_gradient_entries(B=B, N=N, n_phi=count("n_phi", n_phi, 0), n_w=count("n_w", n_w))


@dataclass(frozen=True)
class Demand:
    """Outer steps K and batch B, at which every row is at most eps."""

    outer_steps: int
    batch: int


def exact(x: Scaled) -> Fraction:
    """The exact value of `x`, as a fraction."""
    return Fraction(x.mantissa) * Fraction(2) ** x.exponent


def demand(rows: Sequence[Terms], eps: float, split: Split = Split.EVEN) -> Demand:
    """The smallest K and B, in the sense of `split`, with decay/K + noise/B <= eps in every row."""
    limit = Fraction(positive("eps", eps))
    if not rows:
        raise InvalidParameter("rows", "at least one row", rows)
    pairs = [(exact(row.decay), exact(row.noise)) for row in rows]
    K = max(1, *(math.ceil(2 * P / limit) for P, _ in pairs))
    B = max(1, *(math.ceil(2 * Q / limit) for _, Q in pairs))
    if split is Split.EVEN:
        return Demand(K, B)
    # Search the shorter side: for each value the other is forced.
    if K <= B:
        return Demand(*_cheapest(pairs, limit, K))
    batch, steps = _cheapest([(Q, P) for P, Q in pairs], limit, B)
    return Demand(steps, batch)


def _forced(pairs: Sequence[tuple[Fraction, Fraction]], limit: Fraction, short: int) -> int | None:
    """The smallest y with P/short + Q/y <= limit for all pairs (P, Q), or None."""
    y = 1
    for P, Q in pairs:
        room = limit - P / short
        if room < 0 or (room == 0 and Q):
            return None
        y = max(y, math.ceil(Q / room)) if Q else y
    return y


def _cheapest(pairs: Sequence[tuple[Fraction, Fraction]], limit: Fraction, even: int) -> tuple[int, int]:
    """The x, y >= 1 with the smallest product, the smaller x among equals; `even` is an x that will do.

    x y >= g(x) = max_i x^2 Q_i/(limit x - P_i), which is convex: from a good x outwards, stop where g exceeds the best.
    """

    def relaxed(x: int) -> Fraction | None:
        rooms = [(limit * x - P, Q) for P, Q in pairs]
        if any(room < 0 or (room == 0 and Q) for room, Q in rooms):
            return None
        return max([Fraction(x), *(x * x * Q / room for room, Q in rooms if Q)])

    first = max(1, *(math.ceil(P / limit) for P, _ in pairs))
    low, high = first, max(first, 2 * even)
    while high - low > 2:  # ternary search: the relaxation is convex, infinite to the left
        left, right = low + (high - low) // 3, high - (high - low) // 3
        at_left, at_right = relaxed(left), relaxed(right)
        if at_right is not None and (at_left is None or at_left > at_right):
            low = left + 1
        else:
            high = right
    best: tuple[int, int, int] | None = None
    for direction, start in ((1, low), (-1, low - 1)):
        for x in range(start, start + direction * MOST_CANDIDATES, direction):
            floor = relaxed(x) if x >= first else None
            if floor is None:
                if direction < 0:
                    break
                continue
            if best is not None and floor > best[0] and (direction < 0 or x > high):
                break
            y = _forced(pairs, limit, x)
            if y is not None and (best is None or (x * y, x) < best[:2]):
                best = (x * y, x, y)
    assert best is not None, "an even split is always possible"
    _, x, y = best
    back = _forced([(Q, P) for P, Q in pairs], limit, y)
    return (x if back is None else min(x, back)), y


def maml_constants(constants: Constants) -> Constants:
    """The constants of MAML on the same losses: everything is adapted, so strong convexity in w alone says nothing.

    rho bounds D_w^2 only, and MAML's Hessian is in all of z: replace rho by the Lipschitz constant of the whole
    second derivative where it is known. Without it the numbers for MAML are those of equal rho.
    """
    return Constants(
        None, constants.L, constants.rho, constants.tau, constants.M, region=constants.region, known=constants.known
    )
