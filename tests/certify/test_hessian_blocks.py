"""Certified blocks of the separable family: they hold 10,000 random evaluations, and closed forms exactly."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.interpreters import partial_eval

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import inner_loop
from anil_theory.algorithm._meta_gradient import meta_gradient
from anil_theory.certify import hessian_blocks
from anil_theory.certify.hessian_blocks import PairEnclosure, certify_blocks
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.pair_jets import ORDERS, Jet, Reach
from anil_theory.certify.search.branch_and_bound import Boxes, ClosingStatus
from anil_theory.certify.witness import replay_witness
from anil_theory.constants import WHOLE_SPACE, Constants, Region
from anil_theory.estimators import Budget, largest, measure_block_lipschitz
from anil_theory.estimators.fields import BLOCK_DIRECTIONS
from anil_theory.schedule import Schedule
from anil_theory.tasks import SeparableFamily, TaskSet

POINTS = 10_000
STEPS = 4
"""Every N of the sampled tests runs in one compilation of this many steps."""
ROUNDING = 1e-9
"""What automatic differentiation in float64 may be off by, relative to 1 (the blocks are of that size)."""


@partial(jax.jit, static_argnums=(0, 1))
def hessians(losses: Any, n_w: int, data: Any, z: Any, alpha: Any, active: Any) -> Any:
    """D^2 L_meta of one task at many points, by automatic differentiation: shape (points, n, n)."""

    def meta(z: Any) -> Any:
        loop = {"alpha": alpha, "inner_steps": STEPS, "active_steps": active}
        return losses.query(inner_loop(losses.support, z[:n_w], z[n_w:], data, **loop).final, z[n_w:], data)

    return jax.vmap(jax.hessian(meta))(z)


@st.composite
def populations(draw: st.DrawFn) -> tuple[SeparableFamily, TaskSet, Schedule, int]:
    """Settings of both geometries and both outer losses, with a seed for the points."""
    mu = draw(st.sampled_from([None, 0.1, 0.5, 0.9]))
    rho = draw(st.sampled_from([0.0, 0.3, 1.0, 4.0]))
    tau = 0.0 if rho == 0 else draw(st.sampled_from([0.0, 0.5, 2.0]))
    constants = Constants(mu, draw(st.sampled_from([0.5, 1.0, 2.0])) if mu is None else 1.0, rho, tau, 1.0)
    family = SeparableFamily(constants, 2, 2, query=draw(st.sampled_from(["sine", "log-cosh"])))
    seed = draw(st.integers(0, 2**20))
    tasks = family.sample(jax.random.key(seed), 2)
    return family, tasks, Schedule.paper(constants, draw(st.integers(1, STEPS))), seed


def pair_values(population: tuple, block: str, label: np.ndarray, points: np.ndarray) -> np.ndarray:
    """h_k(u, v) at (n, 2) points of the pairs `label`, through z and automatic differentiation."""
    family, tasks, schedule, _ = population
    k = family.n_w
    values = np.empty(len(points))
    for task in range(len(tasks)):
        mine = np.flatnonzero(label // k == task)
        data = tasks.task(task)
        rotations = np.asarray(data.rotation_w), np.asarray(data.rotation_phi)
        axes = [rotation.T[label[mine] % k] for rotation in rotations]
        z = np.concatenate([points[mine, i : i + 1] * axes[i] for i in (0, 1)], axis=1)
        padded = np.zeros((len(points), z.shape[1]))  # one shape, one compilation
        padded[: len(mine)] = z
        found = np.asarray(hessians(tasks.losses, k, data, padded, schedule.alpha, jnp.asarray(schedule.inner_steps)))[
            : len(mine)
        ]
        at = {1: slice(0, k), 2: slice(k, 2 * k)}
        i, j = ORDERS[block]
        values[mine] = np.einsum("ni,nij,nj->n", axes[i - 1], found[:, at[i], at[j]], axes[j - 1])
    return values


def missed(population: tuple, block: str, number: int = POINTS) -> int:
    """How many of the values at random points of random boxes lie outside the enclosures."""
    family, tasks, schedule, seed = population
    generator = np.random.default_rng(seed)
    middle = generator.uniform(-3, 3, (number, 2))
    half = 10 ** generator.uniform(-6, 0, (number, 1)) * generator.uniform(0, 1, (number, 2))
    label = generator.integers(0, 2 * family.n_w, number)
    boxes = Boxes.of(middle - half, middle + half, label)
    points = np.clip(middle + half * generator.uniform(-1, 1, (number, 2)), boxes.lower, boxes.upper)
    enclosure = PairEnclosure(family, tasks.data, schedule, block, 5.0)
    whole, at_middle, _ = enclosure.jets(boxes, middle)
    values = pair_values(population, block, label, points)
    slack = ROUNDING * np.maximum(1.0, np.abs(values))
    outside = (values < whole.lo - slack) | (values > whole.hi + slack)
    return int(np.sum(outside | (at_middle.hi < whole.lo) | (at_middle.lo > whole.hi)))


@given(populations(), st.sampled_from(list(ORDERS)))
@settings(max_examples=6, deadline=None)
def test_enclosures_hold_10_000_random_evaluations(population: tuple, block: str) -> None:
    assert missed(population, block) == 0


def halved(x: Intervals) -> Intervals:
    """The middle half of an interval: an enclosure no more."""
    quarter = (x.hi - x.lo) / 4
    return Intervals(x.lo + quarter, x.hi - quarter)


def collapsed(x: Intervals) -> Intervals:
    """The midpoint alone."""
    return Intervals.exact(x.lo / 2 + x.hi / 2)


@pytest.mark.parametrize("order", ["step", "block"])
def test_a_narrowed_enclosure_is_caught(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    family = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 2, 2)
    population = family, family.sample(jax.random.key(1), 2), Schedule.paper(family.constants, 3), 1
    assert missed(population, "ww", 2000) == 0
    if order == "step":
        inner = hessian_blocks.narrowed

        def wrong(box: Jet, point: Jet, reach: Reach) -> Jet:
            right = inner(box, point, reach)
            return right._replace(value=halved(right.value))

        monkeypatch.setattr(hessian_blocks, "narrowed", wrong)
    else:
        block_jet = hessian_blocks.block_jet

        def narrower(*setting: Any) -> Any:
            found = block_jet(*setting)
            return found._replace(along_u=collapsed(found.along_u), along_v=collapsed(found.along_v))

        monkeypatch.setattr(hessian_blocks, "block_jet", narrower)
    assert missed(population, "ww", 2000) > 0


@given(populations())
@settings(max_examples=4, deadline=None)
def test_certificates_hold_the_norms_in_the_ball(population: tuple) -> None:
    family, tasks, schedule, seed = population
    certificates = certify_blocks(family, tasks, schedule, region=Region(3.0), gap=0.2, max_boxes=20_000)
    directions = np.random.default_rng(seed).standard_normal((2000, 4))
    # Most of a ball's volume is near its sphere; the radii are spread evenly instead.
    z = directions / np.linalg.norm(directions, axis=1, keepdims=True) * np.linspace(0.0, 3.0, 2000)[:, None]
    for task in range(len(tasks)):
        found = np.asarray(
            hessians(tasks.losses, 2, tasks.task(task), z, schedule.alpha, jnp.asarray(schedule.inner_steps))
        )
        at = {"w": slice(0, 2), "phi": slice(2, 4)}
        for block, (x, y) in BLOCK_DIRECTIONS.items():
            norms = np.linalg.norm(found[:, at[x], at[y]], 2, axis=(1, 2))
            assert norms.max() <= certificates[block].upper + ROUNDING


def test_certificates_are_above_what_a_search_finds_and_their_witnesses_replay() -> None:
    family = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 2, 2)
    tasks, schedule = family.sample(jax.random.key(3), 2), Schedule.paper(family.constants, 2)
    certificates = certify_blocks(family, tasks, schedule, region=Region(2.0), gap=1e-3)
    budget = Budget(pairs=16, points=8, starts=2, iterations=20)
    found = measure_block_lipschitz(family, tasks, schedule, region=Region(2.0), budget=budget)
    assert certificates.keys() == found.keys()
    for block, certificate in certificates.items():
        assert certificate.status is ClosingStatus.CLOSED and certificate.width <= 1e-3
        assert certificate.upper >= largest(found[block]).value - ROUNDING
        assert np.linalg.norm(certificate.point) <= 2.0 + 1e-12
    # The cross block, whose witness has two directions, also in ball arithmetic and through the whole program.
    crossed = certificates["phiw"]
    shown = replay_witness(tasks, schedule, crossed.lower_estimate, family.n_w)
    assert abs(shown.low - crossed.lower) < ROUNDING


@pytest.mark.parametrize(("mu", "n_w", "n_phi"), [(0.2, 3, 2), (None, 2, 3)])
def test_quadratic_tasks_have_their_exact_norms(mu: float | None, n_w: int, n_phi: int) -> None:
    """With rho = tau = 0 the Hessian is psi''(y) L (G_i G_j), and |psi''| = 1 is reached within the ball."""
    family = SeparableFamily(Constants(mu, 1.0, 0.0, 0.0, 1.0), n_w, n_phi)
    tasks, schedule = family.sample(jax.random.key(5), 2), Schedule.paper(family.constants, 5)
    data = jax.tree.map(np.asarray, tasks.data)
    f = 1 - schedule.alpha * data.h
    moved = -schedule.alpha * data.c * sum(f**m for m in range(5))
    G = {1: np.cos(data.angle) * f**5, 2: np.cos(data.angle) * moved + np.sin(data.angle)}
    certificates = certify_blocks(family, tasks, schedule, region=Region(6.0), gap=1e-9)
    for block, (i, j) in ORDERS.items():
        exact = float(np.max(np.abs(data.weight / data.width * G[i] * G[j])))
        certificate = certificates[block]
        assert certificate.status is ClosingStatus.CLOSED
        assert certificate.lower <= exact * (1 + 1e-12) and exact <= certificate.upper * (1 + 1e-12)
        assert certificate.upper - certificate.lower <= 1e-9 * certificate.upper


def test_without_phi_there_is_one_block() -> None:
    family = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.0, 1.0), 2, 0)
    found = certify_blocks(family, family.sample(jax.random.key(0), 2), Schedule(0.3, 2), region=Region(2.0))
    assert list(found) == ["ww"] and found["ww"].status is ClosingStatus.CLOSED


@pytest.mark.parametrize("budget", [{"max_boxes": 60}, {"seconds": 1e-3}])
def test_a_used_up_budget_is_inconclusive_and_still_an_enclosure(budget: dict[str, Any]) -> None:
    family = SeparableFamily(Constants(0.2, 1.0, 1.0, 0.5, 1.0), 2, 2)
    tasks, schedule = family.sample(jax.random.key(0), 2), Schedule.paper(family.constants, 5)
    seen: set[str] = set()
    options: dict[str, Any] = {"region": Region(4.0), **budget}
    brief = certify_blocks(family, tasks, schedule, **options, on_progress=lambda block, progress: seen.add(block))
    full = certify_blocks(family, tasks, schedule, region=Region(4.0))
    for block, certificate in brief.items():
        assert certificate.status is ClosingStatus.INCONCLUSIVE and "used up" in certificate.reason
        assert certificate.lower <= full[block].upper and full[block].lower <= certificate.upper
    assert seen == set(ORDERS)


def test_a_diverging_loop_has_no_finite_bound_and_says_so() -> None:
    """alpha L = 30 over 120 steps: intervals overflow, and nothing is claimed, nothing raised."""
    family = SeparableFamily(Constants(0.2, 1.0, 1.0, 0.5, 1.0), 2, 2)
    found = certify_blocks(
        family, family.sample(jax.random.key(0), 2), Schedule(30.0, 120), region=Region(4.0), max_boxes=100
    )
    for certificate in found.values():
        assert certificate.status is ClosingStatus.INCONCLUSIVE and certificate.upper > 1e100
        assert certificate.estimate.value == certificate.upper and 0.99 < certificate.width <= 1.0


def test_regions_and_tasks_without_a_certificate_are_refused() -> None:
    family = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 2, 2)
    schedule, tasks = Schedule(0.3, 2), family.sample(jax.random.key(0), 2)
    data = tasks.data._replace(query_rotation=(tasks.data.rotation_phi, tasks.data.rotation_w))
    with pytest.raises(InvalidParameter, match="share their rotations"):
        certify_blocks(family, TaskSet(tasks.support, tasks.query, data), schedule, region=Region(1.0))
    with pytest.raises(InvalidParameter, match="region must be a finite number > 0; got inf"):
        certify_blocks(family, tasks, schedule, region=WHOLE_SPACE)
    for radius in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidParameter, match="radius"):
            certify_blocks(family, tasks, schedule, region=Region(radius))
    other = TaskSet(lambda w, phi, data: w @ w, tasks.query, tasks.data)
    with pytest.raises(InvalidParameter, match="SeparableFamily"):
        certify_blocks(family, other, schedule, region=Region(1.0))
    convex = SeparableFamily(family.constants, 2, 2, query="log-cosh")
    with pytest.raises(InvalidParameter, match="drawn by the given family"):
        certify_blocks(convex, tasks, schedule, region=Region(1.0))


BRANCHES = {
    "select_n",
    "abs",
    "sign",
    "max",
    "min",
    "clamp",
    "floor",
    "ceil",
    "round",
    "cond",
    "while",
    "ge",
    "gt",
    "lt",
}
"""Primitives that change their formula from place to place."""


def primitives(program: Any) -> set[str]:
    """Of a jaxpr and of those inside it."""
    found = {equation.primitive.name for equation in program.eqns}
    parameters = [value for equation in program.eqns for value in equation.params.values()]
    # A closed jaxpr has the attribute "jaxpr", a plain one its equations.
    inner = [getattr(value, "jaxpr", value) for value in jax.tree.leaves(parameters, is_leaf=is_program)]
    return found.union(*(primitives(each) for each in inner if hasattr(each, "eqns")))


def is_program(value: Any) -> bool:
    return hasattr(value, "jaxpr") or hasattr(value, "eqns")


def test_the_losses_that_are_certified_are_analytic() -> None:
    """What the docstring rests on: the gradients of every registered loss are made of analytic functions alone."""
    data = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 2, 2).sample(jax.random.key(0), 1).task(0)
    point = jnp.zeros(2)
    for loss in (hessian_blocks.support_loss, *hessian_blocks.QUERY_LOSSES.values()):
        program = jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(point, point, data)
        # The value itself is computed beside the gradient, and is not asked for here.
        used, _ = partial_eval.dce_jaxpr(program.jaxpr, [True] * len(program.jaxpr.outvars))
        assert primitives(used) & BRANCHES == set(), loss
    kinked = jax.make_jaxpr(jax.grad(lambda w: jnp.maximum(w[0], 0.0)))(point)
    assert primitives(kinked.jaxpr) & BRANCHES, "and a kink would be seen"


def test_kinked_losses_have_no_certificate_of_this_kind() -> None:
    """Branch and bound of the derivative bounds nothing across a kink: only the analytic losses are taken."""
    family = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 2, 2)
    tasks = family.sample(jax.random.key(0), 1)

    def kinked(loss: Any) -> Any:
        return lambda w, phi, data: loss(w, phi, data) + 1e-3 * jnp.abs(w[0])

    for support, query in ((kinked(tasks.support), tasks.query), (tasks.support, kinked(tasks.query))):
        with pytest.raises(InvalidParameter, match="tasks must be"):
            certify_blocks(family, TaskSet(support, query, tasks.data), Schedule(0.3, 1), region=Region(1.0))


def test_an_upper_end_is_above_difference_quotients_of_the_meta_gradient_itself() -> None:
    """Near and far pairs in the ball: what is certified is a Lipschitz constant, not only a largest derivative."""
    family = SeparableFamily(Constants(0.3, 1.0, 1.0, 0.5, 1.0), 1, 1)
    tasks, schedule = family.sample(jax.random.key(2), 1), Schedule.paper(family.constants, 2)
    certificates = certify_blocks(family, tasks, schedule, region=Region(2.0), gap=0.2, max_boxes=20_000)

    @jax.jit
    @jax.vmap
    def field(z: Any) -> Any:
        found = meta_gradient(tasks.losses, z[:1], z[1:], tasks.task(0), alpha=schedule.alpha, inner_steps=2)
        return jnp.concatenate([found.w, found.phi])

    generator = np.random.default_rng(0)
    z = generator.uniform(-1.4, 1.4, (400, 2))
    moves = 10 ** generator.uniform(-4, 0, 400) * generator.choice([-1, 1], 400)
    for block, (x, y) in {"ww": (0, 0), "wphi": (0, 1), "phiw": (1, 0), "phiphi": (1, 1)}.items():
        moved = z.copy()
        moved[:, y] = np.clip(z[:, y] + moves, -1.4, 1.4)
        change = np.abs(np.asarray(field(moved) - field(z)))[:, x]
        distance = np.abs(moved - z)[:, y]
        largest_quotient = np.max(change[distance > 0] / distance[distance > 0])
        assert 0.5 * certificates[block].lower < largest_quotient <= certificates[block].upper + ROUNDING
