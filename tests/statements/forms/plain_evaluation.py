"""A second way from a formula of the table to a number: the tree walked as it stands, in 40 digits.

It shares nothing with the generated functions: no exchange of sums, no scaling, no printer. Sums are added term by
term, and a symbol that is no number is looked up among the definitions that are printed beside the formula.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import mpmath
import sympy as sp

DIGITS = 40


class Evaluation:
    """Numbers for symbols, definitions for other symbols and for sequences, and functions for sequences given as text.

    A definition of x[m + 1] by x[m], with one of x[0], is a recursion.
    """

    def __init__(
        self,
        numbers: Mapping[Any, Any],
        definitions: tuple[tuple[Any, Any], ...] = (),
        sequences: Mapping[str, Callable[[int], Any]] | None = None,
    ) -> None:
        self.numbers = {symbol: mpmath.mpf(number) for symbol, number in numbers.items()}
        self.definitions = dict(definitions)
        self.sequences = dict(sequences or {})
        self.entry = cache(self._entry)
        self.symbol = cache(self._symbol)

    def __call__(self, expression: Any, index: tuple[tuple[Any, int], ...] = ()) -> Any:
        expression = sp.sympify(expression)
        if isinstance(expression, sp.Sum):
            return self._sum(expression, index)
        if isinstance(expression, sp.Indexed):
            return self.entry(str(expression.base), int(self(expression.indices[0], index)))
        if expression.is_Symbol:
            return mpmath.mpf(dict(index)[expression]) if expression in dict(index) else self.symbol(expression)
        if expression.is_Rational:
            return mpmath.mpf(expression.p) / expression.q
        values = [self(argument, index) for argument in expression.args]
        if expression.is_Add:
            return mpmath.fsum(values)
        if expression.is_Mul:
            return mpmath.fprod(values)
        if expression.is_Pow:
            return mpmath.power(*values)
        if isinstance(expression, sp.Min):
            return min(values)
        raise NotImplementedError(sp.srepr(expression))

    def _sum(self, total: Any, index: tuple[tuple[Any, int], ...]) -> Any:
        *inner, (running, low, high) = total.limits
        summand = sp.Sum(total.function, *inner) if inner else total.function
        first = int(self(low, index))
        last = int(self(high, index))
        return mpmath.fsum(self(summand, (*index, (running, k))) for k in range(first, last + 1))

    def _symbol(self, symbol: Any) -> Any:
        return self.numbers[symbol] if symbol in self.numbers else self(self.definitions[symbol])

    def _entry(self, sequence: str, at: int) -> Any:
        if sequence in self.sequences:
            return self.sequences[sequence](at)
        defined: dict[Any, Any] = {
            left: right for left, right in self.definitions.items() if isinstance(left, sp.Indexed)
        }
        for left, right in defined.items():
            place: Any = left.indices[0]
            if str(left.base) == sequence and not place.free_symbols and int(place) == at:
                return self(right)
        for left, right in defined.items():
            place = left.indices[0]
            if str(left.base) == sequence and place.free_symbols:
                (running,) = place.free_symbols
                return self(right, ((running, at - int(place - running)),))
        raise KeyError(sequence)
