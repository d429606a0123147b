"""Algorithm 1: plain SGD on the meta-objective with i.i.d. batches of tasks, many seeds at once.

    z_{k+1} = z_k - (beta_w mean_i g_w^i(z_k), beta_phi mean_i g_phi^i(z_k)),   i_1..i_B i.i.d. uniform over T tasks

The population is finite, so L_meta and its gradient are exact at every recorded iterate. The theorems average the
squared block norms over *all* steps k = 0..K-1; three ways to get that average, all unbiased:

batch    at every step, from the batch that the step uses anyway: (||sum_i g_i||^2 - sum_i ||g_i||^2)/(B (B - 1)), the
         mean over pairs of different draws of <g_i, g_j>. Given z_k its expectation is ||D L_meta(z_k)||^2 because
         draws are independent. No extra evaluation; needs B >= 2; noise appears in the error over seeds, and one
         seed's average can be negative. The default for B >= 2.
every    the exact population gradient at every step: (T + B)/B times the work, no noise beyond the path itself.
sampled  the exact norms at one step drawn uniformly in each of `records` strata of 0..K-1. The steps are shared by the
         seeds, so the error of thinning does not show in the spread over seeds; it is reported apart
         (`OuterRun.thinning_stderr`). The default for B = 1.

Divergence is a status. A seed whose next iterate is not finite, or has a norm above `limit` times the run's own length,
stays at its last good iterate from there on. That length is the larger of ||z_0|| and of the longest way max_i
||w_N^i - w_0|| that the inner loop of a task goes from z_0. It has the unit of z, so that parameters in another unit
give the same status; where it is 0, only what is not finite counts. Source: Algorithm 1 of the paper.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._admissible import ConflictingArguments, InvalidParameter, count, one_of, positive
from anil_theory._memory import FLOAT64, require_memory
from anil_theory._precision import require_float64
from anil_theory.algorithm.inner_loop import inner_loop
from anil_theory.algorithm.meta_gradient import METHODS, meta_gradient
from anil_theory.algorithm.outer_run import AVERAGES, OuterRun, assemble_run
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet
from anil_theory.tasks.separable_frame import Frames

DIVERGENCE_LIMIT = 1e8
"""In units of the run's own length. A run that starts this many times closer to a stationary point of every task than
it ends would be called diverged: then pass a larger limit."""


MOST_OUTER_STEPS = 2**53
"""Steps are drawn and recorded by their numbers, which float64 holds up to here."""


class _Static(NamedTuple):
    """What a compilation depends on besides shapes."""

    support: Loss
    query: Loss
    batch: int
    average: str
    method: str


class _Traced(NamedTuple):
    """What one compilation serves for every value of."""

    loop: UnrolledLoop
    beta_w: Array
    beta_phi: Array
    limit: Array


class _State(NamedTuple):
    """Of one seed: the iterate, sums of squared norms over the steps so far, the drawn iterate, when it diverged."""

    w: PyTree
    phi: PyTree
    sums: Array
    drawn: tuple[PyTree, PyTree]
    diverged_at: Array


def seed_keys(seed: int, seeds: int) -> Array:
    """One key per seed, shape (S,): seed s sees the same tasks however many seeds run beside it."""
    return jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.arange(seeds))


def task_indices(key: Array, step: Any, batch: int, num_tasks: int) -> Array:
    """The tasks of outer step `step` of one seed: `batch` i.i.d. uniform indices in 0..T-1, with replacement."""
    return jax.random.randint(jax.random.fold_in(key, step), (batch,), 0, num_tasks)


def squared_norm(tree: PyTree) -> Array:
    """The squared Euclidean norm of a pytree; 0 when it has no leaves."""
    return sum((jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(()))


def pair_mean(gradients: PyTree) -> Array:
    """Mean of <g_i, g_j> over ordered pairs i != j of the leading axis (B >= 2): unbiased for ||E g||^2."""
    B = jax.tree.leaves(gradients)[0].shape[0] if jax.tree.leaves(gradients) else 2
    total = squared_norm(jax.tree.map(lambda g: jnp.sum(g, axis=0), gradients))
    return (total - squared_norm(gradients)) / (B * (B - 1))


def outer_loop(
    tasks: TaskSet,
    schedule: Schedule,
    w: PyTree,
    phi: PyTree,
    *,
    seeds: int = 16,
    seed: int = 0,
    records: int = 50,
    average: str | None = None,
    eps: float | None = None,
    limit: float = DIVERGENCE_LIMIT,
    method: str = "recursion",
    max_inner_steps: int | None = None,
    frames: Frames | None = None,
) -> OuterRun:
    """Run Algorithm 1 from (w, phi) with `seeds` independent seeds.

    tasks            the whole population, T >= 1 tasks (one task: every seed is the same deterministic descent);
    schedule         alpha, N, beta_w, beta_phi (needed unless phi is empty), B, K;
    w, phi           the common start z_0, float64 pytrees; phi without leaves is MAML;
    seeds, seed      how many, and the integer their keys are made from;
    records          R: L_meta and the exact squared norms are kept at R + 1 steps from 0 to K ("sampled": R + 2, one
                     uniform step per stratum, 0 and K), R <= K (a larger R is cut). Memory is the records only;
    average          "batch", "every", "sampled", or None: "every" with eps, else "batch" (B >= 2) or "sampled" (B = 1);
    eps              accuracy (squared norm): a seed whose averages over all K steps are below it has CONVERGED. Not
                     with "batch", whose noise in one seed would pass for accuracy;
    limit            see the module docstring;
    method           how a meta-gradient is computed ("recursion" was the fastest here);
    max_inner_steps  compile for this many inner steps and run N of them;
    frames           an equivalent population whose inner loop is cheaper, from `separable_frames`.

    One compilation serves all alpha, beta, N <= max_inner_steps, K and limits; B, R, S, T and dimensions are shapes.
    Raises InvalidParameter for non-positive counts and step sizes, missing beta, blocks that are not float64, K beyond
    MOST_OUTER_STEPS, and NotEnoughMemory for sizes that do not fit into the memory.
    """
    S, R = count("seeds", seeds), min(count("records", records), schedule.outer_steps)
    if average is None:
        average = "every" if eps is not None else "batch" if schedule.batch > 1 else "sampled"
    one_of("average", average, AVERAGES)
    if average == "batch" and (schedule.batch < 2 or eps is not None):
        allowed = "'every' or 'sampled' when batch = 1 (no pair of draws) or eps is given (one seed's can be negative)"
        raise InvalidParameter("average", allowed, average)
    one_of("method", method, tuple(METHODS))
    if eps is not None:
        positive("eps", eps)
    require_float64("tasks", tasks.data)
    require_float64("w and phi", (w, phi))
    beta_w, beta_phi = _step_sizes(schedule, phi)
    K = schedule.outer_steps
    if frames is not None and not isinstance(schedule.alpha, float):
        why = "frames and a step size for each part of w exclude each other: frames rotate w, and mix its parts"
        raise ConflictingArguments("frames", why)
    used = frames.tasks if frames is not None else tasks
    if len(used) != len(tasks):
        raise InvalidParameter("frames", f"the frames of these {len(tasks)} tasks", len(used))
    start = jax.tree.map(jnp.asarray, (w, phi))
    n_w = sum(np.size(leaf) for leaf in jax.tree.leaves(w))
    # The active steps are traced at every length: schedules that differ in N share a compilation.
    loop = UnrolledLoop.of_schedule(schedule, max_inner_steps or schedule.inner_steps)
    check_run_size(schedule, inner_steps=loop.inner_steps, seeds=S, records=R, tasks=len(tasks), n_w=n_w)
    generator = np.random.default_rng([seed, 1])
    steps = _recorded_steps(generator, K, R, average)
    drawn_step = generator.integers(0, K, S)
    raw = _run(
        _Static(used.support, used.query, schedule.batch, average, method),
        _Traced(
            loop=loop,
            beta_w=beta_w,
            beta_phi=beta_phi,
            limit=jnp.asarray(positive("limit", limit)),
        ),
        used.data,
        None if frames is None else (frames.rotation_w, frames.rotation_phi),
        start,
        seed_keys(seed, S),
        jnp.asarray(drawn_step),
        jnp.asarray(steps),
    )
    return assemble_run(jax.tree.map(np.asarray, raw), schedule, seed, average, steps, drawn_step, eps)


def check_run_size(schedule: Schedule, *, inner_steps: int, seeds: int, tasks: int, n_w: int, records: int = 1) -> None:
    """Refuse a run of Algorithm 1 that `outer_loop` could not do, before anything is made for it.

    inner_steps   that the loop is compiled for.

    Raises InvalidParameter for K beyond MOST_OUTER_STEPS, and NotEnoughMemory.
    """
    if schedule.outer_steps > MOST_OUTER_STEPS:
        raise InvalidParameter("outer_steps", "at most 2^53 where the loop is run", schedule.outer_steps)
    # Seeds run side by side, and in each the tasks of a step or those of the population, with their inner loops.
    sizes = {"seeds": seeds, "batch": schedule.batch, "inner_steps": inner_steps, "tasks": tasks, "n_w": n_w}
    iterates = seeds * max(schedule.batch, tasks) * inner_steps * n_w
    require_memory("the inner iterates", FLOAT64 * iterates, sizes)
    # Both squared norms, their sums and the loss.
    require_memory("the records", FLOAT64 * 5 * seeds * records, {"seeds": seeds, "records": records})


def _step_sizes(schedule: Schedule, phi: PyTree) -> tuple[Array, Array]:
    if schedule.beta_w is None:
        raise InvalidParameter("beta_w", "a finite number > 0 (the outer loop moves w)", None)
    empty = sum(leaf.size for leaf in jax.tree.leaves(phi)) == 0
    if schedule.beta_phi is None and not empty:
        raise InvalidParameter("beta_phi", "a finite number > 0 unless phi is empty", None)
    return jnp.asarray(schedule.beta_w), jnp.asarray(schedule.beta_phi or 0.0)


def _recorded_steps(generator: np.random.Generator, K: int, R: int, average: str) -> np.ndarray:
    """Steps at which exact quantities are kept: even, or one uniform draw in each of R strata of 0..K-1."""
    edges = np.linspace(0, K, R + 1).round().astype(np.int64)
    if average != "sampled":
        return edges
    return np.concatenate([[0], generator.integers(edges[:-1], edges[1:]), [K]])


@partial(jax.jit, static_argnums=0)
def _run(
    static: _Static,
    traced: _Traced,
    data: PyTree,
    rotations: tuple[Array, Array] | None,
    start: tuple[PyTree, PyTree],
    keys: Array,
    drawn_step: Array,
    recorded: Array,
) -> dict[str, Any]:
    tasks = TaskSet(static.support, static.query, data)
    T = len(tasks)

    def here(w: PyTree, phi: PyTree, index: Array) -> tuple[PyTree, PyTree]:
        return (w, phi) if rotations is None else (w @ rotations[0][index], phi @ rotations[1][index])

    def gradient(w: PyTree, phi: PyTree, index: Array) -> tuple[PyTree, PyTree]:
        found = meta_gradient(tasks.losses, *here(w, phi, index), tasks.task(index), traced.loop, method=static.method)
        if rotations is None:
            return found.w, found.phi
        return rotations[0][index] @ found.w, rotations[1][index] @ found.phi

    def loss(w: PyTree, phi: PyTree, index: Array) -> Array:
        w, phi = here(w, phi, index)
        adapted = inner_loop(static.support, w, phi, tasks.task(index), traced.loop)
        return static.query(adapted.final, phi, tasks.task(index))

    def inner_way(w: PyTree, phi: PyTree, index: Array) -> Array:
        """||w_N - w_0|| of one task."""
        w, phi = here(w, phi, index)
        adapted = inner_loop(static.support, w, phi, tasks.task(index), traced.loop)
        return jnp.sqrt(squared_norm(jax.tree.map(jnp.subtract, adapted.final, w)))

    def mean(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), tree)

    def over(f, w: PyTree, phi: PyTree, indices: Array) -> Any:
        return jax.vmap(lambda index: f(w, phi, index))(indices)

    def exact(w: PyTree, phi: PyTree) -> Array:
        """Squared norms of the two blocks of the population gradient, shape (2,)."""
        return jnp.stack([squared_norm(block) for block in mean(over(gradient, w, phi, jnp.arange(T)))])

    def step(k: Array, state: _State, key: Array, drawn_step: Array) -> _State:
        each = over(gradient, state.w, state.phi, task_indices(key, k, static.batch, T))
        g_w, g_phi = mean(each)
        if static.average == "batch":
            square = jnp.stack([pair_mean(block) for block in each])
        elif static.average == "every":
            square = exact(state.w, state.phi)
        else:
            square = jnp.zeros(2)
        moved = (
            jax.tree.map(lambda x, g: x - traced.beta_w * g, state.w, g_w),
            jax.tree.map(lambda x, g: x - traced.beta_phi * g, state.phi, g_phi),
        )
        # `<=` is false for NaN, so one comparison covers both ways to diverge.
        good = (jnp.sqrt(squared_norm(moved)) <= largest_norm) & (state.diverged_at < 0)
        keep = lambda new, old: jax.tree.map(partial(jnp.where, good), new, old)  # noqa: E731
        w, phi = keep(moved, (state.w, state.phi))
        drawn = jax.tree.map(partial(jnp.where, k == drawn_step), (state.w, state.phi), state.drawn)
        diverged_at = jnp.where(good | (state.diverged_at >= 0), state.diverged_at, k + 1)
        return _State(w, phi, keep(state.sums + square, state.sums), drawn, diverged_at)

    def between(state: _State, segment: tuple[Array, Array, Array]) -> tuple[_State, tuple[Array, Array, Array]]:
        """All steps up to the next record, then the exact quantities there (or at the drawn iterates)."""
        low, high, at_drawn = segment
        over_seeds = jax.vmap(step, in_axes=(None, 0, 0, 0))
        state = jax.lax.fori_loop(low, high, lambda k, state: over_seeds(k, state, keys, drawn_step), state)
        w, phi = jax.tree.map(partial(jnp.where, at_drawn), state.drawn, (state.w, state.phi))
        value = jax.vmap(lambda w, phi: jnp.mean(over(loss, w, phi, jnp.arange(T))))(w, phi)
        return state, (jax.vmap(exact)(w, phi), value, state.sums)

    longest_way = jnp.max(over(inner_way, *start, jnp.arange(T)))
    length = jnp.fmax(jnp.sqrt(squared_norm(start)), longest_way)
    largest = jnp.finfo(length.dtype).max
    largest_norm = jnp.where(length > 0, jnp.fmin(traced.limit * length, largest), largest)

    S = keys.shape[0]
    w, phi = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (S, *leaf.shape)), start)
    state = _State(w, phi, jnp.zeros((S, 2)), (w, phi), jnp.full(S, -1))
    # One more segment, without steps, evaluates the drawn iterates: the gradient is compiled once for both uses.
    low, high = jnp.append(0, recorded), jnp.append(recorded, recorded[-1])
    segments = (low, high, jnp.arange(len(high)) == len(recorded))
    state, found = jax.lax.scan(between, state, segments)
    squares, value, sums = (jnp.swapaxes(leaf, 0, 1) for leaf in found)  # seeds first
    return {
        "squares": squares[:, :-1],
        "loss": value[:, :-1],
        "sums": sums[:, :-1],
        "drawn": squares[:, -1],
        "final": (state.w, state.phi),
        "diverged_at": state.diverged_at,
    }
