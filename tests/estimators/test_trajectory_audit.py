"""The audit along a training run: what fails first for a softmax head and for a ReLU head, and quotients at a kink."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.estimators import trajectory_audit
from anil_theory.estimators.trajectory import derivatives, train
from anil_theory.estimators.trajectory_audit import TrajectoryAudit, audit_trajectory
from anil_theory.schedule import Schedule
from anil_theory.tasks import SoftmaxHeadFamily, relu_head

STEPS = 40


@cache
def audit(head: str) -> TrajectoryAudit:
    return audit_trajectory(head, seed=0, steps=STEPS)


def test_the_softmax_head_leaves_its_region_first() -> None:
    found = audit("softmax")
    failure = found.first_failure
    assert failure is not None and failure["quantity"] == "norm" and not failure["unbounded"]
    k = failure["iteration"]
    assert 0 < k < STEPS and failure["value"] > failure["declared"] == 2.0
    assert failure["ratio"] == failure["value"] / 2.0
    # Inside the region every declared bound holds: that is what "on the ball" says.
    assert max(found.quantities["norm"][:k]) <= 2.0
    for name in ("smoothness", "gradient_quotient", "query_gradient", "rho_quotient", "tau_quotient"):
        assert 0 < max(found.quantities[name][:k]) <= found.declared[name]
    # L2 makes it strongly convex everywhere, inside the region and outside.
    assert min(found.quantities["curvature_min"]) == pytest.approx(found.declared["curvature_min"], abs=1e-12)
    assert "curvature_min" not in found.failures


def test_the_quotients_of_a_smooth_head_settle() -> None:
    shrinking = audit("softmax").shrinking
    assert not shrinking["kink"]
    for name in ("gradient_quotient", "rho_quotient", "tau_quotient"):
        assert shrinking[name][-1] == pytest.approx(shrinking[name][2], rel=1e-3)


def test_the_relu_head_has_no_smoothness_at_all_across_a_kink() -> None:
    """Quotients of the gradient, of D_w^2 L_S and of the mixed block all grow like 1/distance: even A1 fails."""
    found = audit("relu")
    failure, shrinking = found.first_failure, found.shrinking
    assert shrinking["kink"] and failure is not None and failure["unbounded"]
    assert failure["quantity"] == "gradient_quotient" and set(failure["also"]) == {"rho_quotient", "tau_quotient"}
    assert (failure["iteration"], failure["inner_step"]) == (shrinking["iteration"], shrinking["inner_step"])
    for name in ("gradient_quotient", "rho_quotient", "tau_quotient"):
        slope = np.polyfit(np.log(shrinking["distance"][3:]), np.log(shrinking[name][3:]), 1)[0]
        assert slope == pytest.approx(-1, abs=0.01)
        assert shrinking[name][-1] > 1e4 * found.declared[name]
    # Second derivatives at the iterates themselves show nothing: automatic differentiation does not see kinks.
    assert max(found.quantities["smoothness"]) <= found.declared["smoothness"]


def test_the_kink_is_where_the_signs_change() -> None:
    """There the gradient of L_S jumps, the function does not, and no outer step before it crosses a kink inside."""
    seed, steps, N = 0, STEPS, 5
    family, _, tasks, schedule = trajectory_audit._setting("relu", seed, steps, N)
    start = np.random.default_rng(seed).standard_normal(family.n_w + family.n_phi)
    start *= 2 / np.linalg.norm(start)
    trajectory = train(tasks, schedule, jnp.asarray(start), family.n_w, seed)
    found = trajectory_audit._first_kink(tasks, trajectory, family.n_w)
    assert found is not None
    (k, b, m), kink = found
    z = jnp.asarray(kink)
    task = tasks.task(int(trajectory.tasks[k, b]))
    hidden = relu_head.preactivations(z[: family.n_w], z[family.n_w :], task.support_inputs, 3)
    assert float(jnp.min(jnp.abs(hidden))) < 1e-14

    @jax.jit
    def signs(z, inputs):
        return relu_head.preactivations(z[: family.n_w], z[family.n_w :], inputs, 3) > 0

    for earlier in range(k):
        for points, i in zip(trajectory.points[earlier, :, :-1], trajectory.tasks[earlier], strict=True):
            patterns = [np.asarray(signs(p, tasks.task(int(i)).support_inputs)) for p in points]
            assert all((p == patterns[0]).all() for p in patterns), "an earlier crossing was missed"
    move = trajectory.points[k, b, m + 1] - trajectory.points[k, b, m]
    near = [jnp.asarray(kink + s * 1e-9 * move / np.linalg.norm(move)) for s in (-1, 1)]
    slopes = [jax.grad(tasks.support)(p[: family.n_w], p[family.n_w :], task) for p in near]
    values = [float(tasks.support(p[: family.n_w], p[family.n_w :], task)) for p in near]
    assert np.linalg.norm(slopes[1] - slopes[0]) > 1e-4 and abs(values[1] - values[0]) < 1e-8


def test_local_derivatives_and_points_are_those_of_algorithm_1() -> None:
    family = SoftmaxHeadFamily(classes=2, inputs=2, width=1, shots=2)
    tasks, n_w = family.sample(jax.random.key(0), 3), family.n_w
    schedule = Schedule(0.1, 2, beta_w=0.3, beta_phi=0.2, batch=2, outer_steps=3)
    start = jnp.asarray(np.random.default_rng(0).standard_normal(n_w + family.n_phi))
    trajectory = train(tasks, schedule, start, n_w, seed=0)
    assert trajectory.points.shape == (3, 2, 4, start.size) and trajectory.tasks.shape == (3, 2)
    local = derivatives(tasks, n_w, trajectory)

    def meta_loss(w, phi, task):
        points = [w]
        for _ in range(2):
            points.append(points[-1] - 0.1 * jax.grad(tasks.support)(points[-1], phi, task))
        return tasks.query(points[-1], phi, task), (points, jax.grad(tasks.query)(points[-1], phi, task))

    @jax.jit
    def by_hand(w, phi, task):
        gradients, (points, slope) = jax.grad(meta_loss, (0, 1), has_aux=True)(w, phi, task)
        return gradients, points, slope, jax.hessian(tasks.support)(w, phi, task)

    w, phi = start[:n_w], start[n_w:]
    for k in range(3):
        meta = []
        for b in range(2):
            gradients, points, slope, H = by_hand(w, phi, tasks.task(int(trajectory.tasks[k, b])))
            meta.append(gradients)
            for m, point in enumerate(points):
                np.testing.assert_allclose(trajectory.points[k, b, m], jnp.concatenate([point, phi]), atol=1e-13)
            np.testing.assert_allclose(local.hessian[k, b, 0, :n_w, :n_w], H, atol=1e-12)
            np.testing.assert_allclose(local.query_gradient[k, b, :n_w], slope, atol=1e-12)
        w = w - 0.3 * (meta[0][0] + meta[1][0]) / 2
        phi = phi - 0.2 * (meta[0][1] + meta[1][1]) / 2
        np.testing.assert_allclose(trajectory.points[k, 0, -1], jnp.concatenate([w, phi]), atol=1e-13)


def test_each_declared_value_can_be_the_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare too little of one constant: that one is named, at the first iterate."""
    setting = trajectory_audit._setting
    too_little = {"smoothness": {"L": 1e-3}, "query_gradient": {"M": 1e-3}, "curvature_min": {"mu": 0.3}}
    too_little |= {"rho_quotient": {"rho": 1e-6}, "tau_quotient": {"tau": 1e-6}}
    for quantity, lie in too_little.items():

        def lying(head: str, seed: int, K: int, N: int, lie: dict = lie):
            family, constants, tasks, schedule = setting(head, seed, K, N)
            mu = None if "L" in lie else constants.mu
            return family, dataclasses.replace(constants, **{"mu": mu, **lie}), tasks, schedule

        monkeypatch.setattr(trajectory_audit, "_setting", lying)
        failure = audit_trajectory("softmax", seed=0, steps=STEPS).first_failure
        assert failure is not None and failure["quantity"] == quantity and failure["iteration"] == 0


def test_the_seed_decides_the_run_and_what_is_too_near_is_no_quotient() -> None:
    assert audit_trajectory("softmax", seed=0, steps=STEPS) == audit("softmax")
    assert np.isnan(trajectory_audit._quotient(np.array(1.0), np.array(1e-9)))


@pytest.mark.parametrize(
    ("name", "options"),
    [("head", {"head": "tanh"}), ("seed", {"seed": -1}), ("steps", {"steps": 0}), ("inner_steps", {"inner_steps": 0})],
)
def test_bad_input_is_refused(name: str, options: dict) -> None:
    with pytest.raises(InvalidParameter) as error:
        audit_trajectory(**{"head": "relu", **options})
    assert error.value.name == name
