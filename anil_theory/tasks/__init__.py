"""Families of tasks with declared constants: one file each, one line in FAMILIES."""

from anil_theory.tasks.base import Family, Loss, Losses, TaskSet
from anil_theory.tasks.cosine import CosineFamily
from anil_theory.tasks.extremal import ExtremalFamily
from anil_theory.tasks.linear_body import LinearBodyFamily
from anil_theory.tasks.padding import Padded, masked_mean
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.tasks.softmax_head import SoftmaxHeadFamily
from anil_theory.tasks.two_layer_head import TwoLayerHeadFamily

FAMILIES: dict[str, type[Family]] = {
    SeparableFamily.name: SeparableFamily,
    ExtremalFamily.name: ExtremalFamily,
    CosineFamily.name: CosineFamily,
    SoftmaxHeadFamily.name: SoftmaxHeadFamily,
    TwoLayerHeadFamily.name: TwoLayerHeadFamily,
    LinearBodyFamily.name: LinearBodyFamily,
}

__all__ = [
    "FAMILIES",
    "CosineFamily",
    "ExtremalFamily",
    "Family",
    "LinearBodyFamily",
    "Loss",
    "Losses",
    "Padded",
    "SeparableFamily",
    "SoftmaxHeadFamily",
    "TaskSet",
    "TwoLayerHeadFamily",
    "masked_mean",
]
