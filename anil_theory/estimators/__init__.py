"""The measured side: every quantity comes as an Estimate with a direction, an error and a witness."""

from anil_theory.estimators.attained import measure_attained
from anil_theory.estimators.base import BLOCKS, Direction, Estimate, Witness
from anil_theory.estimators.block_lipschitz import Budget, largest, measure_block_lipschitz
from anil_theory.estimators.constants_audit import audit_constants
from anil_theory.estimators.identity import measure_identity

__all__ = [
    "BLOCKS",
    "Budget",
    "Direction",
    "Estimate",
    "Witness",
    "audit_constants",
    "largest",
    "measure_attained",
    "measure_block_lipschitz",
    "measure_identity",
]
