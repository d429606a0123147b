"""Ordinary losses in three parameters: what people write with jax.nn, optax and jax.numpy.

Each takes w, phi and data, as every loss of the package does, and serves as both the support and the query loss. Three
parameters are few, and so the heads are the smallest that still use the operation that they are named after.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.loss_zoo_heads import KINKED_HEADS, SMOOTH_HEADS

Loss = Callable[[Any, Any, Any], Any]

DATA = {
    "x": np.array([0.8, -0.5, 1.2]),
    "y": np.array([0.3, -0.7, 0.9]),
    "positive": np.array([0.4, 1.3, 0.7]),
    "counts": np.array([1, 0, 3]),
    "labels": np.array([0, 2, 1]),
    "signs": np.array([1.0, -1.0, 1.0]),
    "mask": np.array([True, False, True]),
    "simplex": np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]]),
    "grid": np.array([[0.5, -0.2, 0.9], [-0.6, 0.4, 0.1], [0.3, 0.8, -0.4]]),
}
"""One task: three examples, targets of several kinds, and a 3 x 3 picture."""


@dataclass(frozen=True)
class ZooLoss:
    """A loss by its name.

    group   the part of the table;
    n_w     how many of the three parameters are adapted: the others are phi;
    smooth  whether it is twice continuously differentiable with a Lipschitz second derivative on the unit box.
    """

    name: str
    group: str
    loss: Loss
    n_w: int = 2
    smooth: bool = True


def activation(function: Callable[[Any], Any]) -> Loss:
    """Squares of w_0 a(phi x) + w_1 against the targets, regularised."""

    def loss(w: Any, phi: Any, data: Any) -> Any:
        prediction = w[0] * function(phi[0] * data["x"]) + w[1]
        return 0.5 * jnp.mean((prediction - data["y"]) ** 2) + 0.05 * w @ w

    return loss


def regression(criterion: Callable[[Any, Any], Any]) -> Loss:
    """A criterion of (prediction, target) with the linear prediction w_0 phi x + w_1."""
    return lambda w, phi, data: jnp.mean(criterion(w[0] * phi[0] * data["x"] + w[1], data["y"])) + 0.05 * w @ w


def logits(w: Any, phi: Any, data: Any) -> Any:
    """Three classes for each of three examples, from two weights and a feature."""
    feature = jnp.tanh(phi[0] * data["x"])
    return jnp.stack([w[0] * feature, w[1] * feature, jnp.zeros(3)], axis=1)


def classification(criterion: Callable[[Any, Any], Any]) -> Loss:
    """A criterion of (logits, data)."""
    return lambda w, phi, data: jnp.mean(criterion(logits(w, phi, data), data)) + 0.05 * w @ w


def binary(criterion: Callable[[Any, Any], Any]) -> Loss:
    """A criterion of (score, sign) with the score w_0 tanh(phi x) + w_1."""

    def loss(w: Any, phi: Any, data: Any) -> Any:
        score = w[0] * jnp.tanh(phi[0] * data["x"]) + w[1]
        return jnp.mean(criterion(score, data["signs"])) + 0.05 * w @ w

    return loss


ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "relu": (jax.nn.relu, False),
    "leaky_relu": (jax.nn.leaky_relu, False),
    "hard_sigmoid": (jax.nn.hard_sigmoid, False),
    "hard_tanh": (jax.nn.hard_tanh, False),
    "elu": (jax.nn.elu, False),
    "selu": (jax.nn.selu, False),
    "soft_sign": (jax.nn.soft_sign, False),
    "sparse_plus": (jax.nn.sparse_plus, False),
    "identity": (jax.nn.identity, True),
    "sigmoid": (jax.nn.sigmoid, True),
    "log_sigmoid": (jax.nn.log_sigmoid, True),
    "tanh": (jax.nn.tanh, True),
    "softplus": (jax.nn.softplus, True),
    "silu": (jax.nn.silu, True),
    "gelu, by tanh": (jax.nn.gelu, True),
    "gelu, exact": (lambda t: jax.nn.gelu(t, approximate=False), True),
    "mish": (jax.nn.mish, True),
    "squareplus": (jax.nn.squareplus, True),
    "softmax": (jax.nn.softmax, True),
    "log_softmax": (jax.nn.log_softmax, True),
    "standardize": (lambda t: jax.nn.standardize(t, epsilon=0.5), True),
    "glu": (lambda t: jnp.repeat(jax.nn.glu(jnp.concatenate([t, t[:1]])), 2)[:3], True),
}  # fmt: skip


def _ntxent(w: Any, phi: Any, data: Any) -> Any:
    first, second = w[0] * data["x"] + 2.0, w[1] * data["y"] + 2.0
    third, fourth = phi[0] * data["y"] + 1.5, data["positive"]
    return optax.ntxent(jnp.stack([first, second, third, fourth]), jnp.array([0, 0, 1, 1]), temperature=1.0)


def _ctc(w: Any, phi: Any, data: Any) -> Any:
    sequence = logits(w, phi, data)[None]
    return optax.ctc_loss(sequence, jnp.zeros((1, 3)), jnp.array([[1]]), jnp.zeros((1, 1))).mean()


def _triplet(w: Any, phi: Any, data: Any) -> Any:
    return optax.losses.triplet_margin_loss(w[0] * data["x"], phi[0] * data["y"], w[1] * data["positive"])


OPTAX: dict[str, tuple[Loss, bool]] = {
    "squared_error": (regression(optax.squared_error), True),
    "huber_loss": (regression(optax.huber_loss), False),
    "log_cosh": (regression(optax.log_cosh), True),
    "softmax_cross_entropy": (classification(lambda z, d: optax.softmax_cross_entropy(z, d["simplex"])), True),
    "softmax_cross_entropy_with_integer_labels": (
        classification(lambda z, d: optax.softmax_cross_entropy_with_integer_labels(z, d["labels"])),
        True,
    ),
    "safe_softmax_cross_entropy": (
        classification(lambda z, d: optax.safe_softmax_cross_entropy(z, d["simplex"])),
        True,
    ),
    "smooth_labels": (
        classification(
            lambda z, d: optax.softmax_cross_entropy(z, optax.smooth_labels(jax.nn.one_hot(d["labels"], 3), 0.1))
        ),
        True,
    ),
    "poly_loss_cross_entropy": (
        classification(lambda z, d: optax.losses.poly_loss_cross_entropy(z, d["simplex"])),
        True,
    ),
    "kl_divergence": (classification(lambda z, d: optax.kl_divergence(jax.nn.log_softmax(z), d["simplex"])), True),
    "ranking_softmax_loss": (
        lambda w, phi, data: (
            optax.losses.ranking_softmax_loss(w[0] * jnp.tanh(phi[0] * data["x"]) + w[1] * data["y"], data["positive"])
        ),
        True,
    ),
    "sigmoid_binary_cross_entropy": (binary(lambda s, t: optax.sigmoid_binary_cross_entropy(s, (t + 1) / 2)), True),
    "sigmoid_focal_loss": (binary(lambda s, t: optax.sigmoid_focal_loss(s, (t + 1) / 2)), True),
    "hinge_loss": (binary(optax.hinge_loss), False),
    "sparsemax_loss": (binary(lambda s, t: optax.losses.sparsemax_loss(s, (t + 1) / 2)), False),
    "dice_loss": (binary(lambda s, t: optax.losses.binary_dice_loss(s[None, :], (t[None, :] + 1) / 2)), True),
    "cosine_distance": (
        lambda w, phi, data: optax.cosine_distance(jnp.concatenate([w, phi]) + 2.0, data["positive"]) + 0.05 * w @ w,
        True,
    ),
    "ntxent": (_ntxent, True),
    "triplet_margin_loss": (_triplet, False),
    "ctc_loss": (_ctc, True),
}  # fmt: skip


def _named(function: Loss) -> str:
    return function.__name__.replace("_", " ")  # type: ignore[attr-defined]


ZOO: tuple[ZooLoss, ...] = (
    *(ZooLoss(name, "jax.nn", activation(a), smooth=smooth) for name, (a, smooth) in ACTIVATIONS.items()),
    *(ZooLoss(name, "optax", loss, smooth=smooth) for name, (loss, smooth) in OPTAX.items()),
    *(ZooLoss(_named(loss), "heads", loss) for loss in SMOOTH_HEADS),
    *(ZooLoss(_named(loss), "heads", loss, smooth=False) for loss in KINKED_HEADS),
)
"""All of them; names are unique."""
