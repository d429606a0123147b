"""Ours against the independent implementation at FC100 size: meta-gradients, and training runs step by step.

32 x 32 x 3 images, four blocks of 64 channels, 5-way, 5 shots and 5 queries per class, float64. Each test prints the
difference that it found.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest

from anil_theory.neural.data import ImageDataset
from anil_theory.neural.data.glyphs import generate_glyphs
from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from tests.peer.comparison import assert_equal, curves, make_problem, torch_anil

pytestmark = pytest.mark.slow

L2 = {"strongly-convex": 0.1, "nonconvex": 0.0, "maml": 0.0}
STEPS = 20


@cache
def glyphs() -> ImageDataset:
    return generate_glyphs(0, classes=(20, 5, 5), per_class=20)


@cache
def problem(geometry: str) -> Any:
    images = glyphs().train.images
    sizes: dict[str, Any] = {"ways": 5, "shots": 5, "queries": 5, "tasks": 1, "width": 64, "hidden": 64, "blocks": 4}
    return make_problem(geometry, images, l2=L2[geometry], max_steps=10, **sizes)


@pytest.mark.parametrize("inner_steps", [1, 5, 10])
@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex", "maml"])
def test_the_meta_gradient_of_cnn4(geometry: str, inner_steps: int, capsys: pytest.CaptureFixture[str]) -> None:
    p = problem(geometry)
    theirs = torch_anil.task_meta_gradient(p.parameters, p.tasks[0], p.recipe(inner_steps))
    error = assert_equal(p.ours(inner_steps), theirs, p.image_shape, 1e-6)
    with capsys.disabled():
        print(f"\nCNN4 {geometry} N = {inner_steps}: relative error of the meta-gradient {error:.1e}")


@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex"])
def test_twenty_outer_steps_with_adam(geometry: str, capsys: pytest.CaptureFixture[str]) -> None:
    # learn2learn's hyper-parameters for FC100: 32 tasks, alpha 0.1, N = 5, Adam 1e-3.
    settings = Settings(geometry, alpha=0.1, beta_w=1e-3, beta_phi=1e-3, max_inner_steps=5, dtype="float64")
    assert (settings.tasks, settings.ways, settings.shots, settings.queries, settings.width) == (32, 5, 5, 5, 64)
    ours, theirs = curves(Program(settings, glyphs()), seed=42, inner_steps=5, steps=STEPS)
    difference = np.max(np.abs(ours - theirs), axis=0)
    with capsys.disabled():
        print(
            f"\nCNN4 {geometry}, loss from {ours[0, 0]:.4f} to {ours[-1, 0]:.4f} in {STEPS} steps; largest difference"
        )
        print(
            f"of losses {difference[0]:.1e}, accuracies {difference[1]:.1e}, gradient norms {difference[2:].max():.1e}"
        )
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert ours[-1, 0] < ours[0, 0]
