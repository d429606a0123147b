"""Statement G: no loss is more curved than the bounds at a point allow, one reaches them, and half is refuted."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory._registry import NotOfTheKind
from anil_theory.checks import Row, check, check_by
from anil_theory.constants import Constants
from anil_theory.estimators import Direction, Effort, Estimate, Finding, Measurement
from anil_theory.estimators.maml_smoothness import MEASUREMENT, QUANTITY, standing_out
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, MissingFact
from anil_theory.statements.contraction import block_constants
from anil_theory.statements.forms.names import MAML
from anil_theory.statements.maml_smoothness import largest_curvature
from anil_theory.tasks import MamlWitness, SeparableFamily
from tests.strategies import log_uniform

LONGEST = 13
EFFORT = Effort(max_inner_steps=LONGEST)
NONCONVEX = Constants(None, 1.0, 1.0, 0.0, 1.0)
OTHER = Constants(None, 1.7, 0.6, 0.0, 0.9)
CONVEX = Constants(0.3, 1.0, 1.0, 0.0, 1.0)


def row(name: str, problem: Problem, at: Schedule, broken: str | None = None) -> Row:
    (only,) = check(name, problem, at, effort=EFFORT, broken=broken)
    return only


@pytest.mark.parametrize("N", [1, 4, LONGEST])
@pytest.mark.parametrize("constants", [NONCONVEX, OTHER])
@pytest.mark.parametrize("share", [1e-3, 1.0, 1e3])
def test_one_loss_attains_the_general_form_at_every_size_of_the_gradient(
    constants: Constants, N: int, share: float
) -> None:
    at = Schedule(0.4 / constants.L, N)
    even = MamlWitness(constants, at).gradient_norm
    problem = MamlWitness(constants, at, share * even, LONGEST).problem(tasks=1)
    attained = row(MAML["steps"], problem, at)
    assert attained.outcome == "CONSISTENT" and 0.9999 < attained.power <= 1, attained.reason
    assert row(MAML["steps"], problem, at, broken="ww").outcome == "REFUTED"


def test_the_form_of_one_step_is_attained_at_the_longest_step_and_not_at_shorter_ones() -> None:
    for alpha, least, most in ((1.0, 0.9999, 1.0), (0.5, 0.6, 0.7)):
        at = Schedule(alpha, 1)
        reached = row(MAML["one step"], MamlWitness(NONCONVEX, at, max_inner_steps=LONGEST).problem(tasks=1), at)
        assert least < reached.tightness <= most
    two = Schedule(0.5, 2)
    outside = row(MAML["one step"], MamlWitness(NONCONVEX, two, max_inner_steps=LONGEST).problem(tasks=1), two)
    assert outside.outcome == "NOT_APPLICABLE" and "N = 1: fails by 1" in outside.reason
    longer = Schedule(1.25, 1)
    outside = row(MAML["one step"], MamlWitness(NONCONVEX, longer, max_inner_steps=LONGEST).problem(tasks=1), longer)
    assert outside.outcome == "NOT_APPLICABLE" and "alpha <= 1/L: fails by 0.2" in outside.reason


@pytest.mark.parametrize("N", [1, 4])
def test_the_convex_bounds_are_reached_where_the_gradient_is_small_or_large(N: int) -> None:
    at = Schedule(0.7, N)
    even = MamlWitness(CONVEX, at).gradient_norm
    for share in (1e-4, 1e3):
        problem = MamlWitness(CONVEX, at, share * even, LONGEST).problem(tasks=1)
        assert 0.998 < row(MAML["convex"], problem, at).power <= 1
        assert row(MAML["convex"], problem, at, broken="ww").outcome == "REFUTED"
    # In between they are not: one loss cannot have the curvature mu along the loop and L at its end.
    middle = row(MAML["convex"], MamlWitness(CONVEX, at, even, LONGEST).problem(tasks=1), at)
    assert 0.55 < middle.power < 0.95


def test_a_quadratic_attains_the_refined_form_and_not_a_half_of_the_explicit_one() -> None:
    flat, at = dataclasses.replace(CONVEX, rho=0.0), Schedule(0.7, 4)
    reached = row(MAML["convex"], MamlWitness(flat, at, max_inner_steps=LONGEST).problem(tasks=1), at)
    assert reached.power > 0.999999 and reached.measured < 0.31 * reached.bounds["explicit"]


def waves(generator: np.random.Generator, losses: int, n: int, constants: Constants) -> dict[str, Any]:
    """Losses c |w|^2/2 - sum b_i/k_i^2 cos(k_i <u_i, w> + f_i), their Hessians in the interval of the constants.

    rho is the norm of sum b_i k_i u_i u_i^T.
    """
    u = generator.standard_normal((losses, 4, n))
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    b = generator.uniform(0.1, 1, (losses, 4))
    k = 10 ** generator.uniform(-1, 1, (losses, 4))
    half = (constants.L - constants.lowest_curvature) / 2
    b *= half / np.linalg.norm(np.einsum("pw,pwi,pwj->pij", b, u, u), 2, axis=(1, 2))[:, None]
    rho = np.linalg.norm(np.einsum("pw,pwi,pwj->pij", b * k, u, u), 2, axis=(1, 2))
    f = generator.uniform(0, 2 * np.pi, (losses, 4))
    return {"c": (constants.L + constants.lowest_curvature) / 2, "u": u, "b": b, "k": k, "f": f, "rho": rho}


def angles(loss: dict[str, Any], w: np.ndarray) -> np.ndarray:
    return loss["k"] * np.einsum("pwi,pi->pw", loss["u"], w) + loss["f"]


def slope(loss: dict[str, Any], w: np.ndarray) -> np.ndarray:
    return loss["c"] * w + np.einsum("pw,pwi->pi", loss["b"] / loss["k"] * np.sin(angles(loss, w)), loss["u"])


def weighted(loss: dict[str, Any], weights: np.ndarray) -> np.ndarray:
    return np.einsum("pw,pwi,pwj->pij", weights, loss["u"], loss["u"])


def hessian(loss: dict[str, Any], w: np.ndarray) -> np.ndarray:
    return loss["c"] * np.eye(w.shape[1]) + weighted(loss, loss["b"] * np.cos(angles(loss, w)))


def third(loss: dict[str, Any], w: np.ndarray, v: np.ndarray) -> np.ndarray:
    """D^3 l along v."""
    along = np.einsum("pwi,pi->pw", loss["u"], v)
    return -weighted(loss, loss["b"] * loss["k"] * np.sin(angles(loss, w)) * along)


def curvatures(loss: dict[str, Any], w: np.ndarray, alpha: float, N: int) -> np.ndarray:
    """||D^2 (l o w_N)(w)|| by closed-form derivatives, without JAX."""
    iterates, factors, moves = [], [], [np.broadcast_to(np.eye(w.shape[1]), (len(w), w.shape[1], w.shape[1]))]
    for _ in range(N):
        iterates.append(w)
        factors.append(np.eye(w.shape[1]) - alpha * hessian(loss, w))
        moves.append(factors[-1] @ moves[-1])
        w = w - alpha * slope(loss, w)
    total = np.swapaxes(moves[N], 1, 2) @ hessian(loss, w) @ moves[N]
    carried = slope(loss, w)
    for m in reversed(range(N)):
        total = total - alpha * np.swapaxes(moves[m], 1, 2) @ third(loss, iterates[m], carried) @ moves[m]
        carried = np.einsum("pij,pj->pi", factors[m], carried)
    return np.linalg.norm(total, 2, axis=(1, 2))


def largest_shares(constants: Constants, alpha: float, N: int, n: int, losses: int, seed: int) -> dict[str, float]:
    """measured/bound, the largest over random losses and points, for every claim."""
    generator = np.random.default_rng(seed)
    loss = waves(generator, losses, n, constants)
    w = generator.standard_normal((losses, n)) * 10 ** generator.uniform(-2, 1, (losses, 1))
    measured = curvatures(loss, w, alpha, N)
    sizes = np.linalg.norm(slope(loss, w), axis=1)
    shares = {}
    names = [MAML["steps"], *([MAML["one step"]] if N == 1 else []), *([MAML["convex"]] if constants.mu else [])]
    for claim in [claim for name in names for claim in STATEMENTS[name].claims]:
        bound = affine(claim.name, constants, Schedule(alpha, N), loss["rho"] * sizes)
        shares[claim.name] = float(np.max(measured / bound))
    return shares


def affine(name: str, constants: Constants, at: Schedule, rho_times_size: np.ndarray) -> np.ndarray:
    """A bound at many losses: with rho = 1 it is affine in the size of the gradient, or the smaller of two such."""
    statement, _, kind = name.split("/")
    unit = dataclasses.replace(constants, rho=1.0)

    def value(kind: Kind, size: float) -> float:
        return STATEMENTS[statement].given(gradient_norm=size).select(kind, "ww")[0].evaluate(unit, at).value

    def line(kind: Kind, size: float) -> np.ndarray:
        start = value(kind, 0.0)
        return start + (value(kind, size) - start) / size * rho_times_size

    if kind == "refined":
        return np.minimum(line(Kind.REFINED, 1e-9), line(Kind.EXPLICIT, 1.0))
    return line(Kind(kind), 1.0)


SETTINGS = [
    (CONVEX, 0.7, 1),
    (CONVEX, 1.0, 4),
    (Constants(0.13, 1.7, 1.0, 0.0, 1.0), 0.4, LONGEST),
    (NONCONVEX, 0.4, 4),
]


@pytest.mark.parametrize(("constants", "alpha", "N"), SETTINGS)
def test_ten_thousand_random_losses_stay_below(constants: Constants, alpha: float, N: int) -> None:
    for n in (1, 3):
        shares = largest_shares(constants, alpha, N, n, losses=5000, seed=n)
        assert all(0 < share <= 1 + 1e-9 for share in shares.values()), shares


@pytest.mark.slow
@pytest.mark.parametrize(("constants", "alpha", "N"), SETTINGS)
def test_a_million_random_losses_stay_below(constants: Constants, alpha: float, N: int) -> None:
    for seed in range(100):
        shares = largest_shares(constants, alpha, N, 1 + seed % 4, losses=10_000, seed=100 + seed)
        assert all(share <= 1 + 1e-9 for share in shares.values()), shares


def test_random_losses_refute_half_of_the_bounds() -> None:
    """The comparison can fail: near one quadratic, and in the nonconvex geometry."""
    assert largest_shares(CONVEX, 0.7, 1, 1, losses=5000, seed=0)[f"{MAML['convex']}/ww/refined"] > 0.9
    assert largest_shares(NONCONVEX, 0.4, 4, 1, losses=5000, seed=0)[f"{MAML['steps']}/ww/sharp"] > 0.6


def test_the_measured_curvature_is_that_of_the_closed_form_and_keeps_what_stands_out() -> None:
    problem = SeparableFamily(CONVEX, 2, 0).problem(tasks=2)
    at = Schedule(0.7, 2)
    finding = MEASUREMENT.run(problem, at, EFFORT)[QUANTITY]
    values = [estimate.value for estimate in finding.estimates]
    sizes = [facts["gradient_norm"] for facts in finding.facts]
    assert len(values) > 2 and values == sorted(values) and sizes == sorted(sizes)
    last = finding.estimates[-1]
    assert last.witness is not None
    task = problem.tasks.task(last.witness.task)
    z = jnp.asarray(last.witness.points["z"])

    def adapted(w: Any) -> Any:
        for _ in range(2):
            w = w - 0.7 * jax.grad(problem.tasks.support)(w, z[2:], task)
        return problem.tasks.support(w, z[2:], task)

    assert np.linalg.norm(jax.hessian(adapted)(z[:2]), 2) == pytest.approx(last.value, rel=1e-9)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=30), st.floats(0, 5), st.floats(0, 5)
)
def test_an_increasing_bound_is_exceeded_where_something_stands_out(
    pairs: list[tuple[float, float]], start: float, rate: float
) -> None:
    curved, sizes = map(np.array, zip(*pairs, strict=True))
    beyond = curved - (start + rate * sizes)
    assert beyond[standing_out(curved, sizes)].max() == beyond.max()


def test_the_witness_keeps_to_its_constants() -> None:
    """Along the whole line, on a grid that sees every tooth: curvature within the interval, its rate within rho."""
    for constants, alpha in ((NONCONVEX, 0.4), (CONVEX, 0.7)):
        at = Schedule(alpha, 3)
        family = MamlWitness(constants, at, 3.0)
        tasks = family.sample(jax.random.key(0), 1)
        breaks = np.asarray(tasks.task(0).support.breaks)
        breaks = breaks[np.isfinite(breaks)]
        between = np.linspace(breaks[:-1], breaks[1:], 7).ravel()
        places = np.sort(np.concatenate([between, breaks[0] - [1.0, 10.0], breaks[-1] + [1.0, 10.0]]))
        second = jax.hessian(lambda w, tasks=tasks: tasks.support(w[None], jnp.zeros(0), tasks.task(0)))
        curvature = jax.vmap(second)(jnp.asarray(places))
        assert constants.lowest_curvature - 1e-12 <= curvature.min() and curvature.max() <= constants.L + 1e-12
        steps = np.diff(jnp.asarray(places))
        rates = np.abs(np.diff(curvature))[steps > 1e-12] / steps[steps > 1e-12]
        assert 0.99 * constants.rho < rates.max() <= constants.rho * (1 + 1e-3)


@given(log_uniform(0.1, 10), log_uniform(0.01, 10), st.floats(0.01, 1), st.integers(1, 30), log_uniform(0.1, 10))
def test_it_becomes_our_constant_when_M_carries_the_growth(
    L: float, rho: float, share: float, N: int, M: float
) -> None:
    alpha = share / L
    growth = 1 + alpha * L
    ours = block_constants(r=growth, alpha=alpha, inner_steps=N, L=L, rho=rho, tau=0, M=M, cbar=L, kind=Kind.EXPLICIT)
    (theirs,) = STATEMENTS[MAML["steps"]].given(gradient_norm=M / growth**N).claims
    value = theirs.evaluate(Constants(None, L, rho, 0.0, M), Schedule(alpha, N)).value
    assert value == pytest.approx(float(ours.ww), rel=1e-12)


@settings(max_examples=50)
@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.integers(1, 40))
def test_the_largest_curvature_of_a_quadratic_is_that_of_a_scan(low: float, share: float, power: int) -> None:
    constants = Constants(low, 1.0, 0.0, 0.0, 1.0)
    h = np.linspace(low, 1.0, 100_001)
    scanned = float(np.max(h * (1 - share * h) ** power))
    exact = float(largest_curvature(constants, Schedule(share, 1), power, 1 - share * low))
    assert scanned <= exact * (1 + 1e-12) and exact <= scanned + 1e-4 / power


def test_the_refined_form_is_never_above_the_explicit_one_and_bounds_overflow_in_their_logarithm() -> None:
    for size in (0.0, 0.1, 10.0):
        claims = STATEMENTS[MAML["convex"]].given(gradient_norm=size)
        values = [
            claims.select(kind, "ww")[0].evaluate(CONVEX, Schedule(0.7, 4)).value
            for kind in (Kind.EXPLICIT, Kind.REFINED)
        ]
        assert values[1] <= values[0]
    (general,) = STATEMENTS[MAML["steps"]].given(gradient_norm=1.0).claims
    bound = general.evaluate(NONCONVEX, Schedule(1.0, 5000))
    assert bound.value == float("inf") and 4515 < bound.log10 < 4516


def test_bad_input_is_refused_by_its_name() -> None:
    with pytest.raises(MissingFact, match="gradient_norm"):
        STATEMENTS[MAML["steps"]].claims[0].evaluate(NONCONVEX, Schedule(0.1, 1))
    with pytest.raises(InvalidParameter, match="gradient_norm must be"):
        STATEMENTS[MAML["steps"]].given(gradient_norm=-1.0)
    with pytest.raises(InvalidParameter, match="inner_steps must be such that lengths change"):
        MamlWitness(NONCONVEX, Schedule(1.0, 40))
    with pytest.raises(InvalidParameter, match="alpha must be at most 1/L"):
        MamlWitness(CONVEX, Schedule(1.2, 1))
    (large,) = [m for m in (MEASUREMENT,) if m.why_not(SeparableFamily(CONVEX, 65, 0).problem(), Schedule(0.1, 1))]
    assert "at most 64 entries" in large.refusal(SeparableFamily(CONVEX, 65, 0).problem(), Schedule(0.1, 1))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_every_point_is_judged_at_its_own_facts_and_the_row_is_the_nearest_to_its_bound(order: tuple[int, ...]) -> None:
    """At N = 1, alpha = 0.5, L = rho = 1 the general bound is 2.25 + 0.75 G."""
    at = Schedule(0.5, 1)
    problem = SeparableFamily(NONCONVEX, 1, 0).problem(tasks=1)

    def judged(values: tuple[float, ...], sizes: tuple[float, ...]) -> Row:
        estimates = tuple(Estimate(QUANTITY, values[i], Direction.LOWER, "points") for i in order)
        finding = Finding(estimates, facts=tuple({"gradient_norm": sizes[i]} for i in order))
        statement = STATEMENTS[MAML["steps"]]
        rows = check_by(statement, MEASUREMENT, problem, at, effort=EFFORT, findings=lambda: {QUANTITY: finding})
        (only,) = rows
        return only

    held = judged((2.0, 2.9, 3.0), (0.0, 1.0, 10.0))
    assert held.outcome == "CONSISTENT" and held.measured == 2.9 and held.power == pytest.approx(2.9 / 3)
    # The largest value is within its bound: the smallest is not.
    exceeded = judged((2.3, 2.9, 9.0), (0.0, 1.0, 10.0))
    assert exceeded.outcome == "REFUTED" and exceeded.measured == 2.3


def test_facts_come_with_every_estimate_or_with_none() -> None:
    estimates = tuple(Estimate("q", value, Direction.LOWER, "m") for value in (1.0, 2.0))
    finding = Finding(estimates, facts=({"gradient_norm": 1.0},))
    short = Measurement("short", ("q",), Direction.LOWER, lambda problem, schedule, effort: {"q": finding})
    with pytest.raises(NotOfTheKind, match="facts for each estimate, or none; got 1 for 2"):
        short.run(SeparableFamily(CONVEX, 1, 0).problem(), Schedule(0.1, 1), EFFORT)
    parts = dataclasses.replace(finding, facts=({"a": 1.0}, {"a": 2.0})).by_point()
    assert [(part.estimates[0].value, part.facts[0]["a"]) for part in parts] == [(1.0, 1.0), (2.0, 2.0)]
