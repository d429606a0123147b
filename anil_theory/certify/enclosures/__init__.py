"""What the two arithmetics share, and nothing of either: what an enclosure is, and why there may be none.

enclosure           the interval of two float64 ends that holds a number;
flint_precision     the precision of flint, which belongs to the whole process;
refusals            an operation without an enclosure, a comparison that cannot be decided;
branches            the record of what could not be decided over a box;
log_gamma_minimum   where log Gamma turns.
"""

from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided

__all__ = ["Enclosure", "NoEnclosure", "Undecided"]
