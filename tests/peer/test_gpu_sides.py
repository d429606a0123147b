"""The PyTorch sides of experiments/gpu.py compute what ours does: float64, on the CPU, to 1e-10."""

from typing import Any

import pytest

from tests.peer.comparison import assert_equal, make_problem, relative_error, small_dataset, torch, torch_anil

from experiments.gpu_steps.torch_sides import SIDES, Side, batched, stacked  # isort: skip  # after the check for torch

IMAGES = small_dataset().train.images
TOLERANCE = 1e-10
CASES = [
    ("batched", "strongly-convex", "joint"),
    ("batched", "nonconvex", "joint"),
    ("vmapped", "strongly-convex", "joint"),
    ("vmapped", "nonconvex", "joint"),
    ("vmapped", "maml", "each"),
]


def problem(geometry: str, statistics: str, **options: Any) -> Any:
    return make_problem(geometry, IMAGES, statistics=statistics, tasks=3, l2=0.3, **options)


def outcome(side: Side, p: Any) -> torch_anil.MetaGradient:
    """What the side finds, with the accuracy that it does not compute taken from the loop."""
    parameters = {name: x.detach() for name, x in p.parameters.items()}
    gradient, loss = side(parameters, stacked(p.tasks))
    return torch_anil.MetaGradient(gradient, loss, torch.tensor(0.0))


@pytest.mark.parametrize(("name", "geometry", "statistics"), CASES)
def test_a_side_is_ours(name: str, geometry: str, statistics: str) -> None:
    p = problem(geometry, statistics)
    for N in (1, 4):
        assert relative_error(p.ours(N), outcome(SIDES[name](p.recipe(N)), p), p.image_shape) < TOLERANCE


def test_the_loop_is_ours() -> None:
    p = problem("strongly-convex", "joint")
    theirs = torch_anil.mean_meta_gradient(p.parameters, p.tasks, p.recipe(4))
    assert_equal(p.ours(4), theirs, p.image_shape, TOLERANCE)


@pytest.mark.parametrize(("name", "geometry"), [("batched", "nonconvex"), ("vmapped", "strongly-convex")])
def test_the_compiled_side_is_ours(name: str, geometry: str) -> None:
    # With the back end that interprets the traced graph: it shows what torch.compile makes of the transforms, and the
    # code generator behind it, which needs a minute, is run by the script itself.
    p = problem(geometry, "joint")
    compiled = torch.compile(SIDES[name](p.recipe(2)), backend="eager")
    assert relative_error(p.ours(2), outcome(compiled, p), p.image_shape) < TOLERANCE


@pytest.mark.parametrize("name", ["batched", "vmapped"])
def test_a_body_in_bfloat16_is_near_and_not_the_same(name: str) -> None:
    p = problem("strongly-convex", "joint", dtype="float32")
    loss = float(outcome(SIDES[name](p.recipe(1), torch.bfloat16), p).loss)
    assert 1e-6 < abs(loss / float(p.ours(1).loss) - 1) < 0.05


@pytest.mark.parametrize("mistake", ["tasks normalised together", "another step", "a task less"])
def test_a_wrong_side_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem("strongly-convex", "joint")
    side = batched(p.recipe(3 if mistake == "another step" else 2))
    if mistake == "tasks normalised together":
        real = torch.var_mean
        monkeypatch.setattr(torch, "var_mean", lambda x, dim, **rest: real(x, dim=(0, *dim), **rest))
    if mistake == "a task less":
        p.tasks = p.tasks[:-1]
    assert relative_error(p.ours(2), outcome(side, p), p.image_shape) > 1e-4


def test_other_statistics_are_refused() -> None:
    with pytest.raises(ValueError, match="'each'"):
        batched(torch_anil.Recipe(("linear",), 0.1, 1, statistics="each"))
