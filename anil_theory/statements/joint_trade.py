"""What curvature and noise can be at the same time: the noise of Theorem J in the limit of short steps.

Theorem J takes the largest curvature along a step and the largest gradient apart. Both need the outer gradient (p, q)
of a task, |p|^2 + |q|^2 <= M^2: the third derivatives act through p alone, and the longest gradient has q as well. Let
|p| = M c, |q| <= M sqrt(1 - c^2), and let d = (beta_w g_w, beta_phi g_phi) be the step along one task's gradient,

    |d_w| <= x(c) = beta_w M r^N c,    |d_phi| <= y(c) = beta_phi M (s_N c + sqrt(1 - c^2)).

Claim (strongly convex, alpha <= 1/L): with Q = L G + R, R its part with rho and tau, every population has at every z

    E_i E_j D^2 L_meta,i[d_j, d_j]  <=  F_1 = max_c L G(x(c), y(c)) + c R(x(c), y(c)),

and at B = 1 its weighted row is at most D0/K + min(F_0, F_1 + delta R_max)/2, with F_0 = max_c L G + R, R_max the
largest R(x(c), y(c)) and delta = L S2/M^2 <= lam, which goes to 0 with the steps. F_0/2 is what Theorem J with its best
pair tends to; a mirrored pair of tasks in dimension 1 + 1 attains F_1/(2 B) as the steps go to 0, at every B
(`estimators.local_population`).

Kind: upper bounds; F_1 is exact in the limit. Units: those of the weighted row. Errors: InvalidParameter in the
nonconvex geometry, where x and y are not reached at once, where a step size is missing, and for B > 1 in the row.
Source: derived for this project; docs/theorem_bounds.md.
"""

from dataclasses import dataclass

import numpy as np

from anil_theory._admissible import InvalidParameter, nonnegative
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.joint import Form
from anil_theory.statements.rates import betas_of

CELLS = 4000
"""Cells of the angle whose cosine is c. Values are those of cells from above, some 1/CELLS too large."""


@dataclass(frozen=True)
class Trade:
    """F_0, F_1 and R_max, each from above.

    apart      F_0: curvature and noise apart, as Theorem J with its best pair at short steps;
    together   F_1: what one population can have at once;
    turned     R_max.
    """

    apart: float
    together: float
    turned: float


def joint_trade(constants: Constants, schedule: Schedule) -> Trade:
    """The three numbers at the outer steps of the schedule. Raises InvalidParameter as the module says."""
    if constants.mu is None:
        raise InvalidParameter("mu", "known (> 0): the trade is that of the strongly convex geometry", None)
    plain, turned, share = _parts(constants, schedule)
    return Trade(
        apart=float(np.max(plain + turned)),
        together=float(np.max(plain + share * turned)),
        turned=float(np.max(turned)),
    )


def one_draw_row(constants: Constants, schedule: Schedule, D0: float) -> float:
    """The weighted row at B = 1. Raises InvalidParameter for another batch, and as `joint_trade` does."""
    if schedule.batch != 1:
        raise InvalidParameter("batch", "1: for more the drift of a step has another curvature", schedule.batch)
    trade = joint_trade(constants, schedule)
    beta_w, beta_phi = betas_of(schedule, phi=True)
    form = Form.of(constants, schedule, Geometry.STRONGLY_CONVEX)
    delta = constants.L * float(form.largest("gradient", beta_w / beta_phi) * beta_w)
    noise = min(trade.together + delta * trade.turned, trade.apart)
    return nonnegative("D0", D0) / schedule.outer_steps + noise / 2


def _parts(constants: Constants, schedule: Schedule) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L G, R and c of every cell, each at its largest there: all three increase in x, y and c."""
    beta_w, beta_phi = betas_of(schedule, phi=True)
    form = Form.of(constants, schedule, Geometry.STRONGLY_CONVEX)
    angles = np.linspace(0.0, np.pi / 2, CELLS + 1)
    cosines = np.cos(angles[:-1])
    sines = np.sin(angles[1:])
    # t_N of the two axes: r^N, and s_N.
    kept, moved = form.moved(np.array([1.0, 0.0]), np.array([0.0, 1.0]))[-1]
    x = beta_w * constants.M * kept * cosines
    y = beta_phi * constants.M * (moved * cosines + sines)
    plain = constants.L * form.gradient(x, y)
    return plain, form.curvature(x, y) - plain, cosines
