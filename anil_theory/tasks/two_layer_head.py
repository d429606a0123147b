"""A tanh two-layer head on smooth bounded features: nonconvex in the head, constants on a ball.

    o(w, phi; x) = V g(W f(phi; x)),   g(s) = tanh(s)/sqrt(h),   f = tanh(A x)/sqrt(d),
    w = (W (h x d), V (c x h)),   phi = A (d x p),   |x| <= 1;   L_S and L_D are mean cross-entropies.

Bounds on |z| <= R. Let F, f1, f2 bound f and its derivatives as in `softmax_head`, |g| <= 1, and g1, g2, g3 = (1,
4/(3 sqrt(3)), 2)/sqrt(h) its derivatives. |V|, |W| <= R and |V| |W| <= R^2/2, |V| |W|^2 <= c3 R^3, c3 = 2/(3 sqrt(3)),
since |V|^2 + |W|^2 <= R^2. In directions P of V, Q of W and a of phi, with s1 = W Df[a] and s2 = W D^2 f[a, a]:

    o_w       P g + V g'[Q f]                                            hypot(1, R g1 F)
    o_phi     V g'[s1]                                                   R^2/2 g1 f1
    o_ww      2 P g'[Q f] + V g''[Q f, Q f]                              || [[0, g1 F], [g1 F, R g2 F^2]] ||
    o_wphi    P g'[s1] + V g''[Q f, s1] + V g'[Q Df a]                   hypot(R g1 f1, R^2/2 g2 F f1 + R g1 f1)
    o_phiphi  V g''[s1, s1] + V g'[s2]                                   c3 R^3 g2 f1^2 + R^2/2 g1 f2
    o_www     3 P g''[Q f, Q f] + V g'''[Q f, Q f, Q f]                  3 c3 g2 F^2 + R g3 F^3
    o_wwphi   2 P g''[Q f, s1] + 2 P g'[Q Df a]
              + V g'''[Q f, Q f, s1] + 2 V g''[Q f, Q Df a]              || [[0, a], [a, b]] ||,
                  a = R g2 F f1 + g1 f1,  b = R^2/2 g3 F^2 f1 + 2 R g2 F f1
    o_wphiphi P g''[s1, s1] + P g'[s2] + V g'''[Q f, s1, s1]
              + 2 V g''[Q Df a, s1] + V g''[Q f, s2] + V g'[Q D^2 f a a] hypot(R^2 g2 f1^2 + R g1 f2,
                  c3 R^3 g3 F f1^2 + R^2 g2 f1^2 + R^2/2 g2 F f2 + R g1 f2)

A form that is p |P| + q |Q| is at most hypot(p, q) on unit (P, Q), and |P| |Q|^2 <= c3 there; a form that is symmetric
in its directions has its norm on the diagonal. The chain rule of `output_bounds` then gives L, rho, tau and M.

Source: derived for this project (upper bounds, loose: the factors are not large at one and the same point).
"""

import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter, count
from anil_theory.constants import Constants
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.few_shot import BoundedFamily, FewShotTask, cross_entropy, features
from anil_theory.tasks.output_bounds import (
    CROSS_ENTROPY,
    TANH,
    OutputBounds,
    loss_constants,
    spectral_norm,
    tanh_features,
)


def two_layers(w: Array, f: Array, outputs: int) -> tuple[Array, Array]:
    """The matrices W (h x d) and V (c x h) in a flat w. Raises InvalidParameter when w is not h (d + c) numbers."""
    d = f.shape[-1]
    if w.size == 0 or w.size % (d + outputs):
        raise InvalidParameter("w", f"two layers: a positive multiple of d + c = {d} + {outputs} numbers", w.size)
    h = w.size // (d + outputs)
    return w[: h * d].reshape(h, d), w[h * d :].reshape(outputs, h)


def _loss(w: Array, phi: Array, inputs: Array, targets: Array) -> Array:
    f = features(phi, inputs)
    W, V = two_layers(w, f, targets.shape[-1])
    return cross_entropy(jnp.tanh(f @ W.T) @ V.T / W.shape[0] ** 0.5, targets)


def support_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_S: mean cross-entropy on the support set."""
    return _loss(w, phi, task.support_inputs, task.support_targets)


def query_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_D: mean cross-entropy on the query set."""
    return _loss(w, phi, task.query_inputs, task.query_targets)


class TwoLayerHeadFamily(BoundedFamily):
    """Few-shot classification with a tanh two-layer head; constants on the ball |z| <= radius, mu = None.

    classes, inputs, width   c, p and d (features); hidden: h; shots: support (and query) examples per class.

    n_w = h (d + c), n_phi = d p. Raises InvalidParameter for counts below 1 (classes below 2), R <= 0 or inf.
    """

    name: ClassVar[str] = "two-layer-head"

    def __init__(
        self, classes: int = 2, inputs: int = 3, width: int = 2, hidden: int = 2, shots: int = 3, radius: float = 2.0
    ):
        c = count("classes", classes, minimum=2)
        p = count("inputs", inputs)
        d = count("width", width)
        h = count("hidden", hidden)
        super().__init__(p, c, shots, radius, n_w=h * (d + c), n_phi=d * p)
        self.constants = two_layer_constants(d, h, self.radius)

    @classmethod
    def smallest(cls, **options: Any) -> "TwoLayerHeadFamily":
        """The family in the smallest size that it has; options go to the constructor."""
        return cls(classes=2, inputs=1, width=1, hidden=1, shots=1, **options)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` tasks with classes of their own."""
        return self._classification((support_loss, query_loss), key, num_tasks)


def two_layer_constants(
    width: int, hidden: int, radius: float, activation: tuple[float, float, float] = TANH, size: float = 1.0
) -> Constants:
    """The bounds of the module docstring.

    activation   bounds on the first three derivatives of the activation;
    size         a bound on |g|.
    """
    R, (F, f1, f2) = radius, tanh_features(width)
    g1, g2, g3 = (bound / math.sqrt(hidden) for bound in activation)
    half, c3 = R**2 / 2, 2 / (3 * math.sqrt(3))
    o_w, o_phi = math.hypot(size, R * g1 * F), half * g1 * f1
    a, b = R * g2 * F * f1 + g1 * f1, half * g3 * F**2 * f1 + 2 * R * g2 * F * f1
    outer = R**2 * g2 * f1**2 + R * g1 * f2
    inner = c3 * R**3 * g3 * F * f1**2 + R**2 * g2 * f1**2 + half * g2 * F * f2 + R * g1 * f2
    o = OutputBounds(
        w=o_w,
        phi=o_phi,
        ww=spectral_norm(0.0, g1 * F, R * g2 * F**2),
        wphi=math.hypot(R * g1 * f1, half * g2 * F * f1 + R * g1 * f1),
        phiphi=c3 * R**3 * g2 * f1**2 + half * g1 * f2,
        www=3 * c3 * g2 * F**2 + R * g3 * F**3,
        wwphi=spectral_norm(0.0, a, b),
        wphiphi=math.hypot(outer, inner),
        total=math.hypot(o_w, o_phi),
    )
    return loss_constants(CROSS_ENTROPY, o, radius, 0.0, strongly_convex=False)
