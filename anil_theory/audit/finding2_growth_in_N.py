"""Finding 2: Proposition 3 in its two regimes: bounded in N under alpha = c/(N L), growing with alpha held fixed.

In each of three regimes of alpha N L the run compares the w constant that a function attains (`tasks/extremal.py`) with
the explicit bound. Under the step-size condition it also searches random tasks by ascent. Source: the paper,
Proposition 3.
"""

import math

import jax
import numpy as np

from anil_theory.audit.base import Curve, Finding, Panel, verdict, worded
from anil_theory.constants import Constants, Geometry
from anil_theory.estimators.attained import measure_attained
from anil_theory.estimators.base import Estimate, leading_kind
from anil_theory.estimators.block_lipschitz import Budget, largest, measure_block_lipschitz
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind, blocks
from anil_theory.statements.contraction import BLOCKS
from anil_theory.tasks.extremal import ExtremalFamily
from anil_theory.tasks.separable import SeparableFamily

CONSTANTS = Constants(None, 1.0, 1.0, 0.5, 1.0)
TOTAL = 0.7
"""The c of alpha = c/(N L)."""
SMALL = 1e-5
"""An alpha L that keeps alpha N L small."""
LARGE = 0.1
"""An alpha L that does not."""

INNER_STEPS = {
    "alpha = c/(N L)": (1, 2, 5, 10, 20, 50, 100),
    "alpha fixed, alpha N L small": (1, 2, 5, 10, 20, 50, 100),
    "alpha fixed, alpha N L large": (10, 20, 30, 40, 60, 80),
}
SEARCHED = (1, 2, 5, 10, 20)


def schedule_of(regime: str, N: int) -> Schedule:
    """alpha and N of a point of a regime."""
    if regime == "alpha = c/(N L)":
        return Schedule.nonconvex(CONSTANTS, N, TOTAL)
    return Schedule((SMALL if "small" in regime else LARGE) / CONSTANTS.L, N)


def trace(regime: str) -> tuple[dict[str, list[float]], str]:
    """Against N: the attained ww constant and the explicit bound of every block; and the former's `rounding_kind`."""
    curves: dict[str, list[float]] = {"N": [], "attained": [], **{block: [] for block in BLOCKS}}
    kinds = []
    longest = max(map(max, INNER_STEPS.values()))  # compiles once
    for N in INNER_STEPS[regime]:
        schedule = schedule_of(regime, N)
        bounds = blocks(CONSTANTS, schedule, Geometry.NONCONVEX, Kind.EXPLICIT)
        curves["N"].append(N)
        attained = measure_attained(ExtremalFamily(CONSTANTS, schedule, longest))["ww"]
        curves["attained"].append(attained.value)
        kinds.append(attained.rounding_kind)
        for block in BLOCKS:
            curves[block].append(float(getattr(bounds, block)))
    return curves, leading_kind(kinds)


def searched(seed: int, quick: bool) -> list[Estimate]:
    """The ww constant of random tasks under alpha = c/(N L), the largest value found, by N."""
    family = SeparableFamily(CONSTANTS, 2, 2)
    tasks = family.sample(jax.random.key(seed), 2 if quick else 4)
    budget = Budget(pairs=4, points=16, starts=2 if quick else 4)
    return [
        largest(
            measure_block_lipschitz(
                family,
                tasks,
                schedule_of("alpha = c/(N L)", N),
                seed=seed,
                budget=budget,
                max_inner_steps=max(SEARCHED),
            )["ww"]
        )
        for N in SEARCHED
    ]


def run(*, seed: int = 0, quick: bool = False) -> Finding:
    """Trace the three regimes and fit their growth. `quick` searches fewer random tasks."""
    traces = {regime: trace(regime) for regime in INNER_STEPS}
    traced = {regime: curves for regime, (curves, _) in traces.items()}
    estimates = searched(seed, quick)
    random_tasks = [estimate.value for estimate in estimates]
    kinds = [*(kind for _, kind in traces.values()), *(estimate.rounding_kind for estimate in estimates)]
    bounded, small, large = traced.values()
    L = CONSTANTS.L
    # Linear regime: exponent of what N adds, L_ww - L, against N. Exponential: the last half, ln L_ww against N.
    linear = float(np.polyfit(np.log(small["N"]), np.log(np.array(small["attained"]) - L), 1)[0])
    half = len(large["N"]) // 2
    exponential = float(np.polyfit(large["N"][half:], np.log(large["attained"][half:]), 1)[0])
    expected = 2 * math.log1p(LARGE)
    ceiling = math.exp(TOTAL) * (math.exp(TOTAL) - 1) * CONSTANTS.M * CONSTANTS.rho / L + L * math.exp(2 * TOTAL)
    return worded(
        "2",
        name="growth_in_N",
        verdict=verdict(
            max(bounded["attained"]) <= ceiling,
            abs(linear - 1) < 0.02,
            abs(exponential - expected) < 0.01 * expected,
            max(random_tasks) <= ceiling,
        ),
        numbers={
            "traced": traced,
            "searched_N": list(SEARCHED),
            "random_tasks": dict(zip(map(str, SEARCHED), random_tasks, strict=True)),
            "c": TOTAL,
            "bounded": {"first": bounded["attained"][0], "last": bounded["attained"][-1], "last_N": bounded["N"][-1]},
            "limit": ceiling,
            "linear": {"alpha_L": SMALL, "last_N": small["N"][-1]},
            "linear_exponent": linear,
            "exponential": {"alpha_L": LARGE, "last_N": large["N"][-1]},
            "exponential_slope": exponential,
            "expected_slope": expected,
        },
        panels=(
            _bounded_panel(bounded, random_tasks),
            _linear_panel(small),
            _exponential_panel(large),
        ),
        settings={"seed": seed, "quick": quick, "constants": CONSTANTS},
        rounding_kind=leading_kind(kinds),
    )


def _curves(data: dict[str, list[float]], less: float = 0.0) -> tuple[Curve, ...]:
    """The attained constant and two explicit bounds against N, each less a number."""

    def curve(label: str, name: str, style: str) -> Curve:
        return Curve(label, data["N"], [value - less for value in data[name]], style)

    return (
        curve("ww, attained", "attained", "points"),
        curve("ww, explicit", "ww", "dashed"),
        curve("phiphi, explicit", "phiphi", "dashed"),
    )


def _bounded_panel(data: dict[str, list[float]], random_tasks: list[float]) -> Panel:
    return Panel(
        title="alpha = c/(N L): bounded",
        x_label="inner steps N",
        y_label="block constant",
        curves=(*_curves(data), Curve("ww, random tasks", list(SEARCHED), random_tasks, "points")),
        log_y=False,
    )


def _linear_panel(data: dict[str, list[float]]) -> Panel:
    return Panel(
        title="alpha fixed, alpha N L small: linear",
        x_label="inner steps N",
        y_label="block constant - L",
        curves=_curves(data, less=CONSTANTS.L),
    )


def _exponential_panel(data: dict[str, list[float]]) -> Panel:
    return Panel(
        title="alpha fixed, alpha N L large: exponential",
        x_label="inner steps N",
        y_label="block constant",
        curves=_curves(data),
        log_x=False,
    )
