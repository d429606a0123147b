"""The joint form as a claim: attained along every direction by functions, never exceeded, refuted when halved."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.certify.realisation import block_entry, difference_quotient, realise_joint, short_span
from anil_theory.checks import check
from anil_theory.constants import Constants
from anil_theory.estimators import MEASUREMENTS, Budget, Effort
from anil_theory.estimators.joint_form import measure_forms
from anil_theory.estimators.local_witness import admissibility, hessian_of_tensors, joint_choice
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.joint import Form
from anil_theory.statements.rates import step_sizes
from anil_theory.tasks import DecayFamily, SeparableFamily
from tests.strategies import settings_of_theory

CONVEX, NONCONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0), Constants(None, 1.0, 1.0, 0.5, 1.0)
EFFORT = Effort(budget=Budget())


def with_steps(constants: Constants, N: int) -> Schedule:
    """The paper's alpha, and outer steps at the explicit limits."""
    return step_sizes(constants, Schedule.paper(constants, N), constants.geometry, Kind.EXPLICIT)


def name_of(constants: Constants) -> str:
    return "joint_form_nonconvex" if constants.mu is None else "joint_form_convex"


def value_of(constants: Constants, schedule: Schedule, x: float, y: float) -> float:
    """Q(x, y)."""
    form = Form.of(constants, schedule, constants.geometry)
    return float(form.unit) * float(form.curvature(np.array([x]), np.array([y]))[0])


@settings(max_examples=25)
@given(
    st.one_of(st.none(), st.floats(0.05, 0.95)),
    st.floats(0, 5),
    st.floats(0, 5),
    st.sampled_from([1, 2, 5]),
    st.floats(0.01, 1.56),
)
def test_admissible_derivatives_attain_the_form_along_every_direction(mu, rho, tau, N, angle) -> None:
    constants = Constants(mu, 1.3, rho, tau, 1.7)
    schedule = Schedule.paper(constants, N)
    choice = joint_choice(constants, schedule, math.tan(angle))
    assert admissibility(choice, constants).worst <= 1 + 1e-9
    x, y = math.cos(angle), math.sin(angle)
    direction = np.array([0.0, x, y])
    reached = direction @ np.asarray(hessian_of_tensors(choice, schedule.one_alpha)) @ direction
    assert reached == pytest.approx(value_of(constants, schedule, x, y), rel=1e-9)


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
@pytest.mark.parametrize("N", [1, 4])
def test_functions_attain_it_along_every_direction(constants: Constants, N: int) -> None:
    schedule = Schedule.paper(constants, N)
    for x, y in ((1.0, 0.01), (0.6, 0.8), (0.05, 1.0)):
        realised = realise_joint(constants, schedule, x, y, span=short_span(constants))
        largest = value_of(constants, schedule, x, y)
        entry = block_entry(realised)
        assert 0.998 * largest <= entry.low <= entry.high <= largest
    if N == 1:
        quotient = difference_quotient(realised)
        assert quotient.low == pytest.approx(entry.low, rel=1e-6), "ANIL itself, run on the losses"


def test_where_no_function_is_known() -> None:
    with pytest.raises(InvalidParameter, match="rho and tau must be positive"):
        realise_joint(dataclasses.replace(NONCONVEX, tau=0.0), Schedule(0.1, 2), 1.0, 1.0)
    with pytest.raises(InvalidParameter, match="slope must be"):
        joint_choice(CONVEX, Schedule(0.1, 2), 0.0)


@given(settings_of_theory(), st.tuples(*[st.floats(0, 1)] * 4))
def test_the_form_is_concave_in_the_squares(setting: tuple[Constants, Schedule], squares) -> None:
    """So the largest quotients by all sums A x^2 + B y^2 say what the form is."""
    constants, schedule = setting
    form = Form.of(constants, schedule, constants.geometry)
    first, second = np.array(squares[:2]), np.array(squares[2:])
    X = np.stack([first, second, (first + second) / 2])
    for values in (form.curvature(*np.sqrt(X.T)), form.gradient(*np.sqrt(X.T))):
        assert values[2] >= (values[0] + values[1]) / 2 * (1 - 1e-9)


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
def test_verify_confirms_neither_and_refutes_both_when_halved(constants: Constants) -> None:
    """The curvature by realised losses; the gradient by a quadratic, which keeps any rho and tau."""
    schedule = with_steps(constants, 1)
    problem = SeparableFamily(constants, 2, 2).problem(tasks=2)
    rows = {row.block: row for row in check(name_of(constants), problem, schedule, effort=EFFORT)}
    assert {row.outcome for row in rows.values()} == {"CONSISTENT"}
    assert rows["curvature"].power >= 0.999 and rows["curvature"].method == "realised losses"
    (broken,) = check(name_of(constants), problem, schedule, effort=EFFORT, broken="curvature")[:1]
    assert broken.outcome == "REFUTED"
    flat = dataclasses.replace(constants, rho=0.0, tau=0.0)
    quadratic = DecayFamily(flat, schedule).problem()
    rows = {row.block: row for row in check(name_of(flat), quadratic, schedule, effort=EFFORT, broken="gradient")}
    assert rows["gradient"].outcome == "REFUTED"
    assert rows["curvature"].outcome == "CONSISTENT" and rows["curvature"].power >= 0.999


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
@pytest.mark.parametrize("N", [1, 5])
def test_ten_thousand_random_instances_stay_below_both(constants: Constants, N: int) -> None:
    schedule = with_steps(constants, N)
    assert largest_share(constants, schedule, tasks=80, seed=0) <= 1
    assert MEASUREMENTS["joint-form"].why_not(SeparableFamily(constants, 2, 2).problem(), Schedule(0.1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX])
@pytest.mark.parametrize("N", [1, 5])
def test_a_million_random_instances_stay_below_both(constants: Constants, N: int) -> None:
    schedule = with_steps(constants, N)
    for seed in range(100):
        assert largest_share(constants, schedule, tasks=80, seed=seed) <= 1


def largest_share(constants: Constants, schedule: Schedule, *, tasks: int, seed: int) -> float:
    """The largest of measured/bound over random points of random tasks, 128 each."""
    problem = SeparableFamily(constants, 2, 2).problem(tasks=tasks, seed=seed)
    measured = measure_forms(problem, schedule, Effort(seed=seed, max_inner_steps=5))
    shares = []
    for claim in STATEMENTS[name_of(constants)].claims:
        estimate = measured[claim.quantity]
        assert estimate.samples == 128 * tasks
        shares.append(estimate.value / claim.evaluate(constants, schedule).value)
    assert min(shares) > 0.1, "a share of nothing would show nothing"
    return max(shares)


@pytest.mark.parametrize("beta", [(1.0, 1.0), (0.1, 3.0)])
def test_the_measured_norms_are_those_of_the_definition(beta: tuple[float, float]) -> None:
    """By autodiff of L_meta itself at the point of the witness."""
    schedule = dataclasses.replace(Schedule(0.2, 2), beta_w=beta[0], beta_phi=beta[1])
    problem = SeparableFamily(CONVEX, 2, 2).problem(tasks=2)
    measured = measure_forms(problem, schedule, Effort(max_inner_steps=5))

    def loss(z: jax.Array, data: object) -> jax.Array:
        w = z[:2]
        for _ in range(2):
            w = w - 0.2 * jax.grad(problem.tasks.support)(w, z[2:], data)
        return problem.tasks.query(w, z[2:], data)

    root = np.sqrt(np.repeat(beta, 2))
    for quantity, estimate in measured.items():
        assert estimate.witness is not None
        data, z = problem.tasks.task(estimate.witness.task), jnp.asarray(estimate.witness.points["z"])
        if quantity.endswith("curvature"):
            expected = np.linalg.norm(root[:, None] * np.asarray(jax.hessian(loss)(z, data)) * root, 2)
        else:
            expected = np.sum((root * np.asarray(jax.grad(loss)(z, data))) ** 2)
        assert estimate.value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("N", [1, 3])
def test_derivatives_at_different_points_attain_the_form_of_the_gradient(N: int) -> None:
    """Nonconvex: (p, q) along the image of the direction, H and C on the circle of radius L that t_m asks for."""
    alpha, L, M = 0.3, 1.0, 2.0
    constants = Constants(None, L, 1.0, 1.0, M)
    form = Form.of(constants, Schedule(alpha, N), constants.geometry)
    x, y = 0.4, 1.1
    J, t = np.eye(2), x
    for _ in range(N):
        length = math.hypot(t, y)
        h, c = -L * t / length, -L * y / length
        J = np.array([[1 - alpha * h, -alpha * c], [0.0, 1.0]]) @ J
        t = t + alpha * L * length
    outer = J @ [x, y] * M / np.linalg.norm(J @ [x, y])
    gradient = J.T @ outer
    along = gradient @ [x, y]
    assert along**2 == pytest.approx(M**2 * float(form.unit) * form.gradient(np.array([x]), np.array([y]))[0])
