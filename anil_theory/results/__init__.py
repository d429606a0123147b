"""What runs left in a folder, read back: as rows, tables, labelled arrays, LaTeX, one HTML page, and compared.

Nothing is measured here, and nothing in the folder of the results is changed.
"""

from anil_theory.results.base import Results, load_results
from anil_theory.results.comparison import Comparison, compare_results

__all__ = ["Comparison", "Results", "compare_results", "load_results"]
