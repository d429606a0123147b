"""One outer step of Algorithm 1 for one seed, and the exact quantities of a finite population at a point.

All functions are traced inside the compiled loop of `outer_loop`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree, UInt32

from anil_theory.algorithm._inner_loop import InnerLoop, inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.tasks.base import TaskSet


@runtime_checkable
class Frames(Protocol):
    """A population equivalent to another: task i of `tasks`, at (rotation_w[i]^T w, rotation_phi[i]^T phi)."""

    @property
    def rotation_w(self) -> Float[Array, "T n_w n_w"]:
        """One orthogonal matrix per task."""
        ...

    @property
    def rotation_phi(self) -> Float[Array, "T n_phi n_phi"]:
        """One orthogonal matrix per task."""
        ...

    @property
    def tasks(self) -> TaskSet:
        """The tasks in their own frames, in the order of those that they stand for."""
        ...


def task_indices(
    key: Array, step: int | Array, batch: int, num_tasks: int, *, replace: bool = True
) -> Int[Array, " B"]:
    """The tasks of outer step `step` of one seed: `batch` i.i.d. uniform indices in 0..T-1, with replacement.

    replace   False: a uniform subset of `batch` <= T different tasks, a new one at every step.
    """
    of_step = jax.random.fold_in(key, step)
    if replace and drawn_by_bits(batch, num_tasks):
        places = jnp.arange(BITS, dtype=jnp.uint32)
        return ((_words(of_step, batch)[:, None] >> places) & 1).reshape(-1)[:batch].astype(int)
    if replace:
        return jax.random.randint(of_step, (batch,), 0, num_tasks)
    return jax.random.permutation(of_step, num_tasks)[:batch]


BITS = 32
"""Bits of a random word."""

MANY_DRAWS = 2**15
"""From here on a batch of two tasks is drawn as bits, 32 to a word."""


def drawn_by_bits(batch: int, num_tasks: int) -> bool:
    """Whether each independent draw of a batch is one random bit: where there are two tasks and many draws."""
    return num_tasks == 2 and batch >= MANY_DRAWS


def task_counts(key: Array, step: int | Array, batch: int) -> Float[Array, "2"]:
    """How often `task_indices` draws each of two tasks where a draw is a bit, without the indices."""
    words = _words(jax.random.fold_in(key, step), batch)
    # The bits of the last word beyond the batch are no draws.
    last = jnp.uint32((1 << (batch - BITS * (words.size - 1))) - 1)
    words = words.at[-1].set(words[-1] & last)
    ones = jnp.sum(jax.lax.population_count(words)).astype(jnp.float64)
    return jnp.stack([batch - ones, ones])


def _words(of_step: Array, batch: int) -> UInt32[Array, " words"]:
    """Random words with a bit for every draw."""
    return jax.random.bits(of_step, (-(-batch // BITS),), jnp.uint32)


def squared_norm(tree: PyTree) -> Float[Array, ""]:
    """The squared Euclidean norm of a pytree; 0 when it has no leaves."""
    return sum((jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(()))


def pair_mean(gradients: PyTree) -> Float[Array, ""]:
    """Mean of <g_i, g_j> over ordered pairs i != j of the leading axis (B >= 2): unbiased for ||E g||^2."""
    B = jax.tree.leaves(gradients)[0].shape[0] if jax.tree.leaves(gradients) else 2
    total = squared_norm(jax.tree.map(lambda g: jnp.sum(g, axis=0), gradients))
    return (total - squared_norm(gradients)) / (B * (B - 1))


class Drawn(NamedTuple):
    """The gradients of a batch, along a leading axis: each draw its own, or each task once with how often it was drawn.

    counts   how often; None where every draw has its own gradient.
    """

    blocks: tuple[PyTree, PyTree]
    counts: Float[Array, " T"] | None

    def mean(self, batch: int) -> tuple[PyTree, PyTree]:
        """The mean over the batch."""
        counts = self.counts
        if counts is None:
            return _mean(self.blocks)
        return jax.tree.map(lambda leaf: jnp.tensordot(counts, leaf, 1) / batch, self.blocks)

    def pair_means(self, batch: int) -> Float[Array, "2"]:
        """`pair_mean` of both blocks."""
        if self.counts is None:
            return jnp.stack([pair_mean(block) for block in self.blocks])
        return jnp.stack([_counted_pair_mean(block, self.counts, batch) for block in self.blocks])


def _counted_pair_mean(gradients: PyTree, counts: Float[Array, " T"], batch: int) -> Float[Array, ""]:
    """`pair_mean` where the gradient of task i stands for counts[i] draws."""
    total = squared_norm(jax.tree.map(lambda g: jnp.tensordot(counts, g, 1), gradients))
    each = jnp.zeros_like(counts)
    for leaf in jax.tree.leaves(gradients):
        each += jnp.sum(leaf.reshape(len(leaf), -1) ** 2, axis=1)
    return (total - counts @ each) / (batch * (batch - 1))


@dataclass(frozen=True)
class Population:
    """The T tasks as the outer loop sees them: through one inner loop and, where there are frames, in each task's own.

    rotations   of w and of phi, one of each per task, or None where the tasks are taken as they are.
    """

    tasks: TaskSet
    rotations: tuple[Float[Array, "T n_w n_w"], Float[Array, "T n_phi n_phi"]] | None
    loop: UnrolledLoop
    method: str

    def gradient(
        self, w: PyTree, phi: PyTree, index: Int[Array, ""], *, first_order: bool = False
    ) -> tuple[PyTree, PyTree]:
        """The meta-gradient of one task in w and in phi, or what first-order ANIL takes for it."""
        data = self.tasks.task(index)
        loop = dataclasses.replace(self.loop, first_order=first_order)
        gradient = meta_gradient(self.tasks.losses, *self._framed(w, phi, index), data, loop, method=self.method)
        if self.rotations is None:
            return gradient.w, gradient.phi
        rotation_w, rotation_phi = self.rotations
        return rotation_w[index] @ gradient.w, rotation_phi[index] @ gradient.phi

    def gradients(
        self, w: PyTree, phi: PyTree, indices: Int[Array, " B"], *, first_order: bool = False
    ) -> tuple[PyTree, PyTree]:
        """The same of several tasks, along a leading axis."""
        return _over(partial(self.gradient, first_order=first_order), w, phi, indices)

    def drawn(self, w: PyTree, phi: PyTree, indices: Int[Array, " B"], *, first_order: bool = False) -> Drawn:
        """The same of a batch. With more draws than tasks, each task is evaluated once."""
        if len(indices) <= len(self.tasks):
            return Drawn(self.gradients(w, phi, indices, first_order=first_order), None)
        counts = jnp.sum(indices == self._all[:, None], axis=1).astype(jnp.float64)
        return self.counted(w, phi, counts, first_order=first_order)

    def counted(self, w: PyTree, phi: PyTree, counts: Float[Array, " T"], *, first_order: bool = False) -> Drawn:
        """The same of a batch that holds each task so many times."""
        return Drawn(self.gradients(w, phi, self._all, first_order=first_order), counts)

    def squares(self, w: PyTree, phi: PyTree) -> Float[Array, "2"]:
        """||D_w L_meta||^2 and ||D_phi L_meta||^2, exactly: over all tasks."""
        return jnp.stack([squared_norm(block) for block in _mean(self.gradients(w, phi, self._all))])

    def mean_loss(self, w: PyTree, phi: PyTree) -> Float[Array, ""]:
        """L_meta, exactly: over all tasks."""
        return jnp.mean(_over(self._loss, w, phi, self._all))

    def longest_way(self, w: PyTree, phi: PyTree) -> Float[Array, ""]:
        """The largest ||w_N - w_0|| of any task."""
        return jnp.max(_over(self._way, w, phi, self._all))

    @property
    def _all(self) -> Int[Array, " T"]:
        return jnp.arange(len(self.tasks))

    def _framed(self, w: PyTree, phi: PyTree, index: Int[Array, ""]) -> tuple[PyTree, PyTree]:
        if self.rotations is None:
            return w, phi
        rotation_w, rotation_phi = self.rotations
        return w @ rotation_w[index], phi @ rotation_phi[index]

    def _adapted(self, w: PyTree, phi: PyTree, index: Int[Array, ""]) -> InnerLoop:
        return inner_loop(self.tasks.support, w, phi, self.tasks.task(index), self.loop)

    def _loss(self, w: PyTree, phi: PyTree, index: Int[Array, ""]) -> Float[Array, ""]:
        w, phi = self._framed(w, phi, index)
        return self.tasks.query(self._adapted(w, phi, index).final, phi, self.tasks.task(index))

    def _way(self, w: PyTree, phi: PyTree, index: Int[Array, ""]) -> Float[Array, ""]:
        w, phi = self._framed(w, phi, index)
        return jnp.sqrt(squared_norm(jax.tree.map(jnp.subtract, self._adapted(w, phi, index).final, w)))


class Rule(NamedTuple):
    """How a step moves and what it counts.

    average        how the squared norms are estimated at every step: see `outer_loop`;
    largest_norm   of an iterate: a seed that would pass it has diverged;
    replace        whether the tasks of a step are independent: see `task_indices`;
    first_order    whether it moves along D L_D(w_N) in place of the meta-gradient.
    """

    batch: int
    average: str
    beta_w: Float[Array, ""]
    beta_phi: Float[Array, ""]
    largest_norm: Float[Array, ""]
    replace: bool = True
    first_order: bool = False


class State(NamedTuple):
    """One seed: the iterate, sums of squared norms over the steps so far, the drawn iterate, when it diverged.

    lowest, highest   of each entry, over the iterates that a step was taken from.

    The compiled loop carries all seeds in one: its leaves have a leading axis over the seeds.
    """

    w: PyTree
    phi: PyTree
    sums: Float[Array, "2"]
    drawn: tuple[PyTree, PyTree]
    diverged_at: Int[Array, ""]
    lowest: tuple[PyTree, PyTree]
    highest: tuple[PyTree, PyTree]


def outer_step(
    population: Population,
    rule: Rule,
    k: Int[Array, ""],
    state: State,
    key: Array,
    drawn_step: Int[Array, ""],
) -> State:
    """Step k of one seed, from the tasks that its key draws."""
    each = _drawn(population, rule, k, state, key)
    g_w, g_phi = each.mean(rule.batch)
    moved = (
        jax.tree.map(lambda x, g: x - rule.beta_w * g, state.w, g_w),
        jax.tree.map(lambda x, g: x - rule.beta_phi * g, state.phi, g_phi),
    )
    # `<=` is false for NaN, so one comparison covers both ways to diverge.
    good = (jnp.sqrt(squared_norm(moved)) <= rule.largest_norm) & (state.diverged_at < 0)
    w, phi = _where(good, moved, (state.w, state.phi))
    sums = state.sums + _squares(population, rule, state, each)
    return State(
        w=w,
        phi=phi,
        sums=_where(good, sums, state.sums),
        drawn=_where(k == drawn_step, (state.w, state.phi), state.drawn),
        diverged_at=jnp.where(good | (state.diverged_at >= 0), state.diverged_at, k + 1),
        lowest=jax.tree.map(jnp.minimum, state.lowest, (state.w, state.phi)),
        highest=jax.tree.map(jnp.maximum, state.highest, (state.w, state.phi)),
    )


def _drawn(population: Population, rule: Rule, k: Int[Array, ""], state: State, key: Array) -> Drawn:
    """The gradients of the tasks that a step draws."""
    num_tasks = len(population.tasks)
    if rule.replace and drawn_by_bits(rule.batch, num_tasks):
        counts = task_counts(key, k, rule.batch)
        return population.counted(state.w, state.phi, counts, first_order=rule.first_order)
    indices = task_indices(key, k, rule.batch, num_tasks, replace=rule.replace)
    return population.drawn(state.w, state.phi, indices, first_order=rule.first_order)


def _squares(population: Population, rule: Rule, state: State, each: Drawn) -> Float[Array, "2"]:
    """The squared norms that a step adds to the sums; zeros where they are sampled."""
    if rule.average == "batch":
        return each.pair_means(rule.batch)
    if rule.average == "every":
        return population.squares(state.w, state.phi)
    return jnp.zeros(2)


def _mean(trees: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), trees)


def _over(function: Callable[..., Any], w: PyTree, phi: PyTree, indices: Int[Array, " B"]) -> Any:
    return jax.vmap(lambda index: function(w, phi, index))(indices)


def _where(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    return jax.tree.map(partial(jnp.where, condition), new, old)
