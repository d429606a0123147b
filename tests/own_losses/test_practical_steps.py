"""Practical step sizes: one over the measured blocks, and the other's where a block has next to no curvature."""

import pytest

from anil_theory.estimators import Direction, Estimate
from anil_theory.own_losses.advising import _betas, _flat_block


def blocks(**sizes: float) -> dict[str, Estimate]:
    return {
        name: Estimate(f"meta_gradient_lipschitz/{name}", x, Direction.LOWER, "points") for name, x in sizes.items()
    }


def test_each_block_limits_its_own_step() -> None:
    assert _betas(blocks(ww=0.5, wphi=1.5, phiw=0.5, phiphi=3.5)) == (0.5, 0.25, "")
    assert _betas(blocks(ww=0.25))[0] == 4.0


@pytest.mark.parametrize("curvature", [0.0, 2e-32])
def test_a_block_without_curvature_gives_no_absurd_step(curvature: float) -> None:
    """alpha = 1/L takes w to the minimum at once, and L_ww = 2e-32 is rounding: beta_w was 5e31."""
    assert _betas(blocks(ww=curvature, wphi=0.0, phiw=0.0, phiphi=2.0)) == (0.5, 0.5, "w")
    assert _betas(blocks(ww=2.0, wphi=0.0, phiw=0.0, phiphi=curvature)) == (0.5, 0.5, "phi")
    assert "curvature in w is below 1e-10 of that in phi, so that beta_w is beta_phi" in _flat_block("w")
