"""Seconds of Algorithm 1 per outer step, as written and in task frames: 64 seeds, B = 8, N = 10, dimension 20 + 20.

Run: python -m experiments.speed.outer_loop [outer steps]. Prints a table; times are this machine's.
"""

import sys
import time

import jax
import jax.numpy as jnp

from anil_theory import Constants, Schedule, SeparableFamily
from anil_theory.algorithm.outer_loop import outer_loop
from anil_theory.tasks.separable_frame import separable_frames

SEEDS, BATCH, INNER_STEPS, DIMENSION, TASKS = 64, 8, 10, 20, 32


def main(outer_steps: int = 2000) -> None:
    """Time each method with and without frames, after compilation."""
    family = SeparableFamily(Constants(0.2, 1.0, 1.0, 1.0, 1.0), DIMENSION, DIMENSION)
    tasks = family.sample(jax.random.key(0), TASKS)
    schedule = Schedule(0.2, INNER_STEPS, 0.1, 0.02, batch=BATCH, outer_steps=outer_steps)
    start = jnp.ones(DIMENSION), jnp.ones(DIMENSION)
    print(f"{'method':10} {'frames':6} {'compile':>8} {'ms/step':>8} {'us/meta-gradient':>17} {'10,000 steps':>13}")
    for method in ("recursion", "autodiff"):
        for frames in (None, separable_frames(tasks)):
            times = []
            for _ in range(2):
                begun = time.perf_counter()
                outer_loop(tasks, schedule, *start, seeds=SEEDS, records=20, method=method, frames=frames)
                times.append(time.perf_counter() - begun)
            step = times[1] / outer_steps
            each = 1e6 * step / (SEEDS * BATCH)
            row = f"{times[0] - times[1]:7.1f}s {1e3 * step:8.2f} {each:17.2f} {1e4 * step:12.1f}s"
            print(f"{method:10} {'yes' if frames else 'no':6} {row}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
