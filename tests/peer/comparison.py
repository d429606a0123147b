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
        jax.random.key(3),
        jnp.asarray(images),
        ways=ways,
        shots=shots,
        queries=queries,
        count=tasks,
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


def has_no_effect(name: str) -> bool:
    """Whether it is a convolution's bias, which the normalisation behind it removes: the gradient is zero."""
    return name.startswith("conv") and name.endswith(".bias")


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
        scale = whole if has_no_effect(name) else float(np.linalg.norm(x))
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


class PeerRun:
    """A training run of the peer: its parameters, moved by its own Adam, from `start` times (1 + nudge noise)."""

    def __init__(self, program: Any, start: torch_anil.Parameters, inner_steps: int, nudge: float):
        settings = program.settings
        self.kind = getattr(torch, settings.dtype)
        noise = torch.Generator().manual_seed(0)
        self.parameters = {
            name: (x * (1 + nudge * torch.randn(x.shape, generator=noise, dtype=self.kind))).detach().requires_grad_()
            for name, x in start.items()
        }
        self.recipe = torch_anil.Recipe(
            torch_anil.adapted_layers(settings.geometry, start),
            settings.alpha,
            inner_steps,
            settings.l2,
            program.model.statistics,
            settings.first_order,
        )
        self.optimizer = torch_anil.adam(self.parameters, self.recipe, settings.beta_w, settings.beta_phi)

    def step(self, episodes: Any) -> list[float]:
        """One outer step; (loss, accuracy, gradient norms of w and phi) before it."""
        tasks = torch_anil.copy_tasks(episodes, self.kind)
        found = torch_anil.outer_step(self.parameters, self.optimizer, tasks, self.recipe)
        squares = {True: 0.0, False: 0.0}
        for name, x in found.gradient.items():
            squares[name.split(".")[0] in self.recipe.adapted] += float(x.double().square().sum())
        return [float(found.loss), float(found.accuracy), squares[True] ** 0.5, squares[False] ** 0.5]


def run_both(program: Any, seed: int, inner_steps: int, steps: int, nudge: float = 0.0) -> Any:
    """Our training run (`Program.iterate`) beside three of the peer on the same episodes, all from the same parameters.

    ours, free   (loss, accuracy, gradient norms of w and phi) of each step, (steps, 4);
    led          the same of a peer that is put at our parameters before each step, and keeps its own moments of Adam;
    moved        (steps,): how far its step from there is from ours, relative to the length of the step;
    nudged       the same as `free`, started `nudge` away: how fast the run forgets; not made when nudge is 0.
    """
    settings, state = program.settings, program.initial_state(seed)

    def here() -> torch_anil.Parameters:
        network = eqx.combine(*state.params)
        return torch_anil.copy_parameters(network, program.image_shape, getattr(torch, settings.dtype))

    nudges = {"free": 0.0, "led": 0.0} | ({"nudged": nudge} if nudge else {})
    peers = {name: PeerRun(program, here(), inner_steps, size) for name, size in nudges.items()}
    sizes = {"ways": settings.ways, "shots": settings.shots, "queries": settings.queries, "count": settings.tasks}
    found: dict[str, list[Any]] = {name: [] for name in ("ours", "moved", *peers)}
    for iteration in range(steps):
        key = jax.random.fold_in(jax.random.key(seed), iteration)
        episodes = sample_episodes(key, program.splits["train"], **sizes)
        before, led = here(), peers["led"].parameters
        with torch.no_grad():
            for name, x in led.items():
                x.copy_(before[name])
        for name, peer in peers.items():
            found[name].append(peer.step(episodes))
        state, readings = program.iterate(state, seed, iteration, inner_steps)
        found["ours"].append(readings)
        with torch.no_grad():
            after = {name: x for name, x in here().items() if not has_no_effect(name)}
            found["moved"].append(
                max(float((led[name] - x).norm() / (x - before[name]).norm()) for name, x in after.items())
            )
    return SimpleNamespace(**{name: np.array(values) for name, values in found.items()})
