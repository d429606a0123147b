"""Algorithm 1: plain SGD on the meta-objective with batches of tasks, many seeds at once.

    z_{k+1} = z_k - (beta_w mean_i g_w^i(z_k), beta_phi mean_i g_phi^i(z_k)),   i_1..i_B i.i.d. uniform over T tasks

or, where the schedule has a `population`, drawn without replacement at every step (docs/next_statements.md, statement
H); at B = T that is gradient descent on L_meta. With `first_order` the steps take D L_D(w_N) for the meta-gradient.

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
from anil_theory.algorithm._meta_gradient import METHODS
from anil_theory.algorithm.outer_run import AVERAGES, OuterRun, assemble_run
from anil_theory.algorithm.outer_step import Frames, Population, Rule, State, outer_step, squared_norm
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet

DIVERGENCE_LIMIT = 1e8
"""The largest norm of an iterate, in units of the run's own length. A run that starts this many times closer to a
stationary point of every task than it ends would be called diverged: then pass a larger limit."""

MOST_OUTER_STEPS = 2**53
"""Steps are drawn and recorded by their numbers, which float64 holds up to here."""


class _Static(NamedTuple):
    """The values that a compilation depends on, besides the shapes."""

    support: Loss
    query: Loss
    batch: int
    average: str
    method: str
    replace: bool
    first_order: bool


class _Traced(NamedTuple):
    """The values that may change without a new compilation."""

    loop: UnrolledLoop
    beta_w: Array
    beta_phi: Array
    limit: Array


def seed_keys(seed: int, seeds: int) -> Array:
    """One key per seed, shape (S,): seed s sees the same tasks however many seeds run beside it."""
    return jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.arange(seeds))


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
    first_order: bool = False,
) -> OuterRun:
    """Run Algorithm 1 from (w, phi) with `seeds` independent seeds.

    tasks            the whole population, T >= 1 tasks (one task: every seed is the same deterministic descent);
    schedule         alpha, N, beta_w, beta_phi (needed unless phi is empty), B, K, and T to draw without replacement;
    w, phi           the common start z_0, float64 pytrees; phi without leaves is MAML;
    seeds, seed      how many, and the integer their keys are made from;
    records          R: L_meta and the exact squared norms are kept at R + 1 steps from 0 to K ("sampled": R + 2, one
                     uniform step per stratum, 0 and K), R <= K (a larger R is cut). Memory is the records only;
    average          "batch", "every", "sampled", or None: "every" with eps, else "batch" (B >= 2 independent tasks,
                     exact meta-gradients) or "sampled";
    eps              accuracy (squared norm): a seed whose averages over all K steps are below it has CONVERGED. Not
                     with "batch", whose noise in one seed would pass for accuracy;
    limit            see the module docstring;
    method           how a meta-gradient is computed ("recursion" was the fastest here);
    max_inner_steps  compile for this many inner steps and run N of them;
    frames           an equivalent population whose inner loop is cheaper, from `separable_frames`;
    first_order      step along D L_D(w_N) (FO-ANIL, FO-MAML). What is recorded is D L_meta itself, so that its average
                     is never "batch".

    One compilation serves all alpha, beta, N <= max_inner_steps, K and limits; B, R, S, T and dimensions are shapes.
    Raises InvalidParameter for non-positive counts and step sizes, missing beta, blocks that are not float64, K beyond
    MOST_OUTER_STEPS, and NotEnoughMemory for sizes that do not fit into the memory.
    """
    S = count("seeds", seeds)
    R = min(count("records", records), schedule.outer_steps)
    if average is None:
        average = usual_average(schedule, eps, first_order=first_order)
    average = one_of("average", average, AVERAGES)
    if schedule.population not in (None, len(tasks)):
        raise InvalidParameter("population", f"the number of tasks, {len(tasks)}, or None", schedule.population)
    if average == "batch" and schedule.population is not None:
        allowed = "'every' or 'sampled' without replacement: draws of one step are then not independent"
        raise InvalidParameter("average", allowed, average)
    if average == "batch" and first_order:
        allowed = "'every' or 'sampled' with first_order: the gradients of a step are not those of L_meta"
        raise InvalidParameter("average", allowed, average)
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
        _Static(
            support=used.support,
            query=used.query,
            batch=schedule.batch,
            average=average,
            method=method,
            replace=schedule.population is None,
            first_order=first_order,
        ),
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


def usual_average(schedule: Schedule, eps: float | None = None, *, first_order: bool = False) -> str:
    """The average that `outer_loop` takes where none is named."""
    if eps is not None:
        return "every"
    independent = schedule.batch > 1 and schedule.population is None
    return "batch" if independent and not first_order else "sampled"


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
    population = Population(
        tasks=TaskSet(static.support, static.query, data),
        rotations=rotations,
        loop=traced.loop,
        method=static.method,
    )
    rule = Rule(
        batch=static.batch,
        average=static.average,
        beta_w=traced.beta_w,
        beta_phi=traced.beta_phi,
        largest_norm=_largest_norm(population, start, traced.limit),
        replace=static.replace,
        first_order=static.first_order,
    )
    over_seeds = jax.vmap(partial(outer_step, population, rule), in_axes=(None, 0, 0, 0))

    def between(state: State, segment: tuple[Array, Array, Array]) -> tuple[State, tuple[Array, Array, Array]]:
        """All steps up to the next record, then the exact quantities there (or at the drawn iterates)."""
        low, high, at_drawn = segment
        state = jax.lax.fori_loop(low, high, lambda k, state: over_seeds(k, state, keys, drawn_step), state)
        w, phi = jax.tree.map(partial(jnp.where, at_drawn), state.drawn, (state.w, state.phi))
        losses = jax.vmap(population.mean_loss)(w, phi)
        return state, (jax.vmap(population.squares)(w, phi), losses, state.sums)

    S = keys.shape[0]
    w, phi = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (S, *leaf.shape)), start)
    state = State(
        w=w,
        phi=phi,
        sums=jnp.zeros((S, 2)),
        drawn=(w, phi),
        diverged_at=jnp.full(S, -1),
        lowest=(w, phi),
        highest=(w, phi),
    )
    # One more segment, without steps, evaluates the drawn iterates: the gradient is compiled once for both uses.
    low = jnp.append(0, recorded)
    high = jnp.append(recorded, recorded[-1])
    at_drawn = jnp.arange(len(high)) == len(recorded)
    state, of_segments = jax.lax.scan(between, state, (low, high, at_drawn))
    squares, losses, sums = (jnp.swapaxes(leaf, 0, 1) for leaf in of_segments)  # seeds first
    return {
        "squares": squares[:, :-1],
        "loss": losses[:, :-1],
        "sums": sums[:, :-1],
        "drawn": squares[:, -1],
        "final": (state.w, state.phi),
        "lowest": state.lowest,
        "highest": state.highest,
        "diverged_at": state.diverged_at,
    }


def _largest_norm(population: Population, start: tuple[PyTree, PyTree], limit: Array) -> Array:
    """The norm beyond which a seed has diverged: `limit` times the run's own length, within the range of float64."""
    length = jnp.fmax(jnp.sqrt(squared_norm(start)), population.longest_way(*start))
    largest = jnp.finfo(length.dtype).max
    return jnp.where(length > 0, jnp.fmin(limit * length, largest), largest)
