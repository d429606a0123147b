"""One configuration of a neural benchmark: the network's size, the episodes, the step sizes, how work is dispatched."""

from dataclasses import dataclass

from anil_theory._admissible import InvalidParameter, count, nonnegative, one_of, positive
from anil_theory._options import Options, option

OPTIMIZERS = ("adam", "sgd")


@dataclass(frozen=True)
class Settings(Options):
    """One benchmark configuration. Lengths, counts and step sizes as in the paper; `inner_steps` is given to `train`.

    l2            lambda of (lambda/2)||w||^2;  optimizer  "adam" or "sgd" (Algorithm 1), steps beta_w and beta_phi;
    tasks         meta-batch;  chunk  tasks per dispatch (a divisor of both task counts), None: 1 on the CPU, else all;
    width, hidden, blocks   of the network; `hidden` (nonconvex geometry) None: as wide as `width`;
    max_inner_steps         length of the compiled inner loop: N is at most this;
    dispatch      iterations per dispatch, None: 1 on the CPU, else 25;
    statistics, body_dtype  see split.split_model;  eval_tasks  episodes of an accuracy.
    """

    geometry: str = "strongly-convex"
    ways: int = option(5, "Classes of an episode.")
    shots: int = option(5, "Support images per class.")
    queries: int = option(5, "Query images per class.")
    tasks: int = option(32, "Tasks per outer step.", quick=4)
    iterations: int = option(1000, "Outer steps.", quick=200)
    alpha: float = option(0.1, "Inner step size.")
    l2: float = 0.0
    optimizer: str = option("adam", "adam, or sgd as in Algorithm 1.")
    beta_w: float = 1e-3
    beta_phi: float = 1e-3
    width: int = option(64, "Channels.", quick=8)
    hidden: int | None = option(None, "Width of the hidden linear layer (nonconvex); as --width if left out.")
    blocks: int = option(4, "Convolution blocks.")
    max_inner_steps: int = 30
    method: str = "recursion"
    first_order: bool = False
    statistics: str | None = option(None, "Batch statistics: joint, support or each; joint if left out.")
    dtype: str = option("float32", "float32 or float64.")
    body_dtype: str | None = option(None, "Type of the body's arithmetic, e.g. bfloat16; --dtype if left out.")
    chunk: int | None = option(None, "Tasks per dispatch; 1 on a CPU and else all, if left out.")
    dispatch: int | None = option(None, "Iterations per dispatch; 1 on a CPU and else 25, if left out.")
    eval_tasks: int = option(600, "Episodes of an accuracy.", quick=60)

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
        return 1 if _on_cpu() else self.tasks

    @property
    def dispatch_size(self) -> int:
        """Iterations per dispatch."""
        if self.dispatch is not None:
            return self.dispatch
        return 1 if _on_cpu() else 25


def _on_cpu() -> bool:
    # Here: the command line reads the options of this class, and a start without JAX takes half as long.
    import jax

    return jax.default_backend() == "cpu"
