"""Whether two batches of LAPACK calls at once come to an end: with JAX older than 0.12 on two cores they do not.

    python experiments/lapack_deadlock.py [--seconds 20]

One program solves three batches of linear systems that do not depend on each other, 300 times; then two threads run a
program with one batch each. Exit status 0 where both end, 4 where one hangs. `algorithm.positive_solve` exists
because of it; the commands ask XLA for more threads than LAPACK calls (`anil_theory._thread_pool`), which is the cure
for losses that call LAPACK themselves.
"""

import argparse
import os
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory import enable_float64

BATCH, SIZE, RUNS = 512, 10, 300


def solved(matrices: Any, sides: Any) -> Any:
    """A batch of systems."""
    return jax.vmap(jnp.linalg.solve)(matrices, sides)


@jax.jit
def three(matrices: Any, sides: Any) -> Any:
    """Three batches, independent of each other."""
    return solved(matrices, sides), solved(matrices + 1, sides), solved(matrices + 2, sides)


@jax.jit
def in_turn(matrices: Any, sides: Any) -> Any:
    """Twenty batches, each from the one before."""
    return jax.lax.fori_loop(0, 20, lambda _, x: solved(matrices, x) / (1 + jnp.abs(x)), sides)


def ends(program: Callable[..., Any], threads: int, seconds: float) -> bool:
    """Whether so many threads that run the program come to an end in time."""
    noise = np.random.default_rng(0).standard_normal((BATCH, SIZE, SIZE))
    matrices, sides = jnp.asarray(np.eye(SIZE) + 0.1 * noise), jnp.ones((BATCH, SIZE))

    def repeat() -> None:
        for _ in range(RUNS):
            jax.block_until_ready(program(matrices, sides))

    started = [threading.Thread(target=repeat, daemon=True) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(seconds)
    return not any(thread.is_alive() for thread in started)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="How long to wait before it counts as hanging.")
    seconds = parser.parse_args().seconds
    enable_float64()
    print(f"JAX {jax.__version__}, {os.cpu_count()} cores, NPROC = {os.environ.get('NPROC', 'not set')}")
    outcomes = [ends(three, 1, seconds), ends(in_turn, 2, seconds)]
    for words, outcome in zip(("one program, three batches", "two programs at once"), outcomes, strict=True):
        print(f"{words}: {'ends' if outcome else 'HANGS'}", flush=True)
    # A thread that hangs is never joined.
    os._exit(0 if all(outcomes) else 4)


if __name__ == "__main__":
    main()
