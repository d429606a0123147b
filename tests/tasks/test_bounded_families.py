"""Families on a ball: the declared bounds hold there, are labelled with it, and cannot be much smaller."""

import copy
import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Geometry, Knowledge, Region
from anil_theory.estimators import audit_constants
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.tasks import LinearBodyFamily, SoftmaxHeadFamily, TwoLayerHeadFamily
from anil_theory.tasks.few_shot import BoundedFamily
from anil_theory.tasks.output_bounds import CROSS_ENTROPY, TANH, spectral_norm
from anil_theory.verdict import Outcome, judge

EXAMPLES: dict[str, BoundedFamily] = {
    "softmax": SoftmaxHeadFamily(),
    "tanh": TwoLayerHeadFamily(),
    "linear": LinearBodyFamily(),
    "linear without L2": LinearBodyFamily(regularisation=0.0, radius=1.0),
}
CLAIMS = {claim.block: claim for claim in STATEMENTS["assumptions"].claims}


def audited(family: BoundedFamily) -> dict:
    tasks = family.sample(jax.random.key(0), 2)
    return audit_constants(family, tasks, starts=6, iterations=60, region=family.constants.region)


SEARCHED = ["softmax", *(pytest.param(name, marks=pytest.mark.slow) for name in EXAMPLES if name != "softmax")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_point_of_the_ball_exceeds_the_declared_bounds(name: str) -> None:
    """Dense Hessians at random points, and their derivatives in random directions."""
    family = EXAMPLES[name]
    c, n_w = family.constants, family.n_w
    tasks = family.sample(jax.random.key(0), 1)
    task = tasks.task(0)
    losses = [lambda z, loss=loss: loss(*family.split(z), task) for loss in tasks.losses]

    @jax.jit
    def measured(z, d):
        support, jerk = jax.jvp(jax.hessian(losses[0]), (z,), (d,))
        return support, jerk, jax.hessian(losses[1])(z), jax.grad(losses[1])(z)

    generator = np.random.default_rng(0)
    for _ in range(20):
        z, d = generator.standard_normal((2, n_w + family.n_phi))
        z *= family.radius / np.linalg.norm(z) * generator.uniform() ** 0.1
        support, jerk, query, slope = measured(z, d / np.linalg.norm(d))
        assert c.lowest_curvature <= np.linalg.eigvalsh(support[:n_w, :n_w])[0] + 1e-12
        assert max(np.linalg.norm(support, 2), np.linalg.norm(query, 2)) <= c.L
        assert np.linalg.norm(jerk[:n_w, :n_w], 2) <= c.rho and np.linalg.norm(jerk[:n_w, n_w:], 2) <= c.tau
        assert np.linalg.norm(slope) <= c.M


@pytest.mark.parametrize("name", SEARCHED)
def test_the_declared_bounds_hold_on_the_ball_and_halving_enough_is_refuted(name: str) -> None:
    family = EXAMPLES[name]
    constants, schedule = family.constants, Schedule(0.01, 1)
    assert constants.known is Knowledge.UPPER_BOUND and constants.region == Region(family.radius)
    found = audited(family)
    for key, estimate in found.items():
        assert judge(CLAIMS[key], constants, schedule, estimate).outcome is Outcome.CONSISTENT, (key, estimate.value)
        # The bound can fail: declare less than what was found.
        declared = constants.L - constants.lowest_curvature if key == "L - mu" else getattr(constants, key)
        assert 0 < estimate.value <= declared
        if key == "L - mu":
            continue
        liar = dataclasses.replace(constants, mu=None, **{key: 0.9 * estimate.value})
        assert judge(CLAIMS[key], liar, schedule, estimate).outcome is Outcome.REFUTED


def test_strong_convexity_comes_from_the_regulariser_alone() -> None:
    """The smallest curvature reaches lambda (c > 1 directions that add the same to all logits), and never less."""
    family = SoftmaxHeadFamily(regularisation=0.2)
    assert family.constants.mu == 0.2 and family.constants.geometry is Geometry.STRONGLY_CONVEX
    tasks = family.sample(jax.random.key(1), 1)
    hessian = jax.jit(jax.hessian(lambda w, phi: tasks.support(w, phi, tasks.task(0))))
    for z in family.points(np.random.default_rng(0), (5,)):
        smallest = float(np.linalg.eigvalsh(hessian(*family.split(z)))[0])
        assert smallest == pytest.approx(0.2, abs=1e-12)
    assert TwoLayerHeadFamily().constants.mu is None and LinearBodyFamily(regularisation=0.0).constants.mu is None


def test_the_tanh_head_is_not_convex() -> None:
    family = EXAMPLES["tanh"]
    tasks = family.sample(jax.random.key(0), 1)
    hessian = jax.jit(jax.hessian(lambda w, phi: tasks.support(w, phi, tasks.task(0))))
    lowest = [np.linalg.eigvalsh(hessian(*family.split(z)))[0] for z in family.points(np.random.default_rng(0), (10,))]
    assert min(lowest) < -1e-3


@pytest.mark.parametrize("name", EXAMPLES)
def test_inputs_and_targets_are_what_the_bounds_assume(name: str) -> None:
    family = EXAMPLES[name]
    data = family.sample(jax.random.key(3), 5).data
    for inputs in (data.support_inputs, data.query_inputs):
        assert float(jnp.max(jnp.linalg.norm(inputs, axis=-1))) <= 1
    assert float(jnp.max(jnp.abs(data.support_targets))) <= 1
    assert family.query_infimum(data).shape == (5,)
    z = family.points(np.random.default_rng(0), (4,))
    tasks = family.sample(jax.random.key(3), 1)
    for point in z:
        w, phi = family.split(point)
        assert tasks.query(w, phi, tasks.task(0)) >= family.query_infimum(tasks.task(0))


def test_constants_grow_with_the_ball() -> None:
    for make in (SoftmaxHeadFamily, TwoLayerHeadFamily, LinearBodyFamily):
        small, large = make(radius=1.0).constants, make(radius=4.0).constants
        for name in ("L", "rho", "tau", "M"):
            assert getattr(small, name) < getattr(large, name)


def test_the_scalar_bounds_are_suprema() -> None:
    """tanh and cross-entropy on fine grids: never above, and tanh attained."""
    x = np.linspace(-4, 4, 200001)
    t = np.tanh(x)
    derivatives = (1 - t**2, -2 * t * (1 - t**2), (1 - t**2) * (6 * t**2 - 2))
    for bound, values in zip(TANH, derivatives, strict=True):
        assert np.abs(values).max() <= bound * (1 + 1e-15)
        assert np.abs(values).max() == pytest.approx(bound, rel=1e-8)
    generator = np.random.default_rng(0)
    found = np.zeros(3)
    for c in (2, 3, 5):
        p = generator.dirichlet(np.full(c, 0.5), 20000)
        d = generator.standard_normal((20000, c))
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        centred = d - np.sum(p * d, axis=1, keepdims=True)
        gradient = np.linalg.norm(p - np.eye(c)[0], axis=1).max()
        moments = [np.abs(np.sum(p * centred**k, axis=1)).max() for k in (2, 3)]
        found = np.maximum(found, [gradient, *moments])
    assert (found <= np.array(CROSS_ENTROPY) + 1e-12).all()
    assert (found >= 0.6 * np.array(CROSS_ENTROPY)).all()


def test_the_norm_of_a_symmetric_two_by_two_matrix() -> None:
    for a, b, c in np.random.default_rng(0).uniform(0, 3, (20, 3)):
        assert spectral_norm(a, b, c) == pytest.approx(np.linalg.norm([[a, b], [b, c]], 2))


@pytest.mark.parametrize("make", [SoftmaxHeadFamily, TwoLayerHeadFamily, LinearBodyFamily])
@pytest.mark.parametrize(
    "options", [{"radius": 0.0}, {"radius": -1.0}, {"radius": math.inf}, {"width": 0}, {"shots": 0}]
)
def test_bad_settings_are_refused(make: type, options: dict) -> None:
    with pytest.raises(InvalidParameter) as error:
        make(**options)
    assert error.value.name == next(iter(options))


def test_parameters_of_the_wrong_size_are_refused() -> None:
    family = EXAMPLES["tanh"]
    tasks = copy.copy(family.sample(jax.random.key(0), 1))
    with pytest.raises(InvalidParameter) as error:
        tasks.support(jnp.zeros(family.n_w), jnp.zeros(family.n_phi + 1), tasks.task(0))
    assert error.value.name == "phi"
    with pytest.raises(InvalidParameter) as error:
        tasks.support(jnp.zeros(family.n_w + 1), jnp.zeros(family.n_phi), tasks.task(0))
    assert error.value.name == "w"
    with pytest.raises(InvalidParameter):
        SoftmaxHeadFamily(classes=1)
