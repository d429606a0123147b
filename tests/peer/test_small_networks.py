"""Ours against the independent implementation on small networks: every combination of choices, and wrong versions."""

from dataclasses import replace
from functools import lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from tests.peer.comparison import SMALL, assert_equal, make_problem, run_both, small_dataset, torch, torch_anil

TOLERANCE = 1e-10
IMAGES = small_dataset().train.images


CUTS = ["strongly-convex", "nonconvex", "maml", "conv2"]
"""The last leaves shared layers both before and behind the adapted one."""

QUICK = {
    *(("strongly-convex", "each", False, 0.0), ("strongly-convex", "support", True, 0.0)),
    *(("nonconvex", "each", True, 0.3), ("nonconvex", "support", False, 0.0)),
    *(("maml", "joint", True, 0.3), ("maml", "support", False, 0.0)),
    *(("conv2", "each", False, 0.3), ("conv2", "joint", True, 0.0), ("conv2", "support", True, 0.3)),
    *(("strongly-convex", "joint", False, 0.3), ("nonconvex", "joint", False, 0.3), ("maml", "each", False, 0.3)),
}
"""Every pair of two choices is in here. What costs time is compilation, some seconds each."""

CHOICES = [
    pytest.param(*choice, marks=() if choice in QUICK else pytest.mark.slow)
    for choice in product(CUTS, ["joint", "support", "each"], [False, True], [0.0, 0.3])
]


@lru_cache(maxsize=4)
def problem(geometry: str, *, l2: float = 0.3, **options: Any) -> Any:
    return make_problem(geometry, IMAGES, l2=l2, **options)


@pytest.mark.parametrize(("cut", "statistics", "first_order", "l2"), CHOICES)
def test_the_meta_gradient_is_that_of_the_peer(cut: str, statistics: str, first_order: bool, l2: float) -> None:
    p = make_problem(cut, IMAGES, statistics=statistics, first_order=first_order, l2=l2)
    for N in (1, 4):
        theirs = torch_anil.mean_meta_gradient(p.parameters, p.tasks, p.recipe(N))
        assert_equal(p.ours(N), theirs, SMALL, TOLERANCE)


def test_the_quick_choices_hold_every_pair_of_two() -> None:
    everything = [param.values for param in CHOICES]
    for first, second in combinations(range(4), 2):
        pairs = [{(choice[first], choice[second]) for choice in choices} for choices in (QUICK, everything)]
        assert pairs[0] == pairs[1]


def test_single_precision_agrees_as_far_as_it_goes() -> None:
    p = problem("nonconvex", dtype="float32")
    theirs = torch_anil.mean_meta_gradient(p.parameters, p.tasks, p.recipe(3))
    assert {x.dtype for x in theirs.gradient.values()} == {torch.float32}
    assert assert_equal(p.ours(3), theirs, SMALL, 1e-3) > 1e-9


@pytest.mark.parametrize("geometry", ["nonconvex", "maml"])
def test_training_runs_agree_step_by_step(geometry: str) -> None:
    settings = Settings(
        geometry,
        ways=3,
        shots=2,
        queries=2,
        tasks=4,
        l2=0.1,
        width=4,
        blocks=2,
        beta_w=3e-3,
        max_inner_steps=3,
        dtype="float64",
        chunk=2,
        eval_tasks=2,
    )
    runs = run_both(Program(settings, small_dataset()), seed=0, inner_steps=3, steps=20)
    np.testing.assert_allclose(runs.ours, runs.free, rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(runs.ours, runs.led, rtol=1e-10, atol=1e-14)
    assert np.max(runs.moved) < 1e-8
    assert runs.ours[-1, 0] != pytest.approx(runs.ours[0, 0], rel=0.01), "the run moved"


def other_moments(parameters: Any, recipe: Any, beta_w: float, beta_phi: float) -> Any:
    """Adam with 0.8 in the place of 0.9; its first step is the same."""
    return torch.optim.Adam(list(parameters.values()), lr=beta_phi, betas=(0.8, 0.999))


def test_another_adam_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings("nonconvex", 3, 2, 2, 4, width=4, blocks=2, max_inner_steps=3, dtype="float64", eval_tasks=2)
    program = Program(settings, small_dataset())
    right = run_both(program, seed=0, inner_steps=3, steps=3)
    monkeypatch.setattr(torch_anil, "adam", other_moments)
    wrong = run_both(program, seed=0, inner_steps=3, steps=3)
    assert np.max(right.moved) < 1e-8 and np.min(wrong.moved[1:]) > 1e-3
    assert np.max(np.abs(wrong.ours - wrong.free)) > 1e-4 > 1e-10 > np.max(np.abs(right.ours - right.free))


def proposition1(p: Any, N: int, increasing: bool) -> torch_anil.MetaGradient:
    """The peer's mean meta-gradient with g_w as the product of Proposition 1, its factors in one order or the other."""
    means: dict[str, Any] = {}
    for task in p.tasks:
        losses = torch_anil.TaskLosses(p.parameters, task, p.recipe(N))
        *iterates, final = [
            {name: x.detach().requires_grad_() for name, x in iterate.items()} for iterate in losses.adapt()
        ]
        v = torch.autograd.grad(losses.outer(final)[0], list(final.values()))
        for w in reversed(iterates) if increasing else iterates:
            slopes = torch.autograd.grad(losses.inner(w), list(w.values()), create_graph=True)
            curved = torch.autograd.grad(slopes, list(w.values()), v)
            v = [x - p.recipe(N).alpha * c for x, c in zip(v, curved, strict=True)]
        for name, x in zip(final, v, strict=True):
            means[name] = means.get(name, 0) + x / len(p.tasks)
    theirs = torch_anil.mean_meta_gradient(p.parameters, p.tasks, p.recipe(N))
    return theirs._replace(gradient=theirs.gradient | means)


class Unsquared(torch_anil.TaskLosses):
    """lambda ||w|| in the place of (lambda/2)||w||^2."""

    def inner(self, w: Any) -> Any:
        norm = sum(x.square().sum() for x in w.values()) ** 0.5
        return self.cross_entropy(w) + self.recipe.l2 * norm


class WithoutHalf(torch_anil.TaskLosses):
    """lambda ||w||^2."""

    def inner(self, w: Any) -> Any:
        return self.cross_entropy(w) + self.recipe.l2 * sum(x.square().sum() for x in w.values())


class WeightsOnly(torch_anil.TaskLosses):
    """(lambda/2)||w||^2 without the biases."""

    def inner(self, w: Any) -> Any:
        penalty = self.recipe.l2 / 2 * sum(x.square().sum() for name, x in w.items() if name.endswith("weight"))
        return self.cross_entropy(w) + penalty


class PenalisedQuery(torch_anil.TaskLosses):
    """The regulariser in the outer loss as well."""

    def outer(self, w: Any) -> Any:
        loss, accuracy = super().outer(w)
        return loss + self.inner(w) - self.cross_entropy(w), accuracy


@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex", "maml"])
@pytest.mark.parametrize("wrong", [Unsquared, WithoutHalf, WeightsOnly, PenalisedQuery])
def test_a_wrong_regulariser_is_seen(geometry: str, wrong: type, monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(geometry)
    right = torch_anil.mean_meta_gradient(p.parameters, p.tasks, p.recipe(3))
    assert_equal(p.ours(3), right, SMALL, TOLERANCE)
    monkeypatch.setattr(torch_anil, "TaskLosses", wrong)
    theirs = torch_anil.mean_meta_gradient(p.parameters, p.tasks, p.recipe(3))
    with pytest.raises(AssertionError, match="relative error"):
        assert_equal(p.ours(3), theirs, SMALL, 1e-6)


@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex", "maml"])
def test_the_order_of_the_factors_is_seen(geometry: str) -> None:
    p = problem(geometry)
    assert_equal(p.ours(3), proposition1(p, 3, increasing=True), SMALL, TOLERANCE)
    with pytest.raises(AssertionError, match="relative error"):
        assert_equal(p.ours(3), proposition1(p, 3, increasing=False), SMALL, 1e-6)


STATISTICS = {"joint": "support", "support": "each", "each": "joint"}


@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex", "maml"])
@pytest.mark.parametrize("mistake", ["second order", "statistics", "alpha", "inner steps", "a layer too few"])
def test_a_wrong_recipe_is_seen(geometry: str, mistake: str) -> None:
    p = problem(geometry)
    recipe = p.recipe(3)
    wrong = {
        "second order": {"first_order": True},
        "statistics": {"statistics": STATISTICS[recipe.statistics]},
        "alpha": {"alpha": recipe.alpha * (1 + 1e-4)},
        "inner steps": {"inner_steps": 4},
        "a layer too few": {"adapted": recipe.adapted[1:] or ("conv2",)},
    }[mistake]
    theirs = torch_anil.mean_meta_gradient(p.parameters, p.tasks, replace(recipe, **wrong))
    with pytest.raises(AssertionError, match="relative error"):
        assert_equal(p.ours(3), theirs, SMALL, 1e-6)


@pytest.mark.parametrize("geometry", ["strongly-convex", "nonconvex", "maml"])
def test_features_in_another_order_are_seen(geometry: str) -> None:
    p = problem(geometry)
    first = "hidden" if geometry == "nonconvex" else "linear"
    weight = p.parameters[f"{first}.weight"]
    unordered = weight.detach().reshape(len(weight), 4, -1).transpose(1, 2).reshape(weight.shape).requires_grad_()
    theirs = torch_anil.mean_meta_gradient(p.parameters | {f"{first}.weight": unordered}, p.tasks, p.recipe(3))
    with pytest.raises(AssertionError, match="relative error"):
        assert_equal(p.ours(3), theirs, SMALL, 1e-6)


def test_unknown_statistics_are_named() -> None:
    with pytest.raises(ValueError, match="'running'"):
        torch_anil.Recipe(("linear",), 0.1, 1, statistics="running")
