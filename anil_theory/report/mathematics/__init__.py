"""Formulas of claims for readers: their LaTeX, read once into a tree, as MathML for a page and as words for a terminal.

The LaTeX comes from the sympy table (`statements.forms`), and from the claims of plug-ins. What the
reader does not know raises UnreadableFormula; whoever shows formulas then shows the LaTeX itself.
"""

from anil_theory.report.mathematics._mathml import mathml
from anil_theory.report.mathematics._plain_formula import plain_formula
from anil_theory.report.mathematics.latex_tree import UnreadableFormula, read_latex

__all__ = ["UnreadableFormula", "mathml", "plain_formula", "read_latex"]
