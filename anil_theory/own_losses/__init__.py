"""Losses of one's own: from a start and data to constants, verdicts and advice."""

from anil_theory.own_losses.admission import NotDifferentiable, UnusableLoss
from anil_theory.own_losses.effort import StudyEffort
from anil_theory.own_losses.result import LossStudy
from anil_theory.own_losses.study import study_losses

__all__ = ["LossStudy", "NotDifferentiable", "StudyEffort", "UnusableLoss", "study_losses"]
