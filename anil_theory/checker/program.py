"""A loss as the file has it, built as a graph: equations over flat lists of numbers."""

import functools
from fractions import Fraction

from .graph import LIMIT, SMOOTH, Graph

OTHERS = ("add", "sub", "mul", "div", "neg", "select")


def build(text: dict, graph: Graph, w: list[int], phi: list[int]) -> int:
    """The node of a loss at (w, phi). Raises ValueError, and what wrong types raise."""
    if text["inputs"] != {"w": len(w), "phi": len(phi)}:
        raise ValueError(f"the losses have inputs of sizes {text['inputs']!r}, not ({len(w)}, {len(phi)})")
    values, total = [w, phi], 0
    for equation in text["equations"]:
        inputs = [values[_count(i, len(values) - 1)] for i in equation["in"]]
        values.append(_run(graph, equation, inputs))
        total += len(values[-1])
        if total > LIMIT:
            raise ValueError(f"the losses have more than {LIMIT} numbers")
    (result,) = values[_count(text["result"], len(values) - 1)]
    return result


def _run(graph: Graph, equation: dict, inputs: list[list[int]]) -> list[int]:
    """One equation."""
    operation = equation["op"]
    if operation == "const":
        return [graph.constant(number(x)) for x in equation["values"]]
    if operation == "take":
        pool = [x for value in inputs for x in value]
        return [pool[_count(i, len(pool) - 1)] for i in equation["index"]]
    if operation == "sum":
        (values,), size = inputs, _count(equation["size"], LIMIT)
        if len(values) % size:
            raise ValueError(f"{len(values)} numbers are no groups of {size}")
        return [functools.reduce(graph.add, values[i : i + size]) for i in range(0, len(values), size)]
    if operation not in (*OTHERS, *SMOOTH):
        raise ValueError(f"{operation!r} is no operation of this form")
    length = max(map(len, inputs))
    rows = zip(*(value * length if len(value) == 1 else value for value in inputs), strict=True)
    if operation in SMOOTH:
        return [graph.smooth(operation, *row) for row in rows]
    return [getattr(graph, operation)(*row) for row in rows]


def _count(value: object, largest: int) -> int:
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError(f"{value!r} is not an integer from 0 to {largest}")
    return value


def number(value: object) -> Fraction:
    """A JSON number, exactly."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no number")
    return Fraction(value)
