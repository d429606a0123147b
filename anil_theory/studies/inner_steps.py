"""How many inner steps a command runs: the loop is kept whole in memory for its derivatives."""

from collections.abc import Iterable

from anil_theory._admissible import InvalidParameter, count

MOST_RUN = 100_000
"""At the default sizes a step of a search takes some 25 kB, so this many take a few GB."""


def runnable(inner_steps: Iterable[int]) -> tuple[int, ...]:
    """The values of N, each an integer in 1..MOST_RUN. Raises InvalidParameter otherwise, before any work is done."""
    values = tuple(inner_steps)
    for N in values:
        if count("inner_steps", N) > MOST_RUN:
            allowed = f"at most {MOST_RUN} where the loop is run (`advise` evaluates the bounds alone)"
            raise InvalidParameter("inner_steps", allowed, N)
    return values
