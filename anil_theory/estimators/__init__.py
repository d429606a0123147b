"""The measured side: every quantity comes as an Estimate with a direction, an error and a witness."""

from anil_theory._registry import Registry
from anil_theory.estimators import (
    algorithm_runs,
    attained,
    block_lipschitz,
    constants_audit,
    first_order_bias,
    first_order_runs,
    hypergradients,
    identity,
    imaml,
    joint_form,
    maml_smoothness,
)
from anil_theory.estimators._average_gradient import AverageGradient, average_gradient, initial_gap
from anil_theory.estimators._cost_to_accuracy import CostToAccuracy, cost_by_inner_steps, cost_to_accuracy
from anil_theory.estimators._worst_task import WorstTask, worst_task
from anil_theory.estimators.attained import measure_attained
from anil_theory.estimators.ball_growth import growth_with_radius
from anil_theory.estimators.base import BLOCKS, Direction, Estimate, Witness
from anil_theory.estimators.block_lipschitz import largest, measure_block_lipschitz
from anil_theory.estimators.budget import Budget
from anil_theory.estimators.constants_audit import audit_constants
from anil_theory.estimators.extremes import Extrapolation, extrapolate_supremum, sample_block_norms
from anil_theory.estimators.facts import fact
from anil_theory.estimators.gradient_size import measure_gradient_size
from anil_theory.estimators.identity import measure_identity
from anil_theory.estimators.local_program import solve_local_program
from anil_theory.estimators.measurement import Effort, Finding, Measurement
from anil_theory.estimators.not_finite import NotFinite
from anil_theory.estimators.rates import FittedRate, Interval, fit_rate
from anil_theory.estimators.saturation import Saturation, fit_saturation
from anil_theory.estimators.trajectory_audit import TrajectoryAudit, audit_trajectory

MEASUREMENTS: Registry[Measurement] = Registry(
    "measurement",
    Measurement,
    (
        constants_audit.MEASUREMENT,
        identity.MEASUREMENT,
        block_lipschitz.MEASUREMENT,
        attained.MEASUREMENT,
        algorithm_runs.MEASUREMENT,
        first_order_bias.MEASUREMENT,
        first_order_runs.MEASUREMENT,
        hypergradients.ERROR_MEASUREMENT,
        hypergradients.SMOOTHNESS_MEASUREMENT,
        imaml.POINT_MEASUREMENT,
        imaml.STEPS_MEASUREMENT,
        maml_smoothness.MEASUREMENT,
        joint_form.MEASUREMENT,
    ),
)
"""What can be measured; `checks` adds those that need numbers of the claimed side too, and certified ones."""

__all__ = [
    "BLOCKS",
    "MEASUREMENTS",
    "AverageGradient",
    "Budget",
    "CostToAccuracy",
    "Direction",
    "Effort",
    "Estimate",
    "Extrapolation",
    "Finding",
    "FittedRate",
    "Interval",
    "Measurement",
    "NotFinite",
    "Saturation",
    "TrajectoryAudit",
    "Witness",
    "WorstTask",
    "audit_constants",
    "audit_trajectory",
    "average_gradient",
    "cost_by_inner_steps",
    "cost_to_accuracy",
    "extrapolate_supremum",
    "fact",
    "fit_rate",
    "fit_saturation",
    "growth_with_radius",
    "initial_gap",
    "largest",
    "measure_attained",
    "measure_block_lipschitz",
    "measure_gradient_size",
    "measure_identity",
    "sample_block_norms",
    "solve_local_program",
    "worst_task",
]
