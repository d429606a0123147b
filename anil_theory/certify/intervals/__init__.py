"""Interval arithmetic: a jaxpr interpreted with outward-rounded float64 intervals, thousands of boxes at a time.

`outward` holds the intervals, `values` what else a program computes with; `interpreter` walks a program with the rules
of the other modules, one of them for each kind of primitive; `matrices` bounds operator norms. Nothing here knows of
`balls`.
"""

from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals

__all__ = ["Intervals", "run_intervals"]
