"""What a task is: a support loss, a query loss and data; what a population is: the same with a leading task axis."""

import abc
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory._memory import FLOAT64, require_memory
from anil_theory.constants import Constants
from anil_theory.tasks.padding import stacked

Loss = Callable[[Any, Any, Any], Array]
"""`loss(w, phi, data) -> scalar`; w, phi and data are arbitrary pytrees, and MAML is phi without leaves, such as ()."""


class Losses(NamedTuple):
    """The inner (support) loss L_S and the outer (query) loss L_D, both `loss(w, phi, data) -> scalar`."""

    support: Loss
    query: Loss


class TaskSet(eqx.Module):
    """A finite population of tasks: losses shared by all, `data` with a leading axis over the T tasks.

    A list with one tree per task is not such data: `TaskSet.stack` makes it so. Raises InvalidParameter for such a
    list, when the population is empty, and when the leading axes of `data` differ.
    """

    support: Loss = eqx.field(static=True)
    query: Loss = eqx.field(static=True)
    data: PyTree

    def __check_init__(self) -> None:
        if _lists_tasks(self.data):
            allowed = "one pytree with a leading task axis (TaskSet.stack makes one from a list with a tree per task)"
            raise InvalidParameter("data", allowed, f"a list of {len(self.data)} trees of one structure")
        sizes = {getattr(leaf, "shape", ())[:1] for leaf in jax.tree.leaves(self.data)}
        if len(sizes) > 1 or () in sizes:
            raise InvalidParameter(
                "data", "a pytree whose leaves share one leading task axis (TaskSet.stack makes one)", sizes
            )
        if sizes == {(0,)} or not sizes:
            raise InvalidParameter("data", "at least one task", "an empty batch")

    @classmethod
    def stack(cls, support: Loss, query: Loss, tasks: Sequence[PyTree], *, pad: bool = False) -> "TaskSet":
        """The population of tasks that come one by one, each as a pytree of the same structure.

        pad   tasks have numbers of examples of their own: every leaf is padded along its first axis, the losses get a
              `Padded(examples, mask)` as data, and take means with `masked_mean`.

        Raises InvalidParameter, naming the leaf, when shapes differ in what is not padded.
        """
        return cls(support, query, stacked(tasks, pad=pad))

    def __len__(self) -> int:
        return jax.tree.leaves(self.data)[0].shape[0]

    @property
    def losses(self) -> Losses:
        """The pair (L_S, L_D)."""
        return Losses(self.support, self.query)

    def task(self, index: Any) -> PyTree:
        """The data of one task; `index` may be traced. Raises InvalidParameter when an integer is out of range."""
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise InvalidParameter("index", f"an integer in [0, {len(self)})", index)
        return jax.tree.map(lambda leaf: leaf[index], self.data)

    def take(self, indices: Array) -> "TaskSet":
        """The population made of the given tasks, with repetition: how a batch is drawn."""
        return TaskSet(self.support, self.query, jax.tree.map(lambda leaf: leaf[indices], self.data))


def _lists_tasks(data: PyTree) -> bool:
    """Whether data is a list of trees of one structure: of tasks, and not the parts of one."""
    if not isinstance(data, list) or not data:
        return False
    structures = {jax.tree.structure(tree) for tree in data}
    return len(structures) == 1 and not jax.tree_util.treedef_is_leaf(structures.pop())


class Family(abc.ABC):
    """A distribution of tasks whose constants are declared by construction.

    Attributes: `constants`, dimensions `n_w`, `n_phi`, and `length_scale`, the distance over which its losses vary:
    searches take it as their first step. Points are arrays w of shape (n_w,) and phi of shape (n_phi,).
    """

    name: ClassVar[str]
    constants: Constants
    n_w: int
    n_phi: int
    length_scale: float

    @abc.abstractmethod
    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` i.i.d. tasks drawn with a `jax.random` key."""

    @abc.abstractmethod
    def query_infimum(self, data: PyTree) -> Array:
        """A lower bound of L_D over all points, for one task or (leading axis) for each task of a population."""

    def points(self, generator: np.random.Generator, shape: tuple[int, ...], spread: float = 4.0) -> Array:
        """Random flat points z of shape `shape + (n_w + n_phi,)`, normal, `spread` length scales wide.

        Points are drawn by numpy: unlike a draw in JAX it costs no compilation per shape. Raises NotEnoughMemory where
        the points do not fit into the memory.
        """
        number = math.prod(shape)
        sizes = {"n_w": self.n_w, "n_phi": self.n_phi, "points": number}
        require_memory("the points", FLOAT64 * number * (self.n_w + self.n_phi), sizes)
        return jnp.asarray(spread * self.length_scale * generator.standard_normal((*shape, self.n_w + self.n_phi)))

    def split(self, z: Array) -> tuple[Array, Array]:
        """A flat point z = (w, phi) as its two blocks. Raises InvalidParameter when the dimension does not match."""
        if z.shape[-1] != self.n_w + self.n_phi:
            raise InvalidParameter("z", f"a point of dimension n_w + n_phi = {self.n_w} + {self.n_phi}", z.shape)
        return z[..., : self.n_w], z[..., self.n_w :]


def check_num_tasks(num_tasks: int, numbers: int = 1, sizes: Mapping[str, int] | None = None) -> int:
    """`num_tasks` as an integer >= 1.

    numbers   float64 numbers that drawing one task holds at a time, at least, counted from `sizes`.

    Raises InvalidParameter, and NotEnoughMemory where the tasks do not fit into the memory.
    """
    T = count("num_tasks", num_tasks)
    require_memory("the tasks", FLOAT64 * T * numbers, {**(sizes or {}), "tasks": T})
    return T
