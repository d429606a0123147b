"""What a family is: a distribution of tasks whose constants are declared by construction, and the problems it makes."""

import abc
import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory._memory import FLOAT64, require_memory
from anil_theory._precision import need_float64
from anil_theory.constants import Constants
from anil_theory.problem import Loss, Losses, Problem, TaskSet
from anil_theory.schedule import Schedule

__all__ = ["Family", "Loss", "Losses", "Setting", "TaskSet", "check_num_tasks"]


FamilyType = TypeVar("FamilyType", bound="Family")


class Setting(NamedTuple):
    """What a grid asks a family for; `max_inner_steps` is the N that its computations are compiled for."""

    constants: Constants
    schedule: Schedule
    n_w: int
    n_phi: int
    query: str
    max_inner_steps: int | None


class Family(abc.ABC):
    """A distribution of tasks whose constants are declared by construction.

    Attributes: `constants`, dimensions `n_w`, `n_phi`, and `length_scale`, the distance over which its losses vary:
    searches take it as their first step. Points are arrays w of shape (n_w,) and phi of shape (n_phi,).

    name             how commands call it;
    takes_constants  whether `at` makes it for any constants (it may refuse some); otherwise it has its own;
    is_witness       whether it is one task made to attain a constant: a grid leaves it out where it does not exist;
    on_ball          whether its constants hold on a ball only, so that a certificate of them is worth having;
    in_pieces        whether its losses are pieces with joints, about which no enclosure says which piece holds.
    """

    name: ClassVar[str]
    takes_constants: ClassVar[bool] = False
    is_witness: ClassVar[bool] = False
    on_ball: ClassVar[bool] = False
    in_pieces: ClassVar[bool] = False
    constants: Constants
    n_w: int
    n_phi: int
    length_scale: float

    def __new__(cls: type[FamilyType], *arguments: Any, **options: Any) -> FamilyType:
        # Here, and not in a constructor: a plug-in's family has its own, or none.
        need_float64()
        return object.__new__(cls)

    @abc.abstractmethod
    def sample(self, key: Array, num_tasks: int) -> TaskSet:
        """`num_tasks` i.i.d. tasks drawn with a `jax.random` key."""

    @abc.abstractmethod
    def query_infimum(self, data: PyTree) -> Array:
        """A lower bound of L_D over all points, for one task or (leading axis) for each task of a population."""

    @classmethod
    def smallest(cls, **options: Any) -> "Family":
        """The family in the smallest size that shows what it is: what a proof encloses. Default: its default size.

        options   what else it is made with, for example `radius`.
        """
        return cls(**options)

    @classmethod
    def at(
        cls,
        constants: Constants,
        schedule: Schedule,
        *,
        n_w: int = 2,
        n_phi: int = 2,
        query: str = "sine",
        max_inner_steps: int | None = None,
    ) -> "Family":
        """The family at one setting of a grid; one that has constants and sizes of its own ignores the setting.

        Raises InvalidParameter where no task of the family has these constants. A family says in `made_for` what of the
        setting it takes.
        """
        return cls.made_for(Setting(constants, schedule, n_w, n_phi, query, max_inner_steps))

    @classmethod
    def made_for(cls, setting: Setting) -> "Family":
        """The family at a setting. Default: its smallest, whatever the setting."""
        return cls.smallest()

    def problem(self, *, tasks: int = 4, seed: int = 0) -> Problem:
        """The problem that a population of so many tasks poses, drawn when it is first looked at.

        seed   of the tasks, and of the start z_0, a random point of the family's own scale.
        """
        return Problem(
            name=self.name,
            constants=self.constants,
            n_w=self.n_w,
            n_phi=self.n_phi,
            draw=lambda: self.sample(jax.random.key(seed), tasks),
            sampler=self.points,
            start=self.points(np.random.default_rng([seed, 7]), ()),
            length_scale=self.length_scale,
            lowest_query=self.query_infimum,
            attaining_point=self.attaining_point(),
            in_pieces=self.in_pieces,
        )

    def attaining_point(self) -> Array | None:
        """The flat point where a task made to attain a constant attains it; None for every other family."""
        return None

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
