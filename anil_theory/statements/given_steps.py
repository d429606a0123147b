"""The fewest tasks K B by Theorem J at outer step sizes that were given: the pair and the batch are chosen together.

With a pair that dominates, P_x = (2 - Lam_x beta_x) beta_x eps and R_x = V - Lam_x beta_x^2 eps, a batch of B tasks
needs

    K B = 2 D0 max_x B/(P_x - R_x/B).

The best B is 1, or where one of the two rows is smallest, 2 R_x/P_x, or where they are equal. That of integers is
looked for beside it, so K B is the smallest up to the rounding of K and B. Without replacement from T tasks f/B is
(T/(T - 1))/B - 1/(T - 1) in place of 1/B, so that the same holds with P_x + R_x/(T - 1) and R_x T/(T - 1); there B = T
is a candidate too. Steps t times as long have room where t < 2 beta_x eps/(2 beta_x eps - P_x + R_x/B) in both rows.

Kind: upper bounds (SHARP). Errors: InvalidParameter where no batch brings both rows to eps. Source: derived for this
project; docs/theorem_bounds.md.
"""

from dataclasses import dataclass

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory.schedule import effective_batch
from anil_theory.statements.joint_plans import JointTerms, outer_steps
from anil_theory.statements.joint_rates import JointRate
from anil_theory.statements.joint_rays import Rays
from anil_theory.statements.rates import LARGEST
from anil_theory.statements.scaled import Scaled, scaled


@dataclass(frozen=True)
class GivenSteps:
    """What step sizes that were given ask for.

    kappa   Lam_phi/Lam_w of the pair;  batch, outer_steps   B and K;  rows   their right-hand sides, by block.
    """

    kappa: float
    batch: int
    outer_steps: int
    rows: dict[str, JointTerms]


@dataclass(frozen=True)
class _Room:
    """P_x and R_x of n pairs, (blocks, n), and the batches that are allowed."""

    eps: float
    batch: int | None
    population: int | None
    P: np.ndarray
    R: np.ndarray

    @property
    def largest(self) -> float:
        """The largest batch."""
        return LARGEST if self.population is None else float(self.population)

    def batches(self) -> np.ndarray:
        """The batches, as real numbers, one of which is the best, (m, n)."""
        n = self.P.shape[1]
        if self.batch is not None:
            return np.full((1, n), float(min(self.batch, LARGEST)))
        with np.errstate(divide="ignore", invalid="ignore"):
            places = [2 * self.R / self.P, np.ones((1, n))]
            if len(self.P) == 2:
                places.append((self.R[:1] - self.R[1:]) / (self.P[:1] - self.P[1:]))
        if self.population is not None:
            places.append(np.full((1, n), self.largest))
        every = np.concatenate(places)
        return np.clip(np.where(np.isnan(every), 1.0, every), 1.0, self.largest)

    def of(self, batches: np.ndarray) -> np.ndarray:
        """P_x - R_x/B for every row, batch and pair, (blocks, m, n)."""
        with np.errstate(invalid="ignore"):
            return self.P[:, None] - self.R[:, None] / batches

    def tasks(self, batches: np.ndarray) -> np.ndarray:
        """K B/(2 D0) for every batch and pair, (m, n); inf where a row stays above eps."""
        room = self.of(batches)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(room > 0, batches / room, np.inf).max(axis=0)

    def longest(self, steps: np.ndarray) -> np.ndarray:
        """How many times as long steps may be, at most, with the largest batch, (n,)."""
        largest = np.full((1, self.P.shape[1]), self.largest if self.batch is None else float(min(self.batch, LARGEST)))
        whole = 2 * self.eps * steps[: len(self.P), None]
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = whole / (whole - self.of(largest)[:, 0])
            return np.where(np.isnan(shares), 0.0, shares).min(axis=0)


def at_given_steps(rate: JointRate, eps: float, batch: int | None, population: int | None = None) -> GivenSteps:
    """The fewest tasks at the step sizes of `rate.schedule`; B as given or searched.

    Raises InvalidParameter where no batch brings both rows to eps.
    """

    steps = np.array(rate.steps)

    def cost(log_kappa: np.ndarray, lam_w: np.ndarray, largest: np.ndarray) -> np.ndarray:
        """The logarithm of K B; large, and the more so the shorter the steps have to be, where no batch serves."""
        used, log_V = rate.estimates(log_kappa, lam_w, largest)
        with np.errstate(over="ignore", divide="ignore"):
            room = _room(rate, eps, batch, population, used, np.exp(log_V))
            fewest = room.tasks(room.batches()).min(axis=0)
            return np.where(np.isfinite(fewest), np.log(fewest), 1e4 - np.log(room.longest(steps)))

    start = float(np.log(steps[0]) - np.log(steps[1]))
    rays = [float(steps[0] / steps[1])]
    if rate.phi:
        rays.append(float(np.exp(Rays(rate.form, start).least(cost))))
    results = [each for kappa in rays for each in _on_a_ray(rate, kappa, eps, batch, population)]
    if results:
        return min(results, key=lambda each: (each.batch * each.outer_steps, each.outer_steps))
    beta_w = float(steps[0])
    if batch is None:
        limit = float(scaled(2 * beta_w) / rate.curvature())
        raise InvalidParameter("beta_w", f"in (0, 2/Lam) = (0, {limit:.6g}), with beta_phi in the same ratio", beta_w)
    limit = beta_w * max(float(_enclosed_room(rate, kappa, eps, batch, population).longest(steps)[0]) for kappa in rays)
    allowed = f"in (0, {limit:.6g}), with beta_phi in the same ratio, where B = {batch} reaches eps = {eps:g}"
    raise InvalidParameter("beta_w", allowed, beta_w)


def _room(
    rate: JointRate, eps: float, batch: int | None, population: int | None, used: np.ndarray, V: np.ndarray
) -> _Room:
    """P and R from Lam_x beta_x (blocks, n) and V (n,)."""
    betas = np.array(rate.steps)[: len(used), None]
    P = (2 - used) * betas * eps
    R = V - used * betas * eps
    if population is not None:
        others = max(population - 1, 1)
        P = P + R / others
        R = R * population / others
    return _Room(eps, batch, population, P, R)


def _enclosed_room(rate: JointRate, kappa: float, eps: float, batch: int | None, population: int | None) -> _Room:
    """That of the pair of one ray, from the enclosures of Lam_w and V."""
    lam_w, V = rate.dominating(kappa)
    return _room(rate, eps, batch, population, np.array(_used(rate, kappa, lam_w))[:, None], np.array([float(V)]))


def _used(rate: JointRate, kappa: float, lam_w: Scaled) -> list[float]:
    """Lam_x beta_x, by block."""
    used = [float(lam_w * rate.steps[0])]
    return [*used, float(lam_w * kappa * rate.steps[1])] if rate.phi else used


def _on_a_ray(rate: JointRate, kappa: float, eps: float, batch: int | None, population: int | None) -> list[GivenSteps]:
    """The best batches with the pair of one ray, enclosed: those of real numbers, rounded to both sides."""
    lam_w, V = rate.dominating(kappa)
    used = _used(rate, kappa, lam_w)
    if batch is None:
        places = _enclosed_room(rate, kappa, eps, batch, population).batches()[:, 0]
        batches = {int(end) for place in places for end in (np.floor(place), np.ceil(place))}
    else:
        batches = {batch}
    results = []
    for B in batches:
        effective = effective_batch(B, population)
        kept = [(2 - share * (1 - 1 / effective)) * beta for share, beta in zip(used, rate.steps, strict=False)]
        if min(kept) <= 0:
            continue
        rows = {
            name: JointTerms(scaled(2 * rate.D0) / over, V / over)
            for name, over in zip(("w", "phi"), kept, strict=False)
        }
        K = outer_steps(rows, eps, effective)
        if K is not None:
            results.append(GivenSteps(kappa, B, K, rows))
    return results
