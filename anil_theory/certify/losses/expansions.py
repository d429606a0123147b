"""Primitives that are no operations of a proof's programs, written with those that are.

The form has no Booleans: a condition is a number, and holds where that is positive; where it is 0 it is left open, so
that a reader refuses a box on which a kink or a jump lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Traced:
    """An array that depends on w, phi or rounded data: the flat list number `index`, in the given shape."""

    index: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))


class Writer(Protocol):
    """What takes equations."""

    equations: list[dict[str, Any]]

    def emit(self, operation: str, inputs: Sequence[Traced], shape: tuple[int, ...], **rest: Any) -> Traced:
        """Add an equation."""
        ...

    def listed(self, value: Any) -> Traced:
        """Write known numbers."""
        ...


class Expansions:
    """Primitives that are no operations of the form, written with those that are; methods are named `primitive_`."""

    def __init__(self, writer: Writer, shape: tuple[int, ...]):
        self.writer, self.shape = writer, shape

    def _op(self, operation: str, *lists: Traced) -> Traced:
        return self.writer.emit(operation, lists, self.shape)

    def _constant(self, value: float) -> Traced:
        return self.writer.listed(np.full(self.shape, value))

    def number(self, a: Traced) -> Traced:
        """1 where a condition holds, and 0 where it does not."""
        return self._op("select", a, self._constant(1.0), self._constant(0.0))

    def power(self, a: Traced, exponent: int) -> Traced:
        """An integer power by repeated squaring."""
        if exponent < 0:
            return self._op("div", self._constant(1.0), self.power(a, -exponent))
        if exponent < 2:
            return a if exponent else self._constant(1.0)
        half = self.power(a, exponent // 2)
        square = self._op("mul", half, half)
        return self._op("mul", square, a) if exponent % 2 else square

    def square_(self, a: Traced) -> Traced:
        return self._op("mul", a, a)

    def pow_(self, a: Traced, b: Traced) -> Traced:
        made = self.writer.equations[b.index - 2] if b.index > 1 else {}
        exponents = set(made["values"]) if made.get("op") == "const" else set()
        if len(exponents) == 1:
            (y,) = exponents
            if float(y).is_integer() and abs(y) < 1000:
                return self.power(a, int(y))
            if float(2 * y).is_integer() and abs(y) < 1000:
                return self.power(self._op("sqrt", a), int(2 * y))
        return self._op("exp", self._op("mul", b, self._op("log", a)))

    def log1p_(self, a: Traced) -> Traced:
        return self._op("log", self._op("add", self._constant(1.0), a))

    def expm1_(self, a: Traced) -> Traced:
        return self._op("sub", self._op("exp", a), self._constant(1.0))

    def exp2_(self, a: Traced) -> Traced:
        return self._op("exp", self._op("mul", a, self._op("log", self._constant(2.0))))

    def rsqrt_(self, a: Traced) -> Traced:
        return self._op("div", self._constant(1.0), self._op("sqrt", a))

    def tan_(self, a: Traced) -> Traced:
        return self._op("div", self._op("sin", a), self._op("cos", a))

    def sinh_(self, a: Traced) -> Traced:
        ends = self._op("exp", a), self._op("exp", self._op("neg", a))
        return self._op("div", self._op("sub", *ends), self._constant(2.0))

    def cosh_(self, a: Traced) -> Traced:
        ends = self._op("exp", a), self._op("exp", self._op("neg", a))
        return self._op("div", self._op("add", *ends), self._constant(2.0))

    def erfc_(self, a: Traced) -> Traced:
        return self._op("sub", self._constant(1.0), self._op("erf", a))

    def logaddexp_(self, a: Traced, b: Traced) -> Traced:
        return self._op("add", b, self._op("softplus", self._op("sub", a, b)))

    def abs_(self, a: Traced) -> Traced:
        return self._op("select", a, a, self._op("neg", a))

    def sign_(self, a: Traced) -> Traced:
        return self._op("select", a, self._constant(1.0), self._constant(-1.0))

    def max_(self, a: Traced, b: Traced) -> Traced:
        return self._op("select", self._op("sub", a, b), a, b)

    def min_(self, a: Traced, b: Traced) -> Traced:
        return self._op("select", self._op("sub", b, a), a, b)

    def clamp_(self, low: Traced, a: Traced, high: Traced) -> Traced:
        return self.min_(self.max_(low, a), high)

    def lt_(self, a: Traced, b: Traced) -> Traced:
        # Where both are equal the condition is left open, and so is it for <=.
        return self._op("sub", b, a)

    def gt_(self, a: Traced, b: Traced) -> Traced:
        return self._op("sub", a, b)

    le_, ge_ = lt_, gt_

    def not_(self, a: Traced) -> Traced:
        return self._op("neg", a)

    def and_(self, a: Traced, b: Traced) -> Traced:
        return self._op("select", a, b, self._constant(-1.0))

    def or_(self, a: Traced, b: Traced) -> Traced:
        return self._op("select", a, self._constant(1.0), b)
