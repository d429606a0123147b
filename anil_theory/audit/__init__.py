"""The audit: each finding of section 3.3 of the theory as a run that shows it, with numbers, words and a figure.

One file per finding with `run(*, seed, quick) -> Finding`, and one line in FINDINGS. It meets both sides, like
`verification`.
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
