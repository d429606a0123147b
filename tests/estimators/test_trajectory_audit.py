"""The audit along a training run: what fails first for a softmax head and for a ReLU head, and quotients at a kink."""

import dataclasses
import inspect
import textwrap
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory import _memory
from anil_theory._admissible import InvalidParameter
from anil_theory._memory import NotEnoughMemory
from anil_theory.audit.finding4_training_trajectory import relu_problem, relu_signs, softmax_problem
from anil_theory.constants import Constants, Region
from anil_theory.estimators import NotFinite, trajectory_matrices
from anil_theory.estimators.kinks import DISTANCES, first_kink, jumps
from anil_theory.estimators.trajectory import derivatives, train
from anil_theory.estimators.trajectory_audit import TrajectoryAudit, audit_trajectory
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks import SoftmaxHeadFamily, relu_head

STEPS = 40
N = 5


def schedule_of(alpha: float) -> Schedule:
    return Schedule(alpha, N, beta_w=1.0, beta_phi=1.0, batch=2, outer_steps=STEPS)


def audit_softmax(**options: Any) -> TrajectoryAudit:
    problem = softmax_problem(0)
    return audit_trajectory(problem, schedule_of(1 / problem.constants.L), seed=0, **options)


@cache
def audit(head: str) -> TrajectoryAudit:
    if head == "softmax":
        return audit_softmax()
    return audit_trajectory(relu_problem(0), schedule_of(0.1), seed=0, pattern=relu_signs)


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
    problem = relu_problem(0)
    tasks, n_w = problem.tasks, problem.n_w
    trajectory = train(tasks, schedule_of(0.1), problem.start, n_w, 0)
    found = first_kink(tasks, trajectory, n_w, relu_signs)
    assert found is not None
    k, b, m, kink = found
    z = jnp.asarray(kink)
    task = tasks.task(int(trajectory.tasks[k, b]))
    hidden = relu_head.preactivations(z[:n_w], z[n_w:], task.support_inputs, 3)
    assert float(jnp.min(jnp.abs(hidden))) < 1e-14

    @jax.jit
    def signs(z, inputs):
        return relu_head.preactivations(z[:n_w], z[n_w:], inputs, 3) > 0

    for earlier in range(k):
        for points, i in zip(trajectory.points[earlier, :, :-1], trajectory.tasks[earlier], strict=True):
            patterns = [np.asarray(signs(p, tasks.task(int(i)).support_inputs)) for p in points]
            assert all((p == patterns[0]).all() for p in patterns), "an earlier crossing was missed"
    move = trajectory.points[k, b, m + 1] - trajectory.points[k, b, m]
    near = [jnp.asarray(kink + s * 1e-9 * move / np.linalg.norm(move)) for s in (-1, 1)]
    slopes = [jax.grad(tasks.support)(p[:n_w], p[n_w:], task) for p in near]
    values = [float(tasks.support(p[:n_w], p[n_w:], task)) for p in near]
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


def test_each_declared_value_can_be_the_one_that_fails() -> None:
    """Declare too little of one constant: that one is named, at the first iterate."""
    constants = softmax_problem(0).constants
    too_little = {"smoothness": {"L": 1e-3}, "query_gradient": {"M": 1e-3}, "curvature_min": {"mu": 0.3}}
    too_little |= {"rho_quotient": {"rho": 1e-6}, "tau_quotient": {"tau": 1e-6}}
    for quantity, lie in too_little.items():
        mu = None if "L" in lie else constants.mu
        lying = dataclasses.replace(constants, **{"mu": mu, **lie})
        failure = audit_softmax(constants=lying).first_failure
        assert failure is not None and failure["quantity"] == quantity and failure["iteration"] == 0


def test_the_seed_decides_the_run_and_what_is_too_near_is_no_quotient() -> None:
    assert audit_softmax() == audit("softmax")
    assert np.isnan(trajectory_matrices.quotient(np.array(1.0), np.array(1e-9)))


QUADRATIC = Constants(mu=0.5, L=2.0, rho=0.0, tau=0.0, M=1.0)


def bowl(w: Any, phi: Any, data: Any) -> Any:
    """Eigenvalues of D^2: 0.5 in w, at most 2 in all, since [[0.5, 0.5], [0.5, 1.5]] has the largest 1 + 1/sqrt(2)."""
    w, phi = w["head"], phi["body"]
    return 0.25 * w @ w + 0.5 * w @ phi + 0.75 * phi @ phi + data["slope"] @ w


def wave(w: Any, phi: Any, data: Any) -> Any:
    return jnp.sin(w["head"][0] + 0 * data["slope"][0])


def own_problem(support: Any = bowl, query: Any = wave, constants: Constants = QUADRATIC, w: float = 1.0) -> Problem:
    data = {"slope": jnp.array([[0.1, 0.2], [0.3, -0.1], [0.0, 0.4]])}
    start = {"head": jnp.array([w, -1.0])}
    return Problem.from_losses(support, query, data, start, {"body": jnp.array([0.5, 0.2])}, constants=constants)


SHORT = Schedule(0.4, 3, beta_w=0.1, beta_phi=0.1, batch=2, outer_steps=5)


def test_a_run_of_ones_own_losses_is_audited() -> None:
    """A quadratic within its constants has no failure; its curvature is known, and halving L is noticed."""
    found = audit_trajectory(own_problem(), SHORT)
    assert found.problem == "own-losses" and found.schedule == SHORT and found.first_failure is None
    assert found.quantities["curvature_min"] == pytest.approx([0.5] * 5)
    assert found.quantities["curvature_max"] == pytest.approx([0.5] * 5)
    assert found.quantities["smoothness"] == pytest.approx([1 + 0.5**0.5] * 5)
    assert max(found.quantities["rho_quotient"] + found.quantities["tau_quotient"]) < 1e-12
    assert "norm" not in found.declared, "the constants hold on the whole space"
    halved = audit_trajectory(own_problem(), SHORT, constants=dataclasses.replace(QUADRATIC, L=1.0))
    assert halved.first_failure is not None and halved.first_failure["quantity"] == "smoothness"
    assert halved.first_failure["ratio"] == pytest.approx(1 + 0.5**0.5)


def test_the_region_and_the_start_are_those_that_were_given() -> None:
    on_ball = dataclasses.replace(QUADRATIC, region=Region(3.0))
    inside = audit_trajectory(own_problem(constants=on_ball), SHORT)
    assert inside.first_failure is None and inside.declared["norm"] == 3.0
    outside = audit_trajectory(own_problem(constants=on_ball), SHORT, start=[3.0, 1.0, 0.0, 0.0])
    assert outside.first_failure is not None and outside.first_failure["quantity"] == "norm"
    assert outside.first_failure["value"] == pytest.approx(10**0.5)
    assert (outside.first_failure["iteration"], outside.first_failure["inner_step"]) == (0, 0)


AT = 0.83


def kinked(w: Any, phi: Any, data: Any) -> Any:
    return bowl(w, phi, data) + 0.1 * jnp.abs(w["head"][0] - AT)


def side(w: Any, phi: Any, data: Any) -> Any:
    return w["head"] > AT


def test_a_kink_of_ones_own_loss_is_found_and_has_no_bound() -> None:
    """The gradient of 0.1 |w_1 - a| jumps by 0.2 at a; D_w^2 and the mixed block do not, so rho and tau stay 0."""
    found = audit_trajectory(own_problem(kinked), SHORT, pattern=side)
    failure, shrinking = found.first_failure, found.shrinking
    assert shrinking["kink"] and failure is not None and failure["unbounded"]
    assert failure["quantity"] == "gradient_quotient" and failure["also"] == []
    tasks, n_w = own_problem(kinked).tasks, 2
    trajectory = train(tasks, SHORT, own_problem().start, n_w, 0)
    kink = first_kink(tasks, trajectory, n_w, side)
    assert kink is not None and kink.point[0] == pytest.approx(AT, abs=1e-15)
    assert shrinking["gradient_quotient"][-1] == pytest.approx(0.2 / DISTANCES[-1], rel=1e-6)
    unaware = audit_trajectory(own_problem(kinked), SHORT)
    assert not any(failure["unbounded"] for failure in unaware.failures.values())


def test_a_pattern_that_changes_where_the_loss_is_smooth_is_no_kink_without_a_bound() -> None:
    """Too small an L fails across it, but not without a bound."""
    constants = dataclasses.replace(QUADRATIC, mu=None, L=1e-3)
    found = audit_trajectory(own_problem(), SHORT, constants=constants, pattern=side)
    assert found.shrinking["kink"] and "gradient_quotient" in found.failures
    assert not any(failure["unbounded"] for failure in found.failures.values())


def test_jumps_are_told_from_slopes_and_from_rounding() -> None:
    distances = np.array(DISTANCES)
    assert jumps((0.2 / distances).tolist(), 1.0)
    assert jumps((0.2 / distances + 5.0).tolist(), 1.0)
    assert not jumps(np.full(9, 5.0).tolist(), 1.0)
    assert not jumps((1e-15 / distances).tolist(), 0.0)


def test_a_problem_without_phi_and_one_that_stands_still() -> None:
    def square(w: Any, phi: Any, data: Any) -> Any:
        return w @ w / 2 + 0 * data[0]

    constants = Constants(mu=1.0, L=1.0, rho=0.0, tau=0.0, M=2.0)
    start = jnp.zeros(2)
    problem = Problem.from_losses(square, square, jnp.ones((2, 1)), start, (), constants=constants)
    found = audit_trajectory(problem, SHORT)
    assert found.first_failure is None
    assert found.quantities["norm"] == [0.0] * 5 and np.isnan(found.quantities["tau_quotient"]).all()
    assert found.shrinking["gradient_quotient"] == pytest.approx([1.0] * 9)


def test_a_run_that_is_not_finite_is_refused_and_says_where() -> None:
    """A NaN exceeds nothing, and would pass for an assumption that holds."""

    def broken(w: Any, phi: Any, data: Any) -> Any:
        return bowl(w, phi, data) + jnp.sqrt(w["head"][0] - 0.95)

    with pytest.raises(NotFinite, match=r"outer step 0.*support loss is not finite at inner step 1"):
        audit_trajectory(own_problem(broken), SHORT)


def test_the_example_of_the_docstring_runs() -> None:
    text = inspect.getdoc(audit_trajectory) or ""
    example = textwrap.dedent(text.split("Example", 1)[1].split("\n", 1)[1])
    names = {"Problem": Problem, "Schedule": Schedule, "Constants": Constants, "jnp": jnp}
    exec(example, {**names, "audit_trajectory": audit_trajectory})
    with pytest.raises(AssertionError):
        exec(example.replace("L=1.21", "L=1.1"), {**names, "audit_trajectory": audit_trajectory})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("seed", {"seed": -1}),
        ("start", {"start": [1.0]}),
        ("start", {"start": [float("nan")] * 4}),
        ("start", {"start": "here"}),
        ("beta_w", {"schedule": Schedule(0.1, 2)}),
    ],
)
def test_bad_input_is_refused(name: str, options: dict) -> None:
    with pytest.raises(InvalidParameter) as error:
        audit_trajectory(**{"problem": own_problem(), "schedule": SHORT, **options})
    assert error.value.name == name


def test_derivatives_beyond_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_memory, "memory_of_machine", lambda: 8 * 5 * 2 * 5 * 16 - 1)
    with pytest.raises(NotEnoughMemory, match="second derivatives"):
        audit_trajectory(own_problem(), SHORT)
