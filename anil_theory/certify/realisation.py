"""Maximisers of the local program as actual functions, and the meta-gradient's own difference quotient on them.

Claim: for every choice of `estimators.local_witness.sharp_choice` there are smooth losses that satisfy A1 and A2 (and
Definition 2, with mu) everywhere, on which the difference quotient of the meta-gradient reaches the sharp constant up
to a factor 1 - O(1/span). `realise` builds them (`tasks.log_cut`); `difference_quotient` runs ANIL on them at two
points, in ball arithmetic with the thousands of bits that exp(span) needs, so that its result is an enclosure.

How A1 and A2 are kept: the inner gradient is unbounded, so the points of the trajectory are placed further apart than
any cut-off reaches. Nonconvex: every point has its own Hessian, cut off over a shell so large that its third derivative
is negligible; a cubic form sits in its core, so small that it does not change the Hessian. Strongly convex: all points
share the Hessian, which is the quadratic base. What the cut-offs cost is measured over the whole ramp and all
directions (`cut_norms`: they depend on nothing else, by homogeneity), and the forms are divided by it.

Direction of the quotient: lower. Source: derived for this project; docs/sharp_bounds.md.
"""

import math
from dataclasses import dataclass
from functools import partial

import flint
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter, positive
from anil_theory.algorithm.meta_gradient import meta_gradient
from anil_theory.certify.ball_interpreter import evaluate
from anil_theory.certify.balls import Balls, precision
from anil_theory.certify.replay import Enclosure
from anil_theory.constants import Constants
from anil_theory.estimators.local_witness import sharp_choice, unit_sphere
from anil_theory.estimators.tensor_norms import spectral_norms
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses
from anil_theory.tasks.log_cut import LogCutForms, LogCutTask, query_loss, smooth_step, support_loss

MARGIN = 1e-5
"""Share of each constant that is left to what overlaps it: the Hessian of a cubic form, the ramp of a wide cut-off."""

CROSS = {"phiw": "wphi"}
"""The Hessian is symmetric: one choice of derivatives is the worst for both cross blocks."""

ENTRIES = {"ww": (0, 0), "wphi": (0, 2), "phiw": (2, 0), "phiphi": (2, 2)}
"""Where each block's constant sits in the Hessian in dimension 2 + 1: the response, and the move."""

DIRECTIONS = 60
"""Directions over which the cost of a cut-off is measured."""


@dataclass(frozen=True)
class Realised:
    """Losses as data, exact numbers as balls; `quotient_at` is the step over which the quotient is taken, as a log."""

    task: LogCutTask
    schedule: Schedule
    block: str
    log_step: float
    bits: int
    audit: dict[str, float]


def cut_norms(form: np.ndarray, span: float, n_w: int) -> dict[str, float]:
    """Suprema over the ramp and all directions of the derivatives of c(|x|) P(x) at |x| = 1.

    form   the symmetric tensor of P, degree 1, 2 or 3; n_w of its dimensions are w.

    Returns "D1", "D2" (spectral norm), "row" (norm of [H C^T]), "rho" and "tau" (the norms of D_z D_w^2 and
    D_z D_phi D_w). Derivative k at distance |x| is that at 1 times |x|^(degree - k): each is attained on some sphere.
    """
    n = form.shape[0]
    D1, D2, D3 = (
        np.asarray(d).reshape(-1, *d.shape[2:])
        for d in _cut_derivatives(
            jnp.asarray(form), jnp.asarray(unit_sphere(n, DIRECTIONS)), jnp.asarray(_levels(span)), jnp.asarray(span)
        )
    )
    norm = partial(np.linalg.norm, ord=2, axis=(-2, -1))
    return {
        "D1": float(np.linalg.norm(D1, axis=1).max()),
        "D2": float(norm(D2).max()),
        "row": float(norm(D2[:, :n_w]).max()),
        "rho": float(spectral_norms(D3[:, :n_w, :n_w]).max()),
        "tau": float(spectral_norms(D3[:, :n_w, n_w:]).max()) if n > n_w else 0.0,
    }


def _levels(span: float) -> np.ndarray:
    """Levels of the ramp: even, and close to its upper end, where the slope of S outweighs what S has lost.

    There S = 1 - 10 v^3 and S' = 30 v^2 with v = 1 - u, so that S + k S'/span is largest at v of the order of 1/span.
    """
    return np.unique(np.clip(np.concatenate([np.linspace(0, 1, 9), 1 - np.linspace(0, 12, 25) / span]), 0, 1))


def _between_levels(share: float) -> float:
    """The cost of a cut-off as a factor >= 1, its excess half as large again: maxima lie between what was measured."""
    return 1 + 1.5 * max(share - 1, 0.0)


@jax.jit
def _cut_derivatives(form: Array, directions: Array, levels: Array, span: Array) -> tuple[Array, ...]:
    """Gradient, Hessian and third derivative of c(|x|) P(x), levels by directions."""

    def cut(x: Array, level: Array) -> Array:
        value = form
        for _ in range(form.ndim):
            value = jnp.tensordot(value, x, 1)
        u = level - jnp.log(x @ x) / 2 / span
        return smooth_step(u) * value / math.factorial(form.ndim)

    def derivatives(x: Array, level: Array) -> tuple[Array, ...]:
        return jax.grad(cut)(x, level), jax.hessian(cut)(x, level), jax.jacfwd(jax.hessian(cut))(x, level)

    return jax.vmap(jax.vmap(derivatives, in_axes=(0, None)), in_axes=(None, 0))(directions, levels)


def realise(constants: Constants, schedule: Schedule, block: str, *, span: float = 4000.0) -> Realised:
    """Losses in dimension 2 + 1 on which a block of the Hessian of L_meta is the sharp constant, up to O(1/span).

    block   "ww", "wphi", "phiw" or "phiphi"; the same losses serve both cross blocks.

    Raises InvalidParameter for rho = 0 or tau = 0 (a cut-off in z has third derivatives in every direction), for a span
    below 50, and as `sharp_choice` does.
    """
    L, mu, rho, tau, M = constants.L, constants.mu, constants.rho, constants.tau, constants.M
    positive("rho", rho)
    positive("tau", tau)
    if positive("span", span) < 50:
        raise InvalidParameter("span", "at least 50: a faster cut-off costs more than it shows", span)
    inner = Constants(None if mu is None else mu * (1 + MARGIN), L * (1 - MARGIN), rho, tau, M)
    choice = sharp_choice(inner, schedule, CROSS.get(block, block))
    n, N = 3, schedule.inner_steps
    hessians = _completed(np.asarray(choice.H), np.asarray(choice.C), inner.L)
    cubics = np.zeros((N, n, n, n))
    cubics[:, :2] = choice.T
    cubics[:, 2, :2] = cubics[:, :2, 2]
    cubics[:, 2, 2, :2] = cubics[:, :2, 2, 2]
    audit: dict[str, float] = {}

    cubic_cost = [cut_norms(T, span, 2) for T in cubics]
    cubics = cubics / (_between_levels(max(max(c["rho"] / rho, c["tau"] / tau) for c in cubic_cost)) * (1 + MARGIN))
    audit["rho and tau of the cubic forms"] = 1 / (1 + MARGIN)
    # A cubic form of radius R has Hessians up to D2 R: small enough not to be felt.
    log_cubic = math.log(MARGIN / 4 * min(L, mu or L) / max(c["D2"] for c in cubic_cost))
    audit["Hessian of the cubic forms over its margin"] = 0.25

    convex = mu is not None
    if convex:
        base, quadratics, log_quadratic = hessians[0], np.zeros_like(hessians), log_cubic
        reach = log_cubic
    else:
        wide_cost = [cut_norms(A, span, 2) for A in hessians]
        base, quadratics = np.zeros((n, n)), hessians / _between_levels(max(c["row"] / inner.L for c in wide_cost))
        audit["smoothness of the quadratic forms"] = 1 - MARGIN
        # Its third derivative on the ramp, D3/|x|, is largest at the inner end.
        log_inner = math.log(4 / MARGIN * max(max(c["rho"], c["tau"]) for c in wide_cost) / min(rho, tau))
        reach = log_quadratic = max(log_inner, log_cubic) + span

    linear, outer = np.asarray(choice.p), np.asarray(choice.D)
    gradient = np.array([*linear, 0.0])
    linear_cost, outer_cost = cut_norms(gradient, span, 2), cut_norms(outer, span, 2)
    gradient = gradient * (1 - MARGIN) / _between_levels(linear_cost["D1"] / M)
    outer = outer * (1 - MARGIN) / _between_levels(outer_cost["D2"] / L)
    log_outer = math.log(MARGIN / 4 * M / outer_cost["D1"])
    log_linear = math.log(4 / MARGIN * linear_cost["D2"] / L) + span
    audit["gradient and Hessian of the outer loss"] = 1 - MARGIN

    r = 1 - schedule.one_alpha * mu if mu is not None else 1.0
    bits = int((3 * span + 60 + 4 * abs(reach)) / math.log(2)) + 500
    with precision(bits):
        # The step from one centre to the next is at least 3 reaches.
        step = 3 * flint.arb(reach).exp() / flint.arb(r) ** N
        slope = [step / flint.arb(schedule.one_alpha), flint.arb(0), flint.arb(0)]
        centres = _trajectory(slope, base, schedule)
        final = centres.pop()
    support = LogCutForms(
        Balls(slope),
        base,
        Balls(np.array(centres, dtype=object)),
        np.zeros((N, n)),
        quadratics,
        cubics,
        np.array([0.0, log_quadratic, log_cubic]),
        span,
    )
    query = LogCutForms(
        np.zeros(n),
        np.zeros((n, n)),
        Balls(np.array([final], dtype=object)),
        gradient[None],
        outer[None],
        np.zeros((1, n, n, n)),
        np.array([log_linear, log_outer, 0.0]),
        span,
    )
    growth = (1 + schedule.one_alpha * L) ** N * (2 + schedule.one_alpha * L * N)
    log_step = min(log_cubic, log_outer) - span - math.log(10 * growth) - 10
    return Realised(LogCutTask(support, query), schedule, block, log_step, bits, audit)


def _completed(H: np.ndarray, C: np.ndarray, L: float) -> np.ndarray:
    """Full Hessians: G is what keeps the norm at L (the third row a reflection's; H and C are diagonal here)."""
    N = len(H)
    full = np.zeros((N, 3, 3))
    full[:, :2, :2], full[:, 2:, :2], full[:, :2, 2:] = H, C, np.swapaxes(C, 1, 2)
    full[:, 2, 2] = -H[:, 1, 1]
    return full


def _trajectory(slope: list, base: np.ndarray, schedule: Schedule) -> list[list]:
    """w_0 = 0 and the inner iterates, as the losses have them: the forms have no gradient at their centres."""
    points = [[flint.arb(0)] * 3]
    exact = [[flint.arb(float(entry)) for entry in row] for row in base]
    for _ in range(schedule.inner_steps):
        z = points[-1]
        moved = [
            z[i] - flint.arb(schedule.one_alpha) * (slope[i] + sum(exact[i][j] * z[j] for j in range(3)))
            for i in (0, 1)
        ]
        points.append([*moved, z[2]])
    return points


def difference_quotient(realised: Realised) -> Enclosure:
    """||D_x L_meta(z') - D_x L_meta(z)|| / ||z' - z||, z' apart in block y alone: an enclosure of a lower estimate."""
    x, y = ENTRIES[realised.block]
    losses = Losses(support_loss, query_loss)
    schedule = realised.schedule

    def gradient(z: Array, task: LogCutTask) -> Array:
        found = meta_gradient(
            losses, z[:2], z[2:], task, alpha=schedule.one_alpha, inner_steps=schedule.inner_steps, method="recursion"
        )
        return jnp.concatenate([found.w, found.phi])

    with precision(realised.bits):
        step = flint.arb(realised.log_step).exp()
        start = np.array([flint.arb(0)] * 3, dtype=object)
        moved = start.copy()
        moved[y] = step
    here, there = (evaluate(gradient, Balls(z), realised.task, bits=realised.bits) for z in (start, moved))
    with precision(realised.bits):
        rows = (0, 1) if x == 0 else (2,)
        total = sum(((there[i] - here[i]) ** 2 for i in rows), flint.arb(0))
        return Enclosure.of(total.sqrt() / step)
