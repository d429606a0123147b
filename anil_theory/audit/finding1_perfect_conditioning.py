"""Finding 1: near perfect conditioning the w row of Proposition 2 needs q^(N-1) where it prints q^N.

The cosine task (`tasks/cosine.py`) keeps rho while mu -> L. The run measures its w constant by ascent on the curvature
of the meta-gradient, which gives a lower bound. It compares the constant with the printed (L/mu) q^N at poly = 1, and
with the rho term of the derived L_ww (docs/formulas.md, prop2). Source of the printed form: the paper, Proposition 2.
"""

from itertools import pairwise
from typing import Any

import jax

from anil_theory.audit.base import Curve, Finding, Panel, verdict, worded
from anil_theory.constants import Constants
from anil_theory.estimators.base import leading_kind
from anil_theory.estimators.block_lipschitz import Budget, largest, measure_block_lipschitz
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, blocks
from anil_theory.statements.contraction import contraction_factor
from anil_theory.tasks.cosine import CosineFamily

GAPS = {1: (0.5, 0.1, 1e-2, 1e-3, 1e-4), 2: (0.1, 1e-2, 1e-3), 3: (0.1, 1e-2, 1e-3)}
"""eps = L - mu, by N. Smaller ones at N > 1 would ask for a search over more periods than it is worth."""

CORNER = 1e-3
"""Up to this eps the measurement is compared with the derived rho term."""

LONGEST = max(GAPS)
"""Compile for this many inner steps, whatever N."""


def corner(N: int, eps: float, *, seed: int = 0, points: int = 16384) -> dict[str, Any]:
    """One setting at L = M = rho = 1: the measured w constant, the printed and the derived one, and their ratios.

    "rounding_kind" is that of the measured one.
    """
    constants = Constants(1 - eps, 1.0, 1.0, 0.0, 1.0)
    schedule = Schedule.strongly_convex(constants, N)
    reach = 4 * CosineFamily(constants).period / (1 - schedule.one_alpha * (1 - eps / 2)) ** (N - 1)
    family = CosineFamily(constants, reach)
    budget = Budget(pairs=1, points=points, lanczos_steps=1, starts=min(32, points))
    tasks = family.sample(jax.random.key(seed), 1)
    attained = largest(
        measure_block_lipschitz(family, tasks, schedule, seed=seed, budget=budget, max_inner_steps=LONGEST)["ww"]
    )
    (order,) = STATEMENTS["prop2"].select(Kind.ORDER, "ww")
    printed = order.evaluate(constants, schedule).value
    q = contraction_factor(constants, schedule, constants.geometry)
    # The query loss is linear, so the L term L q^(2N) of the bound has nothing to bound here.
    rho_term = float(blocks(constants, schedule, constants.geometry, Kind.EXPLICIT).ww) - constants.L * q ** (2 * N)
    return {
        "N": N,
        "eps": eps,
        "q": q,
        "measured": attained.value,
        "printed": printed,
        "ratio": attained.value / printed,
        "rho_term": rho_term,
        "reached": attained.value / rho_term,
        "rounding_kind": attained.rounding_kind,
    }


def run(*, seed: int = 0, quick: bool = False) -> Finding:
    """Measure the corner at every N and eps. `quick` searches fewer points."""
    points = 2048 if quick else 16384
    rows = [corner(N, eps, seed=seed, points=points) for N, gaps in GAPS.items() for eps in gaps]
    at_N = {
        str(N): {name: [row[name] for row in rows if row["N"] == N] for name in ("eps", "ratio", "reached")}
        for N in GAPS
    }
    reached = min(row["reached"] for row in rows if row["eps"] <= CORNER)
    ratios = [column["ratio"] for column in at_N.values()]
    grows = all(wide < narrow for column in ratios for wide, narrow in pairwise(column))
    return worded(
        "1",
        name="perfect_conditioning",
        verdict=verdict(grows, reached > 0.99, at_N["1"]["ratio"][-1] > 1000),
        numbers={
            "rows": rows,
            "at_N": {N: {"eps": column["eps"], "ratio": column["ratio"]} for N, column in at_N.items()},
            "corner_eps": CORNER,
            "reached": reached,
        },
        panels=_panels(at_N),
        settings={"seed": seed, "quick": quick},
        rounding_kind=leading_kind(row["rounding_kind"] for row in rows),
    )


def _panels(at_N: dict[str, dict[str, list[float]]]) -> tuple[Panel, ...]:
    over_printed = [Curve(f"N = {N}", column["eps"], column["ratio"], "points") for N, column in at_N.items()]
    expected = Curve("1/(2 eps)", list(GAPS[1]), [1 / (2 * eps) for eps in GAPS[1]], "dashed")
    over_derived = [Curve(f"N = {N}", column["eps"], column["reached"], "points") for N, column in at_N.items()]
    return (
        Panel(
            title="true w constant over the printed one",
            x_label="eps = L - mu  (L = M = rho = 1)",
            y_label="measured / printed",
            curves=(*over_printed, expected),
        ),
        Panel(
            title="the derived rho term is reached",
            x_label="eps = L - mu",
            y_label="measured / derived",
            curves=tuple(over_derived),
            log_y=False,
        ),
    )
