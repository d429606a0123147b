"""What a task is: a support loss, a query loss and data; what a population is: the same with a leading task axis."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter
from anil_theory._precision import need_float64
from anil_theory.errors import EmptyPopulation
from anil_theory.problem.padding import stacked

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
        need_float64()
        if lists_tasks(self.data):
            allowed = "one pytree with a leading task axis (TaskSet.stack makes one from a list with a tree per task)"
            raise InvalidParameter("data", allowed, f"a list of {len(self.data)} trees of one structure")
        sizes = {getattr(leaf, "shape", ())[:1] for leaf in jax.tree.leaves(self.data)}
        if len(sizes) > 1 or () in sizes:
            raise InvalidParameter(
                "data", "a pytree whose leaves share one leading task axis (TaskSet.stack makes one)", sizes
            )
        if sizes == {(0,)} or not sizes:
            raise EmptyPopulation("the data hold no task: they need a leading axis of length 1 or more")

    @classmethod
    def stack(cls, support: Loss, query: Loss, tasks: Sequence[PyTree], *, pad: bool = False) -> "TaskSet":
        """The population of tasks that come one by one, each as a pytree of the same structure.

        pad   tasks have numbers of examples of their own: every leaf is padded along its first axis, the losses get a
              `Padded(examples, mask)` as data, and take means with `masked_mean`.

        Raises InvalidParameter, naming the leaf, when shapes differ in what is not padded.
        """
        need_float64()
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


def lists_tasks(data: PyTree) -> bool:
    """Whether data is a list of trees of one structure: of tasks, and not the parts of one."""
    if not isinstance(data, list) or not data:
        return False
    structures = {jax.tree.structure(tree) for tree in data}
    return len(structures) == 1 and not jax.tree_util.treedef_is_leaf(structures.pop())
