"""What an arithmetic raises where it cannot enclose."""

from anil_theory.errors import AnilTheoryError


class NoEnclosure(AnilTheoryError, NotImplementedError):
    """A primitive that has no rule here; the message names it."""


class Undecided(AnilTheoryError, ArithmeticError):
    """Control flow that depends on a comparison which the balls cannot decide; more precision or a smaller box may."""
