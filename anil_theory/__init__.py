"""Run the convergence theory of ANIL: exact tasks, measured constants, explicit bounds, honest verdicts.

    constants, schedule -> tasks -> algorithm -> estimators --.
                                                               verdict -> record -> report
    constants, schedule -> statements ------------------------'

The measured side (tasks, algorithm, estimators, certify) and the claimed side (statements) meet in `verdict` only.
Constants are measured in float64. Importing the package leaves JAX as it is: call `enable_float64()` at the start of a
program, or measure inside `with float64():`. What measures without either switches JAX, and warns.

Each name below is imported on first use, so that a start costs only what is used.

The letters used throughout:

    w, phi      the two blocks of parameters: adapted in the inner loop, and shared; z = (w, phi) is both, flattened
    n_w, n_phi  their dimensions; n = n_w + n_phi of flat points; k = max(n_w, n_phi) of the separable family
    N           inner steps (`inner_steps`); K outer steps (`outer_steps`); B tasks per outer step (`batch`)
    T, S        tasks in a population; starting points of a search
    alpha       inner step size; beta_w, beta_phi outer step sizes
    mu L rho tau M   the constants of the assumptions (`constants.Constants`)
    H_m, C_m    D_w^2 L_S and D_phi D_w L_S at the m-th inner iterate
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anil_theory._version import __version__ as __version__

if TYPE_CHECKING:
    from anil_theory._admissible import InvalidParameter
    from anil_theory._precision import Float64Enabled, enable_float64, float64
    from anil_theory.algorithm import (
        InnerLoop,
        MetaGradient,
        inner_loop,
        meta_gradient,
        meta_loss,
        population_gradient,
        task_gradients,
        task_losses,
    )
    from anil_theory.checks import MEASUREMENTS, check
    from anil_theory.constants import Constants, Geometry, Knowledge, Region
    from anil_theory.errors import AnilTheoryError
    from anil_theory.estimators import (
        Budget,
        Direction,
        Estimate,
        Measurement,
        Witness,
        audit_constants,
        largest,
        measure_attained,
        measure_block_lipschitz,
        measure_identity,
    )
    from anil_theory.falsifier import Falsification, falsify
    from anil_theory.own_losses import LossStudy, study_losses
    from anil_theory.problem import Problem
    from anil_theory.record import Record, RecordStore
    from anil_theory.results import Comparison, Results, compare_results, load_results
    from anil_theory.schedule import Schedule
    from anil_theory.statements import STATEMENTS, Bound, Claim, Hypothesis, Kind, Statement
    from anil_theory.tasks import FAMILIES, ExtremalFamily, Family, Losses, SeparableFamily, TaskSet
    from anil_theory.verdict import Outcome, Verdict, judge

__all__ = [
    "FAMILIES",
    "MEASUREMENTS",
    "STATEMENTS",
    "AnilTheoryError",
    "Bound",
    "Budget",
    "Claim",
    "Comparison",
    "Constants",
    "Direction",
    "Estimate",
    "ExtremalFamily",
    "Falsification",
    "Family",
    "Float64Enabled",
    "Geometry",
    "Hypothesis",
    "InnerLoop",
    "InvalidParameter",
    "Kind",
    "Knowledge",
    "LossStudy",
    "Losses",
    "Measurement",
    "MetaGradient",
    "Outcome",
    "Problem",
    "Record",
    "RecordStore",
    "Region",
    "Results",
    "Schedule",
    "SeparableFamily",
    "Statement",
    "TaskSet",
    "Verdict",
    "Witness",
    "audit_constants",
    "check",
    "compare_results",
    "enable_float64",
    "falsify",
    "float64",
    "inner_loop",
    "judge",
    "largest",
    "load_results",
    "measure_attained",
    "measure_block_lipschitz",
    "measure_identity",
    "meta_gradient",
    "meta_loss",
    "population_gradient",
    "study_losses",
    "task_gradients",
    "task_losses",
]

_MODULES = {
    "FAMILIES": "tasks",
    "MEASUREMENTS": "checks",
    "STATEMENTS": "statements",
    "AnilTheoryError": "errors",
    "Bound": "statements",
    "Budget": "estimators",
    "Claim": "statements",
    "Comparison": "results",
    "Constants": "constants",
    "Direction": "estimators",
    "Estimate": "estimators",
    "ExtremalFamily": "tasks",
    "Falsification": "falsifier",
    "Family": "tasks",
    "Float64Enabled": "_precision",
    "Geometry": "constants",
    "Hypothesis": "statements",
    "InnerLoop": "algorithm",
    "InvalidParameter": "_admissible",
    "Kind": "statements",
    "Knowledge": "constants",
    "LossStudy": "own_losses",
    "Losses": "tasks",
    "Measurement": "estimators",
    "MetaGradient": "algorithm",
    "Outcome": "verdict",
    "Problem": "problem",
    "Record": "record",
    "RecordStore": "record",
    "Region": "constants",
    "Results": "results",
    "Schedule": "schedule",
    "SeparableFamily": "tasks",
    "Statement": "statements",
    "TaskSet": "tasks",
    "Verdict": "verdict",
    "Witness": "estimators",
    "audit_constants": "estimators",
    "check": "checks",
    "compare_results": "results",
    "enable_float64": "_precision",
    "falsify": "falsifier",
    "float64": "_precision",
    "inner_loop": "algorithm",
    "judge": "verdict",
    "largest": "estimators",
    "load_results": "results",
    "measure_attained": "estimators",
    "measure_block_lipschitz": "estimators",
    "measure_identity": "estimators",
    "meta_gradient": "algorithm",
    "meta_loss": "algorithm",
    "population_gradient": "algorithm",
    "study_losses": "own_losses",
    "task_gradients": "algorithm",
    "task_losses": "algorithm",
}
"""The module that each public name comes from. A test holds it equal to `__all__` and to the imports for types."""

_SUBMODULES = {*_MODULES.values(), "provenance"}
"""What `anil_theory.NAME` reaches without an import of its own."""


def __getattr__(name: str) -> Any:
    """A public name or a submodule, imported when it is first asked for (PEP 562)."""
    if name in _MODULES:
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
