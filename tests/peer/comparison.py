"""One problem for both implementations, and how far their meta-gradients are apart. Importing it needs PyTorch."""

from types import SimpleNamespace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.neural.data import ImageDataset, ImageSplit, sample_episodes
from anil_theory.neural.networks import cnn
from anil_theory.neural.objective import MetaSum, Objective
from anil_theory.neural.split import split_model

torch = pytest.importorskip("torch", reason="the independent implementation needs the extra `peer` (PyTorch)")

from experiments.speed import torch_anil  # noqa: E402

SMALL = (8, 12, 3)
"""Not square, so that an exchange of height and width is seen."""


def small_dataset() -> ImageDataset:
    """Three splits of 4 classes x 6 images of SMALL: a pattern of the class and noise."""
    rng = np.random.default_rng(0)

    def split(prefix: str) -> ImageSplit:
        pattern = rng.uniform(40, 215, (4, 1, *SMALL))
        images = np.clip(pattern + rng.normal(0, 40, (4, 6, *SMALL)), 0, 255).astype(np.uint8)
        return ImageSplit(images, tuple(f"{prefix}{i}" for i in range(4)))

    return ImageDataset("small", split("a"), split("b"), split("c"))


def make_problem(
    geometry: str,
    images: np.ndarray,
    *,
    ways: int = 3,
    shots: int = 2,
    queries: int = 2,
    tasks: int = 2,
    width: int = 4,
    hidden: int = 5,
    blocks: int = 2,
    l2: float = 0.0,
    alpha: float = 0.1,
    statistics: str | None = None,
    max_steps: int = 4,
    first_order: bool = False,
    dtype: str = "float64",
) -> Any:
    """Both sides of one problem: `ours(N)` is our mean meta-gradient; `parameters`, `tasks` and `recipe(N)` the peer's.

    Scales, offsets and biases are moved from 1 and 0, where some mistakes would not show.
    """
    shape = images.shape[2:]
    sizes = (hidden,) if geometry == "nonconvex" else ()
    network = cnn(jax.random.key(1), shape, ways=ways, width=width, hidden=sizes, blocks=blocks, dtype=dtype)
    keys = iter(jax.random.split(jax.random.key(2), 100))
    network = jax.tree.map(lambda x: x + 0.2 * jax.random.normal(next(keys), x.shape, dtype) * (x.ndim == 1), network)
    model = split_model(network, geometry, statistics=statistics)
    w, phi = model.split(network)
    episodes = sample_episodes(
        *(jax.random.key(3), jnp.asarray(images)), ways=ways, shots=shots, queries=queries, count=tasks
    )
    objective = Objective(model, ways, l2, max_steps, first_order=first_order)
    add_up = jax.jit(objective.meta_sum)

    def ours(N: int) -> MetaSum:
        total = add_up(w, phi, episodes, jnp.asarray(alpha, dtype), jnp.asarray(N, jnp.int32))
        return jax.tree.map(lambda x: x / tasks, total)

    kind = getattr(torch, dtype)
    parameters = torch_anil.copy_parameters(network, shape, kind)
    adapted = torch_anil.adapted_layers(geometry, parameters)

    def recipe(N: int) -> torch_anil.Recipe:
        return torch_anil.Recipe(adapted, alpha, N, l2, model.statistics, first_order)

    copied = torch_anil.copy_tasks(episodes, kind)
    return SimpleNamespace(ours=ours, parameters=parameters, recipe=recipe, tasks=copied, image_shape=shape)


def relative_error(ours: MetaSum, theirs: torch_anil.MetaGradient, image_shape: tuple[int, int, int]) -> float:
    """The largest relative error, over parameter arrays and the loss, in the Euclidean norm of each.

    A convolution's bias has gradient zero, which is compared with the norm of the whole gradient.
    """
    combined = torch_anil.copy_parameters(eqx.combine(ours.w, ours.phi), image_shape, torch.float64)
    assert combined.keys() == theirs.gradient.keys()
    mine = {name: x.detach().numpy() for name, x in combined.items()}
    other = {name: x.detach().double().numpy() for name, x in theirs.gradient.items()}
    whole = float(np.sqrt(sum(np.sum(x**2) for x in other.values())))
    errors = [abs(float(ours.loss) - float(theirs.loss)) / float(theirs.loss)]
    for name, x in other.items():
        scale = whole if name.startswith("conv") and name.endswith(".bias") else float(np.linalg.norm(x))
        errors.append(float(np.linalg.norm(mine[name] - x)) / scale)
    return max(errors)


def assert_equal(
    ours: MetaSum, theirs: torch_anil.MetaGradient, image_shape: tuple[int, int, int], tolerance: float
) -> float:
    """The relative error; AssertionError where it exceeds the tolerance, or is NaN, or the accuracies differ."""
    error = relative_error(ours, theirs, image_shape)
    assert error <= tolerance, f"relative error {error:.1e}, allowed {tolerance:.0e}"
    assert float(ours.accuracy) == pytest.approx(float(theirs.accuracy), abs=1e-6)
    return error


def curves(program: Any, seed: int, inner_steps: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(loss, accuracy, gradient norms of w and phi) of each outer step, ours and the peer's: (steps, 4) each.

    Both start at the same parameters and see the same episodes, those of `Program.iterate`.
    """
    settings = program.settings
    state = program.initial_state(seed)
    kind = getattr(torch, settings.dtype)
    parameters = torch_anil.copy_parameters(eqx.combine(*state.params), program.image_shape, kind)
    recipe = torch_anil.Recipe(
        *(torch_anil.adapted_layers(settings.geometry, parameters), settings.alpha, inner_steps, settings.l2),
        *(program.model.statistics, settings.first_order),
    )
    optimizer = torch_anil.adam(parameters, recipe, settings.beta_w, settings.beta_phi)
    sizes = {"ways": settings.ways, "shots": settings.shots, "queries": settings.queries, "count": settings.tasks}
    ours, theirs = [], []
    for iteration in range(steps):
        key = jax.random.fold_in(jax.random.key(seed), iteration)
        tasks = torch_anil.copy_tasks(sample_episodes(key, program.splits["train"], **sizes), kind)
        state, readings = program.iterate(state, seed, iteration, inner_steps)
        ours.append(readings)
        step = torch_anil.outer_step(parameters, optimizer, tasks, recipe)
        squares = {True: 0.0, False: 0.0}
        for name, x in step.gradient.items():
            squares[name.split(".")[0] in recipe.adapted] += float(x.double().square().sum())
        theirs.append([float(step.loss), float(step.accuracy), squares[True] ** 0.5, squares[False] ** 0.5])
    return np.array(ours), np.array(theirs)
