"""Rigorous arithmetic: enclosures of any JAX function, and refutations replayed with proof.

The folders, each of which imports only from those above it, and `balls` and `intervals` not from each other:

enclosures   what an enclosure is, and why there may be none;
program      how a traced program is read;
balls        the arithmetic of python-flint's balls;
intervals    the arithmetic of outward-rounded float64 intervals over many boxes;
losses       a loss made ready for an arithmetic or for a proof;
search       branch and bound, which imports none of these.

The modules beside them put these together: certified blocks and constants, certificates, proofs, replays, and inner
minima with what rests on them (the exact bilevel objective, hypergradients).
"""

from anil_theory.certify._replay import float_error, replay
from anil_theory.certify.balls.interpreter import evaluate
from anil_theory.certify.balls.values import Balls
from anil_theory.certify.certificate import BoxRegion, Certificate
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.exact_objective import certify_exact_objective
from anil_theory.certify.family_constants import CertifiedConstant, certify_constants
from anil_theory.certify.general_blocks import certify_hessian_blocks_general
from anil_theory.certify.hessian_blocks import certify_blocks
from anil_theory.certify.hypergradient_errors import certify_hypergradient_errors
from anil_theory.certify.phi_search import BilevelCertificate, PhiBall
from anil_theory.certify.proximal import certify_implicit_maml
from anil_theory.certify.search.branch_and_bound import BoxBounds, Boxes, ClosingStatus, Maximum, maximise
from anil_theory.certify.witness import replay_witness

__all__ = [
    "Balls",
    "BilevelCertificate",
    "BoxBounds",
    "BoxRegion",
    "Boxes",
    "Certificate",
    "CertifiedConstant",
    "ClosingStatus",
    "Enclosure",
    "Maximum",
    "NoEnclosure",
    "PhiBall",
    "Undecided",
    "certify_blocks",
    "certify_constants",
    "certify_exact_objective",
    "certify_hessian_blocks_general",
    "certify_hypergradient_errors",
    "certify_implicit_maml",
    "evaluate",
    "float_error",
    "maximise",
    "replay",
    "replay_witness",
]
