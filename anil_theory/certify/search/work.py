"""Budgets that count work, so that what a search proves does not depend on the load of the machine.

The unit is one interval operation: one number that the interpreted program computes for one box. How many there are in
a program is read off its jaxpr, before it runs and on every machine alike.
"""

import math
from collections.abc import Iterator
from typing import Any

OPERATIONS = 5e8
"""What a search may take unless told otherwise: at 1e7 operations a second, as on a busy core, about a minute."""

BALL_COST = 100
"""One ball in the unit: balls go one by one, intervals by thousands (measured: 30 to 140, on both small heads)."""


class Shares:
    """A budget for several searches, one after another: each may take an equal part of what is left.

    So the last one gets its part whatever the first ones took, and what a search leaves is there for the next ones.

    least   of the equal parts of the whole, what a search may always take: earlier ones may have taken too much.
    """

    def __init__(self, budget: float, searches: int, *, least: float = 0.0):
        self.left, self.searches = budget, searches
        self.least = least * budget / searches

    def next(self) -> float:
        """The part of the next search."""
        share = max(self.left / self.searches, self.least)
        self.searches -= 1
        return share

    def next_boxes(self, cost: float) -> int:
        """The part of the next search in boxes of a cost; at least one, or there would be nothing to say."""
        return max(1, int(self.next() / cost))

    def spend(self, amount: float) -> None:
        """Take off what a search has used."""
        self.left -= amount


def operations(*programs: Any) -> int:
    """The numbers that the given jaxprs compute, loops with a fixed length included at their length."""
    return sum(_operations(program) for program in programs)


LEAST_SHARE = 0.1
"""The share of its equal part of the time that a search gets at least, because a batch cannot be broken off."""


def cost_of_a_box(*programs: Any, arithmetic: str = "intervals") -> int:
    """The operations that one box takes, at least 1.

    programs   what is run for every box;  arithmetic   "intervals" or "balls".
    """
    return max(1, operations(*programs) * (BALL_COST if arithmetic == "balls" else 1))


def _operations(program: Any) -> int:
    jaxpr = getattr(program, "jaxpr", program)
    total = 0
    for equation in jaxpr.eqns:
        inner = list(_inner(equation))
        repeated = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
        if inner:
            total += repeated * sum(_operations(each) for each in inner)
        else:
            total += sum(math.prod(out.aval.shape) for out in equation.outvars)
    return total


def _inner(equation: Any) -> Iterator[Any]:
    """The programs that an equation runs: bodies of loops, branches, functions."""
    for value in equation.params.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if hasattr(each, "eqns") or hasattr(each, "jaxpr"):
                yield each
