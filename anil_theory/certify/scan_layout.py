"""Which inputs and outputs of a scan are constants, carry and rows, read off the shapes.

JAX keeps this in the parameters of the equation, under names that change (num_consts and num_carry up to 0.11, trees
in 0.12). The shapes say it in every version: a row has one axis more outside of the body than inside, and the carry
has as many members going in as coming out.
"""

from typing import Any, NamedTuple


class ScanLayout(NamedTuple):
    """How many inputs are constants, and how many inputs and outputs, next to those or first, are the carry."""

    constants: int
    carry: int


def scan_layout(equation: Any) -> ScanLayout:
    """The layout of a `scan` equation of a jaxpr."""
    body = equation.params["jaxpr"]
    carry = _without_rows(equation.outvars, body.out_avals)
    return ScanLayout(_without_rows(equation.invars, body.in_avals) - carry, carry)


def _without_rows(outside: Any, inside: Any) -> int:
    return sum(len(x.aval.shape) == len(aval.shape) for x, aval in zip(outside, inside, strict=True))
