"""Certificates over a ball: what its corners' cube adds is left out, and what lies in it is not."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import ConflictingArguments
from anil_theory.algorithm import meta_gradient
from anil_theory.certify import Certificate, certify_hessian_blocks_general
from anil_theory.certify.proof import Proof
from anil_theory.constants import Region
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

SCHEDULE = Schedule(0.001, 1)
RADIUS = 0.8


def steep(w, phi, task):
    """Its third derivatives grow towards one corner."""
    return jnp.exp(w[0] + phi[0]) + task * w[0] * phi[0] / 10


LOSSES = Losses(steep, steep)
TASK = jnp.array(1.0)


def certificates(within: float = np.inf, **options) -> dict[str, Certificate]:
    half = [RADIUS, RADIUS]
    lower = [-each for each in half]
    return certify_hessian_blocks_general(
        LOSSES, TASK, SCHEDULE, lower, half, n_w=1, gap=0.02, within=within, **options
    )


def largest_in_ball() -> np.ndarray:
    """|D^2 L_meta| of the blocks ww, wphi, phiphi on a dense grid of the disc, its rim among it."""

    def field(z):
        return jnp.concatenate(list(meta_gradient(LOSSES, z[:1], z[1:], TASK, alpha=0.001, inner_steps=1)))

    angles = np.linspace(0, 2 * np.pi, 721)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.concatenate([share * rays for share in np.linspace(0, RADIUS, 21)])
    hessians = np.abs(np.asarray(jax.vmap(jax.jacfwd(field))(jnp.asarray(points))))
    return hessians.max(axis=0)


@pytest.mark.parametrize("arithmetic", ["intervals", "balls"])
def test_the_maximum_over_the_ball_is_enclosed_and_below_that_of_its_cube(arithmetic: str) -> None:
    if arithmetic == "balls":
        found = certificates(RADIUS, arithmetic=arithmetic, max_boxes=4000)
    else:
        found = certificates(RADIUS)
    over_cube = certificates()
    sampled = largest_in_ball()
    for block, (i, j) in {"ww": (0, 0), "wphi": (0, 1), "phiw": (1, 0), "phiphi": (1, 1)}.items():
        each = found[block]
        assert sampled[i, j] <= each.upper * (1 + 1e-12)
        assert each.lower <= sampled[i, j] * (1 + 1e-3), "a point outside was counted"
        assert each.upper <= 1.05 * sampled[i, j]
        assert each.upper < 0.8 * over_cube[block].lower
        assert np.linalg.norm(each.point) <= RADIUS
        assert each.region == Region(RADIUS) != over_cube[block].region


def test_a_ball_that_holds_the_cube_changes_nothing() -> None:
    whole, within = certificates(), certificates(2.0)
    for block, bound in itertools.product(whole, ("lower", "upper")):
        assert getattr(within[block], bound) == pytest.approx(getattr(whole[block], bound), rel=0.02)


def test_a_proof_is_of_a_whole_box() -> None:
    with pytest.raises(ConflictingArguments, match="leave out within or proof"):
        certificates(RADIUS, proof=Proof())
