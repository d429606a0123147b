"""Statement F on dense random tasks in numpy, w* known by construction: nothing measured exceeds its bound."""

import dataclasses
from itertools import product
from typing import Any

import numpy as np
import pytest

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind

CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
OTHER = Constants(0.13, 1.7, 0.6, 2.3, 0.9)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)
STRONG = dataclasses.replace(OTHER, rho=8.0, M=4.0)
"""A Hessian that turns within a short distance, and a query with long gradients."""

SLACK = 1e-9
"""Relative, above the bounds: the roundings of some hundred operations of numbers of order 1 to 1e3."""


class Sine:
    """sin, its derivative, and an integral of it; `steepest` is the largest slope."""

    steepest = 1.0
    value, derivative = np.sin, np.cos

    @staticmethod
    def integral(x: np.ndarray) -> np.ndarray:
        return -np.cos(x)


class Triangle:
    """The wave of period 2 pi that goes from -1 to 1 and back in straight lines."""

    steepest = 2 / np.pi

    @staticmethod
    def value(x: np.ndarray) -> np.ndarray:
        return 2 / np.pi * np.arcsin(np.sin(x))

    @staticmethod
    def derivative(x: np.ndarray) -> np.ndarray:
        return 2 / np.pi * np.sign(np.cos(x))

    @staticmethod
    def integral(x: np.ndarray) -> np.ndarray:
        square = np.pi / 4 * Triangle.value(x) ** 2
        return np.where(np.cos(x) >= 0, square, np.pi / 2 - square)


class DenseTasks:
    """`count` tasks of dimension n: L_S'' has its spectrum in [h, L], |L_S'''| <= rho; |D L_D| <= M, |D^2 L_D| <= L.

    Either loss is a mixture of two: those of L_S are separable in two bases, sum_i f(q_i . w) with f'' a wave between h
    and L; those of L_D are ridges, f(v . w) with f' a wave between -M and M.

    wave   Sine, or Triangle, whose slope is everywhere the largest that it may be.
    """

    def __init__(
        self,
        constants: Constants,
        n: int,
        count: int,
        generator: np.random.Generator,
        wave: type["Sine"] | type["Triangle"],
    ):
        self.constants, self.wave = constants, wave
        self.middle = (constants.L + constants.lowest_curvature) / 2
        self.half = (constants.L - constants.lowest_curvature) / 2
        self.frequency = constants.rho / (self.half * wave.steepest)
        self.query_frequency = constants.L / (constants.M * wave.steepest)
        self.bases = np.linalg.qr(generator.standard_normal((count, 2, n, n)))[0]
        self.phases = generator.uniform(0, 2 * np.pi, (count, 2, n))
        weight = generator.uniform(0, 1, count) ** 3
        self.shares = np.stack([1 - weight, weight], axis=-1)
        ridges = generator.standard_normal((count, 2, n))
        self.ridges = ridges / np.linalg.norm(ridges, axis=-1, keepdims=True)
        self.offsets = generator.uniform(0, 2 * np.pi, (count, 2))

    def _along(self, w: np.ndarray) -> np.ndarray:
        return np.einsum("tjik,tk->tji", self.bases, w)

    def slope(self, w: np.ndarray) -> np.ndarray:
        """D L_S."""
        x = self._along(w)
        integral = self.wave.integral(self.frequency * x + self.phases) - self.wave.integral(self.phases)
        slopes = self.middle * x + self.half / self.frequency * integral
        return np.einsum("tj,tji,tjik->tk", self.shares, slopes, self.bases)

    def hessian(self, w: np.ndarray) -> np.ndarray:
        """D^2 L_S."""
        curved = self.middle + self.half * self.wave.value(self.frequency * self._along(w) + self.phases)
        return np.einsum("tj,tji,tjik,tjil->tkl", self.shares, curved, self.bases, self.bases)

    def third(self, w: np.ndarray, y: np.ndarray) -> np.ndarray:
        """D^3 L_S applied to a vector: a matrix."""
        steep = self.half * self.frequency * self.wave.derivative(self.frequency * self._along(w) + self.phases)
        change = steep * self._along(y)
        return np.einsum("tj,tji,tjik,tjil->tkl", self.shares, change, self.bases, self.bases)

    def _phase(self, w: np.ndarray) -> np.ndarray:
        return self.query_frequency * np.einsum("tjk,tk->tj", self.ridges, w) + self.offsets

    def query_slope(self, w: np.ndarray) -> np.ndarray:
        """D L_D."""
        size = self.constants.M * self.shares * self.wave.value(self._phase(w))
        return np.einsum("tj,tjk->tk", size, self.ridges)

    def query_hessian(self, w: np.ndarray) -> np.ndarray:
        """D^2 L_D."""
        steep = self.constants.M * self.query_frequency * self.wave.derivative(self._phase(w))
        return np.einsum("tj,tjk,tjl->tkl", self.shares * steep, self.ridges, self.ridges)


def solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.linalg.solve(matrix, right[..., None])[..., 0]


def measured(tasks: DenseTasks, lam: float, alpha: float, N: int, distance: float, points: np.ndarray) -> dict:
    """Every row of the statement at w* = points, for w_0 = w* + D L_S(w*)/lam, whose inner minimum they are."""
    n, L = points.shape[-1], tasks.constants.L
    norm = np.linalg.norm
    w_0 = points + tasks.slope(points) / lam

    def shifted(w: np.ndarray) -> np.ndarray:
        return tasks.hessian(w) + lam * np.eye(n)

    def gradient(w: np.ndarray) -> np.ndarray:
        return solved(shifted(w), lam * tasks.query_slope(w))

    exact, matrix = gradient(points), shifted(points)
    turned = tasks.query_hessian(points) * lam - tasks.third(points, exact)
    changes = np.linalg.solve(matrix, turned)
    directions = np.linalg.svd(changes)[2][:, 0]
    far = [norm(gradient(points + s * distance * directions) - exact, axis=1) for s in (1, -1)]
    w = w_0
    for _ in range(N):
        w = w - alpha * (tasks.slope(w) + lam * (w - w_0))
    series, right = np.zeros_like(w), lam * tasks.query_slope(points)
    for _ in range(N):
        series = series + (right - np.einsum("tkl,tl->tk", matrix, series)) / (L + lam)
    return {
        "slope": norm(changes, 2, axis=(1, 2)),
        "distance": np.maximum(*far),
        "steps": norm(gradient(w) - exact, axis=1) / norm(tasks.slope(w_0), axis=1),
        "neumann": norm(series - exact, axis=1),
        "smoothness": norm(changes @ np.linalg.inv(matrix) * lam, 2, axis=(1, 2)),
    }


def bounds(constants: Constants, schedule: Schedule, distance: float) -> dict[str, float]:
    """The smallest bound of every block."""
    smallest: dict[str, float] = {}
    for claim in STATEMENTS["imaml"].given(d=distance, slope=1.0).claims:
        assert all(hypothesis.holds for hypothesis in claim.hypotheses(constants, schedule))
        value = claim.evaluate(constants, schedule).value
        smallest[claim.block] = min(value, smallest.get(claim.block, np.inf))
    return smallest


SETTINGS = [
    (CONVEX, 0.5, 0.6, 1.0),
    (CONVEX, 4.0, 0.3, 0.1),
    (OTHER, 0.05, 0.5, 3.0),
    (STRONG, 0.5, 0.3, 0.3),
    (NONCONVEX, 2.0, 0.3, 1.0),
    (NONCONVEX, 1.05, 0.3, 0.3),
]
"""Constants, lam, alpha, and the distance from w*."""


def largest_ratios(setting: tuple[Constants, float, float, float], count: int, seed: int) -> dict[str, float]:
    """The largest measured/bound of so many tasks of either wave in each of one to three dimensions."""
    constants, lam, alpha, distance = setting
    generator = np.random.default_rng(seed)
    ratios: dict[str, float] = {}
    for n, N, wave in product((1, 2, 3), (1, 5), (Sine, Triangle)):
        limits = bounds(constants, Schedule(alpha, N, lam=lam), distance)
        tasks = DenseTasks(constants, n, count, generator, wave)
        points = 5 * generator.standard_normal((count, n))
        rows: dict[str, Any] = measured(tasks, lam, alpha, N, distance, points)
        for block, values in rows.items():
            ratio = float(np.max(values)) / limits[block]
            ratios[block] = max(ratio, ratios.get(block, 0.0))
    return ratios


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_random_task_exceeds_a_bound(setting: tuple[Constants, float, float, float]) -> None:
    """36,000 tasks over all settings."""
    for block, ratio in largest_ratios(setting, count=500, seed=1).items():
        assert 0 < ratio <= 1 + SLACK, block


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("setting", SETTINGS)
def test_no_random_task_of_a_million_exceeds_a_bound(setting: tuple[Constants, float, float, float], seed: int) -> None:
    for block, ratio in largest_ratios(setting, count=2000, seed=100 + seed).items():
        assert ratio <= 1 + SLACK, block


@pytest.mark.parametrize(("wave", "error"), [(Sine, 1e-8), (Triangle, 2e-5)])
def test_the_tasks_keep_to_their_constants_and_their_derivatives_are_those_of_differences(
    wave: type[Sine] | type[Triangle], error: float
) -> None:
    generator = np.random.default_rng(3)
    tasks = DenseTasks(OTHER, 3, 200, generator, wave)
    w, y = 3 * generator.standard_normal((2, 200, 3))
    h = 1e-5
    for function, derivative in (
        (tasks.slope, np.einsum("tkl,tl->tk", tasks.hessian(w), y)),
        (tasks.hessian, tasks.third(w, y)),
        (tasks.query_slope, np.einsum("tkl,tl->tk", tasks.query_hessian(w), y)),
    ):
        np.testing.assert_allclose((function(w + h * y) - function(w - h * y)) / (2 * h), derivative, atol=error)
    spectrum = np.linalg.eigvalsh(tasks.hessian(w))
    assert spectrum.min() >= 0.13 - 1e-12 and spectrum.max() <= 1.7 + 1e-12
    unit = y / np.linalg.norm(y, axis=1, keepdims=True)
    assert np.linalg.norm(tasks.third(w, unit), 2, axis=(1, 2)).max() <= 0.6 + 1e-12
    assert np.linalg.norm(tasks.query_hessian(w), 2, axis=(1, 2)).max() <= 1.7 + 1e-12
    assert np.linalg.norm(tasks.query_slope(w), axis=1).max() <= 0.9 + 1e-12


def test_half_a_bound_is_exceeded_by_random_tasks() -> None:
    """The instances are no weak test: they reach more than half of each error bound, and of the smoothness."""
    ratios = largest_ratios(SETTINGS[3], count=2000, seed=5)
    assert ratios["neumann"] > 0.5 and ratios["slope"] > 0.5 and ratios["smoothness"] > 0.5, ratios


def test_the_refined_error_is_never_above_the_linear_one_and_never_above_two_k_m() -> None:
    generator = np.random.default_rng(7)
    for _ in range(2000):
        mu, M, rho = generator.uniform(0.01, 1), generator.uniform(0, 3), generator.uniform(0, 5)
        constants = Constants(float(mu) if generator.random() < 0.5 else None, 1.0, float(rho), 0.5, float(M))
        lam = float(max(0.0, -constants.lowest_curvature) + 10 ** generator.uniform(-2, 2))
        d = float(10 ** generator.uniform(-6, 3))
        claims = STATEMENTS["imaml"].given(d=d, slope=1.0)
        at = Schedule(0.1, 1, lam=lam)
        linear, refined = (
            claims.select(kind, "distance")[0].evaluate(constants, at) for kind in (Kind.EXPLICIT, Kind.REFINED)
        )
        k = lam / (lam + constants.lowest_curvature)
        assert refined.value <= linear.value * (1 + 1e-12)
        assert refined.value <= 2 * k * M * (1 + 1e-12)


@pytest.mark.parametrize("d", [1.7, 1.0, 0.3, 0.03, 1e-4])
@pytest.mark.parametrize(("lam", "rho"), [(0.5, 1.0), (0.05, 1.0), (4.0, 0.2)])
def test_two_matrices_attain_the_refined_error_at_a_distance(lam: float, rho: float, d: float) -> None:
    """In a plane, for the t of the formula: either has the lowest curvature h, and they differ by delta."""
    mu, L, M = 0.3, 1.0, 1.0
    b, E = (lam + mu) / lam, min(rho * d, L - mu) / lam
    sine = L * d / (2 * M)
    cosine, c = np.sqrt(1 - sine**2), E / (2 * b)
    t = c * cosine / (cosine + c * sine + np.sqrt(c * (c + sine * cosine)))
    across = E / (2 * t)
    along = b + across**2 * t**2 / (across - b)
    inverses = [np.array([[along, sign * E / 2], [sign * E / 2, across]]) for sign in (1, -1)]
    assert np.linalg.norm(inverses[0] - inverses[1], 2) == pytest.approx(E)
    assert min(np.linalg.eigvalsh(inverse).min() for inverse in inverses) == pytest.approx(b)
    slopes = [M * np.array([sign * sine, -cosine]) for sign in (1, -1)]
    assert np.linalg.norm(slopes[0] - slopes[1]) == pytest.approx(L * d)
    reached = np.linalg.norm(np.linalg.solve(inverses[0], slopes[0]) - np.linalg.solve(inverses[1], slopes[1]))
    constants = Constants(mu, L, rho, 0.5, M)
    assert bounds(constants, Schedule(0.1, 1, lam=lam), d)["distance"] == pytest.approx(reached, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(2, 1.0), (2, 3.0), (3, 0.3)])
def test_no_pair_of_random_matrices_exceeds_the_refined_error(n: int, d: float) -> None:
    """B = I + H/lam at least b, two of them at most E apart, slopes of at most M, L d apart."""
    generator = np.random.default_rng(11)
    count, lam, M = 10_000, 0.5, CONVEX.M
    b, E = (lam + 0.3) / lam, min(CONVEX.rho * d, CONVEX.L - 0.3) / lam
    halves, roots = generator.standard_normal((2, count, n, n))
    difference = halves + np.swapaxes(halves, 1, 2)
    difference *= E / np.linalg.norm(difference, 2, axis=(1, 2))[:, None, None]
    roots *= generator.uniform(0, 1, count)[:, None, None]
    first = b * np.eye(n) + roots @ np.swapaxes(roots, 1, 2)
    missing = np.maximum(0, b - np.linalg.eigvalsh(first - difference)[:, 0])
    first += missing[:, None, None] * np.eye(n)
    p, move = generator.standard_normal((2, count, n))
    p *= M / np.linalg.norm(p, axis=1, keepdims=True)
    end = p + move * CONVEX.L * d / np.linalg.norm(move, axis=1, keepdims=True)
    # The nearest point of the ball is no further from p.
    end /= np.maximum(np.linalg.norm(end, axis=1, keepdims=True) / M, 1)
    changes = np.linalg.norm(solved(first, p) - solved(first - difference, end), axis=1)
    ratio = changes.max() / bounds(CONVEX, Schedule(0.1, 1, lam=lam), d)["distance"]
    assert 0.7 < ratio <= 1 + SLACK
