"""Ball arithmetic: a jaxpr interpreted with python-flint's balls, of any precision, one box at a time.

`values` holds the arrays of balls; `interpreter` walks a program with the rules of the other modules, one of them for
each kind of primitive. Nothing here knows of `intervals`.
"""

from anil_theory.certify.balls.interpreter import evaluate
from anil_theory.certify.balls.values import Balls
from anil_theory.certify.enclosures.flint_precision import DEFAULT_PRECISION, precision
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided

__all__ = ["DEFAULT_PRECISION", "Balls", "NoEnclosure", "Undecided", "evaluate", "precision"]
