"""Families of tasks with declared constants: one file each, one line in FAMILIES."""

from anil_theory._registry import Registry
from anil_theory.problem import Loss, Losses, Padded, TaskSet, masked_mean
from anil_theory.tasks.base import Family
from anil_theory.tasks.cosine import CosineFamily
from anil_theory.tasks.exact_objective_witness import ExactObjectiveWitness
from anil_theory.tasks.extremal import ExtremalFamily
from anil_theory.tasks.first_order_floor import FirstOrderFloor
from anil_theory.tasks.first_order_witness import FirstOrderWitness
from anil_theory.tasks.hypergradient_witness import HypergradientWitness
from anil_theory.tasks.krylov_witness import KrylovWitness
from anil_theory.tasks.linear_body import LinearBodyFamily
from anil_theory.tasks.maml_witness import MamlWitness
from anil_theory.tasks.mirrored import MirroredFamily
from anil_theory.tasks.mirrored_pair import MirroredPairFamily
from anil_theory.tasks.orthogonal_noise import DecayFamily, OrthogonalNoiseFamily
from anil_theory.tasks.population_witness import PairDecayFamily, PairNoiseFamily
from anil_theory.tasks.proximal_witness import ProximalWitness
from anil_theory.tasks.separable import SeparableFamily
from anil_theory.tasks.softmax_head import SoftmaxHeadFamily
from anil_theory.tasks.two_layer_head import TwoLayerHeadFamily

FAMILIES: Registry[type[Family]] = Registry(
    "family",
    Family,
    (
        SeparableFamily,
        ExtremalFamily,
        CosineFamily,
        SoftmaxHeadFamily,
        TwoLayerHeadFamily,
        LinearBodyFamily,
        OrthogonalNoiseFamily,
        DecayFamily,
        PairNoiseFamily,
        PairDecayFamily,
        MirroredFamily,
        MirroredPairFamily,
        FirstOrderWitness,
        ProximalWitness,
        KrylovWitness,
        FirstOrderFloor,
        MamlWitness,
        ExactObjectiveWitness,
        HypergradientWitness,
    ),
    classes=True,
)

__all__ = [
    "FAMILIES",
    "CosineFamily",
    "DecayFamily",
    "ExactObjectiveWitness",
    "ExtremalFamily",
    "Family",
    "FirstOrderFloor",
    "FirstOrderWitness",
    "HypergradientWitness",
    "KrylovWitness",
    "LinearBodyFamily",
    "Loss",
    "Losses",
    "MamlWitness",
    "MirroredFamily",
    "MirroredPairFamily",
    "OrthogonalNoiseFamily",
    "Padded",
    "PairDecayFamily",
    "PairNoiseFamily",
    "ProximalWitness",
    "SeparableFamily",
    "SoftmaxHeadFamily",
    "TaskSet",
    "TwoLayerHeadFamily",
    "masked_mean",
]
