"""The engine of a run: cells into records, with progress, resume, Ctrl-C and an exit status, for every command."""

from anil_theory.study.ending import EXIT_FAILED, EXIT_MISUSE, EXIT_REFUTED, Ending, Plot, described, print_error
from anil_theory.study.interruption import EXIT_INTERRUPTED
from anil_theory.study.job import Hand, Job, Result, Stopped
from anil_theory.study.progress import Display
from anil_theory.study.run import RunSummary, run_jobs

__all__ = [
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_MISUSE",
    "EXIT_REFUTED",
    "Display",
    "Ending",
    "Hand",
    "Job",
    "Plot",
    "Result",
    "RunSummary",
    "Stopped",
    "described",
    "print_error",
    "run_jobs",
]
