"""The engine of every command: a study's cells into records, with progress, resume, Ctrl-C, workers and a status."""

from anil_theory.study._conduct import conduct
from anil_theory.study.base import CellStudy, RunSettings, Study
from anil_theory.study.ending import EXIT_FAILED, EXIT_MISUSE, EXIT_NOT_SHOWN, EXIT_REFUTED, Ending, Plot, described
from anil_theory.study.interruption import EXIT_INTERRUPTED
from anil_theory.study.job import Batch, Hand, Job, Measure, Result, Stopped
from anil_theory.study.page import Page
from anil_theory.study.progress import Display
from anil_theory.study.run import RunSummary, run_jobs

__all__ = [
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_MISUSE",
    "EXIT_NOT_SHOWN",
    "EXIT_REFUTED",
    "Batch",
    "CellStudy",
    "Display",
    "Ending",
    "Hand",
    "Job",
    "Measure",
    "Page",
    "Plot",
    "Result",
    "RunSettings",
    "RunSummary",
    "Stopped",
    "Study",
    "conduct",
    "described",
    "run_jobs",
]
