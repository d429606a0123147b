"""The strategies of the package, under the names by which the tests know them."""

from anil_theory.testing.strategies import (
    LONGEST_LOOP,
    constants,
    fractions,
    inner_steps,
    log_uniform,
    nonconvex_constants,
    schedules_for,
    settings,
    strongly_convex_constants,
)

MAX_INNER_STEPS = LONGEST_LOOP
settings_of_theory = settings

__all__ = [
    "MAX_INNER_STEPS",
    "constants",
    "fractions",
    "inner_steps",
    "log_uniform",
    "nonconvex_constants",
    "schedules_for",
    "settings_of_theory",
    "strongly_convex_constants",
]
