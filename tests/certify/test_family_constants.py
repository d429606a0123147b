"""Certified constants on a ball: between what a search finds and the bound on paper, and honest when not closed."""

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.certify import family_constants
from anil_theory.certify.family_constants import CertifiedConstant, certify_constants
from anil_theory.certify.search.branch_and_bound import Boxes, ClosingStatus
from anil_theory.constants import Constants, Knowledge, Region
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.studies.constants.rows import row_of
from anil_theory.tasks import LinearBodyFamily, SeparableFamily, SoftmaxHeadFamily, TaskSet
from anil_theory.verdict import Outcome, judge
from tests.estimators.own_family import OwnFamily

LINEAR = LinearBodyFamily(inputs=1, width=1, shots=2)
CLAIMS = {claim.block: claim for claim in STATEMENTS["assumptions"].claims}


@cache
def table() -> dict[str, CertifiedConstant]:
    return certify_constants(LINEAR, LINEAR.sample(jax.random.key(0), 1), seconds=120.0)


def test_a_linear_body_closes_and_confirms_what_it_declares() -> None:
    found = table()
    assert list(found) == ["M", "L", "mu", "rho", "tau"]
    for name, row in found.items():
        assert row.status is ClosingStatus.CLOSED and row.region == LINEAR.constants.region
        if name == "mu":
            assert row.upper <= row.analytic <= row.lower + 1e-12, "certified below, found above"
            continue
        assert 0 < row.lower <= row.upper * (1 + 1e-12) and row.upper <= row.analytic
        assert row.upper <= row.lower / (1 - 0.1) * (1 + 1e-9), "the search and the certificate meet within the gap"
        claim, schedule = CLAIMS[name], Schedule(0.01, 1)
        assert judge(claim, LINEAR.constants, schedule, row.estimate).outcome is Outcome.CONFIRMED
        # A declaration below the certificate is not confirmed by it.
        less = dataclasses.replace(LINEAR.constants, mu=None, **{name: 0.9 * row.upper})
        assert judge(claim, less, schedule, row.estimate).outcome is Outcome.INCONCLUSIVE
    with pytest.raises(InvalidParameter):
        _ = found["mu"].estimate


def test_rho_and_tau_of_a_linear_body_in_closed_form() -> None:
    """Scalars w, a and inputs x: L_S = s (a w)^2/2 - .. with s = mean x^2, so the third derivatives are 2 s a, 2 s w:
    rho = sup |2 s a| (the derivative in w vanishes) and tau = sup 2 s |(a, w)|, both 2 s R."""
    data = LINEAR.sample(jax.random.key(0), 1).data
    exact = 2 * float(np.mean(np.asarray(data.support_inputs) ** 2)) * LINEAR.radius
    for name in ("rho", "tau"):
        row = table()[name]
        assert row.lower <= exact * (1 + 1e-9) and exact <= row.upper * (1 + 1e-12)
        assert row.upper <= exact / 0.9


def test_no_random_point_of_the_ball_is_above_the_certificate() -> None:
    tasks = LINEAR.sample(jax.random.key(0), 1)
    losses = [lambda z, loss=loss: loss(*LINEAR.split(z), tasks.task(0)) for loss in tasks.losses]

    @jax.jit
    @jax.vmap
    def derivatives(z):
        third = jax.jacfwd(jax.hessian(losses[0]))(z)
        return jax.grad(losses[1])(z), jax.hessian(losses[0])(z), jax.hessian(losses[1])(z), third

    z = np.random.default_rng(0).standard_normal((10_000, 2))
    z *= LINEAR.radius * np.random.default_rng(1).uniform(size=(len(z), 1)) ** 0.5 / np.linalg.norm(z, axis=1)[:, None]
    slope, support, query, third = map(np.asarray, derivatives(z))
    found = table()
    assert np.linalg.norm(slope, axis=1).max() <= found["M"].upper
    assert max(np.linalg.norm(h, 2, axis=(1, 2)).max() for h in (support, query)) <= found["L"].upper
    assert support[:, 0, 0].min() >= found["mu"].upper
    assert np.linalg.norm(third[:, 0, 0], axis=1).max() <= found["rho"].upper
    assert np.linalg.norm(third[:, 0, 1], axis=1).max() <= found["tau"].upper


def test_the_better_of_two_proved_bounds_is_labelled_and_paper_confirms_nothing() -> None:
    wide = dataclasses.replace(table()["L"], upper=6.65, analytic=5.01)
    assert (wide.best, wide.best_from) == (5.01, "on paper") and wide.estimate.value == 6.65
    tight = dataclasses.replace(wide, upper=4.0)
    assert (tight.best, tight.best_from) == (4.0, "certified")
    curvature = dataclasses.replace(table()["mu"], upper=0.05, analytic=0.1)
    assert (curvature.best, curvature.best_from) == (0.1, "on paper")
    assert dataclasses.replace(curvature, analytic=float("nan")).best_from == "certified"


SOFTMAX = SoftmaxHeadFamily(classes=2, inputs=1, width=1, shots=1, radius=1.0)


@pytest.mark.slow
def test_a_softmax_head_closes() -> None:
    """Three dimensions, all five constants, some ten seconds."""
    found = certify_constants(SOFTMAX, SOFTMAX.sample(jax.random.key(0), 1), seconds=300.0)
    for name, row in found.items():
        assert row.status is ClosingStatus.CLOSED, name
        if name == "mu":
            assert 0.085 < row.upper <= row.analytic == pytest.approx(0.1)
        else:
            assert row.lower <= row.upper <= row.lower / 0.9 * (1 + 1e-9) and row.upper < row.analytic / 2


def test_a_used_up_budget_is_inconclusive_and_still_an_enclosure() -> None:
    found = certify_constants(SOFTMAX, SOFTMAX.sample(jax.random.key(0), 1), seconds=0.05)
    assert any(row.status is ClosingStatus.INCONCLUSIVE and "used up" in row.reason for row in found.values())
    for name, row in found.items():
        assert row.upper <= row.lower + 1e-12 if name == "mu" else row.lower <= row.upper * (1 + 1e-12)


def test_balls_and_intervals_enclose_the_same_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family_constants, "serves_intervals", lambda program, n: False)
    monkeypatch.setattr(family_constants, "NAMES", ("M", "rho"))
    balls = certify_constants(LINEAR, LINEAR.sample(jax.random.key(0), 1), gap=0.5, seconds=120.0)
    for name, row in balls.items():
        assert row.lower <= table()[name].upper * (1 + 1e-12) and table()[name].lower <= row.upper * (1 + 1e-12)


def test_a_family_without_a_ball_and_an_empty_budget_are_refused() -> None:
    whole = SeparableFamily(Constants(0.3, 2.0, 0.7, 0.5, 1.5), 1, 1)
    with pytest.raises(InvalidParameter) as error:
        certify_constants(whole, whole.sample(jax.random.key(0), 1))
    assert error.value.name == "family"
    with pytest.raises(InvalidParameter) as error:
        certify_constants(LINEAR, LINEAR.sample(jax.random.key(0), 1), seconds=0.0)
    assert error.value.name == "seconds"


def test_an_estimate_of_a_constant_is_no_bound_and_never_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family that has only estimated its constants, and too small: the certified bound is what is left."""
    monkeypatch.setattr(family_constants, "NAMES", ("M",))
    tasks = LINEAR.sample(jax.random.key(0), 1)
    own = LinearBodyFamily(inputs=1, width=1, shots=2)
    own.constants = dataclasses.replace(own.constants, M=0.01 * own.constants.M, known=Knowledge.ESTIMATED)
    row = certify_constants(own, tasks, gap=0.5)["M"]
    assert row.known is Knowledge.ESTIMATED and row.analytic == own.constants.M < row.upper
    assert (row.best, row.best_from) == (row.upper, "certified")
    shown = row_of(row, own.constants)
    assert shown["best"] == row.upper and shown["best_from"] == "certified" and shown["known"] == "estimated"
    generous = dataclasses.replace(own.constants, M=10 * row.upper)
    for declared in (own.constants, generous):
        assert row_of(row, declared)["outcome"] == "INCONCLUSIVE", "an estimate is never confirmed"
    # The same number, proved on paper, would be the better bound.
    proved = dataclasses.replace(row, known=Knowledge.UPPER_BOUND)
    assert (proved.best, proved.best_from) == (row.analytic, "on paper")
    curvature = dataclasses.replace(row, name="mu", upper=0.05, analytic=0.1)
    assert (curvature.best, curvature.best_from) == (0.05, "certified")


def kinked(activation: Callable[[Any], Any]) -> OwnFamily:
    """Scalars w and phi and a kink, or a jump of the second derivative, along w phi = 0."""

    def loss(w: Any, phi: Any, data: Any) -> Any:
        return 0.5 * (activation(w[0] * phi[0]) - 0.3) ** 2 + 0.05 * w[0] ** 2

    constants = Constants(None, 10.0, 10.0, 10.0, 10.0, region=Region(1.0))
    return OwnFamily(TaskSet(loss, loss, jnp.zeros((1, 1))), 1, 1, constants)


def quotients(family: OwnFamily, distance: float) -> dict[str, float]:
    """Difference quotients across w phi = 0 of the fields whose Lipschitz constants M, L, rho and tau are.

    "mu" is what the slope in w gains as w grows, over the distance: at least the true mu.
    """
    here, there = jnp.array([-distance / 2, 0.5]), jnp.array([distance / 2, 0.5])
    loss = lambda z: family.tasks.support(z[:1], z[1:], ())  # noqa: E731
    value, slope, curvature = (np.asarray(f(there) - f(here)) for f in (loss, jax.grad(loss), jax.hessian(loss)))
    changes = {"M": value, "L": np.linalg.norm(slope), "rho": curvature[0, 0], "tau": curvature[0, 1]}
    found = {name: float(abs(change)) / distance for name, change in changes.items()}
    return found | {"mu": float(slope[0]) / distance}


INFINITE = {"relu": ("L", "mu", "rho", "tau"), "squared hinge": ("rho", "tau")}
"""What has no upper bound: the gradient of the first jumps, the Hessians of both do."""


@pytest.mark.parametrize("name", INFINITE)
def test_a_kink_leaves_no_finite_upper_bound_below_a_difference_quotient(name: str) -> None:
    activation = jax.nn.relu if name == "relu" else lambda u: jnp.maximum(0.0, u) ** 2
    family = kinked(activation)
    found = certify_constants(family, family.tasks, gap=0.5, operations=2e6, starts=1)
    assert list(found) == ["M", "L", "mu", "rho", "tau"]
    for distance in (1e-2, 1e-6):
        for constant, quotient in quotients(family, distance).items():
            upper = found[constant].upper
            # What float64 may have made of a quotient over so short a distance.
            slack = 1e-15 / distance
            assert upper <= quotient + slack if constant == "mu" else upper >= quotient - slack, constant
    for constant in INFINITE[name]:
        row = found[constant]
        assert row.upper == (-math.inf if constant == "mu" else math.inf)
        assert row.status is ClosingStatus.UNDECIDED_BRANCH and row.reason
    # Both losses are continuous, so that the first derivative, wherever it exists, bounds how fast they grow.
    assert math.isfinite(found["M"].upper)


def jumping(w: Any, phi: Any, data: Any) -> Any:
    """w - phi, and 1 more where w > 0: no number bounds its slopes across 0."""
    return jnp.where(w[0] > 0, 1.0, 0.0) + w[0] - phi[0] + data


@pytest.mark.parametrize("arithmetic", ["balls", "intervals"])
def test_where_the_field_may_jump_nothing_is_known_from_either_side(arithmetic: str) -> None:
    family = OwnFamily(TaskSet(jumping, jumping, jnp.zeros(1)), 1, 1)
    programs = family_constants._Derivatives(family, family.tasks)
    bounds_of = family_constants._ball_bounds if arithmetic == "balls" else family_constants._interval_bounds
    boxes = Boxes.of([[-1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [2.0, 1.0]])
    found = bounds_of(programs, "M", 1, boxes, (boxes.lower + boxes.upper) / 2)
    assert found.jumps is not None and found.jumps.tolist() == [True, False]
    assert found.high[0] == math.inf and found.low[0] == -math.inf
    assert found.low[1] <= math.sqrt(2.0) <= found.high[1] < 1.5 and found.low[1] > 1.4
