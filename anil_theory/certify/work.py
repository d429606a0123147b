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


def operations(*programs: Any) -> int:
    """The numbers that the given jaxprs compute, loops with a fixed length included at their length."""
    return sum(_operations(program) for program in programs)


def boxes_within(budget: float, *programs: Any, arithmetic: str = "intervals", least: int = 1) -> int:
    """How many boxes may be enclosed with `budget` operations, `least` if that is fewer.

    programs   what is run for every box;  arithmetic   "intervals" or "balls".
    """
    cost = operations(*programs) * (BALL_COST if arithmetic == "balls" else 1)
    return max(least, int(budget / max(cost, 1)))


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
