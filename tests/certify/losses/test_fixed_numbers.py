"""Numbers that are held fixed: replaced by 0 where they cancel, and refused where the loss may depend on them."""

from typing import Any

import pytest

from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.losses.fixed_numbers import without_fixed_numbers

W, PHI, FREE, FIRST = 0, 1, 2, 3
"""Lists 0 and 1 are the inputs, of two numbers and one; list 2 is one free number; the next has the index 3."""


def equation(operation: str, *inputs: int, **rest: Any) -> dict[str, Any]:
    return {"op": operation, "in": list(inputs), **rest}


LOG_SUM_EXP = [
    equation("sub", W, FREE),
    equation("exp", 3),
    equation("sum", 4, size=2),
    equation("log", 5),
    equation("add", 6, FREE),
]
SHARE = [
    *LOG_SUM_EXP[:3],
    equation("take", 4, index=[1]),
    equation("div", 6, 5),
]
CANCELLED: dict[str, list[dict[str, Any]]] = {
    "log sum exp": LOG_SUM_EXP,
    "a share of it": SHARE,
    "added and subtracted": [equation("add", PHI, FREE), equation("sub", 3, FREE)],
    "subtracted and added": [equation("sub", PHI, FREE), equation("add", 3, FREE)],
    "a difference of two": [equation("sub", PHI, FREE), equation("sub", PHI, FREE), equation("sub", 3, 4)],
    "its negative": [equation("neg", FREE), equation("add", 3, FREE), equation("mul", 4, PHI)],
}
LEFT: dict[str, list[dict[str, Any]]] = {
    "added alone": [equation("add", PHI, FREE)],
    "subtracted alone": [equation("sub", PHI, FREE)],
    "subtracted twice and added once": [
        equation("sub", PHI, FREE),
        equation("sub", 3, FREE),
        equation("add", 4, FREE),
    ],
    "twice below and once above the logarithm": [
        equation("sub", W, FREE),
        equation("sub", 3, FREE),
        equation("exp", 4),
        equation("sum", 5, size=2),
        equation("log", 6),
        equation("add", 7, FREE),
    ],
    "exp of it": [equation("exp", FREE), equation("mul", 3, PHI)],
}


def program(equations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [equation("free", size=1), *equations]


@pytest.mark.parametrize("name", CANCELLED)
def test_what_cancels_is_replaced_by_0(name: str) -> None:
    equations = program(CANCELLED[name])
    found = without_fixed_numbers(equations, (2, 1), len(equations) + 1)
    assert found == [{"op": "const", "in": [], "values": [0.0]}, *equations[1:]]


@pytest.mark.parametrize("name", LEFT)
def test_what_does_not_cancel_is_refused(name: str) -> None:
    equations = program(LEFT[name])
    with pytest.raises(NoEnclosure, match="depends on a number that stop_gradient holds fixed"):
        without_fixed_numbers(equations, (2, 1), len(equations) + 1)
