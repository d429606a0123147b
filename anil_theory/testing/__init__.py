"""Property-based tests of the theory, and what a plug-in must keep, as functions for tests of your own.

strategies               Hypothesis strategies for constants, schedules, problems, points and their inadmissible twins
                         (a module that needs the extra `testing`; nothing else here does)
conforms_bound           a bound of one's own, against losses that satisfy the assumptions
conforms_statement       a statement: well formed, and measured;   conforms_claims   its claims at one setting
conforms_family          a family: its declared constants, at random points
conforms_measurement     a measurement: what it promises, and that it refutes no proved bound
Inadmissible             a call that must be refused

Each of these functions raises AssertionError with what is wrong. They know nothing of pytest; a test calls them.
"""

from anil_theory.testing.bounds import conforms_bound, reached
from anil_theory.testing.families import conforms_family
from anil_theory.testing.inadmissible import Inadmissible
from anil_theory.testing.measurements import conforms_measurement
from anil_theory.testing.statements import conforms_claims, conforms_statement

__all__ = [
    "Inadmissible",
    "conforms_bound",
    "conforms_claims",
    "conforms_family",
    "conforms_measurement",
    "conforms_statement",
    "reached",
]
