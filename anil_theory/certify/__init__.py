"""Rigorous arithmetic: enclosures of any JAX function, and refutations replayed with proof."""

from anil_theory.certify.ball_interpreter import evaluate
from anil_theory.certify.balls import Balls, NoEnclosure, Undecided
from anil_theory.certify.branch_and_bound import BoxBounds, Boxes, ClosingStatus, Maximum, maximise
from anil_theory.certify.certificate import BoxRegion, Certificate
from anil_theory.certify.family_constants import CertifiedConstant, certify_constants
from anil_theory.certify.general_blocks import certify_hessian_blocks_general
from anil_theory.certify.hessian_blocks import certify_blocks
from anil_theory.certify.replay import Enclosure, float_error, replay
from anil_theory.certify.witness import replay_witness

__all__ = [
    "Balls",
    "BoxBounds",
    "BoxRegion",
    "Boxes",
    "Certificate",
    "CertifiedConstant",
    "ClosingStatus",
    "Enclosure",
    "Maximum",
    "NoEnclosure",
    "Undecided",
    "certify_blocks",
    "certify_constants",
    "certify_hessian_blocks_general",
    "evaluate",
    "float_error",
    "maximise",
    "replay",
    "replay_witness",
]
