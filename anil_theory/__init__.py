"""Run the convergence theory of ANIL: exact tasks, measured constants, explicit bounds, honest verdicts.

    constants, schedule -> tasks -> algorithm -> estimators --.
                                                               verdict -> record -> report
    constants, schedule -> statements ------------------------'

The measured side (tasks, algorithm, estimators, certify) and the claimed side (statements) meet in `verdict` only.
Importing the package makes float64 JAX's default: constants are measured in float64.

The letters used throughout:

    w, phi      the two blocks of parameters: adapted in the inner loop, and shared; z = (w, phi) is both, flattened
    n_w, n_phi  their dimensions; n = n_w + n_phi of flat points; k = max(n_w, n_phi) of the separable family
    N           inner steps (`inner_steps`); K outer steps (`outer_steps`); B tasks per outer step (`batch`)
    T, S        tasks in a population; starting points of a search
    alpha       inner step size; beta_w, beta_phi outer step sizes
    mu L rho tau M   the constants of the assumptions (`constants.Constants`)
    H_m, C_m    D_w^2 L_S and D_phi D_w L_S at the m-th inner iterate
"""

from typing import TYPE_CHECKING, Any

from anil_theory._precision import enable_float64

enable_float64()

from anil_theory._admissible import InvalidParameter  # noqa: E402
from anil_theory.algorithm import (  # noqa: E402
    InnerLoop,
    MetaGradient,
    inner_loop,
    meta_gradient,
    meta_loss,
    population_gradient,
    task_gradients,
    task_losses,
)
from anil_theory.constants import Constants, Geometry, Knowledge, Region  # noqa: E402
from anil_theory.errors import AnilTheoryError  # noqa: E402
from anil_theory.estimators import (  # noqa: E402
    Budget,
    Direction,
    Estimate,
    Witness,
    audit_constants,
    largest,
    measure_attained,
    measure_block_lipschitz,
    measure_identity,
)
from anil_theory.record import Record, RecordStore  # noqa: E402
from anil_theory.schedule import Schedule  # noqa: E402
from anil_theory.statements import STATEMENTS, Bound, Claim, Hypothesis, Kind, Statement  # noqa: E402
from anil_theory.tasks import FAMILIES, ExtremalFamily, Family, Losses, SeparableFamily, TaskSet  # noqa: E402
from anil_theory.verdict import Outcome, Verdict, judge  # noqa: E402

if TYPE_CHECKING:
    from anil_theory.falsifier import Falsification, falsify

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`falsify` on first use: it needs python-flint, without which training and the estimators run."""
    if name in ("Falsification", "falsify"):
        from anil_theory import falsifier

        return getattr(falsifier, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "FAMILIES",
    "STATEMENTS",
    "AnilTheoryError",
    "Bound",
    "Budget",
    "Claim",
    "Constants",
    "Direction",
    "Estimate",
    "ExtremalFamily",
    "Falsification",
    "Family",
    "Geometry",
    "Hypothesis",
    "InnerLoop",
    "InvalidParameter",
    "Kind",
    "Knowledge",
    "Losses",
    "MetaGradient",
    "Outcome",
    "Record",
    "RecordStore",
    "Region",
    "Schedule",
    "SeparableFamily",
    "Statement",
    "TaskSet",
    "Verdict",
    "Witness",
    "audit_constants",
    "falsify",
    "inner_loop",
    "judge",
    "largest",
    "measure_attained",
    "measure_block_lipschitz",
    "measure_identity",
    "meta_gradient",
    "meta_loss",
    "population_gradient",
    "task_gradients",
    "task_losses",
]
