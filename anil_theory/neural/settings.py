"""One configuration of a neural benchmark: the network's size, the episodes, the step sizes, how work is dispatched."""

from dataclasses import dataclass

import jax

from anil_theory._admissible import InvalidParameter, count, nonnegative, one_of, positive

OPTIMIZERS = ("adam", "sgd")


@dataclass(frozen=True)
class Settings:
    """One benchmark configuration. Lengths, counts and step sizes as in the paper; `inner_steps` is given to `train`.

    l2            lambda of (lambda/2)||w||^2;  optimizer  "adam" or "sgd" (Algorithm 1), steps beta_w and beta_phi;
    tasks         meta-batch;  chunk  tasks per dispatch (a divisor of both task counts), None: 1 on the CPU, else all;
    width, hidden, blocks   of the network; `hidden` (nonconvex geometry) None: as wide as `width`;
    max_inner_steps         length of the compiled inner loop: N is at most this;
    dispatch      iterations per dispatch, None: 1 on the CPU, else 25;
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
    dispatch: int | None = None
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
        count("dispatch", self.dispatch_size)
        size = self.chunk_size
        if self.tasks % count("chunk", size):
            raise InvalidParameter("chunk", f"a divisor of the {self.tasks} tasks", size)

    @property
    def chunk_size(self) -> int:
        """Tasks per dispatch."""
        if self.chunk is not None:
            return self.chunk
        return 1 if jax.default_backend() == "cpu" else self.tasks

    @property
    def dispatch_size(self) -> int:
        """Iterations per dispatch."""
        if self.dispatch is not None:
            return self.dispatch
        return 1 if jax.default_backend() == "cpu" else 25
