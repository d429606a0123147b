"""The joint form of the smoothness: its axes, its enclosures, and that no task goes beyond it."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import Constants
from anil_theory.estimators.fields import meta_field
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind, blocks
from anil_theory.statements.joint import RELATIVE, Form
from anil_theory.tasks import SeparableFamily
from tests.strategies import log_uniform, settings_of_theory

pytestmark = pytest.mark.filterwarnings("error")

FINE = np.linspace(0.0, math.pi / 2, 4001)


def form_of(setting: tuple[Constants, Schedule]) -> Form:
    constants, schedule = setting
    return Form.of(constants, schedule, constants.geometry)


@given(settings_of_theory())
def test_on_the_axes_the_joint_form_is_the_sharp_constants(setting: tuple[Constants, Schedule]) -> None:
    constants, schedule = setting
    form = form_of(setting)
    sharp = blocks(constants, schedule, constants.geometry, Kind.SHARP)
    one, none = np.ones(1), np.zeros(1)
    for value, expected in (
        (form.unit * float(form.curvature(one, none)[0]), sharp.ww),
        (form.unit * float(form.curvature(none, one)[0]), sharp.phiphi),
    ):
        assert math.isclose(float(value / expected) if expected else 1.0, 1.0, rel_tol=1e-9)


@given(settings_of_theory(), st.floats(0, math.pi / 2))
def test_in_between_it_is_at_most_the_form_of_the_blocks(setting: tuple[Constants, Schedule], angle: float) -> None:
    constants, schedule = setting
    form = form_of(setting)
    sharp = blocks(constants, schedule, constants.geometry, Kind.SHARP)
    x, y = math.cos(angle), math.sin(angle)
    joint = form.unit * float(form.curvature(np.array([x]), np.array([y]))[0])
    separate = sharp.ww * (x * x) + sharp.cross * (2 * x * y) + sharp.phiphi * (y * y)
    assert joint <= separate * (1 + 1e-9)


@given(settings_of_theory(), log_uniform(1e-3, 1e3), st.sampled_from(["curvature", "gradient"]))
def test_the_enclosure_is_never_below_a_value_and_close_above_the_largest(setting, kappa: float, which) -> None:
    form = form_of(setting)
    enclosed = float(form.above(which, kappa, form.slopes(which, kappa)))
    x, y = np.cos(FINE), np.sin(FINE)
    values = getattr(form, which)(x, y) / (x**2 + kappa * y**2)
    assert values.max() <= enclosed * (1 + 1e-12)
    # A scan of 4001 directions misses the maximum by a little, the enclosure by RELATIVE.
    slopes = form.slopes(which, kappa)
    with np.errstate(over="ignore"):
        x, y = 1 / np.sqrt(1 + np.exp(2 * slopes)), 1 / np.sqrt(1 + np.exp(-2 * slopes))
    reached = max(values.max(), (getattr(form, which)(x, y) / (x**2 + kappa * y**2)).max())
    assert enclosed <= reached * (1 + 10 * RELATIVE)


def test_a_chord_that_is_too_low_would_be_noticed() -> None:
    """The cells are far apart at first: without the chord's maximum the enclosure would be below the values."""
    constants = Constants(0.2, 1.0, 1.0, 0.5, 1.0)
    form = Form.of(constants, Schedule(0.2, 4), constants.geometry)
    ends = np.array([-3.0, 3.0])
    x, y = np.cos(FINE), np.sin(FINE)
    values = form.curvature(x, y) / (x**2 + y**2)
    assert values.max() <= form.above("curvature", 1.0, ends)
    at_ends = form.curvature(*(np.array([0.5**0.5]),) * 2) / 1.0
    assert form.above("curvature", 1.0, ends) > at_ends


@settings(max_examples=3)
@given(st.booleans(), st.integers(1, 4), st.integers(0, 2**31))
def test_no_random_task_is_beyond_the_form_along_any_direction(convex: bool, N: int, seed: int) -> None:
    """|D^2 L_meta[d, d]| <= Q(|dw|, |dphi|) and the second moment of one task's gradient, at random points."""
    constants = Constants(0.3 if convex else None, 1.0, 1.0, 0.5, 1.0)
    schedule = Schedule(0.3 if convex else 0.5 / N, N)
    family = SeparableFamily(constants, 2, 2)
    tasks = family.sample(jax.random.key(seed), 2)
    field = meta_field(tasks, (jnp.zeros(2), jnp.zeros(2)), UnrolledLoop.of_schedule(schedule))
    generator = np.random.default_rng(seed)
    form = Form.of(constants, schedule, constants.geometry)
    unit = float(form.unit)
    for z in family.points(generator, (4,)):
        data = tasks.task(int(generator.integers(2)))
        hessian = np.asarray(jax.jacfwd(field)(z, data))
        gradient = np.asarray(field(z, data))
        for d in generator.standard_normal((8, 4)) * np.repeat(10 ** generator.uniform(-2, 2, 2), 2):
            x, y = np.linalg.norm(d[:2]), np.linalg.norm(d[2:])
            assert abs(d @ hessian @ d) <= unit * form.curvature(np.array([x]), np.array([y]))[0] * (1 + 1e-9)
            a, b = x * x, y * y
            moment = a * gradient[:2] @ gradient[:2] + b * gradient[2:] @ gradient[2:]
            # max G(sqrt(a) s, sqrt(b) t) over s^2 + t^2 = 1.
            largest = a * float(form.largest("gradient", float(a / b)))
            assert moment <= constants.M**2 * largest * (1 + 1e-9)
