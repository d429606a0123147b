"""A function as a graph of numbers: shared nodes, exact constants, and its gradient as further nodes.

A node is an integer. Equal nodes are one node. Sums of exponentials are rewritten (log sum exp, softmax): balls then
stay narrow.
"""

import functools
from collections.abc import Callable
from fractions import Fraction

SMOOTH = ("exp", "log", "sqrt", "sin", "cos", "tanh", "logistic", "softplus", "atan", "erf")

LIMIT = 2_000_000
"""Nodes of one graph, numbers of one program, and bits of one constant."""


class Graph:
    """Nodes (operation, *arguments); arguments come before what is computed from them."""

    def __init__(self) -> None:
        self.nodes: list[tuple] = []
        self._known: dict[tuple, int] = {}

    def node(self, operation: str, *arguments: object) -> int:
        """The node of this operation on these arguments, made if it is new."""
        key = (operation, *arguments)
        if key not in self._known:
            if len(self.nodes) == LIMIT:
                raise ValueError(f"the losses have more than {LIMIT} operations")
            self._known[key] = len(self.nodes)
            self.nodes.append(key)
        return self._known[key]

    def constant(self, value: int | Fraction) -> int:
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > LIMIT:
            raise ValueError(f"the losses have a constant of more than {LIMIT} bits")
        return self.node("constant", Fraction(value))

    def value(self, node: int) -> Fraction | None:
        """The number that a constant node is; None for the others."""
        operation, *arguments = self.nodes[node]
        return arguments[0] if operation == "constant" else None

    def add(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x + y)
        if x == 0 or y == 0:
            return b if x == 0 else a
        return self.node("add", min(a, b), max(a, b))

    def neg(self, a: int) -> int:
        operation, *arguments = self.nodes[a]
        if operation == "constant":
            return self.constant(-arguments[0])
        return arguments[0] if operation == "neg" else self.node("neg", a)

    def sub(self, a: int, b: int) -> int:
        if self.value(a) == 0 or self.value(b) is not None:
            return self.add(a, self.neg(b))
        return self.constant(0) if a == b else self.node("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x * y)
        for factor, other in ((x, b), (y, a)):
            if factor in (0, 1, -1):
                return self.constant(0) if factor == 0 else other if factor == 1 else self.neg(other)
        return self.node("mul", min(a, b), max(a, b))

    def div(self, a: int, b: int) -> int:
        """a/b; a share of a sum of exponentials is a logistic function, which balls keep within [0, 1]."""
        y = self.value(b)
        if y:
            return self.mul(a, self.constant(1 / y))
        terms, own = self._exponents(b), self._exponents(a)
        if terms and own and len(own) == 1 and own[0] in terms and len(terms) > 1:
            terms.remove(own[0])
            return self.smooth("logistic", self.sub(own[0], self._log_sum_exp(terms)))
        return self.mul(a, self.node("inv", b))

    def smooth(self, function: str, a: int) -> int:
        """One of SMOOTH."""
        terms = self._exponents(a) if function == "log" else None
        return self._log_sum_exp(terms) if terms else self.node(function, a)

    def select(self, which: int, yes: int, no: int) -> int:
        """`yes` where `which` > 0, `no` where it is < 0."""
        if yes == no or self._exponents(which):
            return yes
        return self.node("select", which, yes, no)

    def _exponents(self, a: int) -> list[int] | None:
        """[x, y, ..] where a node is exp(x) + exp(y) + .., with 1 = exp(0); None where it is none."""
        terms, waiting = [], [a]
        while waiting:
            operation, *arguments = self.nodes[waiting.pop()]
            if operation == "add":
                waiting += arguments
            elif operation == "exp" or (operation == "constant" and arguments[0] == 1):
                terms.append(arguments[0] if operation == "exp" else self.constant(0))
            else:
                return None
        return terms

    def _log_sum_exp(self, terms: list[int]) -> int:
        return functools.reduce(lambda a, b: self.add(a, self.smooth("softplus", self.sub(b, a))), terms)

    def gradient(self, result: int, variables: list[int]) -> list[int]:
        """The derivatives of a node in variables, by the chain rule backwards."""
        slopes = {result: self.constant(1)}
        for here in range(result, -1, -1):
            if here in slopes and self.nodes[here][0] not in ("constant", "variable"):
                for argument, slope in self._backwards(here, slopes[here]):
                    slopes[argument] = self.add(slopes[argument], slope) if argument in slopes else slope
        return [slopes.get(variable, self.constant(0)) for variable in variables]

    def _backwards(self, f: int, slope: int) -> list[tuple[int, int]]:
        """The arguments of f, each with what it gets of the slope of f."""
        operation, x, *rest = self.nodes[f]
        if operation == "select":
            zero = self.constant(0)
            return [(rest[0], self.select(x, slope, zero)), (rest[1], self.select(x, zero, slope))]
        if operation == "mul":
            return [(x, self.mul(slope, rest[0])), (rest[0], self.mul(slope, x))]
        if operation in ("add", "sub"):
            return [(x, slope), (rest[0], slope if operation == "add" else self.neg(slope))]
        return [(x, self.mul(slope, SLOPES[operation](self, x, f)))]


SLOPES: dict[str, Callable[[Graph, int, int], int]] = {
    "neg": lambda g, x, f: g.constant(-1),
    "inv": lambda g, x, f: g.neg(g.mul(f, f)),
    "exp": lambda g, x, f: f,
    "log": lambda g, x, f: g.div(g.constant(1), x),
    "sqrt": lambda g, x, f: g.div(g.constant(1), g.add(f, f)),
    "sin": lambda g, x, f: g.smooth("cos", x),
    "cos": lambda g, x, f: g.neg(g.smooth("sin", x)),
    "tanh": lambda g, x, f: g.sub(g.constant(1), g.mul(f, f)),
    "logistic": lambda g, x, f: g.mul(f, g.sub(g.constant(1), f)),
    "softplus": lambda g, x, f: g.smooth("logistic", x),
    "atan": lambda g, x, f: g.div(g.constant(1), g.add(g.constant(1), g.mul(x, x))),
    "erf": lambda g, x, f: g.div(g.smooth("exp", g.neg(g.mul(x, x))), g.smooth("sqrt", g.node("atan", g.constant(1)))),
}
"""The derivative of f = function(x); for erf it is exp(-x^2)/sqrt(pi/4), and atan(1) is pi/4."""
