"""Small interval systems: every solution of a sampled system stays inside, and definite means definite."""

import numpy as np
import pytest

from anil_theory.certify.intervals.definite import (
    eliminated,
    is_definite,
    middle,
    near_inverse,
    norm,
    solved_near,
    times,
)
from anil_theory.certify.intervals.outward import Intervals

ROUNDING = 1e-12


def around(middles: np.ndarray, radius: float) -> Intervals:
    return Intervals(middles - radius, middles + radius)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("radius", [0.0, 1e-3, 0.05])
def test_solutions_of_sampled_systems_stay_inside(n: int, radius: float) -> None:
    generator = np.random.default_rng(n)
    number = 200
    root = generator.standard_normal((number, n, n))
    matrices = root @ root.swapaxes(1, 2) + np.eye(n)
    rights = generator.standard_normal((number, n, 2))
    box, right = around(matrices, radius), around(rights, radius)
    by_elimination = eliminated(box, right)
    near = solved_near(box, right, near_inverse(middle(box)))
    for _ in range(20):
        A = generator.uniform(box.lo, box.hi)
        b = generator.uniform(right.lo, right.hi)
        x = np.linalg.solve(A, b)
        for enclosure in (by_elimination, near):
            assert np.all(enclosure.lo <= x + ROUNDING) and np.all(x - ROUNDING <= enclosure.hi)
        product = times(box, Intervals.exact(x[:, :, 0]))
        assert np.all(product.lo <= (A @ x)[:, :, 0] + ROUNDING) and np.all((A @ x)[:, :, 0] - ROUNDING <= product.hi)
    # Not vacuous: the eigenvalues are at least 1, so that narrow boxes have narrow solutions.
    if radius < 0.05:
        assert np.all(near.hi - near.lo < 1e-10 + 1e3 * radius)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_definite_is_said_of_definite_matrices_alone(n: int) -> None:
    generator = np.random.default_rng(10 + n)
    turned = np.linalg.qr(generator.standard_normal((300, n, n)))[0]
    lowest = generator.uniform(-0.2, 0.2, 300)
    values = np.concatenate([lowest[:, None], generator.uniform(0.3, 2.0, (300, n - 1))], axis=1)
    matrices = (turned * values[:, None, :]) @ turned.swapaxes(1, 2)
    matrices = (matrices + matrices.swapaxes(1, 2)) / 2
    said = is_definite(Intervals.exact(matrices))
    assert not said[lowest < -ROUNDING].any() and said[lowest > ROUNDING].all()
    # Over boxes: no matrix of a box that is said to be definite has an eigenvalue below 0.
    boxes = is_definite(around(matrices, 0.02))
    assert boxes.any() and np.all(lowest[boxes] > 0.02 - ROUNDING)


def test_a_singular_box_has_no_bounded_solution() -> None:
    singular = Intervals(np.array([[[-1.0]]]), np.array([[[1.0]]]))
    found = eliminated(singular, Intervals.exact(np.ones((1, 1, 1))))
    assert found.lo[0, 0, 0] == -np.inf and found.hi[0, 0, 0] == np.inf


def test_norms_and_middles() -> None:
    vectors = Intervals(np.array([[3.0, -4.0], [np.nan, 0.0]]), np.array([[3.0, 4.0], [1.0, 2.0]]))
    assert middle(vectors).tolist() == [[3.0, 0.0], [0.0, 1.0]]
    lengths = norm(vectors)
    assert lengths.lo[0] <= 3.0 and lengths.hi[0] == pytest.approx(5.0)
