"""ANIL: the inner loop, the meta-gradient three ways, and exact population quantities."""

from anil_theory.algorithm._inner_loop import InnerLoop, inner_loop
from anil_theory.algorithm._meta_gradient import METHODS, MetaGradient, meta_gradient
from anil_theory.algorithm._outer_loop import outer_loop
from anil_theory.algorithm.oracle_count import OracleCounts, as_maml, count_outer_step, xla_cost
from anil_theory.algorithm.outer_run import OuterRun, RunStatus
from anil_theory.algorithm.population import meta_loss, population_gradient, task_gradients, task_losses
from anil_theory.algorithm.unrolled_loop import UnrolledLoop

__all__ = [
    "METHODS",
    "InnerLoop",
    "MetaGradient",
    "OracleCounts",
    "OuterRun",
    "RunStatus",
    "UnrolledLoop",
    "as_maml",
    "count_outer_step",
    "inner_loop",
    "meta_gradient",
    "meta_loss",
    "outer_loop",
    "population_gradient",
    "task_gradients",
    "task_losses",
    "xla_cost",
]
