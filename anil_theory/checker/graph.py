"""A function as a graph of numbers: shared nodes, exact constants, and its gradient as further nodes of the graph.

A node is an integer. Equal nodes are one node, so that what an unrolled loop computes twice is computed once. Numbers
of the losses are exact rationals; sums of exponentials are rewritten (log sum exp, softmax) so that balls stay narrow.
"""

from __future__ import annotations

from fractions import Fraction

Number = int | Fraction


class Refused(ValueError):
    """The file says something that this checker cannot read; the message says what."""


LIMIT = 2_000_000
"""Nodes of one graph: a longer loop is refused rather than unrolled."""


class Graph:
    """Nodes (operation, *arguments) in the order in which they can be computed."""

    def __init__(self) -> None:
        self.nodes: list[tuple] = []
        self._known: dict[tuple, int] = {}

    def node(self, operation: str, *arguments: object) -> int:
        """The node of this operation on these arguments, made if it is new."""
        key = (operation, *arguments)
        if key not in self._known:
            if len(self.nodes) == LIMIT:
                raise Refused(f"the unrolled losses have more than {LIMIT} operations")
            self._known[key] = len(self.nodes)
            self.nodes.append(key)
        return self._known[key]

    def constant(self, value: Number) -> int:
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
        x = self.value(a)
        if x is not None:
            return self.constant(-x)
        operation, *arguments = self.nodes[a]
        return arguments[0] if operation == "neg" else self.node("neg", a)

    def sub(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if x == 0 or y is not None:
            return self.add(a, self.neg(b))
        return self.constant(0) if a == b else self.node("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.constant(x * y)
        for factor, other in ((x, b), (y, a)):
            if factor is not None and abs(factor) <= 1 and factor.denominator == 1:
                return {0: self.constant(0), 1: other, -1: self.neg(other)}[int(factor)]
        return self.node("mul", min(a, b), max(a, b))

    def div(self, a: int, b: int) -> int:
        """a/b; a share of a sum of exponentials becomes a logistic function, which balls keep within [0, 1]."""
        y = self.value(b)
        if y is not None and y != 0:
            return self.mul(a, self.constant(1 / y))
        terms, own = self._exponents(b), self._exponents(a)
        if terms is not None and own is not None and len(own) == 1 and own[0] in terms and len(terms) > 1:
            terms.remove(own[0])
            return self.apply("logistic", self.sub(own[0], self._log_sum_exp(terms)))
        return self.mul(a, self.node("inv", b))

    def _exponents(self, a: int) -> list[int] | None:
        """[x, y, ..] where a node is exp(x) + exp(y) + .., with 1 = exp(0); None where it is none."""
        terms, waiting = [], [a]
        while waiting:
            operation, *arguments = self.nodes[waiting.pop()]
            if operation == "add":
                waiting += arguments
            elif operation == "exp":
                terms.append(arguments[0])
            elif operation == "constant" and arguments[0] == 1:
                terms.append(self.constant(0))
            else:
                return None
        return terms

    def _log_sum_exp(self, terms: list[int]) -> int:
        total = terms[0]
        for term in terms[1:]:
            total = self.add(total, self.apply("softplus", self.sub(term, total)))
        return total

    def apply(self, function: str, a: int) -> int:
        """A smooth function of one number."""
        x = self.value(a)
        if x == 0 and function in AT_ZERO:
            return self.constant(AT_ZERO[function])
        if function == "log" and x == 1:
            return self.constant(0)
        terms = self._exponents(a) if function == "log" else None
        return self.node(function, a) if terms is None else self._log_sum_exp(terms)

    def power(self, a: int, exponent: int) -> int:
        if exponent < 0:
            return self.div(self.constant(1), self.power(a, -exponent))
        if exponent <= 1:
            return a if exponent else self.constant(1)
        half = self.power(a, exponent // 2)
        square = self.mul(half, half)
        return self.mul(square, a) if exponent % 2 else square

    def positive(self, a: int) -> int:
        """Whether a > 0, as a Boolean node; a box on which a may be 0 leaves it undecided."""
        x = self.value(a)
        if x is not None:
            return self.node("boolean", x > 0)
        return self.node("boolean", True) if self._exponents(a) is not None else self.node("positive", a)

    def logical(self, operation: str, *arguments: int) -> int:
        """not, and, or of Boolean nodes."""
        known = [self.nodes[a][1] for a in arguments if self.nodes[a][0] == "boolean"]
        if len(known) < len(arguments):
            return self.node(operation, *arguments)
        return self.node("boolean", {"not": not known[0], "and": all(known), "or": any(known)}[operation])

    def select(self, condition: int, yes: int, no: int) -> int:
        """`yes` where the condition holds, `no` where its opposite does."""
        operation, *arguments = self.nodes[condition]
        if yes == no or operation == "boolean":
            return yes if yes == no or arguments[0] else no
        return self.node("select", condition, yes, no)

    def gradient(self, result: int, variables: list[int]) -> list[int]:
        """The derivatives of a node in others, by the chain rule backwards."""
        slopes = {result: self.constant(1)}
        for here in range(result, -1, -1):
            operation, *arguments = self.nodes[here]
            if here not in slopes or operation in LEAVES:
                continue
            for argument, slope in self._backwards(here, operation, arguments, slopes[here]):
                slopes[argument] = self.add(slopes[argument], slope) if argument in slopes else slope
        return [slopes.get(variable, self.constant(0)) for variable in variables]

    def substituted(self, results: list[int], replacement: dict[int, int]) -> list[int]:
        """The nodes that `results` become when some nodes are replaced by others."""
        new = dict(replacement)
        for here in range(max(results) + 1):
            operation, *arguments = self.nodes[here]
            if here in new or operation in ("constant", "variable", "boolean", "two_over_root_pi"):
                new.setdefault(here, here)
                continue
            if not all(a in new for a in arguments):
                continue
            moved = [new[a] for a in arguments]
            if operation in SMOOTH:
                new[here] = self.apply(operation, *moved)
            elif operation == "inv":
                new[here] = self.div(self.constant(1), *moved)
            elif operation in ("not", "and", "or"):
                new[here] = self.logical(operation, *moved)
            else:
                new[here] = getattr(self, operation)(*moved)
        return [new[result] for result in results]

    def _backwards(self, here: int, operation: str, arguments: list[int], slope: int) -> list[tuple[int, int]]:
        if operation in ("add", "sub"):
            return [(arguments[0], slope), (arguments[1], slope if operation == "add" else self.neg(slope))]
        if operation == "mul":
            a, b = arguments
            return [(a, self.mul(slope, b)), (b, self.mul(slope, a))]
        if operation == "select":
            condition, yes, no = arguments
            zero = self.constant(0)
            return [(yes, self.select(condition, slope, zero)), (no, self.select(condition, zero, slope))]
        return [(arguments[0], self.mul(slope, self._slope(here, operation, arguments[0])))]

    def _slope(self, f: int, operation: str, x: int) -> int:
        """The derivative of f = operation(x)."""
        one, two = self.constant(1), self.constant(2)
        match operation:
            case "neg":
                return self.constant(-1)
            case "exp":
                return f
            case "log":
                return self.div(one, x)
            case "inv":
                return self.neg(self.mul(f, f))
            case "sqrt":
                return self.div(one, self.mul(two, f))
            case "sin":
                return self.apply("cos", x)
            case "cos":
                return self.neg(self.apply("sin", x))
            case "sinh":
                return self.apply("cosh", x)
            case "cosh":
                return self.apply("sinh", x)
            case "tan":
                return self.add(one, self.mul(f, f))
            case "tanh":
                return self.sub(one, self.mul(f, f))
            case "logistic":
                return self.mul(f, self.sub(one, f))
            case "softplus":
                return self.apply("logistic", x)
            case "atan":
                return self.div(one, self.add(one, self.mul(x, x)))
            case "erf":
                root = self.node("two_over_root_pi")
                return self.mul(root, self.apply("exp", self.neg(self.mul(x, x))))
        raise Refused(f"{operation!r} has no derivative here")


LEAVES = ("constant", "variable", "boolean", "positive", "not", "and", "or", "two_over_root_pi")
AT_ZERO = {"exp": 1, "sin": 0, "cos": 1, "tan": 0, "tanh": 0, "sinh": 0, "cosh": 1, "atan": 0, "erf": 0, "sqrt": 0} | {
    "logistic": Fraction(1, 2)
}
SMOOTH = ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "logistic", "softplus", "atan", "erf")
