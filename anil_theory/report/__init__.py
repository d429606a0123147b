"""Records into what people read: a terminal table, a Markdown report, plots. Nothing is computed here."""

from anil_theory.report.markdown import write_markdown
from anil_theory.report.plots import plot_blocks, plot_tightness
from anil_theory.report.rows import all_rows, tightest_rows
from anil_theory.report.terminal import print_rows, print_summary

__all__ = [
    "all_rows",
    "plot_blocks",
    "plot_tightness",
    "print_rows",
    "print_summary",
    "tightest_rows",
    "write_markdown",
]
