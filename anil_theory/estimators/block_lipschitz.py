"""Block Lipschitz constants of the meta-gradient, measured from below in three ways.

pairs   ||D_x L(z1) - D_x L(z2)|| / ||z1 - z2|| over random pairs that differ in block y alone;
points  norms of the Hessian block at random points, by Lanczos on Hessian-vector products;
ascent  the same form, maximised over the point and its directions from the best of those points, and the norm there.

All three are lower bounds of the supremum over points and tasks. A single task is a population of one, to which the
propositions apply: the constants are measured task by task and the largest is kept. The meta-gradient is the gradient
of a function, so one search serves both cross blocks (the Hessian is symmetric; a test holds that).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory._memory import FLOAT64, require_memory
from anil_theory._precision import gamma, require_float64
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Region
from anil_theory.estimators.base import BLOCKS, Direction, Estimate, Witness
from anil_theory.estimators.block_search import SEARCHED, Dropped, Measured, Samples, Searched, search_blocks
from anil_theory.estimators.budget import Budget
from anil_theory.estimators.fields import live_blocks
from anil_theory.estimators.measurement import MOST_TOGETHER, Case, Effort, Found, Measurement, keyed
from anil_theory.estimators.not_finite import NotFinite, explain
from anil_theory.estimators.region_exit import mark_exits
from anil_theory.estimators.rounding import mark_roundings
from anil_theory.problem import Domain, Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import TaskSet

METHODS = ("pairs", "points", "ascent")
LARGE = 32
"""Entries of w and phi beyond which settings are searched one by one."""

MOST_NUMBERS = 4_000_000
"""Numbers that the inner iterates of settings searched together may hold."""


def measure_block_lipschitz(
    family: Domain,
    tasks: TaskSet,
    schedule: Schedule,
    *,
    seed: int = 0,
    budget: Budget | None = None,
    max_inner_steps: int | None = None,
    region: Region | None = None,
) -> dict[str, dict[str, Estimate]]:
    """Lower estimates of the four block constants: {block: {method: Estimate}}, blocks of an empty phi left out.

    family, tasks    where points come from, and the tasks that are searched (all of them);
    schedule         alpha and N;
    budget           how hard to search;
    max_inner_steps  compile for this many inner steps and run N of them, so that a grid over N compiles once;
    region           the ball that points are kept in; default: the one where the family's constants hold.

    On a family whose constants hold on a ball, `outside` of each estimate says by how much the inner iterates from its
    witness leave that ball. Samples that are not finite are left out and counted in `dropped`, the first of them is
    explained in `first_dropped`; a method that has none left is missing. Raises InvalidParameter for tasks that are
    not float64 and for budgets below 1, NotEnoughMemory for sizes that do not fit into the memory, and NotFinite when a
    block is finite nowhere.
    Source of the quantity: Propositions 2 and 3 of the paper; direction LOWER (`Direction`).
    """
    budget = Budget() if budget is None else budget
    region = family.constants.region if region is None else region
    asked = _Asked(family, tasks, schedule, region, seed, budget, max_inner_steps)
    return _searched_together([asked], 1)[0]()


class _Asked(NamedTuple):
    """The arguments of `measure_block_lipschitz`."""

    family: Domain
    tasks: TaskSet
    schedule: Schedule
    region: Region
    seed: int
    budget: Budget
    max_inner_steps: int | None

    @property
    def loop(self) -> UnrolledLoop:
        return UnrolledLoop.of_schedule(self.schedule, self.max_inner_steps)

    @property
    def numbers(self) -> int:
        """How many numbers the inner iterates hold: the points of all tasks are searched side by side."""
        points = max(self.budget.points, self.budget.pairs)
        return len(self.tasks) * points * self.loop.inner_steps * self.family.n_w

    def drawn(self) -> Searched:
        """What the search of this setting moves through."""
        generator = np.random.default_rng(self.seed)
        budget, T, n = self.budget, len(self.tasks), self.family.n_w + self.family.n_phi
        samples = Samples(
            points=self.family.points(generator, (T, max(budget.pairs, budget.points))),
            moves=jnp.asarray(generator.standard_normal((T, budget.pairs, n))),
            lengths=jnp.asarray(10 ** generator.uniform(-3, 1, (T, budget.pairs))),
            directions=jnp.asarray(generator.standard_normal((T, budget.points, 2, n))),
        )
        return Searched(
            tasks=self.tasks,
            alpha=self.loop.alpha,
            samples=samples,
            length_scale=jnp.asarray(self.family.length_scale),
            radius=jnp.asarray(self.region.radius),
        )

    def estimates(self, measured: Measured) -> dict[str, dict[str, Estimate]]:
        """The estimates with their roundings, and by how much their inner iterates leave the region."""
        n_w, n_phi = self.family.n_w, self.family.n_phi
        estimates = _estimates(
            measured,
            live_blocks(n_phi),
            self.budget,
            self.seed,
            self.schedule.inner_steps * (8 * (n_w + n_phi) + 64),
            partial(explain, self.tasks, self.schedule, n_w),
        )
        # The count of operations is what is left where the program has no derived rounding.
        estimates = mark_roundings(estimates, self.tasks, self.schedule, n_w, self.max_inner_steps)
        return mark_exits(estimates, self.tasks, self.schedule, n_w, self.family.constants.region, self.max_inner_steps)


def _searched_together(asked: Sequence[_Asked], width: int) -> list[Callable[[], dict[str, dict[str, Estimate]]]]:
    """`width` settings of one shape and one N searched in one call; for each, what returns or raises its estimates.

    Fewer are filled up with the last, so that whatever their number one compilation serves them.
    """
    first = asked[0]
    for each in asked:
        require_float64("tasks", each.tasks.data)
    sizes = {
        "tasks": len(first.tasks),
        "points": first.budget.points,
        "pairs": first.budget.pairs,
        "inner_steps": first.loop.inner_steps,
        "n_w": first.family.n_w,
    }
    require_memory("the inner iterates", FLOAT64 * width * first.numbers, sizes)
    drawn = [each.drawn() for each in asked]
    drawn += drawn[-1:] * (width - len(drawn))
    searched = jax.tree.map(_stacked, *drawn)
    measured = jax.tree.map(np.asarray, search_blocks(searched, first.loop, first.family.n_w, first.budget))
    rows = [jax.tree.map(lambda leaf, i=i: leaf[i], measured) for i in range(len(asked))]
    return [partial(each.estimates, row) for each, row in zip(asked, rows, strict=True)]


def _stacked(*leaves: Any) -> Any:
    """One array with a leading axis: by numpy, which compiles nothing, but for random keys, which it does not hold."""
    if any(jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.extended) for leaf in leaves):
        return jnp.stack(leaves)
    return np.stack(leaves)


def _estimates(
    measured: Measured,
    live: tuple[str, ...],
    budget: Budget,
    seed: int,
    operations: int,
    explain_first: Callable[[str, int, Any], str],
) -> dict[str, dict[str, Estimate]]:
    searched = [b for b in SEARCHED if b in live]
    relative = gamma(operations)
    T = len(measured.pair_value)
    estimates: dict[str, dict[str, Estimate]] = {}
    for i, block in enumerate(BLOCKS):
        if block not in live:
            continue
        make = partial(Estimate, f"meta_gradient_lipschitz/{block}", direction=Direction.LOWER, seed=seed)
        estimates[block] = {}
        reasons = []
        dropped, reason = _left_out(measured.pair_dropped, i, block, explain_first)
        reasons.append(reason)
        if dropped < T * budget.pairs:
            task = int(np.argmax(measured.pair_value[:, i]))
            z1, z2 = measured.pair_points[task, i]
            estimates[block]["pairs"] = make(
                float(measured.pair_value[task, i]),
                method="pairs",
                rounding=relative * float(measured.pair_noise[task, i]),
                samples=T * budget.pairs,
                dropped=dropped,
                first_dropped=reason,
                witness=Witness({"z1": z1.tolist(), "z2": z2.tolist()}, task),
            )
        j = searched.index("wphi" if block == "phiw" else block)
        for method, search, left_out, samples in (
            ("points", measured.points, measured.points_dropped, budget.points),
            ("ascent", measured.ascent, measured.ascent_dropped, budget.starts),
        ):
            dropped, reason = _left_out(left_out, j, block, explain_first)
            reasons.append(reason)
            if dropped == T * samples:
                continue
            task = int(np.argmax(search.value[:, j]))
            value = float(search.value[task, j])
            u, v = search.directions[task, j][:: -1 if block == "phiw" else 1]
            witness = {"z": search.point[task, j].tolist(), "u": u.tolist(), "v": v.tolist()}
            estimates[block][method] = make(
                value,
                method=method,
                rounding=relative * abs(value),
                samples=T * samples,
                dropped=dropped,
                first_dropped=reason,
                witness=Witness(witness, task),
                residual=float(search.distance[task, j]),
            )
        if not estimates[block]:
            raise NotFinite(f"meta_gradient_lipschitz/{block} is finite at no point; {reasons[0]}")
    return estimates


def _left_out(
    dropped: Dropped, column: int, block: str, explain_first: Callable[[str, int, Any], str]
) -> tuple[int, str]:
    """How many samples of one block are not finite, over all tasks, and the first of them in words."""
    counts = dropped.count[:, column]
    if not counts.any():
        return 0, ""
    task = int(np.flatnonzero(counts)[0])
    return int(counts.sum()), explain_first(block, task, dropped.point[task, column])


def largest(estimates: dict[str, Estimate]) -> Estimate:
    """The best lower estimate of one block: the largest value less its rounding, which is what it proves.

    Estimates that stayed in the region go before those that left it. Of two that prove as much the larger is kept.
    """
    return max(estimates.values(), key=lambda e: (e.outside == 0, e.value - e.rounding, e.value))


def blocks_of_problem(problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, dict[str, Estimate]]:
    """`measure_block_lipschitz` of a problem's own tasks."""
    return measure_block_lipschitz(
        problem,
        problem.tasks,
        schedule,
        seed=effort.seed,
        budget=effort.budget,
        max_inner_steps=effort.max_inner_steps,
    )


def blocks_together(cases: Sequence[Case], effort: Effort) -> list[Callable[[], dict[str, dict[str, Estimate]]]]:
    """`blocks_of_problem` of cases of one shape and one N, in calls that each search MOST_TOGETHER of them.

    Returns for each case what returns, or raises, its estimates.
    """
    asked = [
        _Asked(
            family=case.problem,
            tasks=case.problem.tasks,
            schedule=case.schedule,
            region=case.problem.constants.region,
            seed=effort.seed,
            budget=effort.budget,
            max_inner_steps=effort.max_inner_steps,
        )
        for case in cases
    ]
    # A large setting fills the processor by itself, and filling up a call with copies of it would cost more.
    large = asked[0].family.n_w + asked[0].family.n_phi > LARGE or asked[0].numbers * MOST_TOGETHER > MOST_NUMBERS
    width = 1 if large else MOST_TOGETHER
    groups = [asked[start : start + width] for start in range(0, len(asked), width)]
    return [searched for group in groups for searched in _searched_together(group, width)]


def _measured_blocks(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    return keyed(blocks_of_problem(problem, schedule, effort))


def _measured_together(cases: Sequence[Case], effort: Effort) -> list[Callable[[], Found]]:
    return [lambda blocks=blocks: keyed(blocks()) for blocks in blocks_together(cases, effort)]


MEASUREMENT = Measurement(
    name="blocks",
    quantities=tuple(f"meta_gradient_lipschitz/{block}" for block in BLOCKS),
    direction=Direction.LOWER,
    measure=_measured_blocks,
    together=_measured_together,
)
