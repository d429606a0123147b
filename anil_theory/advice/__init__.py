"""From constants and an accuracy to settings: `advise`, and what its answer is made of."""

from anil_theory.advice.asking import KINDS, LEAST_ADAPTATION, advise
from anil_theory.advice.settings import Advice, PopulationSettings, RecommendedSettings, Sensitivity, Share

__all__ = [
    "KINDS",
    "LEAST_ADAPTATION",
    "Advice",
    "PopulationSettings",
    "RecommendedSettings",
    "Sensitivity",
    "Share",
    "advise",
]
