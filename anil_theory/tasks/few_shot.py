"""Small few-shot tasks with bounded inputs, and what families with constants on a ball share."""

from functools import partial
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory.tasks.base import Family, Loss, TaskSet, check_num_tasks


class FewShotTask(NamedTuple):
    """Examples of one task: inputs of norm at most 1, and targets (one-hot labels, or numbers in [-1, 1])."""

    support_inputs: Float[Array, "*T n_s p"]
    support_targets: Float[Array, "*T n_s c"]
    query_inputs: Float[Array, "*T n_q p"]
    query_targets: Float[Array, "*T n_q c"]
    regularisation: Float[Array, "*T"]


class BoundedFamily(Family):
    """Few-shot tasks whose constants hold on the ball |z| <= radius about the origin.

    inputs, outputs   dimensions p and c of inputs and targets;
    shots             examples per class (or per output) in the support set; the query set has as many;
    radius            of the ball, finite.

    `points` are normal with a typical norm of half the radius; some lie outside, and searches project them.
    """

    on_ball: ClassVar[bool] = True

    def __init__(self, inputs: int, outputs: int, shots: int, radius: float, n_w: int, n_phi: int):
        self.inputs, self.outputs = count("inputs", inputs), count("outputs", outputs)
        self.shots = count("shots", shots)
        self.radius = positive("radius", radius)
        self.n_w, self.n_phi = n_w, n_phi
        self.length_scale = self.radius / (8 * (n_w + n_phi) ** 0.5)
        self.regularisation = 0.0

    def query_infimum(self, data: FewShotTask) -> Array:
        """0: cross-entropy and squared errors are not negative."""
        return jnp.zeros(data.query_inputs.shape[:-2])

    @property
    def _sizes(self) -> dict[str, int]:
        return {"inputs": self.inputs, "outputs": self.outputs, "shots": self.shots}

    @property
    def _numbers(self) -> int:
        """How many numbers the inputs of one task are: both sets, every class."""
        return 2 * self.outputs * self.shots * self.inputs

    def _classification(self, losses: tuple[Loss, Loss], key: Array, num_tasks: int) -> TaskSet:
        """Classes are Gaussian clouds about random centres, cut to the unit ball."""
        T = check_num_tasks(num_tasks, self._numbers, self._sizes)
        inputs, targets = _clouds(key, T, self.outputs, self.shots, self.inputs)
        task = FewShotTask(inputs[0], targets, inputs[1], targets, jnp.full(T, self.regularisation))
        return TaskSet(*losses, task)

    def _regression(self, losses: tuple[Loss, Loss], key: Array, num_tasks: int) -> TaskSet:
        """Targets are linear in the input, with a teacher of norm 1 per task: numbers in [-1, 1]."""
        T = check_num_tasks(num_tasks, self._numbers, self._sizes)
        inputs, targets = _teachers(key, T, self.shots, self.inputs)
        task = FewShotTask(inputs[0], targets[0], inputs[1], targets[1], jnp.full(T, self.regularisation))
        return TaskSet(*losses, task)


@partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _clouds(key: Array, T: int, classes: int, shots: int, p: int) -> tuple[Array, Array]:
    """Inputs (2, T, n, p) of the support and query sets, and one-hot labels (T, n, c)."""
    labels = jnp.tile(jnp.arange(classes), shots)
    normal = jax.random.normal(key, (T, classes * (1 + 2 * shots), p)) / p**0.5
    noise = 0.5 * normal[:, classes:].reshape(T, 2, classes * shots, p)
    inputs = _into_unit_ball(normal[:, None, labels] + noise)
    return jnp.swapaxes(inputs, 0, 1), jnp.broadcast_to(jnp.eye(classes)[labels], (T, labels.size, classes))


@partial(jax.jit, static_argnums=(1, 2, 3))
def _teachers(key: Array, T: int, shots: int, p: int) -> tuple[Array, Array]:
    """Inputs (2, T, n, p) of the support and query sets, and their targets (2, T, n, 1)."""
    normal = jax.random.normal(key, (T, 1 + 2 * shots, p))
    teacher = normal[:, 0] / jnp.linalg.norm(normal[:, 0], axis=-1, keepdims=True)
    inputs = jnp.swapaxes(_into_unit_ball(normal[:, 1:]).reshape(T, 2, shots, p), 0, 1)
    return inputs, jnp.einsum("stnp,tp->stn", inputs, teacher)[..., None]


def _into_unit_ball(x: Array) -> Array:
    # A hair below 1, so that the norm is at most 1 after rounding too.
    return x / jnp.maximum(1 + 1e-12, jnp.linalg.norm(x, axis=-1, keepdims=True) * (1 + 1e-12))


@jax.custom_jvp
def _probabilities(logits: Array) -> Array:
    """softmax, as 1/sum_k exp(o_k - o_j)."""
    return 1 / jnp.sum(jnp.exp(logits[..., None, :] - logits[..., :, None]), axis=-1)


@jax.custom_jvp
def _log_partition(logits: Array) -> Array:
    return jax.nn.logsumexp(logits, axis=-1)


# Derivatives as polynomials in probabilities: enclosed over a box every factor then stays in [0, 1], whereas the
# quotients of exponentials that differentiation would make lose all bounds.
@_probabilities.defjvp
def _move_probabilities(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    p, t = _probabilities(*primals), tangents[0]
    return p, p * (t - jnp.sum(p * t, axis=-1, keepdims=True))


_log_partition.defjvps(lambda t, _, logits: jnp.sum(_probabilities(logits) * t, axis=-1))


def cross_entropy(logits: Float[Array, "n c"], targets: Float[Array, "n c"]) -> Float[Array, ""]:
    """Mean over examples of log sum exp(o) - o_y."""
    return jnp.mean(_log_partition(logits) - jnp.sum(targets * logits, axis=-1))


def features(phi: Float[Array, " n_phi"], inputs: Float[Array, "n p"]) -> Float[Array, "n d"]:
    """tanh(A x)/sqrt(d) for every input; phi = A (d x p), row by row. Norm at most 1."""
    p = inputs.shape[-1]
    if phi.size == 0 or phi.size % p:
        raise InvalidParameter("phi", f"a matrix with {p} columns, row by row (a positive multiple of {p})", phi.size)
    A = phi.reshape(-1, p)
    return jnp.tanh(inputs @ A.T) / A.shape[0] ** 0.5
