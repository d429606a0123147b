"""What a run evaluates: derivative oracles counted while they execute, and the cost that the compiler reports.

Counting is by execution. `counted_losses` wraps L_S and L_D so that each evaluation of a derivative oracle passes its
result through a callback to a counter on the host; the program under test is the one that the outer loop runs, and
what XLA removes as unused is not counted. Four oracles of the paper's Table 2, per task and point:

gradient_w, gradient_phi   D_w and D_phi of either loss;
second_w                   one product with D_w^2 L_S;
second_mixed               one product with D_phi D_w L_S (or its transpose).

A product with a direction that is exactly zero is no evaluation (the backward recursion asks for one along (v, 0)).
Evaluations of loss values are not counted: the theory does not charge for them, and gradients do not need them.
Source of the numbers to compare with: the paper, Table 2, and the complexity paragraphs after Theorems 1 and 2.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from anil_theory._admissible import one_of
from anil_theory.algorithm._inner_loop import admit_loss, inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, Losses, TaskSet

COUNTED_METHODS = ("recursion", "autodiff")
"""The dense product formula builds matrices and not products; its oracle calls are not comparable."""


@dataclass(frozen=True)
class OracleCounts:
    """Evaluations of each oracle, summed over tasks and steps."""

    gradient_w: int
    gradient_phi: int
    second_w: int
    second_mixed: int

    def times(self, factor: int) -> "OracleCounts":
        """The counts of `factor` equal steps."""
        return OracleCounts(*(factor * number for number in astuple(self)))

    @property
    def gradients(self) -> int:
        """Gradient evaluations of either block."""
        return self.gradient_w + self.gradient_phi

    @property
    def second_order(self) -> int:
        """Second-order products of either kind."""
        return self.second_w + self.second_mixed

    def gradient_entries(self, n_w: int, n_phi: int) -> int:
        """Numbers in the gradients evaluated."""
        return self.gradient_w * n_w + self.gradient_phi * n_phi

    def second_entries(self, n_w: int, n_phi: int) -> int:
        """Entries of the matrices that the products are taken with."""
        return self.second_w * n_w**2 + self.second_mixed * n_w * n_phi


class _Tally:
    """How often each oracle was evaluated, counted on the host."""

    def __init__(self) -> None:
        self.counts = {"gradient_w": 0, "gradient_phi": 0, "second_w": 0, "second_mixed": 0, "second_phi": 0}

    def mark(self, oracle: str, tree: PyTree, *, directions: bool = False) -> PyTree:
        """`tree`, unchanged, through a callback that counts one evaluation per batch row (nonzero, for directions)."""
        flat, unravel = ravel_pytree(tree)
        if flat.size == 0:
            return tree

        def count(x: Any) -> np.ndarray:
            rows = np.asarray(x).reshape(-1, flat.size)
            self.counts[oracle] += int(np.any(rows != 0, axis=1).sum()) if directions else len(rows)
            return np.asarray(x)

        shape = jax.ShapeDtypeStruct(flat.shape, flat.dtype)
        return unravel(jax.pure_callback(count, shape, flat, vmap_method="expand_dims"))


def _is_zero(tree: PyTree) -> bool:
    return all(isinstance(leaf, SymbolicZero) for leaf in jax.tree.leaves(tree, is_leaf=_symbolic))


def _symbolic(leaf: object) -> bool:
    return isinstance(leaf, SymbolicZero)


def _dense(tree: PyTree) -> PyTree:
    return jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype) if _symbolic(leaf) else leaf, tree, is_leaf=_symbolic
    )


def _inner(a: PyTree, b: PyTree) -> Array:
    return sum((jnp.sum(x * y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)), jnp.zeros(()))


def _counted_gradient(loss: Loss, block: str, tally: _Tally, mark_directions: bool) -> Callable[..., PyTree]:
    """The gradient of `loss` in one block, counted; so is each product with its Jacobian in w and in phi."""
    raw = jax.grad(loss, argnums=0 if block == "w" else 1)
    names = {"w": ("second_w", "second_mixed"), "phi": ("second_mixed", "second_phi")}[block]

    @jax.custom_jvp
    def gradient(w: PyTree, phi: PyTree, data: PyTree) -> PyTree:
        return tally.mark(f"gradient_{block}", raw(w, phi, data))

    def rule(primals: tuple[PyTree, PyTree, PyTree], tangents: tuple[PyTree, PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        w, phi, data = primals
        value = gradient(w, phi, data)
        total = jax.tree.map(jnp.zeros_like, value)
        for position, name in enumerate(names):
            direction = tangents[position]
            if _is_zero(direction):
                continue
            direction, point = _dense(direction), (w, phi)
            if mark_directions:
                direction = tally.mark(name, direction, directions=True)
            else:  # under reverse mode a direction is not there to look at; the point is, once per product
                point = tally.mark(name, point)

            def along(moving: PyTree, position: int = position, point: tuple[PyTree, PyTree] = point) -> PyTree:
                return raw(moving, point[1], data) if position == 0 else raw(point[0], moving, data)

            total = jax.tree.map(jnp.add, total, jax.jvp(along, (point[position],), (direction,))[1])
        return value, total

    gradient.defjvp(rule, symbolic_zeros=True)
    return gradient


def _counted_loss(loss: Loss, tally: _Tally, mark_directions: bool) -> Loss:
    gradient_w = _counted_gradient(loss, "w", tally, mark_directions)
    gradient_phi = _counted_gradient(loss, "phi", tally, mark_directions)

    @jax.custom_jvp
    def counted(w: PyTree, phi: PyTree, data: PyTree) -> Array:
        return loss(w, phi, data)

    def rule(primals: tuple[PyTree, PyTree, PyTree], tangents: tuple[PyTree, PyTree, PyTree]) -> tuple[Array, Array]:
        slope = jnp.zeros(())
        for gradient, direction in zip((gradient_w, gradient_phi), tangents[:2], strict=True):
            if not _is_zero(direction):
                slope = slope + _inner(gradient(*primals), _dense(direction))
        return loss(*primals), slope

    counted.defjvp(rule, symbolic_zeros=True)
    return counted


def count_outer_step(
    tasks: TaskSet, schedule: Schedule, w: PyTree, phi: PyTree, *, method: str = "recursion"
) -> OracleCounts:
    """Run the meta-gradients of one batch of B tasks (compiled, vmapped) and count what was evaluated.

    An outer step evaluates the same oracles wherever it is, so K steps are `.times(K)`. Tasks of the batch are the
    first B, repeated cyclically. Raises InvalidParameter for the dense method "product".
    """
    one_of("method", method, COUNTED_METHODS)
    tally = _Tally()
    names, one_task = ("support", "query"), tasks.task(0)
    admitted = (admit_loss(name, loss, w, phi, one_task) for name, loss in zip(names, tasks.losses, strict=True))
    losses = Losses(*(_counted_loss(loss, tally, method == "recursion") for loss in admitted))
    data = tasks.take(jnp.arange(schedule.batch) % len(tasks)).data
    loop = UnrolledLoop(schedule.alpha, schedule.inner_steps)

    def one(w: PyTree, phi: PyTree, data: PyTree) -> PyTree:
        return tuple(meta_gradient(losses, w, phi, data, loop, method=method))

    run = jax.jit(jax.vmap(one, in_axes=(None, None, 0)))
    jax.block_until_ready(run(w, phi, data))
    return OracleCounts(**{name: tally.counts[name] for name in OracleCounts.__dataclass_fields__})


@dataclass(frozen=True)
class CompilerCost:
    """What XLA reports for one meta-gradient of one task: floating point operations, bytes accessed."""

    flops: float
    bytes: float


def xla_cost(tasks: TaskSet, w: PyTree, phi: PyTree, *, alpha: float, inner_steps: int) -> CompilerCost:
    """FLOPs and bytes of one reverse-mode meta-gradient, its N inner steps unrolled.

    XLA's analysis counts the body of a loop once, whatever its trip count, so the scan of `inner_loop` would show
    the cost of one step at every N. Here each inner step is an `inner_loop` of one step, which XLA inlines; the
    program compiled has no loop, and compiling takes time in proportion to N. Transcendental functions are reported
    apart by XLA and not part of `flops`; losses whose own code has loops are undercounted.
    """

    one_step = UnrolledLoop(alpha, 1)

    def adapted_loss(w: PyTree, phi: PyTree, data: PyTree) -> Array:
        for _ in range(inner_steps):
            w = inner_loop(tasks.support, w, phi, data, one_step).final
        return tasks.query(w, phi, data)

    compiled = jax.jit(jax.grad(adapted_loss, argnums=(0, 1))).lower(w, phi, tasks.task(0)).compile()
    cost = compiled.cost_analysis() or {}
    return CompilerCost(float(cost.get("flops", 0.0)), float(cost.get("bytes accessed", 0.0)))


def as_maml(tasks: TaskSet, w: PyTree, phi: PyTree) -> tuple[TaskSet, PyTree, PyTree]:
    """The same tasks with everything adapted: w' = (w, phi), phi' = (); the population and the start.

    One function object per pair of losses would compile once; call this once per population and keep the result.
    """

    def whole(loss: Loss) -> Loss:
        def joint(z: tuple[PyTree, PyTree], empty: PyTree, data: PyTree) -> Array:
            return loss(z[0], z[1], data)

        return joint

    return TaskSet(whole(tasks.support), whole(tasks.query), tasks.data), (w, phi), ()
