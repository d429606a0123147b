"""What Theorem J asks of a run: the outer steps, the batch and the step sizes that bring both blocks to eps.

Claim: let (Lam_w, Lam_phi) dominate the joint form, Lam = max(Lam_w, Lam_phi) and V_1 the V of Theorem J at
beta_w = beta_phi = 1. At a batch of B tasks the step sizes

    beta_w = beta_phi = 1/q,    q = Lam (1 - 1/B) + V_1/(eps B),    and    K >= 2 D0 q/eps

bring the averages of E||D_w L_meta||^2 and of E||D_phi L_meta||^2 to at most eps: each is at most
(2 D0/K + beta^2 V_1/B)/(c beta), c = 2 - Lam beta (1 - 1/B). Among equal step sizes, 1/q needs the fewest outer steps,
since c beta eps - beta^2 V_1/B = 2 eps beta - eps q beta^2 is largest there. Then

    K B = (2 D0/eps) (Lam (B - 1) + V_1/eps),

which is smallest at B = 1, where the free pair minimises V_1, and at most doubles up to B = 1 + V_1/(eps Lam).

Without replacement from T tasks B stands for B/f, f = (T - B)/(T - 1), and K B = (2 D0/eps) (Lam (B - f) + f V_1/eps)
is affine in B: it is smallest at B = 1, or at B = T, where a step is exact gradient descent and K = 2 D0 Lam/eps.

Kind: upper bounds (SHARP). Source: derived for this project; docs/theorem_bounds.md.
"""

import functools
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule, effective_batch
from anil_theory.statements.complexity import exact
from anil_theory.statements.joint import Form
from anil_theory.statements.joint_rays import ROUNDS, Rays
from anil_theory.statements.rates import LARGEST
from anil_theory.statements.scaled import Scaled, scaled

MARGIN = Fraction(1, 10**5)
"""K is larger by this fraction, so that a bound from another enclosure of the same maxima is at most eps too."""

ENCLOSED = 1e-6
"""How far above the maxima the enclosures of a plan may stay."""

ROUGH = 6
"""Scans of a search that only compares inner step sizes: log kappa is then known to 0.02."""


@dataclass(frozen=True)
class JointTerms:
    """A row of Theorem J as decay/K + noise/B."""

    decay: Scaled
    noise: Scaled

    def total(self, outer_steps: int, batch: float) -> Scaled:
        """The right-hand side at K and B (B/f without replacement)."""
        return self.decay / outer_steps + self.noise / batch


@dataclass(frozen=True)
class JointDemand:
    """Steps of one length, by Theorem J at one alpha and N.

    kappa     Lam_phi/Lam_w of the pair (0 where phi is empty);
    lam_w     Lam_w;
    noise     V_1;
    batch     B;
    population   T, without replacement;
    inner_steps  N.
    """

    eps: float
    kappa: float
    lam_w: Scaled
    noise: Scaled
    batch: int
    population: int | None
    inner_steps: int

    @property
    def effective(self) -> float:
        """B, or B/f without replacement."""
        return effective_batch(self.batch, self.population)

    @property
    def lam(self) -> Scaled:
        """The larger one of Lam_w and Lam_phi."""
        return self.lam_w * max(1.0, self.kappa)

    @property
    def inverse_step(self) -> Scaled:
        """q = 1/beta."""
        B = self.effective
        return self.lam * (1 - 1 / B) + self.noise / self.eps / B

    @property
    def rows(self) -> dict[str, Scaled]:
        """c_x beta, by row, at beta = 1/q."""
        beta = self.beta
        sizes = {"w": self.lam_w, "phi": self.lam_w * self.kappa} if self.kappa else {"w": self.lam_w}
        return {name: scaled(2 - float(size * beta) * (1 - 1 / self.effective)) * beta for name, size in sizes.items()}

    @property
    def beta(self) -> float:
        """The step size. Raises InvalidParameter where it is below float64's range."""
        q = self.inverse_step
        if q > LARGEST:
            allowed = f"a count at which 1/beta, here 10^{q.log10:g}, is at most {LARGEST:g}"
            raise InvalidParameter("inner_steps", allowed, self.inner_steps)
        return float(1 / q)

    @property
    def doubling(self) -> int:
        """The largest B up to which K B is at most twice that of B = 1 (with this pair)."""
        return 1 + int(exact(self.noise / self.eps / self.lam))

    def terms(self, D0: float) -> dict[str, JointTerms]:
        """The rows."""
        noise = self.noise * self.beta * self.beta
        return {name: JointTerms(scaled(2 * D0) / over, noise / over) for name, over in self.rows.items()}


@functools.lru_cache(maxsize=256)
def _best_pair(form: Form, batch: float, log_eps: float, rounds: int) -> tuple[float, float, float]:
    """log kappa, log Lam_w and log max G, in units of g^(2N), at the smallest q."""
    unit = form.unit.log10 * math.log(10)
    log_M = math.log(form.M)

    def cost(log_kappa: np.ndarray, lam_w: np.ndarray, largest: np.ndarray) -> np.ndarray:
        """log q."""
        noise = 2 * (log_M + unit) + lam_w + largest - log_eps - math.log(batch)
        if batch == 1:
            return noise
        curvature = unit + lam_w + np.maximum(log_kappa, 0.0) + math.log1p(-1 / batch)
        return np.logaddexp(noise, curvature)

    at = Rays(form).least(cost, rounds)
    kappa = math.exp(at)
    lam_w = form.above("curvature", kappa, form.slopes("curvature", kappa, ENCLOSED))
    largest = form.above("gradient", 1 / kappa, form.slopes("gradient", 1 / kappa, ENCLOSED))
    return at, math.log(lam_w), math.log(largest)


def joint_demand(
    constants: Constants,
    schedule: Schedule,
    geometry: Geometry,
    eps: float,
    *,
    batch: int | None = None,
    population: int | None = None,
    phi: bool = True,
    rounds: int = ROUNDS,
) -> JointDemand:
    """The steps at `schedule`'s alpha and N, with the pair at which q is smallest.

    batch    B; None takes 1, the fewest tasks (more only where 1/beta would exceed float64's range);
    population   T, of which the tasks of a step are drawn without replacement; then `batch` is needed;
    rounds   scans of the search: fewer are quicker and give a larger q.
    """
    form = Form.of(constants, schedule, geometry)
    B = 1 if batch is None else batch
    effective = effective_batch(B, population)
    if phi:
        # At B = 1 the best pair is that of the smallest V_1, whatever eps is.
        log_kappa, log_lam, log_largest = _best_pair(form, effective, math.log(eps) if effective > 1 else 0.0, rounds)
        kappa = math.exp(log_kappa)
    else:
        x, y = np.array([1.0]), np.array([0.0])
        log_lam = float(np.log(form.curvature(x, y)[0]))
        log_largest = float(np.log(form.gradient(x, y)[0]))
        kappa = 0.0
    lam_w = form.unit * math.exp(log_lam)
    noise = lam_w * form.unit * math.exp(log_largest) * constants.M * constants.M
    if batch is None:
        B = max(1, math.ceil(exact(noise / eps / LARGEST) * (1 + MARGIN)))
    return JointDemand(eps, kappa, lam_w, noise, B, population, schedule.inner_steps)


def least_inverse_step(
    constants: Constants,
    schedule: Schedule,
    geometry: Geometry,
    eps: float,
    *,
    batch: int | None = None,
    population: int | None = None,
) -> Scaled:
    """A lower bound of q over all pairs, quick: Lam_x and V_1 are at least what moving w or phi alone asks for."""
    form = Form.of(constants, schedule, geometry)
    axes = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    curvatures = form.curvature(*axes)
    gradients = form.gradient(*axes)
    B = effective_batch(1 if batch is None else batch, population)
    M = scaled(constants.M)
    results = []
    for curvature, gradient in zip(curvatures, gradients, strict=True):
        noise = form.unit * form.unit * float(curvature) * float(gradient) * M * M
        results.append(form.unit * float(curvature) * (1 - 1 / B) + noise / eps / B)
    return max(results)


def outer_steps(rows: dict[str, JointTerms], eps: float, batch: float) -> int | None:
    """The smallest K, enlarged by MARGIN, with decay/K + noise/B <= eps in every row; None where there is none.

    batch   B, or B/f without replacement.
    """
    K = 1
    for row in rows.values():
        room = Fraction(eps) - exact(row.noise) / Fraction(batch)
        if room <= 0:
            return None
        K = max(K, math.ceil(exact(row.decay) / room * (1 + MARGIN)))
    return K
