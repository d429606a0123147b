"""What is studied: tasks, where points come from, the constants and how they are known, and further facts."""

from anil_theory.problem.base import Domain, Problem, UnknownFact
from anil_theory.problem.padding import Padded, masked_mean
from anil_theory.problem.task_set import Loss, Losses, TaskSet

__all__ = ["Domain", "Loss", "Losses", "Padded", "Problem", "TaskSet", "UnknownFact", "masked_mean"]
