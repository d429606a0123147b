"""The audit: findings about the printed statements, each as a run that shows it, with numbers, words and a figure.

A finding is one file with `run(*, seed, quick) -> Finding`, which computes, one template in `templates/`, which says
everything, and one line in FINDINGS. The audit meets both sides, as `checks` does.
"""

from collections.abc import Callable

from anil_theory.audit import (
    finding1_perfect_conditioning,
    finding2_growth_in_N,
    finding3_theorem1_phi_rate,
    finding4_training_trajectory,
)
from anil_theory.audit.base import Curve, Finding, Panel, Shown

FINDINGS: dict[str, Callable[..., Finding]] = {
    "1": finding1_perfect_conditioning.run,
    "2": finding2_growth_in_N.run,
    "3": finding3_theorem1_phi_rate.run,
    "4": finding4_training_trajectory.run,
}

__all__ = ["FINDINGS", "Curve", "Finding", "Panel", "Shown"]
