"""Numbers that `stop_gradient` holds fixed in a program: proved to be of no influence, and replaced by 0.

A log sum exp subtracts its largest exponent, held fixed, and adds it again; the loss does not depend on it. Each such
number s ("free" in the program) is followed through the equations: an entry is x + c s ("shift") or x exp(c s)
("scale"), x without s, and c a rational number. Where all of them cancel, s may be any number, and 0 is written.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from anil_theory.certify.enclosures.refusals import NoEnclosure


class Weight(NamedTuple):
    """How free numbers enter an entry: "shift" or "scale", and the factor c of each."""

    kind: str = "shift"
    factors: tuple[tuple[tuple[int, int], Fraction], ...] = ()


NONE = Weight()


def without_fixed_numbers(equations: list[dict[str, Any]], sizes: Sequence[int], result: int) -> list[dict[str, Any]]:
    """The same program with every "free" replaced by zeros.

    sizes   of the inputs;  result  the index of the list that is the loss.

    Raises NoEnclosure when the loss may depend on a number that is held fixed.
    """
    weights = [[NONE] * size for size in sizes]
    for equation in equations:
        weights.append(_of(equation, [weights[i] for i in equation["in"]], len(weights)))
    if any(weight.factors for weight in weights[result]):
        raise _depends("the loss")
    return [{"op": "const", "in": [], "values": [0.0] * e["size"]} if e["op"] == "free" else e for e in equations]


def _depends(what: str) -> NoEnclosure:
    return NoEnclosure(f"{what} depends on a number that stop_gradient holds fixed, which has no place in a proof")


def _of(equation: dict[str, Any], inputs: list[list[Weight]], index: int) -> list[Weight]:
    operation = equation["op"]
    if operation == "free":
        return [Weight("shift", (((index, i), Fraction(1)),)) for i in range(equation["size"])]
    if operation == "const":
        return [NONE] * len(equation["values"])
    if operation == "take":
        pool = [weight for entries in inputs for weight in entries]
        return [pool[i] for i in equation["index"]]
    if operation == "sum":
        size = equation["size"]
        groups = [inputs[0][i : i + size] for i in range(0, len(inputs[0]), size)]
        return [_sum(group) for group in groups]
    length = max(map(len, inputs))
    rows = zip(*(entries * length if len(entries) == 1 else entries for entries in inputs), strict=True)
    return [_elementwise(operation, row) for row in rows]


def _sum(group: list[Weight]) -> Weight:
    total = group[0]
    for weight in group[1:]:
        total = _elementwise("add", (total, weight))
    return total


def _elementwise(operation: str, row: tuple[Weight, ...]) -> Weight:
    """The weight of one result. Raises NoEnclosure where free numbers enter it in another way."""
    if not any(weight.factors for weight in row):
        return NONE
    kinds = {weight.kind for weight in row if weight.factors}
    if len(kinds) == 1:
        numbers = (_of_shifts if kinds == {"shift"} else _of_scales)(operation, row)
        if numbers is not None:
            return numbers
    raise _depends(operation)


def _of_shifts(operation: str, row: tuple[Weight, ...]) -> Weight | None:
    match operation:
        case "add":
            return Weight("shift", _combined(row[0], row[1], 1))
        case "sub":
            return Weight("shift", _combined(row[0], row[1], -1))
        case "neg":
            return Weight("shift", _combined(NONE, row[0], -1))
        case "exp":
            return Weight("scale", row[0].factors)
        case "select" if not row[0].factors and row[1] == row[2]:
            return row[1]
    return None


def _of_scales(operation: str, row: tuple[Weight, ...]) -> Weight | None:
    match operation:
        case "mul":
            return Weight("scale", _combined(row[0], row[1], 1))
        case "div":
            return Weight("scale", _combined(row[0], row[1], -1))
        case "log":
            return Weight("shift", row[0].factors)
        case "neg":
            return row[0]
        case "add" | "sub" if row[0] == row[1]:
            return row[0]
        # The sign of x exp(c s) is that of x.
        case "select" if row[1] == row[2]:
            return row[1]
    return None


def _combined(a: Weight, b: Weight, sign: int) -> tuple[tuple[tuple[int, int], Fraction], ...]:
    total = dict(a.factors)
    for name, factor in b.factors:
        total[name] = total.get(name, Fraction(0)) + sign * factor
    return tuple(sorted((name, factor) for name, factor in total.items() if factor))
