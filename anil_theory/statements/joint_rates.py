"""Theorem J: the rates of Theorems 1 and 2 from the joint form of the smoothness (`joint`).

Claim: let Q(x, y) <= Lam_w x^2 + Lam_phi y^2 for all x, y >= 0, let Algorithm 1 run K outer steps on batches of B tasks
drawn independently, and put

    c_x = 2 - Lam_x beta_x (1 - 1/B)  (both > 0),
    V   = M^2 max { G(sqrt(Lam_w) beta_w a, sqrt(Lam_phi) beta_phi b) : a^2 + b^2 = 1 }.

Then, with D0 = L_meta(z_0) - inf L_meta,

    (1/K) sum_{k<K} [c_w beta_w E||D_w L_meta||^2 + c_phi beta_phi E||D_phi L_meta||^2]  <=  2 D0/K + V/B,

so the weighted row is at most the right-hand side over min(c_w, c_phi), and a block alone over its own c_x beta_x. A
pair with both c_x > 0 exists exactly when lam (1 - 1/B) < 2, lam = max Q/(x^2/beta_w + y^2/beta_phi): for B = 1 always,
and for B > 1 also at steps beyond 1/Lam. Each row takes the pair that makes it smallest. The pairs that dominate are a
convex set, V is convex in the pair (the largest eigenvalue of a matrix that is linear in it, maximised over tasks) and
c_x is linear, so each row is quasi-convex along their boundary: nested scans over kappa = Lam_phi/Lam_w find it
(`joint_rays`), and any kappa is valid. The same rows bound the expected squares at an iterate drawn uniformly from
z_0 .. z_{K-1}: their means are those averages.

`one_block` and `long_decay` are for one block (an empty phi) at beta = 1/Lam.

Kind: upper bounds. They are attained in the limits that docs/theorem_bounds.md names, and not everywhere. Regime: that
of the geometry. Units: those of `rates`. Source: derived for this project; docs/theorem_bounds.md has the proofs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from anil_theory._admissible import InvalidParameter, count, nonnegative, one_of, positive
from anil_theory._precision import gamma
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Hypothesis
from anil_theory.statements.contraction import roundings
from anil_theory.statements.generated import formulas
from anil_theory.statements.joint import Form
from anil_theory.statements.joint_rays import Rays
from anil_theory.statements.rates import FURTHER_ROUNDINGS, ROWS, betas_of
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled


@dataclass(frozen=True)
class Pair:
    """A ray Lam_phi = kappa Lam_w, with the cells that enclose Lam_w and V on it (`Form.slopes`)."""

    kappa: float
    of_curvature: np.ndarray
    of_gradient: np.ndarray


@dataclass(frozen=True)
class JointRate:
    """The rows of Theorem J at one setting. `phi` is false where phi is empty (MAML)."""

    constants: Constants
    schedule: Schedule
    geometry: Geometry
    D0: float
    phi: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "D0", nonnegative("D0", self.D0))

    @cached_property
    def form(self) -> Form:
        """Q and G."""
        return Form.of(self.constants, self.schedule, self.geometry)

    def curvature(self) -> Scaled:
        """lam: the largest Q over the directions of length 1 in the norm of the steps."""
        return curvature_of_a_step(self.form, self.schedule, phi=self.phi)

    def pair(self, row: str) -> Pair:
        """The pair at which a row is smallest, of the one that is found and the one at the ratio of the steps."""
        beta_w, beta_phi = betas_of(self.schedule, self.phi)
        ratio = beta_w / beta_phi
        even = self._on(ratio)
        if not self.phi:
            return even
        best = self._best_ray(row)
        for share in PULLED:
            pair = self._on(best ** (1 - share) * ratio**share)
            if min(self._kept(self._smallest(pair, self.form), pair)) > LEAST_KEPT:
                return min(even, pair, key=lambda pair: self._row(row, pair, self.form))
        return even

    def _on(self, kappa: float) -> Pair:
        """The pair of a ray with its cells."""
        beta_w, beta_phi = betas_of(self.schedule, self.phi)
        of_gradient = self.form.slopes("gradient", (beta_w / beta_phi) ** 2 / kappa)
        return Pair(kappa, self.form.slopes("curvature", kappa), of_gradient)

    @property
    def steps(self) -> tuple[float, float]:
        """beta_w and beta_phi; beta_w twice where phi is empty."""
        return betas_of(self.schedule, self.phi)

    def dominating(self, kappa: float) -> tuple[Scaled, Scaled]:
        """Lam_w and V of the smallest pair with Lam_phi = kappa Lam_w."""
        pair = self._on(kappa)
        lam_w = self._smallest(pair, self.form)
        return lam_w, self._noise(lam_w, pair, self.form)

    def estimates(self, log_kappa: np.ndarray, lam_w: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lam_x beta_x (2, n) and log V (n,) of rays, from what a search estimates of them (`Rays.values`)."""
        beta_w, beta_phi = self.steps
        unit = self.form.unit.log10 * np.log(10.0)
        log_w = lam_w + np.log(beta_w) + unit
        log_phi = log_w + log_kappa - (np.log(beta_w) - np.log(beta_phi))
        log_V = 2 * np.log(self.constants.M) + np.log(beta_w) + log_w + unit + largest
        with np.errstate(over="ignore"):
            return np.exp(np.stack([log_w, log_phi])), log_V

    def bound(self, row: str, note: str = "") -> Bound:
        """A right-hand side with its rounding; inf where no pair has both c_x > 0.

        Raises InvalidParameter for another row, for phi where it is empty, and where a step size is missing.
        """
        one_of("row", row, ROWS)
        if row == "phi" and not self.phi:
            raise InvalidParameter("row", "'weighted' or 'w' where phi is empty", row)
        pair = self.pair(row)
        c_w, c_phi = self._kept(self._smallest(pair, self.form), pair)
        least = min(c_w, c_phi) if self.phi else c_w
        if least <= 0:
            return Bound(np.inf, np.inf, 0.0, "no pair that dominates leaves c_w > 0 and c_phi > 0")

        def value(r: float) -> Scaled:
            return self._row(row, pair, Form.of(self.constants, self.schedule, self.geometry, r))

        operations = roundings(self.schedule.inner_steps) + FURTHER_ROUNDINGS
        # c = 2 - u loses digits when it is small: an error of u counts (2 - c)/c times. Only that of the row divides.
        kept = {"weighted": least, "w": c_w, "phi": c_phi}[row]
        cancelled = 1 + (2 - kept) / kept
        words = f"kappa = {pair.kappa:.6g}, D0 = {self.D0:.6g}" if self.phi else f"D0 = {self.D0:.6g}"
        bound = RoundingRange.of(value, self.form.r).bound(int(np.ceil(cancelled * operations)), words)
        return bound if not note else Bound(bound.value, bound.log10, bound.rounding, f"{bound.note}; {note}")

    def values(self, row: str, outer_steps: Sequence[int]) -> list[float]:
        """The right-hand side for many K at once, without rounding: by the best pairs of the fewest and the most.

        Raises InvalidParameter as `bound` does.
        """
        pairs = []
        for K in {min(outer_steps), max(outer_steps)}:
            rate = replace(self, schedule=replace(self.schedule, outer_steps=K))
            pairs.append(rate.pair(row))
        results = []
        for K in outer_steps:
            rate = replace(self, schedule=replace(self.schedule, outer_steps=K))
            results.append(float(min(rate._row(row, pair, self.form) for pair in pairs)))
        return results

    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """That the step sizes are there, and lam (1 - 1/B) < 2, with its margin (no units).

        It needs a contraction factor, so evaluate the conditions of the geometry first.
        """
        steps = (("w", self.schedule.beta_w), ("phi", self.schedule.beta_phi))[: 1 + self.phi]
        missing = [Hypothesis(f"beta_{name} is given", float("-inf")) for name, beta in steps if beta is None]
        if missing:
            return tuple(missing)
        lam = self.curvature()
        margin = 2 - float(lam * (1 - 1 / self.schedule.effective_batch))
        tolerance = gamma(4 * roundings(self.schedule.inner_steps))
        # At equality c is 0, and there is no bound.
        held = margin if margin > tolerance else min(margin, -tolerance)
        return (Hypothesis(f"lam (1 - 1/B) < 2 (lam = {float(lam):.6g})", held),)

    def _kept(self, lam_w: Scaled, pair: Pair) -> tuple[float, float]:
        """c_w and c_phi."""
        beta_w, beta_phi = betas_of(self.schedule, self.phi)
        B = self.schedule.effective_batch
        return (
            formulas.kept_w(B=B, Lambda_w=float(lam_w * beta_w), beta_w=1.0),
            formulas.kept_phi(B=B, Lambda_phi=float(lam_w * pair.kappa * beta_phi), beta_phi=1.0),
        )

    def _smallest(self, pair: Pair, form: Form) -> Scaled:
        """Lam_w of the pair."""
        if not self.phi:
            return form.unit * _on_axis(form.curvature(*W))
        return form.unit * form.above("curvature", pair.kappa, pair.of_curvature)

    def _noise(self, lam_w: Scaled, pair: Pair, form: Form) -> Scaled:
        """V of the pair."""
        beta_w, beta_phi = betas_of(self.schedule, self.phi)
        if self.phi:
            largest = form.above("gradient", (beta_w / beta_phi) ** 2 / pair.kappa, pair.of_gradient)
        else:
            largest = _on_axis(form.gradient(*W))
        return lam_w * beta_w * beta_w * form.unit * largest * self.constants.M * self.constants.M

    def _row(self, row: str, pair: Pair, form: Form) -> Scaled:
        beta_w, beta_phi = betas_of(self.schedule, self.phi)
        lam_w = self._smallest(pair, form)
        V = self._noise(lam_w, pair, form)
        c_w, c_phi = self._kept(lam_w, pair)
        over = formulas.joint_over(beta_w=beta_w, beta_phi=beta_phi, c_w=c_w, c_phi=c_phi if self.phi else c_w)
        if min(c_w, c_phi if self.phi else c_w) <= 0:
            return BEYOND
        terms = scaled(2 * self.D0) / self.schedule.outer_steps + V / self.schedule.effective_batch
        return terms / over[row]

    def _best_ray(self, row: str) -> float:
        """kappa of the pair at which the row is smallest (`Rays.least`)."""
        beta_w, beta_phi = self.steps
        start = float(np.log(beta_w) - np.log(beta_phi))
        B, K = self.schedule.effective_batch, self.schedule.outer_steps
        # K and B may be integers beyond float64.
        decay = scaled(2 * self.D0) / K
        log_decay = decay.log10 * np.log(10.0) if decay else -np.inf

        def cost(log_kappa: np.ndarray, lam_w: np.ndarray, largest: np.ndarray) -> np.ndarray:
            """The logarithm of the row; large where c_w or c_phi is not positive."""
            used, log_V = self.estimates(log_kappa, lam_w, largest)
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                kept = 2 - used * (1 - 1 / B)
                least = kept.min(axis=0)
                value = np.logaddexp(log_decay, log_V - math.log(B))
                value = value - np.log({"w": kept[0], "phi": kept[1]}.get(row, least))
            return np.where(least > 0, value, 1e3 + np.log(used).max(axis=0))

        return float(np.exp(Rays(self.form, start).least(cost)))


def curvature_of_a_step(form: Form, schedule: Schedule, *, phi: bool) -> Scaled:
    """lam: the largest Q over the directions of length 1 in the norm of the steps; `phi` is false where it is empty."""
    beta_w, beta_phi = betas_of(schedule, phi)
    if not phi:
        return form.unit * _on_axis(form.curvature(*W)) * beta_w
    return form.largest("curvature", beta_w / beta_phi) * beta_w


BEYOND = scaled(2.0) ** 10**6
"""In place of a row without a bound: larger than any float64."""

LEAST_KEPT = 1e-6
"""A pair that was searched has to leave so much: far more than the rounding of c, so that its sign is certain."""

PULLED = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3)
"""By which share of its way to the ratio of the steps a ray is pulled back, where it leaves less. A block's own row is
often smallest where the other block keeps nothing, and there the estimates of the search may be off to either side."""

W = (np.array([1.0]), np.array([0.0]))
"""The direction that moves w alone."""


def _on_axis(values: np.ndarray) -> float:
    return float(values[0])


def one_block(Lam: float, D0: float, outer_steps: int, second_moment: float) -> float:
    """2 Lam D0/K + (1 - 1/K) s^2: the average of E||D L_meta||^2 over K steps of one block at beta = 1/Lam.

    Lam             > 0, with |D^2 L_meta| <= Lam;
    D0              L_meta(z_0) - inf L_meta, >= 0;
    second_moment   s^2, a bound of E||noise||^2 of a step: sigma^2/B.

    Claim: an upper bound, attained for every K, D0 and s by the quadratic Lam x^2/2: its first step ends the decay, and
    every further gradient is the noise of the step before. The last of the K steps need not be counted, because
    L_meta(z_{K-1}) - inf L_meta >= ||D L_meta(z_{K-1})||^2/(2 Lam).
    """
    K = count("outer_steps", outer_steps)
    decay = 2 * positive("Lam", Lam) * nonnegative("D0", D0) / K
    return decay + (1 - 1 / K) * nonnegative("second_moment", second_moment)


def long_decay(Lam: float, D0: float, outer_steps: int, second_moment: float, first: float) -> float:
    """The largest A with A + (sqrt(A) - s)_+^2/2 <= 2 Lam D0/K + s^2 + (sqrt(x_0) - s)_+^2/(2 K).

    first   x_0 = ||D L_meta(z_0)||^2; the others as in `one_block`.

    Claim: an upper bound of the average A of E||D L_meta||^2 at beta = 1/Lam. Without noise it is
    (4 Lam D0 + x_0)/(3 K), attained by the sawtooth for every K: the known 4/3 of gradient descent, by interpolation of
    functions that are Lam-smooth.
    """
    K = count("outer_steps", outer_steps)
    s = float(np.sqrt(nonnegative("second_moment", second_moment)))
    start = max(float(np.sqrt(nonnegative("first", first))) - s, 0.0)
    right = 2 * positive("Lam", Lam) * nonnegative("D0", D0) / K + s**2 + start**2 / (2 * K)

    # With u = sqrt(A) > s the left side is 3 u^2/2 - s u + s^2/2: the positive root of a quadratic.
    if right <= s**2:
        return right
    root = (s + float(np.sqrt(6 * right - 2 * s**2))) / 3
    return root**2
