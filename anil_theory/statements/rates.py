"""The engine shared by Theorems 1 and 2: how small the meta-gradient gets on average, from the block constants.

Claim: let D0 = L_meta(z_0) - inf L_meta, and let Algorithm 1 run K outer steps on i.i.d. batches of B tasks. For c > 0,

    Lam_w = L_ww + c L_x,  Lam_phi = L_phiphi + L_x/c,  0 < beta_w <= 1/Lam_w,  0 < beta_phi <= 1/Lam_phi

imply

    (1/K) sum_k [beta_w E||D_w L_meta||^2 + beta_phi E||D_phi L_meta||^2]
        <= 2 D0/K + (Lam_w beta_w^2 sigma_w^2 + Lam_phi beta_phi^2 sigma_phi^2)/B,

sigma_w = r^N M, sigma_phi = n_N M, and each block alone is at most this over its own beta. Kind: upper bounds, EXPLICIT
or REFINED like the block constants they are made of; L_x is the smaller cross constant in both. Regime: that of the
geometry. Source: docs/formulas.md, thm1 and thm2. Empty phi (MAML) is `phi=False`: L_x, L_phiphi, sigma_phi are 0 and
one row stays.

The weight c belongs to the proof, not to the algorithm. At given step sizes the three right-hand sides depend on c
through c beta_w^2 sigma_w^2 + beta_phi^2 sigma_phi^2/c alone, so one c is best for all of them (`Ingredients.weight`);
and a suitable c exists exactly when the spectral norm of the 2x2 matrix of L_xy sqrt(beta_x beta_y) is at most 1.
When beta = 1/Lam(c), the w bound rises and the phi bound falls with c: neither alone has a minimiser.

Units: beta_x in those of x^2 over those of L_D; D0 in those of L_D. Everything is closed form, O(N), safe of overflow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from anil_theory._admissible import InvalidParameter, nonnegative, one_of, positive
from anil_theory._precision import gamma
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Hypothesis, Kind
from anil_theory.statements.contraction import block_constants, contraction_factor, mixed_norm, roundings
from anil_theory.statements.generated import formulas
from anil_theory.statements.joint import Form
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

ROWS = ("weighted", "w", "phi")
"""The left-hand sides: both blocks weighted by their step sizes, and each block alone."""

SMALLEST, LARGEST = 1e-300, 1e300
"""Step sizes and weights are floats: a limit beyond LARGEST is not used up, which the statement allows."""

FURTHER_ROUNDINGS = 60
"""Roundings in a row that follow the block constants, at most (the 2 log2 N of `partial_sum` are within its 10 N)."""


class Weight(StrEnum):
    """How c and the step sizes are chosen together; a number c > 0 in its place means beta = 1/Lam(c)."""

    BALANCED = "balanced"
    """Lam_w = Lam_phi = the smoothness of L_meta in z: equal steps, and the smallest larger one of the two block bounds
    among beta = 1/Lam(c)"""
    CHEAPEST = "cheapest"
    """c = sigma_phi/sigma_w, equal steps 1/max(Lam_w, Lam_phi): the smallest product of the two terms, hence of K B"""


@dataclass(frozen=True)
class Ingredients:
    """The numbers a rate is made of; zeros in place of `cross`, `phiphi` and `sigma_phi` where phi is empty."""

    ww: Scaled
    cross: Scaled
    phiphi: Scaled
    sigma_w: Scaled
    sigma_phi: Scaled

    def smoothness(self, c: float) -> tuple[Scaled, Scaled]:
        """Lam_w and Lam_phi."""
        weight = scaled(positive("c", c))
        lam_w = formulas.weighted_smoothness_w(L_ww=self.ww, L_x=self.cross, c=weight)
        lam_phi = formulas.weighted_smoothness_phi(L_phiphi=self.phiphi, L_x=self.cross, c=weight)
        return lam_w, lam_phi

    def best_weight(self, beta_w: float, beta_phi: float) -> float:
        """The c at which all three bounds are smallest, were it admissible; sigma_w must not be 0."""
        steps = {"beta_w": scaled(beta_w), "beta_phi": scaled(beta_phi)}
        return _clipped(formulas.best_weight(**steps, sigma_w=self.sigma_w, sigma_phi=self.sigma_phi))

    def even_weight(self, beta_w: float = 1.0, beta_phi: float = 1.0) -> float:
        """The c at which beta_w Lam_w = beta_phi Lam_phi: the least demanding one, in closed form (1 if L_x = 0)."""
        if not self.cross:
            return 1.0
        x = self.ww * beta_w
        y = self.phiphi * beta_phi
        mixed = self.cross * (scaled(beta_w) * beta_phi).sqrt()
        top = max(x, y, mixed)
        low, high = sorted((float(x / top), float(y / top)))
        gap, root = top * (high - low), mixed * mixed * 4
        total = gap + (gap * gap + root).sqrt()
        slope = scaled(beta_phi) / beta_w
        return _clipped(total / (mixed * 2) * slope.sqrt() if y > x else mixed * 2 / total * slope.sqrt())

    def weight(self, beta_w: float, beta_phi: float) -> float:
        """The c at which all three bounds are smallest for these steps: beta_phi sigma_phi/(beta_w sigma_w), clipped.

        Clipped to the c with beta_w Lam_w <= 1 and beta_phi Lam_phi <= 1; the even weight where there is none.
        """
        even = self.even_weight(beta_w, beta_phi)
        if not (self.cross and (self.sigma_w or self.sigma_phi)):
            return even
        # At r = 0 the w noise vanishes, and the larger c is, the better.
        best = self.best_weight(beta_w, beta_phi) if self.sigma_w else float("inf")
        room_w, room_phi = (1 - float(block * beta) for block, beta in ((self.ww, beta_w), (self.phiphi, beta_phi)))
        if min(room_w, room_phi) <= 0:
            return even
        if best > even:
            return max(even, min(best, _clipped(scaled(room_w) / (self.cross * beta_w))))
        return min(even, max(best, _clipped(self.cross * beta_phi / room_phi)))

    def steps(self, weight: Weight | float) -> tuple[float, float, float]:
        """(c, beta_w, beta_phi) by a rule, or beta = 1/Lam(c) at a number c.

        Any step is admissible where Lam = 0 (an empty phi, or r = 0): it takes the step of the other block.
        """
        if weight is Weight.BALANCED:
            c = self.even_weight()
        elif weight is Weight.CHEAPEST:
            usable = self.cross and self.sigma_w and self.sigma_phi
            c = self.best_weight(1.0, 1.0) if usable else self.even_weight()
        else:
            c = positive("weight", weight)
        lam_w, lam_phi = self.smoothness(c)
        if isinstance(weight, Weight) or not (lam_w and lam_phi):
            lam_w = lam_phi = max(lam_w, lam_phi)
        return c, _inverse(lam_w), _inverse(lam_phi)

    def terms(self, row: str, beta_w: float, beta_phi: float, c: float, D0: float) -> "Terms":
        """A right-hand side as decay/K + (noise_w + noise_phi)/B."""
        row = one_of("row", row, ROWS)
        lam_w, lam_phi = self.smoothness(c)
        steps = {"beta_w": scaled(beta_w), "beta_phi": scaled(beta_phi)}
        decay = formulas.decay(D_0=scaled(D0), **steps)
        noise_w = formulas.noise_w(Lambda_w=lam_w, sigma_w=self.sigma_w, **steps)
        noise_phi = formulas.noise_phi(Lambda_phi=lam_phi, sigma_phi=self.sigma_phi, **steps)
        return Terms(decay=decay[row], noise_w=noise_w[row], noise_phi=noise_phi[row])


@dataclass(frozen=True)
class Terms:
    """decay/K + (noise_w + noise_phi)/B."""

    decay: Scaled
    noise_w: Scaled
    noise_phi: Scaled

    @property
    def noise(self) -> Scaled:
        return self.noise_w + self.noise_phi

    def total(self, outer_steps: int, batch: int) -> Scaled:
        """The right-hand side at K and B."""
        return self.decay / outer_steps + self.noise / batch


def _clipped(x: Scaled) -> float:
    return min(max(float(x), SMALLEST), LARGEST)


def _inverse(x: Scaled) -> float:
    return _clipped(1 / x) if x else LARGEST


def partial_sum(r: float, steps: int) -> Scaled:
    """S_m = sum_{j<m} r^j by doubling, S_2m = S_m (1 + r^m): O(log m), sums of nonnegative numbers only."""
    total, power = scaled(0.0), scaled(1.0)
    for bit in bin(steps)[2:]:
        total, power = total * (power + 1.0), power * power
        if bit == "1":
            total, power = total * r + 1.0, power * r
    return total


def ingredients(
    constants: Constants,
    schedule: Schedule,
    geometry: Geometry,
    kind: Kind,
    *,
    phi: bool = True,
    r: float | None = None,
) -> Ingredients:
    """Block constants and gradient sizes of one setting; `r` in place of the geometry's own contraction factor.

    Raises InvalidParameter where `contraction_factor` does, and for a kind other than EXPLICIT and REFINED.
    """
    r = contraction_factor(constants, schedule, geometry) if r is None else r
    alpha = schedule.one_alpha
    N = schedule.inner_steps
    M = constants.M
    cbar = mixed_norm(constants, geometry, kind)
    four = block_constants(
        r=r,
        alpha=alpha,
        inner_steps=N,
        L=constants.L,
        rho=constants.rho,
        tau=constants.tau,
        M=M,
        cbar=cbar,
        kind=kind,
    )
    none = scaled(0.0)
    sigma_w = formulas.sigma_w(M=scaled(M), N=N, r=scaled(r))
    if not phi:
        return Ingredients(four.ww, none, none, sigma_w, none)
    S_N = partial_sum(r, N)
    sigma_phi = formulas.sigma_phi(M=scaled(M), S_N=S_N, alpha=scaled(alpha), cbar=scaled(cbar))
    return Ingredients(four.ww, four.cross, four.phiphi, sigma_w, sigma_phi)


def step_sizes(
    constants: Constants,
    schedule: Schedule,
    geometry: Geometry,
    kind: Kind = Kind.REFINED,
    weight: Weight | float = Weight.BALANCED,
    *,
    phi: bool = True,
) -> Schedule:
    """The schedule with its outer step sizes at their limits, 1/Lam(c), by a rule or at a number c.

    For kind SHARP they are equal, 1/lam_1, lam_1 = max Q(x, y)/(x^2 + y^2) of the joint form (`joint`): never shorter
    than those of BALANCED, since the largest eigenvalue of the separate constants is at least lam_1. `weight` has no
    part in it.
    """
    if kind is Kind.SHARP:
        beta = sharp_step(constants, schedule, geometry, phi=phi)
        return replace(schedule, beta_w=beta, beta_phi=beta if phi else None)
    _, beta_w, beta_phi = ingredients(constants, schedule, geometry, kind, phi=phi).steps(weight)
    return replace(schedule, beta_w=beta_w, beta_phi=beta_phi if phi else None)


def sharp_step(constants: Constants, schedule: Schedule, geometry: Geometry, *, phi: bool = True) -> float:
    """1/lam_1: the smoothness of L_meta in z by the joint form."""
    form = Form.of(constants, schedule, geometry)
    if phi:
        return _inverse(form.largest("curvature", 1.0))
    along_w = np.array([1.0]), np.array([0.0])
    return _inverse(form.unit * float(form.curvature(*along_w)[0]))


def betas_of(schedule: Schedule, phi: bool) -> tuple[float, float]:
    """beta_w and beta_phi; beta_w twice where phi is empty. Raises InvalidParameter where one is missing."""
    if schedule.beta_w is None:
        raise InvalidParameter("beta_w", "a finite number > 0", None)
    if phi and schedule.beta_phi is None:
        raise InvalidParameter("beta_phi", "a finite number > 0 where phi is not empty", None)
    return schedule.beta_w, schedule.beta_phi or schedule.beta_w


@dataclass(frozen=True)
class Rate:
    """The rate of one setting: c, D0 and everything else fixed; c = None chooses `Ingredients.weight`."""

    constants: Constants
    schedule: Schedule
    geometry: Geometry
    kind: Kind
    D0: float
    c: float | None = None
    phi: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "D0", nonnegative("D0", self.D0))
        if self.c is not None:
            object.__setattr__(self, "c", positive("c", self.c))

    def at(self, r: float | None = None) -> Ingredients:
        """The ingredients, at another contraction factor if `r` is given."""
        return ingredients(self.constants, self.schedule, self.geometry, self.kind, phi=self.phi, r=r)

    def weight(self) -> float:
        """c, as given or chosen."""
        return self.at().weight(*betas_of(self.schedule, self.phi)) if self.c is None else self.c

    def terms(self, row: str) -> Terms:
        """The terms of one right-hand side."""
        if row == "phi" and not self.phi:
            raise InvalidParameter("row", "'weighted' or 'w' where phi is empty", row)
        return self.at().terms(row, *betas_of(self.schedule, self.phi), self.weight(), self.D0)

    def bound(self, row: str, note: str = "") -> Bound:
        """One right-hand side with its rounding, which covers a beta that exceeds 1/Lam by rounding."""
        self.terms(row)  # refuses a row or a step size that is not there
        betas, c = betas_of(self.schedule, self.phi), self.weight()

        def value(ingredients: Ingredients) -> Scaled:
            terms = ingredients.terms(row, *betas, c, self.D0)
            return terms.total(self.schedule.outer_steps, self.schedule.batch)

        note = f"c = {c:.6g}, D0 = {self.D0:.6g}" + (f"; {note}" if note else "")
        bound = self._enclosed(value).bound(self._operations, note)
        return replace(bound, rounding=bound.rounding + self._excess() * bound.value) if bound.rounding else bound

    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """beta_w <= 1/Lam_w and beta_phi <= 1/Lam_phi, with margins in the units of beta; 0 within rounding.

        They need a contraction factor, so evaluate the conditions of the geometry first.
        """
        betas = (("w", self.schedule.beta_w), ("phi", self.schedule.beta_phi))[: 1 + self.phi]
        missing = [Hypothesis(f"beta_{name} is given", float("-inf")) for name, beta in betas if beta is None]
        if missing:
            return tuple(missing)
        c, conditions = self.weight(), []
        for index, (name, beta) in enumerate(betas):
            lam, tolerance = self._smoothness(index, c)
            assert beta is not None
            use = float(lam * beta)
            margin = 0.0 if abs(use - 1) <= tolerance else (float(1 / lam) if lam else float("inf")) - beta
            conditions.append(Hypothesis(f"beta_{name} <= 1/Lam_{name} (c = {c:.6g})", margin))
        return tuple(conditions)

    @property
    def _operations(self) -> int:
        return roundings(self.schedule.inner_steps) + FURTHER_ROUNDINGS

    def _enclosed(self, function: Callable[[Ingredients], Scaled]) -> RoundingRange:
        r = contraction_factor(self.constants, self.schedule, self.geometry)
        return RoundingRange.of(lambda r: function(self.at(r)), r)

    def _smoothness(self, index: int, c: float) -> tuple[Scaled, float]:
        """Lam_w or Lam_phi, and how far rounding can have moved it, relatively."""
        lam = self._enclosed(lambda ingredients: ingredients.smoothness(c)[index])
        if not lam.at:
            return lam.at, 0.0
        moved = float(lam.high / lam.at) - min(float(lam.low / lam.at), 1.0)
        return lam.at, moved + 3 * gamma(self._operations)

    def _excess(self) -> float:
        c = self.weight()
        return 2 * max(self._smoothness(index, c)[1] for index in range(1 + self.phi))
