"""Rigorous arithmetic: enclosures of any JAX function, and refutations replayed with proof."""

from anil_theory.certify.ball_interpreter import evaluate
from anil_theory.certify.balls import Balls, NoEnclosure, Undecided
from anil_theory.certify.branch_and_bound import BoxBounds, Boxes, ClosingStatus, Maximum, maximise
from anil_theory.certify.replay import Enclosure, float_error, replay
from anil_theory.certify.witness import replay_witness

__all__ = [
    "Balls",
    "BoxBounds",
    "Boxes",
    "ClosingStatus",
    "Enclosure",
    "Maximum",
    "NoEnclosure",
    "Undecided",
    "evaluate",
    "float_error",
    "maximise",
    "replay",
    "replay_witness",
]
