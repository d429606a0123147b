"""The smallest cost over a number or a count that is searched, where the cost falls and then rises."""

import math
from collections.abc import Callable

EVERY = 128
"""Up to here `cheapest_count` looks at every N."""


def golden(cost: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """A place of the smallest cost between two ends, to a tolerance, by golden sections."""
    share = (math.sqrt(5) - 1) / 2
    left, right = high - share * (high - low), low + share * (high - low)
    at_left, at_right = cost(left), cost(right)
    while high - low > tolerance:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - share * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + share * (high - low)
            at_right = cost(right)
    return left if at_left <= at_right else right


def cheapest_count(cost: Callable[[int], float], most: int, every: int = EVERY) -> int:
    """The N in 1..most with the smallest cost, the smaller among equals; `cost` falls and then rises beyond `every`.

    All N up to `every` are looked at, so no assumption is made there. Beyond, a geometric grid brackets the best point,
    and finer grids follow until every N of the bracket was looked at.
    """
    seen: dict[int, float] = {}

    def at(N: int) -> float:
        if N not in seen:
            seen[N] = cost(N)
        return seen[N]

    candidates = list(range(1, min(most, every) + 1))
    if most > every:
        points = math.ceil(8 * math.log2(most / every)) + 1
        candidates += sorted({min(most, round(every * (most / every) ** (i / points))) for i in range(points + 1)})
    while True:
        best = min(candidates, key=lambda N: (at(N), N))
        place = sorted(set(candidates)).index(best)
        ordered = sorted(set(candidates))
        low, high = ordered[max(place - 1, 0)], ordered[min(place + 1, len(ordered) - 1)]
        if high - low <= 2:
            return min(seen, key=lambda N: (seen[N], N))
        step = max(1, (high - low) // 32)
        candidates = sorted({*range(low, high + 1, step), best, high, max(best - 1, low), min(best + 1, high)})
