"""A mirrored pair of ANIL tasks by their derivatives at the inner iterates, and Algorithm 1 on them.

One w, one phi. Around the m-th inner iterate of task A, (v, y) the offset from it, L_S has the Hessian entries
H_m + a_m v + b_m y and C_m + b_m v + d_m y, and around (w_N, phi) L_D is the Huber function with curvature L and
largest slope M whose gradient at the centre is (p, q). Task B is the mirror image, so z = 0 is stationary, and the
noise there is +-g. The points of a trajectory can be as far apart as one likes, so such pieces belong to functions with
these constants (docs/sharp_bounds.md), as far as the iterates stay within `radius` of every point: the Hessian keeps a
margin for that, and `run_pair` says how far they went.

The choice: H = mu, C = -sqrt(L^2 - mu^2) (strongly convex) or the point of the circle of radius L that the moved
direction (t_m, y) asks for (nonconvex), third derivatives at the maximum of Y along it, |p| = M c. The direction and c
are those with the largest average of the linear SGD (`linear_floor`), which it is for small noise.
"""

from dataclasses import dataclass, replace

import numpy as np

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks.third_derivatives import own_maximiser

SCANNED = 17
"""Points of each scan over the angle of the direction, and over that of c."""

SCANS = 3
"""Each is four times finer than the one before, about its best."""


@dataclass(frozen=True)
class LocalPair:
    """Task A: H, C, a, b, d of shape (N,); (p, q) at the end; alpha, and L and M of L_D."""

    H: np.ndarray
    C: np.ndarray
    a: np.ndarray
    b: np.ndarray
    d: np.ndarray
    outer: np.ndarray
    alpha: float
    L: float
    M: float

    def gradient(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The meta-gradient of task A at offsets (.., 2), and the longest offset (v_m, y) on the way."""
        v, y = z[..., 0], z[..., 1]
        along_w, along_phi = np.ones_like(v), np.zeros_like(v)
        farthest = np.hypot(v, y)
        for H, C, a, b, d in zip(self.H, self.C, self.a, self.b, self.d, strict=True):
            factor = 1 - self.alpha * (H + a * v + b * y)
            mixed = C + b * v + d * y
            along_w, along_phi = factor * along_w, factor * along_phi - self.alpha * mixed
            turned = (a * v**2 + 2 * b * v * y + d * y**2) / 2
            v = v - self.alpha * (H * v + C * y + turned)
            farthest = np.maximum(farthest, np.hypot(v, y))
        at_end = self.outer + self.L * np.stack([v, y], axis=-1)
        norm = np.linalg.norm(at_end, axis=-1, keepdims=True)
        p, q = np.moveaxis(at_end * np.minimum(1.0, self.M / norm), -1, 0)
        return np.stack([along_w * p, along_phi * p + q], axis=-1), np.asarray(farthest)

    def hessian(self) -> np.ndarray:
        """D^2 L_meta at 0."""
        ww = wphi = phiphi = 0.0
        along_w, along_phi = 1.0, 0.0
        for H, C, a, b, d in zip(self.H, self.C, self.a, self.b, self.d, strict=True):
            factor = 1 - self.alpha * H
            ww = factor * ww - self.alpha * a * along_w**2
            wphi = factor * wphi - self.alpha * (a * along_w * along_phi + b * along_w)
            phiphi = factor * phiphi - self.alpha * (a * along_phi**2 + 2 * b * along_phi + d)
            along_w, along_phi = factor * along_w, factor * along_phi - self.alpha * C
        J = np.array([[along_w, along_phi], [0.0, 1.0]])
        return self.L * J.T @ J + self.outer[0] * np.array([[ww, wphi], [wphi, phiphi]])


def linear_floor(pair: LocalPair, beta_w: float, beta_phi: float) -> float:
    """B times the average of beta_w |D_w|^2 + beta_phi |D_phi|^2 under small noise, where SGD is linear; 0 if unstable.

    In the eigenbasis of D^(1/2) D^2 L_meta D^(1/2) the stationary covariance is known in closed form.
    """
    root = np.sqrt([beta_w, beta_phi])
    gradient, _ = pair.gradient(np.zeros(2))
    values, basis = np.linalg.eigh(root[:, None] * pair.hessian() * root)
    if values.min() <= 0 or values.max() >= 2:
        return 0.0
    noise = basis.T @ (root * gradient)
    return float(np.sum(noise**2 * values / (2 - values)))


def local_pair(constants: Constants, schedule: Schedule, slope: float, share: float, radius: float = 0.0) -> LocalPair:
    """The choice for the direction (1, slope) and |p| = share M, with Hessians that leave room for `radius`."""
    room = radius * (constants.rho + constants.tau)
    L = constants.L - room
    alpha, N = schedule.one_alpha, schedule.inner_steps
    moved = 1.0
    rows = []
    for _ in range(N):
        if constants.mu is not None:
            low = constants.mu + radius * constants.rho
            H, C = low, -float(np.sqrt(L**2 - low**2))
        else:
            length = float(np.hypot(moved, slope))
            H, C = -L * moved / length, -L * slope / length
        # Minus: what the chain rule takes from the third derivatives is -alpha p T.
        a, b, d = (-entry for entry in own_maximiser(moved / slope, constants.rho, constants.tau))
        rows.append((H, C, a, b, d))
        moved = (1 - alpha * H) * moved - alpha * C * slope
    outer = constants.M * np.array([share, np.sqrt(1 - share**2)])
    return LocalPair(*np.array(rows).T, outer=outer, alpha=alpha, L=constants.L, M=constants.M)


def best_pair(constants: Constants, schedule: Schedule, radius: float = 0.0) -> LocalPair:
    """The choice with the largest `linear_floor` at the outer steps of the schedule."""
    assert schedule.beta_w is not None and schedule.beta_phi is not None
    steps = {"beta_w": schedule.beta_w, "beta_phi": schedule.beta_phi}
    best, largest = None, -1.0
    middle, reach = np.full(2, np.pi / 4), np.pi / 4
    for _ in range(SCANS):
        low, high = np.maximum(middle - reach, 0.0), np.minimum(middle + reach, np.pi / 2)
        at = middle
        for angle in np.clip(np.linspace(low[0], high[0], SCANNED), EDGE, np.pi / 2 - EDGE):
            pair = local_pair(constants, schedule, float(np.tan(angle)), 1.0, radius)
            for share in np.linspace(low[1], high[1], SCANNED):
                outer = constants.M * np.array([np.cos(share), np.sin(share)])
                turned = replace(pair, outer=outer)
                floor = linear_floor(turned, **steps)
                if floor > largest:
                    best, largest, at = turned, floor, np.array([angle, share])
        middle, reach = at, reach / 4
    assert best is not None
    return best


EDGE = 1e-3
"""How close to an axis the direction may come."""


@dataclass(frozen=True)
class LocalRun:
    """Mean over chains and steps of the weighted square of D L_meta, its standard error, and the longest offset."""

    value: float
    stderr: float
    farthest: float


def run_pair(
    pair: LocalPair, schedule: Schedule, *, chains: int, skipped: int, seed: int = 0, cut: float = 0.0
) -> LocalRun:
    """Algorithm 1 from z = 0 on the pair, its first steps skipped.

    cut   |(p, q)| is smaller by this share, so that few gradients reach the slope M of L_D.
    """
    assert schedule.beta_w is not None and schedule.beta_phi is not None
    beta = np.array([schedule.beta_w, schedule.beta_phi])
    shifted = replace(pair, outer=pair.outer * (1 - cut))
    generator = np.random.default_rng(seed)
    z = np.zeros((chains, 2))
    sums = np.zeros(chains)
    farthest = 0.0
    for k in range(skipped + schedule.outer_steps):
        first, out = shifted.gradient(z)
        second, mirrored = shifted.gradient(-z)
        farthest = max(farthest, float(out.max()), float(mirrored.max()))
        mean = (first - second) / 2
        if k >= skipped:
            sums += (beta * mean**2).sum(axis=1)
        drawn = generator.binomial(schedule.batch, 0.5, chains)[:, None] / schedule.batch
        z = z - beta * (drawn * first - (1 - drawn) * second)
    each = sums / schedule.outer_steps
    return LocalRun(float(each.mean()), float(each.std(ddof=1) / np.sqrt(chains)), farthest)
