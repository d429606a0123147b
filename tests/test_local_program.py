"""The local worst-case program against the refined bounds: never above, and as close as the derivation says."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory import Constants, InvalidParameter, Schedule
from anil_theory.estimators.local_program import BLOCKS, LocalChoice, hessian_of_choice, solve_local_program
from anil_theory.statements import Kind, blocks

SETTINGS = [(mu, tau, N) for mu in (0.2, 0.7, None) for tau in (0.3, 1.0, 3.0) for N in (1, 3)]
REACHED = {(0.2, "ww"): 0.998, (0.2, "wphi"): 0.981, (0.2, "phiphi"): 0.92,
           (0.7, "ww"): 0.998, (0.7, "wphi"): 0.966, (0.7, "phiphi"): 0.92,
           (None, "ww"): 0.998, (None, "wphi"): 0.71, (None, "phiphi"): 0.75}  # fmt: skip
"""What ascent reaches of the refined bound, at least, at L = M = rho = 1, N = 1, 3, 10 and the tau above."""


def setting(mu: float | None, tau: float, N: int) -> tuple[Constants, Schedule]:
    constants = Constants(mu, 1.0, 1.0, tau, 1.0)
    return constants, Schedule.paper(constants, N)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_program_reaches_its_share_of_the_refined_bound_and_never_more(block: str) -> None:
    for mu, tau, N in SETTINGS:
        constants, schedule = setting(mu, tau, N)
        bound = float(getattr(blocks(constants, schedule, constants.geometry, Kind.REFINED), block))
        found = solve_local_program(constants, schedule, block, starts=24, iterations=800, max_inner_steps=3)
        assert REACHED[mu, block] * bound <= found.value <= bound * (1 + 1e-12), (mu, tau, N)
        assert found.value > bound / 2, "halving the bound must be refuted"


@given(st.sampled_from([0.1, 0.9, None]), st.floats(0.05, 5), st.floats(0.05, 5), st.integers(1, 3))
@settings(max_examples=15)
def test_the_best_choice_is_admissible_and_has_the_value(mu: float | None, rho: float, tau: float, N: int) -> None:
    constants = Constants(mu, 1.0, rho, tau, 2.0)
    schedule = Schedule.paper(constants, N)
    found = solve_local_program(constants, schedule, "phiphi", starts=4, iterations=60, max_inner_steps=3)
    H, C, a, b, d, p, D = map(np.asarray, found.choice)
    tolerance = 1 + 1e-12
    assert H.shape == (N,) and (constants.lowest_curvature - 1e-12 <= H).all()
    assert (tolerance >= H**2 + C**2).all()
    assert (a**2 + b**2 <= rho**2 * tolerance).all() and (b**2 + d**2 <= tau**2 * tolerance).all()
    assert abs(p) <= 2.0 * tolerance and np.abs(np.linalg.eigvalsh(D)).max() <= tolerance
    hessian = hessian_of_choice(LocalChoice(*found.choice), jnp.asarray(schedule.alpha), jnp.asarray(N))
    assert float(hessian[1, 1]) == pytest.approx(found.value, rel=1e-12)


def test_more_steps_are_compiled_than_run() -> None:
    constants, schedule = setting(0.2, 1.0, 1)
    short = solve_local_program(constants, schedule, "ww", starts=8, iterations=300)
    padded = solve_local_program(constants, schedule, "ww", starts=8, iterations=300, max_inner_steps=4)
    assert short.value == pytest.approx(padded.value, rel=1e-3)


def test_an_unknown_block_is_named() -> None:
    constants, schedule = setting(0.2, 1.0, 1)
    with pytest.raises(InvalidParameter, match="block must be one of"):
        solve_local_program(constants, schedule, "phiw")
