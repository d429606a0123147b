"""Families of tasks with declared constants: one file each, one line in FAMILIES."""

from anil_theory.tasks.base import Family, Loss, Losses, TaskSet
from anil_theory.tasks.cosine import CosineFamily
from anil_theory.tasks.extremal import ExtremalFamily
from anil_theory.tasks.separable import SeparableFamily

FAMILIES: dict[str, type[Family]] = {
    SeparableFamily.name: SeparableFamily,
    ExtremalFamily.name: ExtremalFamily,
    CosineFamily.name: CosineFamily,
}

__all__ = ["FAMILIES", "CosineFamily", "ExtremalFamily", "Family", "Loss", "Losses", "SeparableFamily", "TaskSet"]
