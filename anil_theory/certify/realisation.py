"""Maximisers of the local program as actual functions, and the meta-gradient's own difference quotient on them.

Claim: for the choices of `estimators.local_witness` (`sharp_choice`; `shared_choice` where rho or tau is 0) there are
smooth losses that satisfy A1 and A2 (and Definition 2, with mu) everywhere, on which the Hessian block of the
meta-gradient reaches that of the choice up to a factor 1 - O(1/span). `realise` builds them (`tasks.log_cut`).
`block_entry` is the Hessian's entry there, by the chain rule along the trajectory: cheap. `difference_quotient` runs
ANIL itself on them at two points, with the thousands of bits that exp(span) needs. Both are enclosures, in balls.

How A1 and A2 are kept: the inner gradient is unbounded, so the points of the trajectory are placed further apart than
any cut-off reaches. Nonconvex: every point has its own Hessian, cut off over a shell so large that its third derivative
is negligible; a cubic form sits in its core, so small that it does not change the Hessian. Strongly convex: all points
share the Hessian, which is the quadratic base. With tau = 0 (or rho = 0) the mixed derivative (or the whole Hessian)
is one constant: all points share it too, and the cubic forms are in w alone, cut off in w alone. What the cut-offs cost
is bounded from above (`cut_cost`), and the forms are divided by it. The declared constants are upper bounds, therefore.

Why a lower bound: a difference quotient of the meta-gradient is one for its Lipschitz constant, whatever the losses'
smoothness. The declared constants need only be upper bounds.

Direction: lower, for the supremum over all tasks. Source: derived for this project; docs/sharp_bounds.md.
"""

import math
from dataclasses import dataclass, replace

import flint
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._admissible import InvalidParameter, positive
from anil_theory._precision import need_float64
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.certify import cut_cost
from anil_theory.certify.balls.interpreter import evaluate
from anil_theory.certify.balls.values import Balls
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.flint_precision import precision
from anil_theory.constants import Constants
from anil_theory.estimators.local_witness import TensorChoice, joint_choice, shared_choice, sharp_choice
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses
from anil_theory.tasks.log_cut import LogCutForms, LogCutTask, query_loss, support_loss

MARGIN = 1e-9
"""Share of each constant that is left to what overlaps it: the Hessian of a cubic form, the ramp of a wide cut-off.

Radii are free, so it could be anything that is large beside the rounding of a form's entries.
"""

CROSS = {"phiw": "wphi"}
"""The Hessian is symmetric: one choice of derivatives is the worst for both cross blocks."""

ENTRIES = {"ww": (0, 0), "wphi": (0, 2), "phiw": (2, 0), "phiphi": (2, 2)}
"""Where each block's constant sits in the Hessian in dimension 2 + 1: the response, and the move."""

SHORTEST = 50.0
"""The least span: a faster cut-off costs more than it shows."""

ENTRY_BITS = 256
"""Precision of `block_entry`: sums of terms of one sign, so that float64's width is met with much to spare."""


@dataclass(frozen=True)
class Realised:
    """Losses as data, exact numbers as balls; `log_step` is the step over which the quotient is taken, as a log.

    direction   (0, x, y), the same for response and move; None: the two axes of the block.
    """

    task: LogCutTask
    schedule: Schedule
    block: str
    log_step: float
    bits: int
    audit: dict[str, float]
    direction: tuple[float, float, float] | None = None

    @property
    def directions(self) -> tuple[np.ndarray, np.ndarray]:
        """The response and the move whose entry of the Hessian is meant."""
        if self.direction is not None:
            return np.array(self.direction), np.array(self.direction)
        response, move = ENTRIES[self.block]
        return np.eye(3)[response], np.eye(3)[move]


def short_span(constants: Constants) -> float:
    """A span at which the cut-offs cost about 0.1 % of a third derivative."""
    rho, tau = constants.rho, constants.tau
    if not (rho and tau):
        return 400.0
    ratio = cut_cost.cubic_norm(rho, tau) / min(rho, tau)
    return max(400.0, 41 / 6 * ratio / 0.03)


JOINT = "joint"
"""The name of the Hessian along a direction that moves w and phi at once, in place of a block's."""


def realise_joint(constants: Constants, schedule: Schedule, x: float, y: float, *, span: float = 4000.0) -> Realised:
    """Losses whose L_meta is curved along (0, x, y) as far as `joint_choice` goes, x, y > 0; as `realise`.

    With rho = 0 or tau = 0 they need Definition 2: elsewhere the points of the trajectory ask for other Hessians.
    Raises InvalidParameter where that is so, and as `realise` and `joint_choice` do.
    """
    third = constants.rho > 0 and constants.tau > 0
    if constants.mu is None and not third:
        raise InvalidParameter("rho and tau", "positive in the nonconvex geometry", (constants.rho, constants.tau))
    inner = _inner(constants)
    chosen = inner if third else replace(inner, tau=0.0)
    choice = joint_choice(chosen, schedule, positive("y", y) / positive("x", x))
    realised = _realised(constants, schedule, choice, JOINT, span)
    # The step is that of a direction of length 1.
    log_step = realised.log_step - max(math.log(math.hypot(x, y)), 0.0)
    return replace(realised, direction=(0.0, x, y), log_step=log_step)


def realise(constants: Constants, schedule: Schedule, block: str, *, span: float = 4000.0) -> Realised:
    """Losses in dimension 2 + 1 on which a block of the Hessian of L_meta is that of the choice, up to O(1/span).

    block   "ww", "wphi", "phiw" or "phiphi"; the same losses serve both cross blocks.

    The choice is sharp where rho and tau are positive, and in the strongly convex geometry always. Otherwise it is the
    best with one mixed derivative (rho = 0: one Hessian) at all points: the assumptions ask for that.
    Raises InvalidParameter for a span below 50, for mu so close to L, or alpha to 1/mu, that no margin is left, and as
    `sharp_choice` does.
    """
    choose = sharp_choice if constants.rho > 0 and constants.tau > 0 else shared_choice
    choice = choose(_inner(constants), schedule, CROSS.get(block, block))
    return _realised(constants, schedule, choice, block, span)


def _realised(constants: Constants, schedule: Schedule, choice: TensorChoice, block: str, span: float) -> Realised:
    """The losses of a choice."""
    need_float64()
    if positive("span", span) < SHORTEST:
        raise InvalidParameter("span", "at least 50: a faster cut-off costs more than it shows", span)
    third = constants.rho > 0 and constants.tau > 0
    shared = constants.mu is not None or not third
    hessians = _completed(np.asarray(choice.H), np.asarray(choice.C))
    audit: dict[str, float] = {}
    cubics, log_cubic = _cubics(constants, schedule, choice, span, audit)

    if shared:
        base = hessians[0]
        quadratics = np.zeros_like(hessians)
        log_quadratic = log_cubic
    else:
        base, quadratics = np.zeros((3, 3)), hessians / cut_cost.quadratic_cost(span)
        audit["smoothness of the quadratic forms"] = 1 - MARGIN
        # Its third derivative on the ramp, twist/|x|, is largest at the inner end.
        twist = cut_cost.quadratic_twist(span) * constants.L / min(constants.rho, constants.tau)
        log_quadratic = max(math.log(4 / MARGIN * twist), log_cubic) + span
    reach = max(log_cubic, log_quadratic)

    query, log_outer = _query(constants, choice, span)
    audit["gradient and Hessian of the outer loss"] = 1 - MARGIN

    # How far apart neighbouring points are at least, beside the first two: w_{m+1} - w_m = step (1 - alpha H)^m.
    carried = 1 - schedule.one_alpha * float(base[0, 0])
    if carried <= 0 and schedule.inner_steps > 1:
        raise InvalidParameter("alpha", "below 1/mu: else the points of the trajectory coincide", schedule.one_alpha)
    nearest = min(1.0, carried) if schedule.inner_steps > 1 else 1.0
    bits = int((3 * span + 60 + 4 * abs(reach)) / math.log(2)) + 500
    with precision(bits):
        # The step from one centre to the next is at least 3 reaches.
        step = 3 * flint.arb(reach).exp() / flint.arb(nearest) ** (schedule.inner_steps - 1)
        slope = [step / flint.arb(schedule.one_alpha), flint.arb(0), flint.arb(0)]
        centres = _trajectory(slope, base, schedule)
        final = centres.pop()
    support = LogCutForms(
        slope=Balls(slope),
        base=base,
        centres=Balls(np.array(centres, dtype=object)),
        linear=np.zeros((schedule.inner_steps, 3)),
        quadratic=quadratics,
        cubic=cubics,
        log_radii=np.array([0.0, log_quadratic, log_cubic]),
        span=span,
        weights=np.ones(3) if third else np.array([1.0, 1.0, 0.0]),
    )
    outer = query._replace(centres=Balls(np.array([final], dtype=object)))
    growth = (1 + schedule.one_alpha * constants.L) ** schedule.inner_steps
    moved = growth * (2 + schedule.one_alpha * constants.L * schedule.inner_steps)
    log_step = min(log_cubic, log_outer) - span - math.log(10 * moved) - 10
    return Realised(LogCutTask(support, outer), schedule, block, log_step, bits, audit)


def _inner(constants: Constants) -> Constants:
    """The constants that the forms are given: the declared ones, less the margin."""
    mu = constants.mu
    return Constants(
        None if mu is None else mu * (1 + MARGIN),
        constants.L * (1 - MARGIN),
        constants.rho,
        constants.tau,
        constants.M,
    )


def _cubics(
    constants: Constants, schedule: Schedule, choice: TensorChoice, span: float, audit: dict[str, float]
) -> tuple[np.ndarray, float]:
    """The cubic forms of all points, shape (N, 3, 3, 3), divided by what their cut-off costs, and log of its radius."""
    rho, tau = constants.rho, constants.tau
    cubics = np.zeros((schedule.inner_steps, 3, 3, 3))
    cubics[:, :2] = choice.T
    cubics[:, 2, :2] = cubics[:, :2, 2]
    cubics[:, 2, 2, :2] = cubics[:, :2, 2, 2]
    if rho == 0:
        return np.zeros_like(cubics), 0.0
    norm = cut_cost.cubic_norm(rho, tau)
    limit = min(rho, tau) if tau else rho
    cost = cut_cost.cubic_cost(norm / limit, span)
    audit["rho and tau of the cubic forms"] = 1 / (1 + MARGIN)
    # A cubic form of radius R has Hessians up to |F| R: small enough not to be felt.
    least = min(constants.L, constants.mu or constants.L)
    log_radius = math.log(MARGIN / 4 * least / (norm * cut_cost.cubic_hessian(span)))
    audit["Hessian of the cubic forms over its margin"] = 0.25
    return cubics / (cost * (1 + MARGIN)), log_radius


def _query(constants: Constants, choice: TensorChoice, span: float) -> tuple[LogCutForms, float]:
    """The outer loss but for its centre, and the log of its Hessian's radius.

    The gradient of norm M is cut off so far out that its ramp has no Hessian to speak of; the Hessian of norm L sits
    in its core, so small that its gradient is not felt.
    """
    L, M = constants.L, constants.M
    gradient = np.array([*np.asarray(choice.p), 0.0]) * (1 - MARGIN) / cut_cost.linear_cost(span)
    hessian = np.asarray(choice.D) * (1 - MARGIN) / cut_cost.quadratic_cost(span)
    log_hessian = math.log(MARGIN / 4 * M / (L * cut_cost.quadratic_gradient(span)))
    log_gradient = math.log(4 / MARGIN * M * cut_cost.linear_hessian(span) / L) + span
    forms = LogCutForms(
        slope=np.zeros(3),
        base=np.zeros((3, 3)),
        centres=np.zeros((1, 3)),
        linear=gradient[None],
        quadratic=hessian[None],
        cubic=np.zeros((1, 3, 3, 3)),
        log_radii=np.array([max(log_gradient, log_hessian + span), log_hessian, 0.0]),
        span=span,
        weights=np.ones(3),
    )
    return forms, log_hessian


def _completed(H: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Full Hessians: G is what keeps the norm at L (the third row a reflection's; H and C are diagonal here)."""
    N = len(H)
    full = np.zeros((N, 3, 3))
    full[:, :2, :2] = H
    full[:, 2:, :2] = C
    full[:, :2, 2:] = np.swapaxes(C, 1, 2)
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


def block_entry(realised: Realised) -> Enclosure:
    """The entry of the Hessian of L_meta that realises the block, at z = 0: at most the norm of the block there.

    By the chain rule along the trajectory, whose points are the centres of the forms: there the derivatives of the
    losses are the forms themselves. `difference_quotient` is the same number without any of this, up to its step.
    """
    support, query = realised.task
    with precision(ENTRY_BITS):
        alpha = flint.arb(realised.schedule.one_alpha)
        x, y = (_exactly(direction) for direction in realised.directions)
        # D_z w_m along x and along y, phi's own move below them, and the second derivative of w_m along both.
        second = [flint.arb(0), flint.arb(0), flint.arb(0)]
        for quadratic, cubic in zip(support.quadratic, support.cubic, strict=True):
            hessian = support.base + quadratic
            turned = [_bilinear(cubic[i], x, y) for i in (0, 1)]
            bent = _rows(hessian, second)
            second = [*(second[i] - alpha * (bent[i] + turned[i]) for i in (0, 1)), second[2]]
            x, y = (_stepped(hessian, direction, alpha) for direction in (x, y))
        total = _bilinear(query.quadratic[0], x, y) + _dot(query.linear[0], second)
        return Enclosure.of(total)


def _exactly(direction: np.ndarray) -> list:
    return [flint.arb(float(entry)) for entry in direction]


def _dot(row: np.ndarray, vector: list) -> flint.arb:
    """Zeros of a form are left out: most of its entries are."""
    return sum((flint.arb(float(a)) * b for a, b in zip(row, vector, strict=True) if a), flint.arb(0))


def _bilinear(matrix: np.ndarray, x: list, y: list) -> flint.arb:
    return sum((a * _dot(row, y) for a, row in zip(x, matrix, strict=True) if row.any()), flint.arb(0))


def _rows(hessian: np.ndarray, vector: list) -> list:
    """D_w^2 L_S and D_phi D_w L_S applied to a vector: the rows of w."""
    return [_dot(hessian[i], vector) for i in (0, 1)]


def _stepped(hessian: np.ndarray, direction: list, alpha: flint.arb) -> list:
    """(I - alpha H) v - alpha C^T y for a direction (v, y)."""
    bent = _rows(hessian, direction)
    return [*(direction[i] - alpha * bent[i] for i in (0, 1)), direction[2]]


def difference_quotient(realised: Realised) -> Enclosure:
    """||D_x L_meta(z') - D_x L_meta(z)|| / ||z' - z||, z' apart in block y alone: an enclosure of a lower estimate.

    Along a direction d it is <D L_meta(z + h d) - D L_meta(z), d>/h, as large as the Hessian on d twice.
    """
    losses = Losses(support_loss, query_loss)
    schedule = realised.schedule

    def gradient(z: Array, task: LogCutTask) -> Array:
        meta = meta_gradient(losses, z[:2], z[2:], task, UnrolledLoop(schedule.one_alpha, schedule.inner_steps))
        return jnp.concatenate([meta.w, meta.phi])

    response, move = realised.directions
    with precision(realised.bits):
        step = flint.arb(realised.log_step).exp()
        start = np.array([flint.arb(0)] * 3, dtype=object)
        moved = np.array([step * entry for entry in _exactly(move)], dtype=object)
    here, there = (evaluate(gradient, Balls(z), realised.task, bits=realised.bits) for z in (start, moved))
    with precision(realised.bits):
        change = [there[i] - here[i] for i in range(3)]
        if realised.direction is not None:
            return Enclosure.of(_dot(response, change) / step)
        rows = (0, 1) if response[2] == 0 else (2,)
        total = sum((change[i] ** 2 for i in rows), flint.arb(0))
        return Enclosure.of(total.sqrt() / step)
