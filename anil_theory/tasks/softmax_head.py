"""An L2-regularised softmax head on smooth bounded features: strongly convex in the head, constants on a ball.

    o(w, phi; x) = W f(phi; x),   f = tanh(A x)/sqrt(d),   w = W (c x d),   phi = A (d x p),   |x| <= 1,
    L_S = mean cross-entropy + (lambda/2) |w|^2,    L_D = mean cross-entropy.

Bounds on |z| <= R. Let F = 1, f1 = 1/sqrt(d), f2 = 4/(3 sqrt(3 d)) bound |f|, |Df|, |D^2 f| (`output_bounds`), and
|W| <= R. In directions P of W and a of phi the derivatives of o are P f, W Df[a]; P Df[a], W D^2 f[a, a]; and
P D^2 f[a, a]; the others vanish:

    o_w = F,  o_phi = R f1,  o_ww = 0,  o_wphi = f1,  o_phiphi = R f2,  o_www = o_wwphi = 0,  o_wphiphi = f2,

and |Do| <= hypot(F, R f1). The chain rule of `output_bounds` with the derivatives of cross-entropy gives L, rho, tau
and M; mu = lambda because cross-entropy is convex in W. mu is the only one that holds on the whole space with L_S; M
and L hold nowhere but on bounded sets, since o_phi grows with |W|.

Source: derived for this project (upper bounds: on tasks of the default family an audit found 0.35 of M, 0.2 of L and
0.12 of rho and tau, since no point makes all factors large at once).
"""

import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import count, positive
from anil_theory.constants import Constants
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.few_shot import BoundedFamily, FewShotTask, cross_entropy, features
from anil_theory.tasks.output_bounds import CROSS_ENTROPY, OutputBounds, loss_constants, tanh_features


def _logits(w: Array, phi: Array, inputs: Array) -> Array:
    f = features(phi, inputs)
    return f @ w.reshape(-1, f.shape[-1]).T


def support_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_S: mean cross-entropy on the support set + (lambda/2) |w|^2."""
    fit = cross_entropy(_logits(w, phi, task.support_inputs), task.support_targets)
    return fit + task.regularisation / 2 * jnp.sum(w * w)


def query_loss(w: Float[Array, " n_w"], phi: Float[Array, " n_phi"], task: FewShotTask) -> Float[Array, ""]:
    """L_D: mean cross-entropy on the query set."""
    return cross_entropy(_logits(w, phi, task.query_inputs), task.query_targets)


class SoftmaxHeadFamily(BoundedFamily):
    """Few-shot classification with a regularised softmax head; constants on the ball |z| <= radius.

    classes, inputs   c and p;
    width             d, the number of features;
    shots             support (and query) examples per class;
    regularisation    lambda = mu > 0;
    radius            R, finite.

    n_w = c d, n_phi = d p. Raises InvalidParameter for counts below 1 (classes below 2), lambda <= 0, R <= 0 or inf.
    """

    name: ClassVar[str] = "softmax-head"

    def __init__(
        self,
        classes: int = 3,
        inputs: int = 3,
        width: int = 2,
        shots: int = 3,
        regularisation: float = 0.1,
        radius: float = 3.0,
    ):
        c = count("classes", classes, minimum=2)
        p = count("inputs", inputs)
        d = count("width", width)
        super().__init__(p, c, shots, radius, n_w=c * d, n_phi=d * p)
        self.regularisation = positive("regularisation", regularisation)
        self.constants = softmax_constants(d, self.regularisation, self.radius)

    @classmethod
    def smallest(cls, **options: Any) -> "SoftmaxHeadFamily":
        """The family in the smallest size that it has; options go to the constructor."""
        return cls(classes=2, inputs=1, width=1, shots=1, **options)

    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` tasks with classes of their own."""
        return self._classification((support_loss, query_loss), key, num_tasks)


def softmax_constants(width: int, regularisation: float, radius: float) -> Constants:
    """The bounds of the module docstring."""
    f = tanh_features(width)
    o = OutputBounds(
        w=f.size,
        phi=radius * f.first,
        ww=0.0,
        wphi=f.first,
        phiphi=radius * f.second,
        www=0.0,
        wwphi=0.0,
        wphiphi=f.second,
        total=math.hypot(f.size, radius * f.first),
    )
    return loss_constants(CROSS_ENTROPY, o, radius, regularisation, strongly_convex=True)
