"""Choices in dimension 2 + 1 are admissible and attain the sharp constants; the tensor program stays below them."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory import Constants, InvalidParameter, Schedule
from anil_theory.estimators.local_program import LocalChoice, hessian_of_choice, solve_local_program
from anil_theory.estimators.local_witness import TensorChoice, admissibility, hessian_of_tensors, sharp_choice
from anil_theory.estimators.tensor_norms import spectral_norms
from anil_theory.estimators.tensor_program import solve_tensor_program
from anil_theory.statements import Kind, blocks

ENTRY = {"ww": (0, 0), "wphi": (0, 2), "phiphi": (2, 2)}
mus = st.one_of(st.none(), st.floats(0.05, 0.95))


@given(mus, st.floats(0.0, 5), st.floats(0.0, 5), st.sampled_from([1, 2, 5, 30]), st.sampled_from(list(ENTRY)))
@settings(max_examples=40)
def test_the_written_choice_is_admissible_and_attains_the_sharp_constant(mu, rho, tau, N, block) -> None:
    constants = Constants(mu, 1.3, rho, tau, 1.7)
    schedule = Schedule.paper(constants, N)
    choice = sharp_choice(constants, schedule, block)
    assert admissibility(choice, constants).worst <= 1 + 1e-9
    reached = abs(float(hessian_of_tensors(choice, schedule.alpha)[ENTRY[block]]))
    bound = float(getattr(blocks(constants, schedule, constants.geometry, Kind.SHARP), block))
    assert reached == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize("mu", [0.3, None])
@pytest.mark.parametrize("block", ENTRY)
def test_random_starts_come_close_and_never_beyond(mu: float | None, block: str) -> None:
    """The goal: witness / best bound at least 0.97 (strongly convex) and 0.95 (nonconvex); a beaten bound is wrong."""
    constants = Constants(mu, 1.0, 1.0, 0.5, 1.0)
    schedule = Schedule.paper(constants, 2)
    bound = float(getattr(blocks(constants, schedule, constants.geometry, Kind.SHARP), block))
    found = solve_tensor_program(constants, schedule, block, starts=12, iterations=600)
    assert admissibility(found.choice, constants).worst <= 1 + 1e-9
    assert (0.95 if mu is None else 0.97) * bound <= found.value <= bound * (1 + 1e-12)
    assert found.value > bound / 2, "halving the bound must be refuted"


@pytest.mark.parametrize(("block", "tau"), [("wphi", 0.3), ("phiphi", 3.0), ("phiphi", 0.3)])
def test_scalars_reach_the_sharp_constant_in_the_strongly_convex_geometry(block: str, tau: float) -> None:
    constants = Constants(0.7, 1.0, 1.0, tau, 1.0)
    schedule = Schedule.paper(constants, 3)
    bound = float(getattr(blocks(constants, schedule, constants.geometry, Kind.SHARP), block))
    found = solve_local_program(constants, schedule, block, starts=24, iterations=800)
    assert 0.999 * bound <= found.value <= bound * (1 + 1e-12)


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_one_dimension_of_w_is_the_scalar_formula(seed: int) -> None:
    """Scalars placed in tensors of dimension 1 + 1 give the Hessian of the scalar recursion."""
    g = np.random.default_rng(seed)
    H, C, a, b, d = g.standard_normal((5, 3))
    D = g.standard_normal((2, 2))
    D = D + D.T
    scalar = LocalChoice(*map(jnp.asarray, (H, C, a, b, d)), p=jnp.asarray(0.7), D=jnp.asarray(D))
    T = np.stack([np.stack([a, b], -1), np.stack([b, d], -1)], -1)[:, None]
    tensors = TensorChoice(*map(jnp.asarray, (H[:, None, None], C[:, None, None], T, np.array([0.7]), D)))
    expected = hessian_of_choice(scalar, jnp.asarray(0.1), jnp.asarray(3))
    np.testing.assert_allclose(hessian_of_tensors(tensors, 0.1), expected, rtol=1e-12)


def test_a_choice_that_asks_for_too_much_is_seen() -> None:
    constants = Constants(None, 1.0, 1.0, 0.5, 1.0)
    choice = sharp_choice(constants, Schedule.paper(constants, 2), "phiphi")
    for field, share in (("H", "smoothness"), ("T", "tau"), ("p", "gradient"), ("D", "outer_smoothness")):
        beyond = admissibility(choice._replace(**{field: 1.01 * getattr(choice, field)}), constants)
        assert getattr(beyond, share) > 1.005, field


def test_norms_of_structured_tensors() -> None:
    harmonic = np.zeros((1, 2, 2, 2))  # the real part of (x + iy)^3: norm 1, though its entries are +-1
    harmonic[0, 0, 0, 0] = 1
    for i in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        harmonic[(0, *i)] = -1
    rank_one = 3 * np.einsum("i,j,k->ijk", [0.6, 0.8], [1.0, 0.0], [0.0, 1.0])[None]
    assert spectral_norms(harmonic)[0] == pytest.approx(1, rel=1e-12)
    assert spectral_norms(rank_one)[0] == pytest.approx(3, rel=1e-12)
    assert spectral_norms(np.zeros((2, 2, 2, 3))).tolist() == [0, 0]


def test_bad_input_is_named() -> None:
    constants = Constants(0.5, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(InvalidParameter, match="alpha"):
        sharp_choice(constants, Schedule(1.5, 2), "ww")
    for solve in (sharp_choice, solve_tensor_program):
        with pytest.raises(InvalidParameter, match="block must be one of"):
            solve(constants, Schedule(0.5, 2), "phiw")
