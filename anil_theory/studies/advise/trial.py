"""The advice, run on a random population with the constants that were given.

The population has an initial gap D0 of its own, so the settings are advised anew for it, at the same alpha and N (on
which L_meta depends). What is compared: the averages of both squared blocks over the run, with their standard errors
over seeds, beside eps and beside the bound of the theorem. A population drawn at random is far from the worst one, so
the averages are usually far below; one above its bound would refute the theorem.
"""

from collections.abc import Callable
from typing import Any

from anil_theory.advice import Advice
from anil_theory.constants import Constants, Geometry
from anil_theory.errors import AnilTheoryError
from anil_theory.estimators._average_gradient import average_gradient
from anil_theory.estimators.algorithm_runs import run_algorithm
from anil_theory.estimators.facts import measured_gap
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.studies.advise.settings import AdviceSettings
from anil_theory.tasks import SeparableFamily

TASKS = 16
SEEDS = 16
MOST_STEPS = 60_000
"""Outer steps of a trial, at most: the bound is then that of so many."""

MOST_TASKS = 1024
"""Tasks of an outer step in a trial, at most."""


def trial(advice: Advice, asked: AdviceSettings, again: Callable[..., Advice]) -> dict[str, Any]:
    """The run as plain values: K, B, beta, D0, eps, and by row "measured", "stderr", "bound"; or why there is none.

    asked   what the advice answers; where the tasks of a step are drawn from T without replacement, the population has
            T tasks, or MOST_TASKS;
    again   the advice with other values of some settings: of D0, at the alpha and N of the first.

    Raises InvalidParameter where the family admits no such constants or dimensions.
    """
    constants = Constants(asked.mu, asked.L, asked.rho, asked.tau, asked.M)
    T = None if asked.population is None else min(asked.population, MOST_TASKS)
    problem = SeparableFamily(constants, asked.n_w, asked.n_phi).problem(tasks=T or TASKS, seed=asked.seed)
    gap = measured_gap(problem, Schedule(advice.anil.alpha, advice.anil.inner_steps))
    D0 = gap.value + gap.rounding
    s = again(D0=D0, alpha=advice.anil.alpha, inner_steps=advice.anil.inner_steps).anil
    schedule = Schedule(
        s.alpha,
        s.inner_steps,
        beta_w=s.beta_w,
        beta_phi=s.beta_phi,
        batch=min(s.batch, MOST_TASKS),
        outer_steps=min(s.outer_steps, MOST_STEPS),
        population=T,
    )
    advised = (s.outer_steps, s.batch, asked.population)
    outcome: dict[str, Any] = {
        "K": schedule.outer_steps,
        "B": schedule.batch,
        "beta_w": schedule.beta_w,
        "beta_phi": schedule.beta_phi,
        "D0": D0,
        "eps": advice.eps,
        "rows": {},
        "as_advised": (schedule.outer_steps, schedule.batch, T) == advised,
    }
    try:
        run = run_algorithm(problem, schedule, seed=asked.seed, seeds=SEEDS, records=20)
    except AnilTheoryError as error:
        return outcome | {"reason": str(error)}
    average = average_gradient(run)
    theorem = "thm1" if constants.geometry is Geometry.STRONGLY_CONVEX else "thm2"
    for row in ("w", "phi"):
        if row not in average.estimates:
            return outcome | {"reason": average.reason}
        (claim,) = STATEMENTS[theorem].given(D0=D0).select(Kind(advice.kind), row)
        estimate = average.estimates[row]
        bound = claim.evaluate(constants, schedule)
        outcome["rows"][row] = {"measured": estimate.value, "stderr": estimate.stderr, "bound": bound.value}
    return outcome | {"reason": ""}
