"""What curvature and noise can be at the same time: the noise of Theorem J in the limit of short steps.

Theorem J takes the largest curvature along a step and the largest gradient apart. Both need the outer gradient (p, q)
of a task, |p|^2 + |q|^2 <= M^2: the third derivatives act through p alone, and the longest gradient has q as well. Let
|p| = M c, |q| = M sqrt(1 - c^2), and write d = (beta_w g_w, beta_phi g_phi) for the step along one task's gradient,

    x(c) = beta_w M r^N c,    y(c) = beta_phi M (s_N c + sqrt(1 - c^2)),    |d_w| <= x(c),  |d_phi| <= y(c).

Claim (strongly convex, alpha <= 1/L): with Q = L G + R, R its part with rho and tau, at every point z

    E_i E_j D^2 L_meta,i[d_j, d_j]  <=  F = max over distributions of c of E[L G(x, y)] + E[c] E[R(x, y)],

and the weighted row of an i.i.d. run is at most (2 D0/K + (F + delta R_max)/B)/(2 - lam (1 - 1/B)), where delta is
L S2/M^2 and R_max the largest R(x, y): delta is at most lam, so it goes to 0 with the steps. One task alone has at most
F_1 = max_c L G + c R, and a mirrored pair of tasks in dimension 1 + 1 attains F_1 as the steps go to 0, at every B
(`estimators.local_population`). Theorem J with its best pair has F_0 = max_c L G + R there.

Kind: upper bounds; F_1 is exact for tasks that are alike. Units: those of the weighted row times B. Errors:
InvalidParameter in the nonconvex geometry, where x and y are not reached at once, and where a step size is missing.
Source: derived for this project; docs/theorem_bounds.md.
"""

from dataclasses import dataclass

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.joint import Form
from anil_theory.statements.rates import betas_of

CELLS = 4000
"""Of the angle whose cosine is c. Values are those of cells from above, some 1/CELLS too large."""

COARSE = 800
"""Cells of the search over distributions: two of them are mixed."""


@dataclass(frozen=True)
class Trade:
    """F_0, F_1 and F, each from above.

    apart       F_0: curvature and noise apart, as Theorem J with its best pair at short steps;
    alike       F_1: tasks that are alike;
    any_tasks   F: any distribution of tasks;
    turned      R_max.
    """

    apart: float
    alike: float
    any_tasks: float
    turned: float


def joint_trade(constants: Constants, schedule: Schedule) -> Trade:
    """The three numbers at the outer steps of the schedule. Raises InvalidParameter as the module says."""
    if constants.mu is None:
        raise InvalidParameter("mu", "known (> 0): the trade is that of the strongly convex geometry", None)
    plain, turned, share = _parts(constants, schedule, CELLS)
    coarse = _parts(constants, schedule, COARSE)
    return Trade(
        apart=float(np.max(plain + turned)),
        alike=float(np.max(plain + share * turned)),
        any_tasks=_mixed(*coarse),
        turned=float(np.max(turned)),
    )


def trade_row(constants: Constants, schedule: Schedule, D0: float) -> float:
    """The weighted row of the claim; inf where lam (1 - 1/B) >= 2."""
    beta_w, beta_phi = betas_of(schedule, phi=True)
    form = Form.of(constants, schedule, Geometry.STRONGLY_CONVEX)
    lam = float(form.largest("curvature", beta_w / beta_phi) * beta_w)
    delta = constants.L * float(form.largest("gradient", beta_w / beta_phi) * beta_w)
    B = schedule.batch
    kept = 2 - lam * (1 - 1 / B)
    if kept <= 0:
        return np.inf
    trade = joint_trade(constants, schedule)
    noise = min(trade.any_tasks + delta * trade.turned, trade.apart)
    return (2 * D0 / schedule.outer_steps + noise / B) / kept


def _parts(constants: Constants, schedule: Schedule, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L G, R and c of every cell, each at its largest there: all three increase in x, y and c."""
    beta_w, beta_phi = betas_of(schedule, phi=True)
    form = Form.of(constants, schedule, Geometry.STRONGLY_CONVEX)
    angles = np.linspace(0.0, np.pi / 2, cells + 1)
    cosines = np.cos(angles[:-1])
    sines = np.sin(angles[1:])
    one, none = np.ones(1), np.zeros(1)
    # t_N of the two axes: r^N, and s_N.
    kept, moved = (float(form.moved(*axis)[-1][0]) for axis in ((one, none), (none, one)))
    x = beta_w * constants.M * kept * cosines
    y = beta_phi * constants.M * (moved * cosines + sines)
    plain = constants.L * form.gradient(x, y)
    return plain, form.curvature(x, y) - plain, cosines


def _mixed(plain: np.ndarray, turned: np.ndarray, share: np.ndarray) -> float:
    """max E[plain] + E[share] E[turned] over distributions on the cells.

    For a given mean of the share it is linear in the distribution, under one more linear condition: two cells are
    enough, with weights v and 1 - v, and their value is a quadratic in v.
    """

    def difference(values: np.ndarray) -> np.ndarray:
        return values[:, None] - values[None, :]

    # At v = 0 there is the second cell alone.
    second = plain + share * turned
    rise = difference(plain) + share[None, :] * difference(turned) + difference(share) * turned[None, :]
    bend = difference(share) * difference(turned)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.nan_to_num(-rise / (2 * bend))
    weight = np.clip(vertex, 0.0, 1.0)
    return float(max(second.max(), np.max(second[None, :] + rise * weight + bend * weight**2)))
