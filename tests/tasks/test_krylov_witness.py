"""The quadratic on which conjugate gradients are worst: its constants, Chebyshev's value, and the bounds it reaches."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.algorithm.hypergradients import conjugate_gradients
from anil_theory.checks import MEASUREMENTS, Row
from anil_theory.checks.checking import check_by
from anil_theory.constants import Constants
from anil_theory.estimators import Effort
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS
from anil_theory.tasks import KrylovWitness
from anil_theory.tasks.krylov_witness import TILT

CONVEX = Constants(0.2, 1.0, 0.0, 0.0, 1.0)
NEAR = Constants(0.9, 2.0 / 1.8, 0.0, 0.0, 1.3)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)

SOLVE = jax.jit(conjugate_gradients)
"""The number of steps is traced."""


def cg_row(statement: str, family: KrylovWitness, schedule: Schedule, broken: str | None = None) -> Row:
    name = {"imaml": "imaml-steps", "implicit": "hypergradient-error"}[statement]
    problem = family.problem(tasks=1)
    found = check_by(STATEMENTS[statement], MEASUREMENTS[name], problem, schedule, effort=Effort(), broken=broken)
    return next(row for row in found if row.block in ("cg", "cg solved"))


@pytest.mark.parametrize(
    ("constants", "lam", "least"), [(CONVEX, 2.0, 0.71), (CONVEX, 20.0, 0.93), (NONCONVEX, 20.0, 0.87)]
)
def test_statement_F_is_reached_and_half_of_it_refuted(constants: Constants, lam: float, least: float) -> None:
    for N in (1, 2):
        at = Schedule(0.03, N, lam=lam)
        family = KrylovWitness(constants, N, lam)
        row = cg_row("imaml", family, at)
        assert row.outcome == "CONSISTENT" and least < row.power <= 1, row.reason
        assert cg_row("imaml", family, at, broken="cg").outcome == "REFUTED"


@pytest.mark.parametrize("N", [1, 2])
def test_statement_D_is_reached_and_half_of_it_refuted(N: int) -> None:
    constants = Constants(0.9, 1.0, 0.0, 0.0, 1.0)
    family, at = KrylovWitness(constants, N), Schedule(0.5, N)
    row = cg_row("implicit", family, at)
    assert row.outcome == "CONSISTENT" and 0.63 < row.power <= 1, row.reason
    assert cg_row("implicit", family, at, broken="cg solved").outcome == "REFUTED"


@pytest.mark.parametrize(
    ("constants", "N", "lam"),
    [(CONVEX, 1, 0.0), (CONVEX, 4, 2.0), (NONCONVEX, 3, 1.5), (NEAR, 2, 0.0), (CONVEX, 7, 0.5)],
)
def test_the_constants_are_exact_and_the_error_is_chebyshevs(constants: Constants, N: int, lam: float) -> None:
    tasks = KrylovWitness(constants, N, lam).sample(jax.random.key(0), 2)
    task = tasks.task(1)
    z = jnp.zeros(N + 2)
    hessian = np.asarray(jax.hessian(lambda z: tasks.support(z[:-1], z[-1:], task))(z))
    assert np.linalg.norm(hessian, 2) == pytest.approx(constants.L, rel=1e-12)
    H = hessian[:-1, :-1]
    assert np.linalg.eigvalsh(H)[0] == pytest.approx(constants.lowest_curvature, rel=1e-12)
    gradient = jax.grad(lambda z: tasks.query(z[:-1], z[-1:], task))
    p = np.asarray(gradient(z))
    assert np.linalg.norm(p) == pytest.approx(math.cos(TILT) * constants.M, rel=1e-12)
    # At its steepest, and where it is most curved.
    along = np.append(p[:-1], 0.0) / np.linalg.norm(p)
    steepest, curved = ((angle - TILT) * constants.M / constants.L * along for angle in (0.0, math.pi / 2))
    assert np.linalg.norm(gradient(jnp.asarray(steepest))) == pytest.approx(constants.M, rel=1e-12)
    bent = np.asarray(jax.jacfwd(gradient)(jnp.asarray(curved)))
    assert np.linalg.norm(bent, 2) == pytest.approx(constants.L, rel=1e-12)
    assert float(tasks.query(jnp.asarray(curved - math.pi * constants.M / constants.L * along)[:-1], z[-1:], task)) == (
        pytest.approx(float(KrylovWitness(constants, N, lam).query_infimum(task)), rel=1e-12)
    )
    A = H + lam * np.eye(N + 1)
    exact = np.linalg.solve(A, p[:-1])
    error = np.asarray(conjugate_gradients(jnp.asarray(A), jnp.asarray(p[:-1]), N)) - exact
    shares = math.sqrt((error @ A @ error) / (exact @ A @ exact))
    kappa = (constants.L + lam) / (constants.lowest_curvature + lam)
    q = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
    assert shares == pytest.approx(2 * q**N / (1 + q ** (2 * N)), rel=1e-7)


@settings(max_examples=50)
@given(N=st.integers(1, 5), low=st.floats(0.05, 0.9), seed=st.integers(0, 2**32 - 1))
def test_no_other_weights_and_eigenvalues_leave_more(N: int, low: float, seed: int) -> None:
    """Random quadratics of six dimensions, in the norm of the matrix."""
    generator = np.random.default_rng(seed)
    A = generator.uniform(low, 1.0, 6)
    b = generator.standard_normal(A.size) * 10 ** generator.uniform(-2, 0, A.size)
    exact = b / A
    solved = np.asarray(SOLVE(jnp.asarray(np.diag(A)), jnp.asarray(b), N))
    shares = math.sqrt(np.sum(A * (solved - exact) ** 2) / np.sum(A * exact**2))
    q = (1 / math.sqrt(low) - 1) / (1 / math.sqrt(low) + 1)
    assert shares <= 2 * q**N / (1 + q ** (2 * N)) * (1 + 1e-9) + 1e-12


def test_bad_input_is_refused() -> None:
    for constants, lam in ((NONCONVEX, 1.0), (NONCONVEX, 0.0)):
        with pytest.raises(InvalidParameter, match="lam must be above 1"):
            KrylovWitness(constants, 2, lam)
    with pytest.raises(InvalidParameter, match="mu must be below L"):
        KrylovWitness(dataclasses.replace(CONVEX, mu=1.0), 2)
    with pytest.raises(InvalidParameter, match="steps"):
        KrylovWitness(CONVEX, 0)
    with pytest.raises(InvalidParameter, match="lam"):
        KrylovWitness(CONVEX, 2, -1.0)
