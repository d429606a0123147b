"""ANIL: the inner loop, the meta-gradient three ways, and exact population quantities."""

from anil_theory.algorithm.inner_loop import InnerLoop, inner_loop
from anil_theory.algorithm.meta_gradient import METHODS, MetaGradient, meta_gradient
from anil_theory.algorithm.population import meta_loss, population_gradient, task_gradients, task_losses

__all__ = [
    "METHODS",
    "InnerLoop",
    "MetaGradient",
    "inner_loop",
    "meta_gradient",
    "meta_loss",
    "population_gradient",
    "task_gradients",
    "task_losses",
]
