"""What a statement, a family and a measurement must keep, as functions for the tests of a plug-in.

Each raises AssertionError with what is wrong. They know nothing of pytest; a test calls them.
"""

from anil_theory.testing.families import conforms_family
from anil_theory.testing.measurements import conforms_measurement
from anil_theory.testing.statements import conforms_statement

__all__ = ["conforms_family", "conforms_measurement", "conforms_statement"]
