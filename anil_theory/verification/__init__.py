"""Runs of the whole pipeline over a grid: measured side, claimed side, verdict, record.

The names are imported on first use: the neural benchmarks share this package and run without python-flint.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anil_theory.verification.cells import Cell
    from anil_theory.verification.grid import Axes, default_cells, grid_cells
    from anil_theory.verification.runner import RunSummary, check_cell, run_cells

__all__ = ["Axes", "Cell", "RunSummary", "check_cell", "default_cells", "grid_cells", "run_cells"]

_MODULES = {
    "Axes": "grid",
    "Cell": "cells",
    "RunSummary": "runner",
    "check_cell": "runner",
    "default_cells": "grid",
    "grid_cells": "grid",
    "run_cells": "runner",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
