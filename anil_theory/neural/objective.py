"""The meta objective of a network on episodes, and its gradient: `algorithm.meta_gradient` on features, one VJP behind.

With h = body(phi, images), L_D(w_N(w, h), h) is a function of (w, h) whose gradient (g_w, g_h) is Proposition 1 with
h in the place of phi; the chain rule gives g_phi = (D_phi h)^T g_h, one backward pass of the body whatever N is. A cut
without a body (MAML) has images as data and the same losses: the general path.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from anil_theory.algorithm._inner_loop import inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.neural.split import Pair, SplitModel
from anil_theory.tasks.base import Losses


class Gauge(NamedTuple):
    """Two scalars (1, 0) in the query loss `scale L_D + probe accuracy`.

    The derivatives of L_D(w_N) in them are the loss and the accuracy at w_N, so the backward pass that gives the
    meta-gradient reads both off, without a second inner loop.
    """

    scale: Array
    probe: Array


def unit_gauge(dtype: Any) -> Gauge:
    """The gauge at which the query loss is the query loss."""
    return Gauge(jnp.ones((), dtype), jnp.zeros((), dtype))


class Shared(NamedTuple):
    """What the losses take as phi: parameters of the head that are not adapted, features (None without a body)."""

    phi_head: PyTree
    features: Pair | None
    gauge: Gauge


class TaskData(NamedTuple):
    """What the losses take as data: one-hot labels, and images where there is no body."""

    labels: Pair
    images: Pair | None


class MetaSum(NamedTuple):
    """Sums over tasks: meta-gradients of both blocks, query loss and query accuracy at w_N."""

    w: PyTree
    phi: PyTree
    loss: Array
    accuracy: Array


@dataclass(frozen=True)
class Objective:
    """Inner loss: cross-entropy + (l2/2)||w||^2 on the support; outer loss: cross-entropy on the query.

    Static: model, ways, l2, and inner_steps, the length of the compiled inner loop. How many of its steps are taken
    is the argument `active` of each method (a traced integer in 0..inner_steps): one compilation serves every N.
    """

    model: SplitModel
    ways: int
    l2: float
    inner_steps: int
    method: str = "recursion"
    first_order: bool = False

    @property
    def losses(self) -> Losses:
        """(L_S, L_D) of one task, with the signature of the package: loss(w, Shared, TaskData)."""

        def logits(w: PyTree, shared: Shared, data: TaskData, part: str) -> Array:
            features = data.images if shared.features is None else shared.features
            assert features is not None
            return self.model.head(w, shared.phi_head, features, part)

        def support(w: PyTree, shared: Shared, data: TaskData) -> Array:
            return cross_entropy(logits(w, shared, data, "support"), data.labels.support) + self.penalty(w)

        def query(w: PyTree, shared: Shared, data: TaskData) -> Array:
            scores = logits(w, shared, data, "query")
            gauge = shared.gauge
            value = cross_entropy(scores, data.labels.query)
            return gauge.scale * value + gauge.probe * hits(jax.lax.stop_gradient(scores), data.labels.query)

        return Losses(support, query)

    def penalty(self, w: PyTree) -> Any:
        """(l2/2)||w||^2; the number 0.0, which has no type of its own, without it."""
        return self.l2 / 2 * sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(w)) if self.l2 else 0.0

    def prepare(self, episodes: Any, dtype: Any) -> tuple[Pair, Pair]:
        """Images in [0, 1] and one-hot labels of a batch of episodes, in `dtype`; uint8 until here."""
        images = Pair(_unit(episodes.support_images, dtype), _unit(episodes.query_images, dtype))
        marks = (episodes.support_labels, episodes.query_labels)
        labels = Pair(*(jax.nn.one_hot(y, self.ways, dtype=dtype) for y in marks))
        return images, labels

    def meta_sum(self, w: PyTree, phi: PyTree, episodes: Any, alpha: PyTree, active: Array) -> MetaSum:
        """Sums over the episodes (leading axis: tasks) of meta-gradients, losses and accuracies.

        One forward and one backward pass of the body over all tasks of the batch, their weight gradients summed in
        the convolution itself; the inner loops are vmapped over tasks and see features only.
        """
        phi_body, phi_head = self.model.split_body(phi)
        dtype = jax.tree.leaves(w)[0].dtype
        images, labels = self.prepare(episodes, dtype)
        gauge = unit_gauge(dtype)
        loop = UnrolledLoop(alpha, self.inner_steps, active, self.first_order)

        def one(features: Pair | None, data: TaskData) -> Any:
            shared = Shared(phi_head, features, gauge)
            return meta_gradient(self.losses, w, shared, data, loop, method=self.method)

        if self.model.first == 0:
            each = map_tasks(partial(one, None), TaskData(labels, images))
            body = jax.tree.map(jnp.zeros_like, phi_body)
        else:
            features, pull = jax.vjp(lambda p: map_tasks(partial(self.model.body, p), images), phi_body)
            each = map_tasks(one, features, TaskData(labels, None))
            (body,) = pull(each.phi.features)
        g_w, g_head, read = jax.tree.map(
            lambda leaf: jnp.sum(leaf, axis=0), (each.w, each.phi.phi_head, each.phi.gauge)
        )
        return MetaSum(g_w, eqx.combine(body, g_head), read.scale, read.probe)

    def evaluate(self, w: PyTree, phi: PyTree, episodes: Any, alpha: PyTree, active: Array) -> tuple[Array, Array]:
        """Query loss and accuracy at w_N of each episode, two arrays (tasks,)."""
        phi_body, phi_head = self.model.split_body(phi)
        dtype = jax.tree.leaves(w)[0].dtype
        images, labels = self.prepare(episodes, dtype)
        bodied = self.model.first > 0
        features = map_tasks(partial(self.model.body, phi_body), images) if bodied else images
        loop = UnrolledLoop(alpha, self.inner_steps, active)

        def one(features: Pair, labels: Pair) -> tuple[Array, Array]:
            shared = Shared(phi_head, features, unit_gauge(dtype))
            data = TaskData(labels, None)
            adapted = inner_loop(self.losses.support, w, shared, data, loop).final
            scores = self.model.head(adapted, phi_head, features, "query")
            return cross_entropy(scores, labels.query), hits(scores, labels.query)

        return map_tasks(one, features, labels)


def map_tasks(function: Callable[..., Any], *trees: Any) -> Any:
    """`function` of every task, over the leading axis of the trees: `vmap`, and for one task a plain call.

    A batch axis of length 1 turns matrix products into batched ones, which XLA's CPU runs at half the speed.
    """
    if len(jax.tree.leaves(trees)[0]) > 1:
        return jax.vmap(function)(*trees)
    only = jax.tree.map(lambda leaf: leaf[0], trees)
    return jax.tree.map(lambda leaf: leaf[None], function(*only))


def general_losses(objective: Objective) -> Losses:
    """The same two losses with the body inside: loss(w, phi, (images, labels)), one task. A reference for the tests.

    Nothing tells this form that features do not change in the inner loop.
    """
    model = objective.model

    def logits(w: PyTree, phi: PyTree, images: Pair, part: str) -> Array:
        phi_body, phi_head = model.split_body(phi)
        return model.head(w, phi_head, model.body(phi_body, images), part)

    def support(w: PyTree, phi: PyTree, data: tuple[Pair, Pair]) -> Array:
        return cross_entropy(logits(w, phi, data[0], "support"), data[1].support) + objective.penalty(w)

    def query(w: PyTree, phi: PyTree, data: tuple[Pair, Pair]) -> Array:
        return cross_entropy(logits(w, phi, data[0], "query"), data[1].query)

    return Losses(support, query)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Mean cross-entropy of logits (n, ways) and one-hot labels (n, ways)."""
    picked = jnp.sum(logits * labels, axis=-1)
    return jnp.mean(jax.nn.logsumexp(logits, axis=-1) - picked)


def hits(logits: Array, labels: Array) -> Array:
    """The share of examples whose largest logit is at the label."""
    return jnp.mean((jnp.argmax(logits, axis=-1) == jnp.argmax(labels, axis=-1)).astype(logits.dtype))


def _unit(images: Array, dtype: Any) -> Array:
    if images.dtype == jnp.uint8:
        return images.astype(dtype) / jnp.asarray(255, dtype)
    return images.astype(dtype)
