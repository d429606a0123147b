"""Local ascents: they find faces and corners, ask inside the region alone, raise lower ends, and cost what they may."""

import itertools
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.algorithm import inner_loop
from anil_theory.certify import family_constants, general_blocks, hessian_blocks
from anil_theory.certify.family_constants import certify_constants
from anil_theory.certify.general_blocks import certify_hessian_blocks_general
from anil_theory.certify.hessian_blocks import certify_blocks
from anil_theory.certify.search.branch_and_bound import BoxBounds, Boxes, Ended, maximise, widest_axis
from anil_theory.certify.search.polish import CORNERS_UP_TO, Ascent, ascend, into_ball
from anil_theory.constants import Constants, Region
from anil_theory.schedule import Schedule
from anil_theory.tasks import LinearBodyFamily, SeparableFamily

CONSTANTS = Constants(mu=0.3, L=2.0, rho=0.7, tau=0.5, M=1.5)


class Linear:
    """z -> slope z over boxes, exactly but for rounding; it keeps what it was asked."""

    def __init__(self, slope: np.ndarray, radius: float = np.inf):
        self.slope, self.radius = slope, radius
        self.asked: list[Boxes] = []

    def __call__(self, boxes: Boxes) -> BoxBounds:
        self.asked.append(boxes)
        points = boxes.lower / 2 + boxes.upper / 2
        high = np.sum(np.maximum(self.slope * boxes.lower, self.slope * boxes.upper), axis=1)
        inside = np.linalg.norm(points, axis=1) <= self.radius
        return BoxBounds(high, np.where(inside, points @ self.slope, -np.inf), points, widest_axis(boxes))


slopes = st.lists(st.floats(-3.0, 3.0).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=6).map(np.array)


@given(slopes, st.floats(0.1, 100.0))
def test_a_maximum_in_a_corner_is_found_from_the_whole_box(slope: np.ndarray, side: float) -> None:
    linear = Linear(slope)
    region = Boxes.of(-0.5 * side * np.ones(len(slope)), side * np.ones(len(slope)))
    found = maximise(linear, region, gap=0.0, max_boxes=800, ascent=Ascent(linear))
    exact = float(linear(region).high[0])
    assert exact * (1 - 1e-9) <= found.low <= exact * (1 + 1e-12)
    assert found.low == pytest.approx(float(np.array(found.point) @ slope), rel=1e-12)


@given(slopes)
def test_only_points_inside_the_region_are_asked_for(slope: np.ndarray) -> None:
    """On a face the program may take a branch that is not that of the points inside."""
    linear = Linear(slope)
    region = Boxes.of(-np.ones(len(slope)), np.ones(len(slope)))
    found = ascend(Ascent(linear), region, region, budget=300)
    assert found.enclosed == sum(len(boxes.lower) for boxes in linear.asked) <= 300
    for boxes in linear.asked:
        assert np.all((boxes.lower >= -1) & (boxes.upper <= 1) & (boxes.lower < boxes.upper))
    assert np.all(np.abs(found.point) < 1)


@given(slopes, st.floats(-1.0, 1.0))
def test_the_first_questions_are_the_middle_and_the_corners_of_the_start(slope: np.ndarray, middle: float) -> None:
    n = len(slope)
    if n > CORNERS_UP_TO:
        return
    linear = Linear(slope)
    start = Boxes.of((middle - 0.25) * np.ones(n), (middle + 0.25) * np.ones(n))
    ascend(Ascent(linear), start, Boxes.of(-4 * np.ones(n), 4 * np.ones(n)), budget=2**n + 1)
    (asked,) = linear.asked
    points = asked.lower / 2 + asked.upper / 2 - middle
    expected = [np.zeros(n), *(0.25 * np.array(sign) for sign in itertools.product((-1.0, 1.0), repeat=n))]
    np.testing.assert_allclose(points, expected, atol=1e-9)


def test_beyond_a_few_dimensions_the_first_questions_are_steps_along_the_axes() -> None:
    """A box has too many corners there: two steps along every axis, and one along none, are asked for."""
    n = CORNERS_UP_TO + 1
    linear = Linear(np.ones(n))
    region = Boxes.of(-np.ones(n), np.ones(n))
    found = ascend(Ascent(linear), region, region, budget=1000)
    assert [len(boxes.lower) for boxes in linear.asked[:2]] == [2 * n + 1, 2 * n + 1]
    assert found.low == pytest.approx(n, rel=1e-9)


def test_where_float64_has_no_point_inside_nothing_is_claimed() -> None:
    linear = Linear(np.array([1.0]))
    region = Boxes.of([1.0], [np.nextafter(1.0, 2.0)])
    assert ascend(Ascent(linear), region, region, budget=300).low == -np.inf


@given(st.floats(0.0, 2 * np.pi), st.floats(0.1, 10.0))
def test_a_maximum_on_a_sphere_is_approached_and_the_ball_is_not_left(angle: float, radius: float) -> None:
    linear = Linear(np.array([np.cos(angle), np.sin(angle)]), radius)
    region = Boxes.of([-radius, -radius], [radius, radius])
    found = ascend(Ascent(linear, into_ball(radius)), region, region, budget=300)
    assert 0.98 * radius <= found.low <= radius
    assert np.linalg.norm(found.point) <= radius


def test_every_label_keeps_to_its_own_region() -> None:
    linear = Linear(np.array([1.0, 1.0]))
    region = Boxes.of([[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [2.0, 3.0]], [4, 7])
    found = ascend(Ascent(linear), region, region, budget=300)
    assert found.label == 7 and found.low == pytest.approx(5.0)
    (high,) = (max(b.upper[b.label == 4].max() for b in linear.asked if (b.label == 4).any()),)
    assert high <= 1.0


def test_an_ascent_has_its_part_of_the_boxes_and_does_not_bound_any() -> None:
    """What is asked apart from the search is not enclosed by it: a proof has no use for it."""
    slope = np.array([1.0, 0.3])
    searched, asked = Linear(slope), Linear(slope)
    found = maximise(searched, Boxes.of([-1.0] * 2, [1.0] * 2), gap=0.0, max_boxes=400, batch=4, ascent=Ascent(asked))
    numbers = [sum(len(boxes.lower) for boxes in each.asked) for each in (searched, asked)]
    assert 0 < numbers[1] <= 400 / 4 and sum(numbers) == found.boxes <= 400
    assert all(np.all(boxes.upper - boxes.lower < 1e-11) for boxes in asked.asked)
    assert maximise(searched, Boxes.of([-1.0] * 2, [1.0] * 2), gap=0.0, max_boxes=3, batch=4).ended_by is Ended.WORK


def quotients(family: Any, tasks: Any, schedule: Schedule, z: np.ndarray) -> np.ndarray:
    """D^2 L_meta at many points, by automatic differentiation."""
    loop: dict[str, Any] = {"alpha": schedule.one_alpha, "inner_steps": schedule.inner_steps}
    data, n_w = tasks.task(0), family.n_w

    def meta(z: Any) -> Any:
        return tasks.query(inner_loop(tasks.support, z[:n_w], z[n_w:], data, **loop).final, z[n_w:], data)

    return np.asarray(jax.jit(jax.vmap(jax.hessian(meta)))(z))


def test_lower_ends_of_a_linear_body_are_those_of_its_faces() -> None:
    """At a width that midpoints alone would leave: no point of a grid with its faces is above the lower end."""
    family = LinearBodyFamily(inputs=1, width=1, shots=2)
    tasks, schedule = family.sample(jax.random.key(0), 1), Schedule(0.1, 3)
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 101)] * 2), axis=-1).reshape(-1, 2)
    values = np.abs(quotients(family, tasks, schedule, grid))
    found = certify_hessian_blocks_general(tasks.losses, tasks.task(0), schedule, [-0.5] * 2, [0.5] * 2, n_w=1, gap=0.9)
    for block, (i, j) in {"ww": (0, 0), "wphi": (0, 1), "phiphi": (1, 1)}.items():
        certificate = found[block]
        assert certificate.lower >= values[:, i, j].max() * (1 - 1e-6)
        # The point and the directions are those of the lower end.
        (here,) = quotients(family, tasks, schedule, np.array([certificate.point]))
        u, v = map(np.array, certificate.directions)
        assert abs(u @ here @ v) == pytest.approx(certificate.lower, rel=1e-9)


def test_lower_ends_of_separable_blocks_reach_the_sphere() -> None:
    """A ball so small that the blocks are nearly linear: their maxima lie on the sphere."""
    family = SeparableFamily(CONSTANTS, 1, 1)
    tasks, schedule, radius = family.sample(jax.random.key(1), 1), Schedule(0.1, 2), 0.2
    found = certify_blocks(family, tasks, schedule, region=Region(radius), gap=0.5)
    angles = np.linspace(0, 2 * np.pi, 1001)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    values = np.abs(quotients(family, tasks, schedule, circle))
    for block, (i, j) in {"ww": (0, 0), "wphi": (0, 1), "phiphi": (1, 1)}.items():
        assert found[block].lower >= values[:, i, j].max() * (1 - 1e-3)
        assert np.linalg.norm(found[block].point) <= radius


def test_an_unused_share_of_the_work_goes_on_to_the_next_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first block takes nothing: each of the two others may take half as much again."""
    family = LinearBodyFamily(inputs=1, width=1, shots=2)
    tasks = family.sample(jax.random.key(0), 1)
    allowed: list[tuple[int, float]] = []

    def recorded(*arguments: Any, **options: Any) -> Any:
        allowed.append((options["max_boxes"], options["seconds"]))
        found = maximise(*arguments, **options | {"max_boxes": 16, "ascent": None})
        assert found.boxes == 16
        return found

    monkeypatch.setattr(general_blocks, "maximise", recorded)
    arguments: Any = (tasks.losses, tasks.task(0), Schedule(0.1, 1), [-0.5] * 2, [0.5] * 2)
    certify_hessian_blocks_general(*arguments, n_w=1, gap=0.9, operations=1e6, seconds=600.0)
    boxes = [each[0] for each in allowed]
    assert len(boxes) == 3 and boxes[0] > 100
    assert boxes[1] == pytest.approx((3 * boxes[0] - 16) / 2, abs=3)
    assert boxes[2] == pytest.approx(3 * boxes[0] - 32, abs=3)
    assert allowed[0][1] == 200.0 and 200.0 < allowed[1][1] < allowed[2][1] < 600.0


def test_a_block_that_takes_too_long_leaves_the_others_their_least(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0.0, 1e6, 100.0))
    seconds: list[float] = []

    def slow(*arguments: Any, **options: Any) -> Any:
        seconds.append(options["seconds"])
        return maximise(*arguments, **options | {"seconds": 600.0})

    family = SeparableFamily(CONSTANTS, 1, 1)
    tasks = family.sample(jax.random.key(1), 1)
    monkeypatch.setattr(hessian_blocks, "maximise", slow)
    monkeypatch.setattr(hessian_blocks.time, "perf_counter", lambda: float(next(clock)))
    certify_blocks(family, tasks, Schedule(0.1, 1), region=Region(1.0), gap=0.9, seconds=3.0)
    assert seconds == pytest.approx([1.0, 0.1, 0.1])


def test_constants_share_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds: list[float] = []

    def recorded(*arguments: Any, **options: Any) -> Any:
        seconds.append(options["seconds"])
        return maximise(*arguments, **options)

    family = LinearBodyFamily(inputs=1, width=1, shots=2)
    monkeypatch.setattr(family_constants, "maximise", recorded)
    monkeypatch.setattr(family_constants, "NAMES", ("M", "rho"))
    certify_constants(family, family.sample(jax.random.key(0), 1), gap=0.9, seconds=600.0, starts=1)
    assert seconds[0] == 300.0 and 300.0 < seconds[1] < 600.0
