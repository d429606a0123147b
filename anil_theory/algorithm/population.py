"""Exact population quantities over a finite task set: L_meta = mean_i L_D(w_N^i, phi) and its gradient."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm._meta_gradient import MetaGradient, meta_gradient
from anil_theory.algorithm.unrolled_loop import LoopKeywords, UnrolledLoop, given_loop
from anil_theory.tasks.base import TaskSet


def task_losses(
    tasks: TaskSet, w: PyTree, phi: PyTree, loop: UnrolledLoop | None = None, **keywords: Unpack[LoopKeywords]
) -> Array:
    """L_D(w_N^i, phi) of every task, shape (T,); the loop also as keywords, see `inner_loop`."""
    loop = given_loop(loop, keywords)

    def one(data: PyTree) -> Array:
        adapted = inner_loop(tasks.support, w, phi, data, loop)
        return tasks.query(adapted.final, phi, data)

    return jax.vmap(one)(tasks.data)


def meta_loss(
    tasks: TaskSet, w: PyTree, phi: PyTree, loop: UnrolledLoop | None = None, **keywords: Unpack[LoopKeywords]
) -> Array:
    """L_meta(w, phi), the mean of `task_losses`: exact when `tasks` is the whole population."""
    return jnp.mean(task_losses(tasks, w, phi, given_loop(loop, keywords)))


def task_gradients(
    tasks: TaskSet,
    w: PyTree,
    phi: PyTree,
    loop: UnrolledLoop | None = None,
    *,
    method: str = "recursion",
    **keywords: Unpack[LoopKeywords],
) -> MetaGradient:
    """The meta-gradient of every task, leaves with a leading axis (T, ...); options as in `meta_gradient`."""
    loop = given_loop(loop, keywords)
    return jax.vmap(lambda data: meta_gradient(tasks.losses, w, phi, data, loop, method=method))(tasks.data)


def population_gradient(
    tasks: TaskSet,
    w: PyTree,
    phi: PyTree,
    loop: UnrolledLoop | None = None,
    *,
    method: str = "recursion",
    **keywords: Unpack[LoopKeywords],
) -> MetaGradient:
    """The gradient of L_meta: the mean of `task_gradients`."""
    each = task_gradients(tasks, w, phi, given_loop(loop, keywords), method=method)
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), each)
