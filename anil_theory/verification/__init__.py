"""Runs of the whole pipeline over a grid: measured side, claimed side, verdict, record."""

from anil_theory.verification.cells import Cell, Check
from anil_theory.verification.checks import check_cell
from anil_theory.verification.grid import Axes, default_cells, grid_cells
from anil_theory.verification.runner import RunSummary, run_cells

__all__ = ["Axes", "Cell", "Check", "RunSummary", "check_cell", "default_cells", "grid_cells", "run_cells"]
