"""Meta-training: Algorithm 1 with a network. One compilation serves every number of inner steps and every seed.

Each iteration samples its tasks on the device from fold_in(key(seed), iteration), adds up meta-gradients chunk by
chunk, and takes one outer step. On the CPU a chunk is one task by default: XLA runs a convolution inside a loop there
many times slower than at the top level of a program, so loops over tasks are dispatches, and scans hold heads only.
"""

import math
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, count, nonnegative, one_of, positive
from anil_theory._plain import to_plain
from anil_theory.neural.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from anil_theory.neural.data import ImageDataset, sample_episodes
from anil_theory.neural.networks import cnn
from anil_theory.neural.objective import MetaSum, Objective
from anil_theory.neural.split import split_model

OPTIMIZERS = ("adam", "sgd")
EXPLOSION = 100.0
"""A training loss beyond this many times log(ways), the loss of guessing, counts as divergence, as NaN and inf do."""


@dataclass(frozen=True)
class Settings:
    """One benchmark configuration. Lengths, counts and step sizes as in the paper; `inner_steps` is given to `train`.

    l2            lambda of (lambda/2)||w||^2;  optimizer  "adam" or "sgd" (Algorithm 1), steps beta_w and beta_phi;
    tasks         meta-batch;  chunk  tasks per dispatch (a divisor of both task counts), None: 1 on the CPU, else all;
    width, hidden, blocks   of the network; `hidden` (nonconvex geometry) None: as wide as `width`;
    max_inner_steps         length of the compiled inner loop: N is at most this;
    statistics, body_dtype  see split.split_model;  eval_tasks  episodes of an accuracy.
    """

    geometry: str = "strongly-convex"
    ways: int = 5
    shots: int = 5
    queries: int = 5
    tasks: int = 32
    iterations: int = 1000
    alpha: float = 0.1
    l2: float = 0.0
    optimizer: str = "adam"
    beta_w: float = 1e-3
    beta_phi: float = 1e-3
    width: int = 64
    hidden: int | None = None
    blocks: int = 4
    max_inner_steps: int = 30
    method: str = "recursion"
    first_order: bool = False
    statistics: str | None = None
    dtype: str = "float32"
    body_dtype: str | None = None
    chunk: int | None = None
    eval_tasks: int = 600

    def __post_init__(self) -> None:
        for name in ("shots", "queries", "tasks", "iterations", "width", "blocks", "max_inner_steps", "eval_tasks"):
            count(name, getattr(self, name))
        count("ways", self.ways, 2)
        positive("alpha", self.alpha)
        positive("beta_w", self.beta_w)
        positive("beta_phi", self.beta_phi)
        nonnegative("l2", self.l2)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("dtype", self.dtype, ("float32", "float64"))
        size = self.chunk_size
        if self.tasks % count("chunk", size):
            raise InvalidParameter("chunk", f"a divisor of the {self.tasks} tasks", size)

    @property
    def chunk_size(self) -> int:
        """Tasks per dispatch."""
        if self.chunk is not None:
            return self.chunk
        return 1 if jax.default_backend() == "cpu" else self.tasks


class RunState(StrEnum):
    """How a training run ended."""

    TRAINED = "trained"
    DIVERGED = "diverged"


@dataclass
class History:
    """Per iteration: mean query loss and accuracy at w_N, norms of both blocks of the meta-gradient, seconds.

    `probes` has one entry for each number of iterations at which `train` was asked to look closer.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    norm_w: list[float] = field(default_factory=list)
    norm_phi: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)


class Accuracy(NamedTuple):
    """Mean accuracy over episodes and the half-width of its 95 % normal interval."""

    mean: float
    half_width: float
    tasks: int


@dataclass
class TrainingRun:
    """One run: status, the iteration at which it diverged (or -1), history, accuracies, the last (w, phi)."""

    status: RunState
    diverged_at: int
    history: History
    validation: Accuracy | None
    test: Accuracy | None
    params: tuple[PyTree, PyTree]


class State(NamedTuple):
    """What an iteration maps to the next one: (w, phi) and the optimiser's state."""

    params: tuple[PyTree, PyTree]
    optimizer: Any


class Program:
    """The compiled functions of one configuration and data set, shared by all seeds and all N <= max_inner_steps.

    `compile_seconds` is the time that compilation took, `traces` how often each function was traced.
    Raises InvalidParameter when the data has too few classes or images for an episode.
    """

    def __init__(self, settings: Settings, data: ImageDataset):
        self.settings, self.data = settings, data
        check_episode(settings, data)
        self.image_shape = data.train.image_shape
        self.fingerprint = zlib.crc32(data.train.images.tobytes())
        network = self._network(jax.random.key(0))
        self.model = split_model(
            network, settings.geometry, statistics=settings.statistics, body_dtype=settings.body_dtype
        )
        self.objective = Objective(
            self.model, settings.ways, settings.l2, settings.max_inner_steps, settings.method, settings.first_order
        )
        self.transform = _transform(settings)
        self.splits = {name: jnp.asarray(getattr(data, name).images) for name in ("train", "validation", "test")}
        self.traces = {"add": 0, "update": 0, "evaluate": 0}
        self._add = jax.jit(self._trace("add", self._add_chunk), donate_argnums=0)
        self._update = jax.jit(self._trace("update", self._take_step), donate_argnums=0)
        self._evaluate = jax.jit(self._trace("evaluate", self._evaluate_chunk))
        self._sample = jax.jit(self._episodes, static_argnums=2)
        self.compile_seconds = self._warm_up()

    def initial_state(self, seed: int) -> State:
        """(w, phi) and the optimiser's state of a seed."""
        params = self.model.split(self._network(jax.random.fold_in(jax.random.key(seed), 2**31)))
        return State(params, self.transform.init(params))

    def iterate(self, state: State, seed: int, iteration: int, inner_steps: int) -> tuple[State, np.ndarray]:
        """One outer step; the new state and (loss, accuracy, norm_w, norm_phi), with the device synchronised.

        `state` is consumed (its buffers are used again).
        """
        key = jax.random.fold_in(jax.random.key(seed), iteration)
        episodes = self._sample(key, self.splits["train"], self.settings.tasks)
        total = self._zeros(state.params)
        active = jnp.asarray(inner_steps, jnp.int32)
        for index in range(self.settings.tasks // self.settings.chunk_size):
            total = self._add(total, state.params, episodes, jnp.asarray(index, jnp.int32), self._alpha, active)
        state, readings = self._update(state, total)
        jax.block_until_ready(state)
        return state, np.asarray(readings, np.float64)

    def accuracy(self, params: tuple[PyTree, PyTree], split: str, seed: int, inner_steps: int) -> Accuracy:
        """Query accuracy at w_N over `eval_tasks` episodes of a split; the episodes depend on seed and split only."""
        chunk, total = self.settings.chunk_size, self.settings.eval_tasks
        root = jax.random.fold_in(jax.random.key(seed), 2**31 + 1 + list(self.splits).index(split))
        active, values = jnp.asarray(inner_steps, jnp.int32), []
        for index in range(math.ceil(total / chunk)):
            episodes = self._sample(jax.random.fold_in(root, index), self.splits[split], chunk)
            values.append(np.asarray(self._evaluate(params, episodes, self._alpha, active)))
        each = np.concatenate(values)[:total].astype(np.float64)
        spread = each.std(ddof=1) if len(each) > 1 else math.nan
        return Accuracy(float(each.mean()), float(1.96 * spread / math.sqrt(len(each))), len(each))

    @property
    def _alpha(self) -> Array:
        return jnp.asarray(self.settings.alpha, self.settings.dtype)

    def _network(self, key: Array) -> Any:
        s = self.settings
        hidden = (s.width if s.hidden is None else s.hidden,) if s.geometry == "nonconvex" or s.hidden else ()
        return cnn(key, self.image_shape, ways=s.ways, width=s.width, hidden=hidden, blocks=s.blocks, dtype=s.dtype)

    def _episodes(self, key: Array, images: Array, tasks: int) -> Any:
        s = self.settings
        return sample_episodes(key, images, ways=s.ways, shots=s.shots, queries=s.queries, count=tasks)

    def _zeros(self, params: tuple[PyTree, PyTree]) -> MetaSum:
        w, phi = jax.tree.map(jnp.zeros_like, params)
        return MetaSum(w, phi, jnp.zeros((), self.settings.dtype), jnp.zeros((), self.settings.dtype))

    def _trace(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def traced(*arguments: Any) -> Any:
            self.traces[name] += 1
            return function(*arguments)

        return traced

    def _add_chunk(
        self, total: MetaSum, params: tuple[PyTree, PyTree], episodes: Any, index: Array, alpha: Array, active: Array
    ) -> MetaSum:
        chunk = self.settings.chunk_size
        mine = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, index * chunk, chunk), episodes)
        return jax.tree.map(jnp.add, total, self.objective.meta_sum(*params, mine, alpha, active))

    def _take_step(self, state: State, total: MetaSum) -> tuple[State, Array]:
        mean = jax.tree.map(lambda x: x / self.settings.tasks, total)
        gradients = (mean.w, mean.phi)
        updates, optimizer = self.transform.update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        norms = (optax.tree.norm(mean.w), optax.tree.norm(mean.phi))
        readings = jnp.stack([jnp.asarray(x, mean.loss.dtype) for x in (mean.loss, mean.accuracy, *norms)])
        return State(params, optimizer), readings  # pyright: ignore[reportArgumentType]

    def _evaluate_chunk(self, params: tuple[PyTree, PyTree], episodes: Any, alpha: Array, active: Array) -> Array:
        return self.objective.evaluate(*params, episodes, alpha, active)[1]

    def _warm_up(self) -> float:
        started = time.perf_counter()
        state, _ = self.iterate(self.initial_state(0), 0, 0, 1)
        chunk = self._sample(jax.random.key(0), self.splits["train"], self.settings.chunk_size)
        jax.block_until_ready(self._evaluate(state.params, chunk, self._alpha, jnp.asarray(1, jnp.int32)))
        return time.perf_counter() - started


def train(
    program: Program,
    *,
    inner_steps: int,
    seed: int,
    checkpoints: Path | None = None,
    resume: bool = False,
    every: int = 100,
    evaluate: bool = True,
    on_iteration: Callable[[int, float], None] = lambda iteration, loss: None,
    probe: Callable[[tuple[PyTree, PyTree]], dict[str, Any]] | None = None,
    probe_at: Sequence[int] = (),
) -> TrainingRun:
    """Train one seed with N = inner_steps and measure its accuracies.

    checkpoints  folder, or None;  every  iterations between them;  resume  go on from the newest one;
    on_iteration called with the number of iterations done and the last loss;
    probe        called with (w, phi) after so many iterations as `probe_at` has; kept in the history, with "iteration".

    A run whose loss or gradient is not finite, or whose loss exceeds EXPLOSION log(ways), ends with the status
    DIVERGED and the iteration. Raises InvalidParameter for N outside 1..max_inner_steps and foreign checkpoints.
    """
    settings = program.settings
    N = count("inner_steps", inner_steps)
    if settings.max_inner_steps < N:
        raise InvalidParameter("inner_steps", f"at most max_inner_steps = {settings.max_inner_steps}", N)
    configuration = to_plain(settings) | {"inner_steps": N, "seed": seed}
    configuration |= {"dataset": program.data.name, "images": program.fingerprint}
    del configuration["iterations"]  # a longer run may go on from a shorter one
    state, history, start = program.initial_state(seed), History(), 0
    found = load_checkpoint(checkpoints, configuration, state) if checkpoints is not None and resume else None
    if found is not None:
        start, state, history = found.iteration, found.state, History(**found.history)
    limit = EXPLOSION * math.log(settings.ways)

    def look(done: int) -> None:
        if probe is not None and done in probe_at:
            history.probes.append({"iteration": done} | probe(state.params))

    for iteration in range(start, settings.iterations):
        look(iteration)
        began = time.perf_counter()
        state, readings = program.iterate(state, seed, iteration, N)
        history.seconds.append(time.perf_counter() - began)
        loss, accuracy, norm_w, norm_phi = map(float, readings)
        history.loss.append(loss)
        history.accuracy.append(accuracy)
        history.norm_w.append(norm_w)
        history.norm_phi.append(norm_phi)
        on_iteration(iteration + 1, loss)
        if not (np.all(np.isfinite(readings)) and loss <= limit):
            return TrainingRun(RunState.DIVERGED, iteration, history, None, None, state.params)
        if checkpoints is not None and (iteration + 1) % every == 0:
            save_checkpoint(checkpoints, configuration, Checkpoint(iteration + 1, state, to_plain(history)))
    look(settings.iterations)
    splits = ("validation", "test") if evaluate else ()
    measured = [program.accuracy(state.params, split, seed, N) for split in splits] or [None, None]
    return TrainingRun(RunState.TRAINED, -1, history, measured[0], measured[1], state.params)


def check_episode(settings: Settings, data: ImageDataset) -> None:
    """Raise InvalidParameter unless every split has classes and images enough for one episode, as uint8."""
    for name in ("train", "validation", "test"):
        images = getattr(data, name).images
        if images.dtype != np.uint8 or images.ndim != 5:
            raise InvalidParameter(f"{name} images", "uint8 (classes, images, H, W, channels)", images.dtype)
        if images.shape[0] < settings.ways:
            raise InvalidParameter("ways", f"at most the {images.shape[0]} classes of {name}", settings.ways)
        needed = settings.shots + settings.queries
        if images.shape[1] < needed:
            raise InvalidParameter("shots", f"such that shots + queries <= {images.shape[1]} images per class", needed)


def _transform(settings: Settings) -> optax.GradientTransformation:
    make = optax.adam if settings.optimizer == "adam" else optax.sgd
    labels = ("w", "phi")
    return optax.multi_transform({"w": make(settings.beta_w), "phi": make(settings.beta_phi)}, lambda _: labels)
