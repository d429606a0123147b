"""The losses of a proof, read into a graph: equations over flat lists of numbers.

Numbers that `stop_gradient` held fixed are unknown here ("free"): a loss is read only if it provably does not depend on
them, as the shift of a log sum exp. `Weight` follows each through the program: x + c s ("shift") or x exp(c s)
("scale"), s the unknown; they must cancel, and are taken as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from .graph import LIMIT, SMOOTH, Graph, Refused


class Entry(NamedTuple):
    """One number: its node, how the free numbers enter ("shift" or "scale"), and with which factors."""

    node: int
    kind: str = "shift"
    weight: tuple[tuple[object, Fraction], ...] = ()


def _combined(a: Entry, b: Entry, sign: int) -> tuple[tuple[object, Fraction], ...]:
    total = dict(a.weight)
    for name, factor in b.weight:
        total[name] = total.get(name, Fraction(0)) + sign * factor
    return tuple(sorted(((n, f) for n, f in total.items() if f), key=repr))


class Program:
    """One loss as the file has it; `build` runs it on nodes."""

    def __init__(self, text: dict, graph: Graph):
        self.text, self.graph = text, graph

    def build(self, w: list[int], phi: list[int]) -> int:
        """The node of the loss at (w, phi)."""
        g = self.graph
        sizes = self.text["inputs"]
        if sizes != {"w": len(w), "phi": len(phi)}:
            raise Refused(f"the losses have inputs of sizes {sizes!r}, not ({len(w)}, {len(phi)})")
        values: list[list[Entry]] = [[Entry(x) for x in w], [Entry(x) for x in phi]]
        for equation in self.text["equations"]:
            values.append(self._run(equation, [values[_index(i, len(values))] for i in equation["in"]], len(values)))
            if sum(map(len, values[-1:])) > LIMIT or len(g.nodes) > LIMIT:
                raise Refused("the losses are too large")
        result = values[_index(self.text["result"], len(values))]
        if len(result) != 1:
            raise Refused("a loss is one number")
        if result[0].weight:
            raise Refused("a loss depends on a number that stop_gradient holds fixed")
        return result[0].node

    def _run(self, equation: dict, inputs: list[list[Entry]], index: int) -> list[Entry]:
        g, operation = self.graph, equation["op"]
        if operation == "const":
            return [Entry(g.constant(_number(x))) for x in equation["values"]]
        if operation == "free":
            one = Fraction(1)
            return [Entry(g.constant(0), "shift", (((index, i), one),)) for i in range(_size(equation))]
        if operation == "take":
            pool = [entry for value in inputs for entry in value]
            return [pool[_index(i, len(pool))] for i in equation["index"]]
        if operation in ("sum", "prod", "max", "min"):
            step = {"sum": "add", "prod": "mul"}.get(operation, operation)
            size, (values,) = _size(equation), inputs
            if len(values) % size:
                raise Refused(f"{len(values)} numbers are no groups of {size}")
            return [self._fold(step, values[i : i + size]) for i in range(0, len(values), size)]
        length = max(map(len, inputs))
        if any(len(value) not in (1, length) for value in inputs):
            raise Refused(f"{operation!r} of lists of unlike lengths")
        rows = zip(*(value * (length // len(value)) for value in inputs), strict=True)
        return [self._each(operation, list(row), equation) for row in rows]

    def _fold(self, step: str, values: list[Entry]) -> Entry:
        total = values[0]
        for value in values[1:]:
            total = self._each(step, [total, value], {})
        return total

    def _each(self, operation: str, row: list[Entry], equation: dict) -> Entry:
        nodes = [entry.node for entry in row]
        weighed = self._weight(operation, row) if any(entry.weight for entry in row) else ("shift", ())
        if operation == "integer_pow":
            return Entry(self.graph.power(nodes[0], equation["y"]), *weighed)
        if operation in SMOOTH:
            return Entry(self.graph.apply(operation, *nodes), *weighed)
        if operation not in RULES:
            raise Refused(f"{operation!r} is no operation of this form")
        return Entry(RULES[operation](self.graph, *nodes), *weighed)

    def _weight(self, operation: str, row: list[Entry]) -> tuple[str, tuple]:
        """How the free numbers enter a result; refused where they enter in another way."""
        kinds = {entry.kind for entry in row if entry.weight}
        alike = len({(entry.kind, entry.weight) for entry in row}) == 1
        a, b = row[0], row[-1]
        if alike and operation in ("max", "min") or alike and kinds == {"scale"} and operation in ("add", "sub"):
            return a.kind, a.weight
        if kinds == {"shift"}:
            if operation in ("add", "sub"):
                return "shift", _combined(a, b, 1 if operation == "add" else -1)
            if operation == "neg":
                return "shift", _combined(Entry(0), a, -1)
            if operation == "exp":
                return "scale", a.weight
        elif len(kinds) == 1:
            if operation in ("mul", "div"):
                return "scale", _combined(a, b, 1 if operation == "mul" else -1)
            if operation == "log":
                return "shift", a.weight
            if operation in ("abs", "neg"):
                return "scale", a.weight
            if operation == "sign":
                return "shift", ()
        raise Refused(f"{operation!r} depends on a number that stop_gradient holds fixed")


def _index(value: object, size: int) -> int:
    if type(value) is not int or not 0 <= value < size:
        raise Refused(f"{value!r} is no position among {size}")
    return value


def _size(equation: dict) -> int:
    size = equation["size"]
    if type(size) is not int or not 0 < size <= LIMIT:
        raise Refused(f"{size!r} is no size")
    return size


def _number(value: object) -> Fraction:
    if type(value) not in (int, float):
        raise Refused(f"{value!r} is no number")
    return Fraction(value)  # pyright: ignore[reportArgumentType]


def _power(g: Graph, a: int, b: int) -> int:
    exponent = g.value(b)
    if exponent is not None and exponent.denominator == 1 and abs(exponent) < 1000:
        return g.power(a, int(exponent))
    if exponent is not None and exponent.denominator == 2 and abs(exponent) < 1000:
        return g.power(g.apply("sqrt", a), int(2 * exponent))
    return g.apply("exp", g.mul(b, g.apply("log", a)))


def _below(g: Graph, a: int, b: int) -> int:
    """a < b, and a <= b too: a box on which they may be equal leaves both undecided."""
    return g.positive(g.sub(b, a))


def _at_most(g: Graph, a: int, b: int) -> int:
    x, y = g.value(a), g.value(b)
    return _below(g, a, b) if x is None or y is None else g.node("boolean", x <= y)


def _equal(g: Graph, a: int, b: int) -> int:
    if a == b or g.value(a) is not None and g.value(b) is not None:
        return g.node("boolean", a == b)
    apart = [g.logical("not", _below(g, *pair)) for pair in ((a, b), (b, a))]
    return g.logical("and", *apart)


RULES: dict[str, Callable[..., int]] = {
    "add": Graph.add,
    "sub": Graph.sub,
    "neg": Graph.neg,
    "mul": Graph.mul,
    "div": Graph.div,
    "select": Graph.select,
    "pow": _power,
    "log1p": lambda g, a: g.apply("log", g.add(g.constant(1), a)),
    "expm1": lambda g, a: g.sub(g.apply("exp", a), g.constant(1)),
    "rsqrt": lambda g, a: g.div(g.constant(1), g.apply("sqrt", a)),
    "erfc": lambda g, a: g.sub(g.constant(1), g.apply("erf", a)),
    "logaddexp": lambda g, a, b: g.add(b, g.apply("softplus", g.sub(a, b))),
    "abs": lambda g, a: g.select(g.positive(a), a, g.neg(a)),
    "sign": lambda g, a: a if g.value(a) == 0 else g.select(g.positive(a), g.constant(1), g.constant(-1)),
    "max": lambda g, a, b: g.select(_below(g, b, a), a, b),
    "min": lambda g, a, b: g.select(_below(g, a, b), a, b),
    "lt": _below,
    "le": _at_most,
    "gt": lambda g, a, b: _below(g, b, a),
    "ge": lambda g, a, b: _at_most(g, b, a),
    "eq": lambda g, a, b: _equal(g, a, b),
    "ne": lambda g, a, b: g.logical("not", _equal(g, a, b)),
    "not": lambda g, a: g.logical("not", a),
    "and": lambda g, a, b: g.logical("and", a, b),
    "or": lambda g, a, b: g.logical("or", a, b),
}
