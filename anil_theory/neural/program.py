"""The compiled functions of a benchmark. One compilation serves every number of inner steps and every seed.

Each iteration samples its tasks on the device from fold_in(key(seed), iteration), adds up meta-gradients chunk by
chunk, and takes one outer step. On the CPU a chunk is one task by default, and iterations and chunks are dispatched one
by one: XLA runs a convolution inside a loop there many times slower than at the top level of a program, so scans hold
heads only. Elsewhere many iterations are one dispatch, a scan.
"""

import math
import time
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter
from anil_theory._precision import need_float64
from anil_theory.algorithm.step_sizes import check_step_sizes
from anil_theory.neural.data import ImageDataset, sample_episodes
from anil_theory.neural.needs import require_memory_for
from anil_theory.neural.networks import cnn
from anil_theory.neural.objective import MetaSum, Objective
from anil_theory.neural.settings import Settings
from anil_theory.neural.split import split_model


class Accuracy(NamedTuple):
    """Mean accuracy over episodes and the half-width of its 95 % normal interval."""

    mean: float
    half_width: float
    tasks: int


class State(NamedTuple):
    """What an iteration changes: (w, phi) and the optimiser's state."""

    params: tuple[PyTree, PyTree]
    optimizer: Any


class Program:
    """The compiled functions of one configuration and data set, shared by all seeds and all N <= max_inner_steps.

    step_sizes   inner step sizes of parts of w of their own, in the place of settings.alpha: a function of w that
                 returns a pytree prefix of w (Meta-SGD with sizes that are held fixed; see `algorithm.step_sizes`).

    `compile_seconds` is the time that compilation took, `traces` how often each function was traced, `alpha` the step
    sizes in the dtype of the settings. Raises InvalidParameter when the data has too few classes or images for an
    episode, and for step sizes that do not fit w; NotEnoughMemory for sizes that do not fit into the memory.
    """

    def __init__(self, settings: Settings, data: ImageDataset, *, step_sizes: Callable[[PyTree], PyTree] | None = None):
        need_float64()
        self.settings, self.data = settings, data
        check_episode(settings, data)
        require_memory_for(settings, data.train.image_shape)
        self.image_shape = data.train.image_shape
        self.fingerprint = zlib.crc32(data.train.images.tobytes())
        network = self._network(jax.random.key(0))
        self.model = split_model(
            network, settings.geometry, statistics=settings.statistics, body_dtype=settings.body_dtype
        )
        self.objective = Objective(
            self.model, settings.ways, settings.l2, settings.max_inner_steps, settings.method, settings.first_order
        )
        w = self.model.split(network)[0]
        self.per_part = step_sizes is not None
        sizes = settings.alpha if step_sizes is None else step_sizes(w)
        check_step_sizes(sizes, w)
        self.alpha = jax.tree.map(lambda size: jnp.asarray(size, settings.dtype), sizes)
        self.transform = _transform(settings)
        self.splits = {name: jnp.asarray(getattr(data, name).images) for name in ("train", "validation", "test")}
        self.traces = {"add": 0, "update": 0, "evaluate": 0, "scan": 0}
        self._add = jax.jit(self._trace("add", self._add_chunk), donate_argnums=0)
        self._update = jax.jit(self._trace("update", self._take_step), donate_argnums=0)
        self._evaluate = jax.jit(self._trace("evaluate", self._evaluate_chunk))
        self._scan = jax.jit(self._trace("scan", self._scan_iterations), donate_argnums=0, static_argnums=5)
        self._sample = jax.jit(self._episodes, static_argnums=2)
        self.compile_seconds = self._warm_up()

    def initial_state(self, seed: int) -> State:
        """(w, phi) and the optimiser's state of a seed."""
        params = self.model.split(self._network(jax.random.fold_in(jax.random.key(seed), 2**31)))
        return State(params, self.transform.init(params))

    def advance(
        self, state: State, seed: int, first: int, inner_steps: int, iterations: int
    ) -> tuple[State, np.ndarray]:
        """`iterations` outer steps from number `first` on: the new state, and what `iterate` reads at each, (.., 4).

        One dispatch, unless `dispatch_size` is 1. `state` is consumed.
        """
        if self.settings.dispatch_size == 1:
            rows = []
            for iteration in range(first, first + iterations):
                state, readings = self.iterate(state, seed, iteration, inner_steps)
                rows.append(readings)
            return state, np.stack(rows)
        start, active = jnp.asarray(first, jnp.int32), jnp.asarray(inner_steps, jnp.int32)
        root, images = jax.random.key(seed), self.splits["train"]
        state, readings = self._scan(state, root, start, images, active, iterations)
        jax.block_until_ready(state)
        return state, np.asarray(readings, np.float64)

    def iterate(self, state: State, seed: int, iteration: int, inner_steps: int) -> tuple[State, np.ndarray]:
        """One outer step; the new state and (loss, accuracy, norm_w, norm_phi), with the device synchronised.

        `state` is consumed (its buffers are used again).
        """
        key = jax.random.fold_in(jax.random.key(seed), iteration)
        episodes = self._sample(key, self.splits["train"], self.settings.tasks)
        total = self._zeros(state.params)
        active = jnp.asarray(inner_steps, jnp.int32)
        for index in range(self.settings.tasks // self.settings.chunk_size):
            total = self._add(total, state.params, episodes, jnp.asarray(index, jnp.int32), self.alpha, active)
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
            values.append(np.asarray(self._evaluate(params, episodes, self.alpha, active)))
        each = np.concatenate(values)[:total].astype(np.float64)
        spread = each.std(ddof=1) if len(each) > 1 else math.nan
        return Accuracy(float(each.mean()), float(1.96 * spread / math.sqrt(len(each))), len(each))

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
        self, total: MetaSum, params: tuple[PyTree, PyTree], episodes: Any, index: Array, alpha: PyTree, active: Array
    ) -> MetaSum:
        chunk = self.settings.chunk_size
        mine = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, index * chunk, chunk), episodes)
        return jax.tree.map(jnp.add, total, self.objective.meta_sum(*params, mine, alpha, active))

    def _scan_iterations(
        self, state: State, root: Array, first: Array, images: Array, active: Array, iterations: int
    ) -> tuple[State, Array]:
        def step(state: State, iteration: Array) -> tuple[State, Array]:
            episodes = self._episodes(jax.random.fold_in(root, iteration), images, self.settings.tasks)

            def add(total: MetaSum, index: Array) -> tuple[MetaSum, None]:
                return self._add_chunk(total, state.params, episodes, index, self.alpha, active), None

            chunks = jnp.arange(self.settings.tasks // self.settings.chunk_size, dtype=jnp.int32)
            total, _ = jax.lax.scan(add, self._zeros(state.params), chunks)
            return self._take_step(state, total)

        return jax.lax.scan(step, state, first + jnp.arange(iterations, dtype=jnp.int32))

    def _take_step(self, state: State, total: MetaSum) -> tuple[State, Array]:
        mean = jax.tree.map(lambda x: x / self.settings.tasks, total)
        gradients = (mean.w, mean.phi)
        updates, optimizer = self.transform.update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        norms = (optax.tree.norm(mean.w), optax.tree.norm(mean.phi))
        readings = jnp.stack([jnp.asarray(x, mean.loss.dtype) for x in (mean.loss, mean.accuracy, *norms)])
        return State(params, optimizer), readings  # pyright: ignore[reportArgumentType]

    def _evaluate_chunk(self, params: tuple[PyTree, PyTree], episodes: Any, alpha: PyTree, active: Array) -> Array:
        return self.objective.evaluate(*params, episodes, alpha, active)[1]

    def _warm_up(self) -> float:
        started = time.perf_counter()
        state, _ = self.advance(self.initial_state(0), 0, 0, 1, self.settings.dispatch_size)
        chunk = self._sample(jax.random.key(0), self.splits["train"], self.settings.chunk_size)
        jax.block_until_ready(self._evaluate(state.params, chunk, self.alpha, jnp.asarray(1, jnp.int32)))
        return time.perf_counter() - started


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
