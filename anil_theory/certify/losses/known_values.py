"""What a flat program computes with: known values, variables, and what its parts may ask of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jax.extend.core import Jaxpr, Var

from anil_theory.certify.losses.data_folding import known_value


@dataclass(frozen=True, eq=False)
class Known:
    """A number or an array that the parameters do not touch."""

    value: Any


Atom = Known | Var


class Flat(Protocol):
    """A flat program in the making, as rules of single equations see it."""

    makers: dict[Var, Any]
    """The equation that each variable comes from."""

    def inlined(self, jaxpr: Jaxpr, constants: Sequence[Atom], arguments: Sequence[Atom]) -> list[Atom]:
        """Every equation of a jaxpr; its outputs."""
        ...

    def written(self, equation: Any, inputs: list[Atom]) -> list[Atom]:
        """The equation as it is, over the flat program's variables; its outputs."""
        ...

    def known(self, variable: Var) -> Atom:
        """The value of a variable that is a constant, or the variable itself."""
        ...

    def is_constant(self, variable: Var, atom: Atom) -> bool:
        """Whether a variable is the constant of a known value."""
        ...

    def traced(self, function: Callable[..., Any], inputs: list[Atom], avals: Sequence[Any]) -> list[Atom]:
        """The equations of a JAX function; its outputs."""
        ...


Rule = Callable[[Flat, Any, list[Atom]], list[Atom]]
"""`rule(flat, equation, inputs) -> outputs`."""
Simplification = Callable[[Flat, Any, list[Atom]], list[Atom] | None]
"""The same; None where the equation stays what it is."""


def known_constants(values: Sequence[Any]) -> list[Known]:
    """The constants of a jaxpr."""
    return [Known(known_value(value)) for value in values]


def is_boolean(value: np.ndarray) -> bool:
    """Whether an array of objects holds Booleans (or None for what is not decided)."""
    return value.size > 0 and isinstance(value.flat[0], (bool, np.bool_, type(None)))


def is_zero(value: Any) -> bool:
    """Whether every entry is the number 0."""
    return value.dtype == object and not is_boolean(value) and all(x.is_zero() for x in value.flat)


def zeros(aval: Any) -> np.ndarray:
    """Known zeros of a shape and a type."""
    return known_value(np.zeros(aval.shape, aval.dtype))


def is_one(value: Any) -> bool:
    """Whether every entry is the number 1."""
    return value.dtype == object and not is_boolean(value) and all(x == 1 for x in value.flat)
