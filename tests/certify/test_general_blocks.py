"""Certified blocks of any loss in ball arithmetic: containment, closed forms, norms of ball matrices, bad input."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm import inner_loop
from anil_theory.certify import general_blocks
from anil_theory.certify.balls.values import Balls
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.general_blocks import certify_hessian_blocks_general, norm_above, norm_below, subdivided
from anil_theory.certify.intervals.matrices import norms_above
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.search.branch_and_bound import Boxes, ClosingStatus
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

ROUNDING = 1e-9
TARGETS = jnp.array([1.0, 0.3])


def support(w: Any, phi: Any, data: Any) -> Any:
    """A tanh feature with a regularised linear head, smooth and not quadratic."""
    return 0.5 * jnp.mean((jnp.tanh(phi[0]) * w[0] - data) ** 2) + 0.05 * w @ w


def query(w: Any, phi: Any, data: Any) -> Any:
    """The same head on other targets."""
    return 0.5 * jnp.mean((jnp.tanh(phi[0]) * w[0] + data) ** 2)


LOSSES = Losses(support, query)
SCHEDULE = Schedule(0.3, 2)


def hessians(losses: Losses, data: Any, schedule: Schedule, n_w: int, z: np.ndarray) -> np.ndarray:
    """D^2 L_meta at many points, by automatic differentiation."""

    def meta(z: Any) -> Any:
        loop: dict[str, Any] = {"alpha": schedule.alpha, "inner_steps": schedule.inner_steps}
        return losses.query(inner_loop(losses.support, z[:n_w], z[n_w:], data, **loop).final, z[n_w:], data)

    return np.asarray(jax.jit(jax.vmap(jax.hessian(meta)))(z))


def outside(certificates: dict, values: np.ndarray) -> int:
    """How many of the scalar blocks of 2 x 2 Hessians exceed their certificates."""
    at = {"ww": (0, 0), "wphi": (0, 1), "phiw": (1, 0), "phiphi": (1, 1)}
    return sum(int(np.sum(np.abs(values[:, i, j]) > certificates[b].upper + ROUNDING)) for b, (i, j) in at.items())


def test_certificates_hold_10_000_random_evaluations_and_narrowed_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    lower, upper = [-1.0, -0.5], [0.5, 1.0]
    z = np.random.default_rng(0).uniform(lower, upper, (10_000, 2))
    values = hessians(LOSSES, TARGETS, SCHEDULE, 1, z)

    def certified(arithmetic: str) -> dict:
        budget = {"max_boxes": 13, "arithmetic": arithmetic}
        return certify_hessian_blocks_general(LOSSES, TARGETS, SCHEDULE, lower, upper, n_w=1, **budget)

    for arithmetic in ("balls", "intervals"):
        right = certified(arithmetic)
        assert outside(right, values) == 0
        for certificate in right.values():
            assert certificate.status is ClosingStatus.INCONCLUSIVE or certificate.width <= 0.05
            assert 0 < certificate.lower <= certificate.upper < math.inf
    # The balls and the intervals lose their radii: no enclosures any more.
    middles = np.frompyfunc(lambda x: x.mid(), 1, 1)
    monkeypatch.setattr(general_blocks, "norm_above", lambda block: norm_above(middles(block)))
    monkeypatch.setattr(
        general_blocks, "norms_above", lambda block: norms_above(Intervals.exact(block.lo / 2 + block.hi / 2))
    )
    assert outside(certified("balls"), values) > 0 and outside(certified("intervals"), values) > 0


def test_intervals_close_what_balls_say_and_both_hold_the_same_number() -> None:
    """Within 5 %, and above every one of 10,000 random evaluations; the witness is reached."""
    lower, upper = [-1.0, -0.5], [0.5, 1.0]
    found = certify_hessian_blocks_general(LOSSES, TARGETS, SCHEDULE, lower, upper, n_w=1)
    z = np.random.default_rng(0).uniform(lower, upper, (10_000, 2))
    values = hessians(LOSSES, TARGETS, SCHEDULE, 1, z)
    assert outside(found, values) == 0
    for block, (i, j) in {"ww": (0, 0), "wphi": (0, 1), "phiphi": (1, 1)}.items():
        certificate = found[block]
        assert certificate.status is ClosingStatus.CLOSED and certificate.width <= 0.05
        here = hessians(LOSSES, TARGETS, SCHEDULE, 1, np.array([certificate.point]))[0, i, j]
        assert abs(here) >= certificate.lower - ROUNDING
        assert certificate.lower >= 0.95 * np.abs(values[:, i, j]).max()


def test_a_program_that_intervals_do_not_serve_goes_to_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    def tangent(w: Any, phi: Any, data: Any) -> Any:
        return jnp.tan(w[0] / 4) * phi[0] + w @ w / 2

    options: dict[str, Any] = {"n_w": 1, "max_boxes": 5}
    monkeypatch.setattr(general_blocks._Programs, "interval_bounds", None)
    found = certify_hessian_blocks_general(
        Losses(tangent, query), TARGETS, Schedule(0.3, 1), [0.0, 0.0], [0.5, 0.5], **options
    )
    assert all(0 < c.lower <= c.upper < math.inf for c in found.values())
    with pytest.raises(InvalidParameter, match="arithmetic"):
        certify_hessian_blocks_general(LOSSES, TARGETS, SCHEDULE, [0.0] * 2, [1.0] * 2, arithmetic="floats", **options)


def test_a_used_up_budget_says_so_and_is_still_an_enclosure() -> None:
    box: Any = ([-1.0, -0.5], [0.5, 1.0])
    brief = certify_hessian_blocks_general(LOSSES, TARGETS, SCHEDULE, *box, n_w=1, seconds=1e-6, gap=1e-6)
    full = certify_hessian_blocks_general(LOSSES, TARGETS, SCHEDULE, *box, n_w=1)
    for block, certificate in brief.items():
        assert certificate.status is ClosingStatus.INCONCLUSIVE and "time allowed" in certificate.reason
        assert certificate.lower <= full[block].upper and full[block].lower <= certificate.upper


@given(st.integers(1, 4), st.integers(1, 3))
def test_a_subdivided_box_is_covered(parts: int, dimension: int) -> None:
    boxes = Boxes.of(np.full((2, dimension), -1.0), np.full((2, dimension), 0.7), [3, 5])
    cut = subdivided(boxes, parts)
    assert len(cut.lower) == 2 * parts**dimension and sorted(set(cut.label.tolist())) == [3, 5]
    z = np.random.default_rng(0).uniform(-1, 0.7, (200, 1, dimension))
    inside = ((cut.lower <= z) & (z <= cut.upper)).all(axis=2)
    assert all((inside & (cut.label == label)).any(axis=1).all() for label in (3, 5))
    assert np.prod(cut.upper - cut.lower, axis=1).sum() == pytest.approx(2 * 1.7**dimension)


def test_a_quadratic_task_has_its_exact_norms() -> None:
    """w <- (I - alpha H) w - alpha C phi, and the Hessian of L_meta is a constant matrix."""
    H, C, D = np.array([[1.0, 0.2], [0.2, 0.5]]), np.array([[0.3], [-0.4]]), np.diag([0.5, 1.0, -0.7])

    def inner(w: Any, phi: Any, data: Any) -> Any:
        return w @ H @ w / 2 + w @ C @ phi

    def outer(w: Any, phi: Any, data: Any) -> Any:
        z = jnp.concatenate([w, phi])
        return z @ D @ z / 2

    f = np.eye(2) - 0.5 * H
    J = np.block([[f, -0.5 * C], [np.zeros((1, 2)), np.ones((1, 1))]])
    exact = J.T @ D @ J
    found = certify_hessian_blocks_general(
        Losses(inner, outer), (), Schedule(0.5, 1), [-1.0] * 3, [1.0] * 3, n_w=2, gap=1e-2
    )
    at = {"w": slice(0, 2), "phi": slice(2, 3)}
    for block, (x, y) in {"ww": ("w", "w"), "wphi": ("w", "phi"), "phiphi": ("phi", "phi")}.items():
        norm = np.linalg.norm(exact[at[x], at[y]], 2)
        certificate = found[block]
        assert certificate.status is ClosingStatus.CLOSED and certificate.boxes == general_blocks.PARTS**3
        assert certificate.lower <= norm * (1 + 1e-12) and norm * (1 - 1e-12) <= certificate.upper
        u, v = map(np.array, certificate.directions)
        assert abs(abs(u @ exact @ v) - norm) < 1e-9


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.0, 1e-6, 0.1]))
def test_norms_of_ball_matrices_are_bounded_from_both_sides(seed: int, rows: int, columns: int, radius: float) -> None:
    generator = np.random.default_rng(seed)
    middle = generator.standard_normal((rows, columns))
    block = Balls.around(middle, radius).values
    moved = middle + radius * generator.uniform(-1, 1, (rows, columns))
    norm = np.linalg.norm(moved, 2)
    assert norm_below(block) <= norm * (1 + 1e-12) and norm * (1 - 1e-12) <= norm_above(block)
    if radius == 0:
        assert norm_above(block) <= norm * (1 + 1e-3) and norm_below(block) >= norm * (1 - 1e-12)


def test_a_primitive_without_an_enclosure_is_named() -> None:
    losses = Losses(lambda w, phi, data: jnp.sum(jax.scipy.special.i0e(w)) + 0 * jnp.sum(phi), query)
    with pytest.raises(NoEnclosure, match="bessel_i0e"):
        certify_hessian_blocks_general(losses, TARGETS, SCHEDULE, [0.0, 0.0], [1.0, 1.0], n_w=1)


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        ([1.0, 0.0], [0.0, 1.0], "box must be not empty"),
        ([0.0, 0.0], [1.0, math.inf], "box must be bounded"),
        ([0.0, math.nan], [1.0, 1.0], "box must be bounded"),
        ([[0.0, 0.0]] * 2, [[1.0, 1.0]] * 2, "one box"),
        ([], [], "two corners"),
    ],
)
def test_boxes_that_are_none_are_refused(lower: Any, upper: Any, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        certify_hessian_blocks_general(LOSSES, TARGETS, SCHEDULE, lower, upper, n_w=1)


def test_more_weights_than_dimensions_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="n_w"):
        certify_hessian_blocks_general(LOSSES, TARGETS, SCHEDULE, [0.0], [1.0], n_w=2)
