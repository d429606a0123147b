"""A ReLU two-layer head: what is trained in practice, and what no constants L, rho and tau exist for.

The formulas of `two_layer_head` with relu for tanh. On the set where no pre-activation of the support set changes its
sign the loss is smooth, with the constants of `piecewise_constants`; automatic differentiation sees these and never
the kinks. Across a kink s_j = 0 the gradient of L_S in row j of W jumps by V_j . (p - e_y) f/(n sqrt(h)), so even A1
fails, and with it A2: difference quotients of the gradient and of D_w^2 L_S grow like 1/distance.

Not a Family: it has no constants to declare. Source: derived for this project.
"""

import math

import jax
from jaxtyping import Array, Float

from anil_theory.constants import Constants
from anil_theory.tasks.few_shot import FewShotTask, cross_entropy, features
from anil_theory.tasks.two_layer_head import two_layer_constants, two_layers


def _loss(w: Array, phi: Array, inputs: Array, targets: Array) -> Array:
    hidden = preactivations(w, phi, inputs, targets.shape[-1])
    _, V = two_layers(w, features(phi, inputs), targets.shape[-1])
    return cross_entropy(jax.nn.relu(hidden) @ V.T / hidden.shape[-1] ** 0.5, targets)


def preactivations(w: Array, phi: Array, inputs: Float[Array, "n p"], outputs: int) -> Float[Array, "n h"]:
    """W f(phi; x) for every input: the kinks are where an entry vanishes."""
    f = features(phi, inputs)
    return f @ two_layers(w, f, outputs)[0].T


def support_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_S: mean cross-entropy on the support set."""
    return _loss(w, phi, task.support_inputs, task.support_targets)


def query_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_D: mean cross-entropy on the query set."""
    return _loss(w, phi, task.query_inputs, task.query_targets)


def piecewise_constants(width: int, hidden: int, radius: float) -> Constants:
    """Upper bounds between kinks in the ball: slopes of at most 1, no curvature, |relu(W f)|/sqrt(h) <= R/sqrt(h).

    Whoever reads L, rho and tau off second and third derivatives declares no more than these.
    """
    return two_layer_constants(width, hidden, radius, activation=(1.0, 0.0, 0.0), size=radius / math.sqrt(hidden))
