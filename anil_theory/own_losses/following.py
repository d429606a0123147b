"""A training run that finds the region: how far ANIL goes from the start, and how far its inner loops go from there."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anil_theory._admissible import count, positive
from anil_theory.constants import Constants, Knowledge, Region
from anil_theory.estimators import NotFinite
from anil_theory.estimators.constant_samples import constants_at
from anil_theory.estimators.region_exit import farthest_iterates
from anil_theory.estimators.trajectory import Trajectory, train
from anil_theory.own_losses.admission import Admitted, UnusableLoss
from anil_theory.own_losses.effort import StudyEffort
from anil_theory.problem import Problem
from anil_theory.problem.base import Sampler
from anil_theory.schedule import Schedule

MARGIN = 1.1
"""The balls are larger than what the run needs by this factor."""
SMALLEST = 1e-3
"""The radius about a start that the run does not leave, in units of max(1, |start|)."""
SHRINKINGS = 4
"""The most times that outer step sizes are divided by ten until a run is finite; the user's own are never changed."""
BATCH = 4
PROBES = 64
"""Random points of the ball of outer iterates whose inner loops are run."""


@dataclass(frozen=True, eq=False)
class Followed:
    """A run and the two balls about the start that it needs.

    schedule     what was run;
    trajectory   its iterates, relative to the start;
    radius       of the ball in which the outer iterates stay, where the meta-gradient is studied;
    reach        of the ball in which the inner iterates from there stay, on which constants are audited;
    region_given whether the user gave the reach;
    notes        what has to be said of the region.
    """

    schedule: Schedule
    trajectory: Trajectory
    radius: float
    reach: float
    region_given: bool
    notes: tuple[str, ...] = ()

    @property
    def farthest(self) -> float:
        """The largest distance from the start at which the run was."""
        return float(np.linalg.norm(self.trajectory.points, axis=-1).max())


def problem_on(
    admitted: Admitted, *, name: str, radius: float, within: float | None = None, constants: Constants | None = None
) -> Problem:
    """The problem on the ball of this radius about the start; points are drawn `within` a smaller one, if given.

    Without `constants` those of the problem are placeholders.
    """
    unknown = Constants(None, 1.0, 1.0, 1.0, 1.0, region=Region(radius), known=Knowledge.ESTIMATED)
    drawn_within = radius if within is None else within
    return Problem(
        name=name,
        constants=unknown if constants is None else replace(constants, region=Region(radius)),
        n_w=admitted.n_w,
        n_phi=admitted.n_phi,
        draw=lambda: admitted.tasks,
        sampler=ball_sampler(admitted.n_w + admitted.n_phi, drawn_within),
        start=jnp.zeros(admitted.n_w + admitted.n_phi),
        length_scale=drawn_within / 4,
    )


def ball_sampler(n: int, radius: float) -> Sampler:
    """Uniform points of a ball, whatever the spread."""

    def points(generator: np.random.Generator, shape: tuple[int, ...], spread: float) -> Array:
        directions = generator.standard_normal((*shape, n))
        lengths = radius * generator.uniform(size=(*shape, 1)) ** (1 / n)
        return jnp.asarray(directions * (lengths / np.linalg.norm(directions, axis=-1, keepdims=True)))

    return points


def follow(
    admitted: Admitted,
    *,
    name: str,
    alpha: float | None,
    inner_steps: int,
    beta: tuple[float | None, float | None],
    batch: int | None,
    outer_steps: int,
    region: float | None,
    effort: StudyEffort,
    seed: int,
) -> Followed:
    """Run Algorithm 1 from the start, and find the region that it needs.

    alpha    None: 1/L, with L the largest norm of a second derivative at the start;
    beta     of w and phi; None: 1/(2 L), divided by ten while the run is not finite;
    batch    None: at most 4;
    region   the radius about the start on which constants are audited, if it is not to be found.

    Raises UnusableLoss where nothing depends on the parameters at the start, and NotFinite for a run that is not
    finite with any of the step sizes that were tried.
    """
    problem = problem_on(admitted, name=name, radius=1.0)
    L = _smoothness_at_start(problem, effort, seed)
    chosen = Schedule(
        alpha=1 / L if alpha is None else positive("alpha", alpha),
        inner_steps=inner_steps,
        beta_w=1 / (2 * L) if beta[0] is None else beta[0],
        beta_phi=1 / (2 * L) if beta[1] is None else beta[1],
        batch=min(len(admitted.tasks), BATCH) if batch is None else batch,
        outer_steps=count("outer_steps", outer_steps),
    )
    schedule, trajectory = _trained(problem, chosen, free=beta == (None, None), seed=seed)
    outer = np.concatenate([trajectory.points[:, 0, 0], trajectory.points[-1:, 0, -1]])
    scale = max(1.0, float(np.linalg.norm(admitted.start)))
    radius = max(MARGIN * float(np.linalg.norm(outer, axis=-1).max()), SMALLEST * scale)
    run = Followed(schedule, trajectory, radius, reach=0.0, region_given=region is not None)
    if region is None:
        reach = MARGIN * max(run.farthest, _reach(problem, schedule, radius, seed))
        return replace(run, reach=reach)
    return _inside(run, problem, positive("region", region), seed)


def _smoothness_at_start(problem: Problem, effort: StudyEffort, seed: int) -> float:
    """The largest norm of a second derivative at the start."""
    P = max(effort.samples, len(problem.tasks))
    n = problem.n_w + problem.n_phi
    which = jnp.arange(P) % len(problem.tasks)
    sizes = constants_at(problem, problem.tasks, jnp.zeros((P, n)), which, steps=effort.steps, seed=seed)
    L = float(sizes["L"].max())
    if not sizes["M"].max() > 0 and not L > 0:
        raise UnusableLoss("neither loss depends on (w, phi) at the start: there is nothing to study")
    return L if L > 0 else 1.0


def _trained(problem: Problem, schedule: Schedule, *, free: bool, seed: int) -> tuple[Schedule, Trajectory]:
    """A run that is finite; `free` outer step sizes are divided by ten until it is."""
    beta_w = schedule.beta_w
    beta_phi = schedule.beta_phi
    assert beta_w is not None and beta_phi is not None
    broken = 0
    for _ in range(SHRINKINGS if free else 1):
        schedule = replace(schedule, beta_w=beta_w, beta_phi=beta_phi)
        trajectory = train(problem.tasks, schedule, problem.start, problem.n_w, seed)
        infinite = ~np.isfinite(trajectory.points).reshape(len(trajectory.points), -1).all(axis=1)
        if not infinite.any():
            return schedule, trajectory
        broken = int(np.argmax(infinite))
        beta_w /= 10
        beta_phi /= 10
    raise NotFinite(
        f"the training run of {problem.name} is not finite from outer step {broken} on, with alpha = "
        f"{schedule.one_alpha:.3g}, beta_w = {schedule.beta_w:.3g} and beta_phi = {schedule.beta_phi:.3g}: "
        "give smaller step sizes"
    )


def _reach(problem: Problem, schedule: Schedule, radius: float, seed: int) -> float:
    """The largest distance from the start of an inner iterate, from random points of a ball of outer iterates."""
    starts, which = probes(problem, radius, PROBES, seed)
    return float(np.nanmax(farthest_iterates(problem.tasks, schedule, problem.n_w, starts, which)))


def probes(problem: Problem, radius: float, number: int, seed: int) -> tuple[Float[Array, "P n"], Array]:
    """Random points of a ball about the start, each with a random task."""
    generator = np.random.default_rng([seed, 11])
    points = ball_sampler(problem.n_w + problem.n_phi, radius)(generator, (number,), 1.0)
    return points, jnp.asarray(generator.integers(0, len(problem.tasks), number))


def _inside(run: Followed, problem: Problem, region: float, seed: int) -> Followed:
    """The run with a given region: the ball of outer iterates is as large as its inner loops allow."""
    radius = min(run.radius, region / 2)
    for _ in range(20):
        if _reach(problem, run.schedule, radius, seed) <= region:
            break
        radius /= 2
    notes = ()
    if run.farthest > region:
        notes = (f"the run leaves the region: it reaches {run.farthest:.3g} from the start, beyond {region:.3g}",)
    return replace(run, radius=radius, reach=region, notes=notes)
