"""What a bound or a measurement may need of that which is studied, in one value that any side can hand on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter, count, positive, real
from anil_theory._display import Displayed
from anil_theory._precision import need_float64
from anil_theory._registry import ExtensionError
from anil_theory.constants import Constants
from anil_theory.problem.flat import FlatLoss, Layout
from anil_theory.problem.task_set import Loss, TaskSet

Sampler = Callable[[np.random.Generator, tuple[int, ...], float], Array]
"""`sampler(generator, shape, spread)`: random flat points of shape `shape + (n_w + n_phi,)`, `spread` scales wide."""


@runtime_checkable
class Domain(Protocol):
    """Where points come from and which constants hold there: what estimators ask of a family or of a problem."""

    @property
    def constants(self) -> Constants: ...
    @property
    def n_w(self) -> int: ...
    @property
    def n_phi(self) -> int: ...
    @property
    def length_scale(self) -> float: ...
    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array: ...
    def split(self, z: Array) -> tuple[Array, Array]: ...
    def query_infimum(self, data: PyTree) -> Array: ...


class UnknownFact(ExtensionError):
    """A number that a bound needs is not known of this problem: whoever makes the problem has to state it."""


@dataclass(frozen=True, eq=False, repr=False)
class Problem(Displayed):
    """Tasks with their constants, where points come from and where a run starts; `Family.problem` makes one.

    name             how reports call it;
    constants        mu, L, rho, tau and M, the region where they hold and how they are known;
    n_w, n_phi       dimensions; points are flat vectors z = (w, phi);
    draw             makes the population, once, when `tasks` is first asked for: a grid of problems costs nothing;
    sampler          random points, see `Sampler`;
    start            z_0, where runs of Algorithm 1 start, shape (n_w + n_phi,);
    length_scale     the distance over which the losses vary: the first step of a search, > 0;
    lowest_query     data -> a lower bound of L_D over all points for each task; None: not known, and D0 with it;
    facts            what else a bound may need, by name: these numbers go before those that would be computed;
    attaining_point  z where the one task of the problem attains a block constant; None for a problem that was not made
                     to attain one;
    in_pieces        whether its losses are pieces with joints, about which no enclosure says which piece holds.
    """

    name: str
    constants: Constants
    n_w: int
    n_phi: int
    draw: Callable[[], TaskSet]
    sampler: Sampler
    start: Float[Array, " n"]
    length_scale: float = 1.0
    lowest_query: Callable[[PyTree], Array] | None = None
    facts: Mapping[str, float | int] = field(default_factory=dict)
    attaining_point: Float[Array, " n"] | None = None
    in_pieces: bool = False

    @classmethod
    def from_losses(
        cls,
        support: Loss,
        query: Loss,
        data: PyTree,
        w: PyTree,
        phi: PyTree,
        *,
        constants: Constants,
        name: str = "own-losses",
        length_scale: float = 1.0,
        points: Sampler | None = None,
        query_infimum: float | None = None,
        facts: Mapping[str, float | int] | None = None,
    ) -> "Problem":
        """The problem of one's own losses over pytrees, at constants that are known to hold for every task.

        support, query   `loss(w, phi, data) -> scalar`, with the data of one task;
        data             the tasks, with one leading axis over them in every leaf;
        w, phi           z_0 as trees of floats (phi may be empty: MAML); their leaves say how points are laid out;
        constants        as for a family: a verdict is about these numbers, and they are not inferred;
        points           random points; default: normal about z_0, `spread` length scales wide;
        query_infimum    a number below which no query loss falls; without it there is no D0, and no rate is judged;
        facts            see the class.

        Raises InvalidParameter, naming the leaf, for parameters that are not finite floats, and as `TaskSet` does.
        """
        need_float64()
        layout_w, layout_phi = Layout.of("w", w), Layout.of("phi", phi)
        count("n_w", layout_w.size)
        tasks = TaskSet(FlatLoss(support, layout_w, layout_phi), FlatLoss(query, layout_w, layout_phi), data)
        start = jnp.concatenate([layout_w.flat(w), layout_phi.flat(phi)])
        scale = positive("length_scale", length_scale)

        def about_the_start(generator: np.random.Generator, shape: tuple[int, ...], spread: float) -> Array:
            return start + spread * scale * generator.standard_normal((*shape, start.size))

        return cls(
            name=name,
            constants=constants,
            n_w=layout_w.size,
            n_phi=layout_phi.size,
            draw=lambda: tasks,
            sampler=about_the_start if points is None else points,
            start=start,
            length_scale=scale,
            lowest_query=None if query_infimum is None else _constant(real("query_infimum", query_infimum)),
            facts=dict(facts or {}),
        )

    @property
    def tasks(self) -> TaskSet:
        """The population, with its leading task axis."""
        # Not a cached_property: that of Python 3.11 has one lock for all problems, held while a draw compiles.
        if "_tasks" not in self.__dict__:
            self.__dict__["_tasks"] = self.draw()
        return self.__dict__["_tasks"]

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Random flat points of shape `shape + (n_w + n_phi,)`, `spread` length scales wide."""
        return self.sampler(generator, shape, spread)

    def split(self, z: Array) -> tuple[Array, Array]:
        """A flat point z = (w, phi) as its two blocks. Raises InvalidParameter when the dimension does not match."""
        if z.shape[-1] != self.n_w + self.n_phi:
            raise InvalidParameter("z", f"a point of dimension n_w + n_phi = {self.n_w} + {self.n_phi}", z.shape)
        return z[..., : self.n_w], z[..., self.n_w :]

    def query_infimum(self, data: PyTree) -> Array:
        """A lower bound of L_D over all points for each task. Raises UnknownFact where none is known."""
        if self.lowest_query is None:
            raise UnknownFact(f"{self.name} has no query_infimum, and D0 cannot be bounded without it")
        return self.lowest_query(data)

    def _shown(self) -> dict[str, Any]:
        return {"name": self.name, "n_w": self.n_w, "n_phi": self.n_phi, "constants": self.constants}


def _constant(infimum: float) -> Callable[[PyTree], Array]:
    """The same lower bound for every task."""

    def lowest(data: PyTree) -> Array:
        return jnp.full(jnp.shape(jax.tree.leaves(data)[0])[:1], infimum)

    return lowest
