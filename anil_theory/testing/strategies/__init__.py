"""Hypothesis strategies for what the theory is about; each satisfies the hypotheses by construction, without filtering.

A strategy whose name begins with `inadmissible` is the twin of the one without: it draws calls that must be refused
(`Inadmissible`). Numbers have few digits where a test allows it, so that a counterexample can be read.

constants, settings          constants of the assumptions; with a schedule that fits them
schedules_for                schedules that fit constants
posed                        a problem of a family, with the schedule that it was made for
task_sets                    populations of a family
points, pairs                flat points of a problem; two different ones
parameters, parameter_pairs  (w, phi) about the start of one's own losses, as trees; two different ones

Needs the extra `testing` (Hypothesis); raises MissingLibrary without it.
"""

from anil_theory.errors import MissingLibrary

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise MissingLibrary(f"the strategies need Hypothesis: pip install 'anil_theory[testing]' ({error})") from None

from anil_theory.testing.strategies.numbers import fractions, log_uniform, nonnegative
from anil_theory.testing.strategies.own_losses import inadmissible_parameters, parameter_pairs, parameters
from anil_theory.testing.strategies.problems import (
    Pair,
    Posed,
    inadmissible_pairs,
    inadmissible_points,
    inadmissible_problems,
    inadmissible_task_sets,
    pairs,
    points,
    posed,
    task_sets,
)
from anil_theory.testing.strategies.theory import (
    LONGEST_LOOP,
    constants,
    inadmissible_constants,
    inadmissible_schedules,
    inadmissible_settings,
    inner_steps,
    nonconvex_constants,
    schedules_for,
    settings,
    strongly_convex_constants,
)

__all__ = [
    "LONGEST_LOOP",
    "Pair",
    "Posed",
    "constants",
    "fractions",
    "inadmissible_constants",
    "inadmissible_pairs",
    "inadmissible_parameters",
    "inadmissible_points",
    "inadmissible_problems",
    "inadmissible_schedules",
    "inadmissible_settings",
    "inadmissible_task_sets",
    "inner_steps",
    "log_uniform",
    "nonconvex_constants",
    "nonnegative",
    "pairs",
    "parameter_pairs",
    "parameters",
    "points",
    "posed",
    "schedules_for",
    "settings",
    "strongly_convex_constants",
    "task_sets",
]
