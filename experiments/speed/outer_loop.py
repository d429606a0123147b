"""Algorithm 1: the time of 64 seeds x 10,000 outer steps, its growth in N, B and K, and its methods side by side.

Claims, at B = 8, N = 10, dimension 20 + 20 and 32 tasks, compilation excluded: the run takes less than 30 s, and its
time is affine in N, in B and in K (the axis is doubled three times, all its runs are timed in every round, and the
straight line through the medians explains at least 0.98 of their variance).

Beside them, and without a claim: each way to compute the meta-gradients as a ratio to the default way in the tasks'
own frames (`separable_frames`), in which the rotations leave the inner loop.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from measure import Claim, Outcome, SideBySide, options, publish, side_by_side

from anil_theory import Constants, Schedule, SeparableFamily, enable_float64
from anil_theory.algorithm._outer_loop import outer_loop
from anil_theory.tasks.base import TaskSet
from anil_theory.tasks.separable_frame import separable_frames

SEEDS, BATCH, INNER_STEPS, OUTER_STEPS, DIMENSION, TASKS = 64, 8, 10, 10_000, 20, 32
AXES = {"N": (5, 10, 20, 40), "B": (4, 8, 16, 32), "K": (100, 200, 400, 800)}
SECONDS, DETERMINATION = 30.0, 0.98


def algorithm_1(
    tasks: TaskSet, seeds: int, sizes: dict[str, int], *, frames: bool = True, method: str = "recursion"
) -> Callable[[], Any]:
    """One run of the given N, B, K as an action: it ends with numpy arrays, so nothing is left to wait for."""
    start = jnp.ones(DIMENSION), jnp.ones(DIMENSION)
    used = separable_frames(tasks) if frames else None
    schedule = Schedule(0.2, sizes["N"], 0.1, 0.02, batch=sizes["B"], outer_steps=sizes["K"])
    return lambda: outer_loop(tasks, schedule, *start, seeds=seeds, records=1, method=method, frames=used)


def straight_line(x: Iterable[float], y: Iterable[float]) -> dict[str, float]:
    """Least squares of y on x: intercept, slope, and the fraction of the variance that the line explains."""
    x, y = np.array(list(x), float), np.array(list(y), float)
    slope, intercept = np.polyfit(x, y, 1)
    residual = y - slope * x - intercept
    return {
        "intercept": float(intercept),
        "slope": float(slope),
        "determination": float(1 - residual.var() / y.var()),
    }


def growth(tasks: TaskSet, seeds: int, axis: str, values: tuple[int, ...], K: int, rounds: int) -> dict[str, Any]:
    """Median seconds along one axis, as ratios to its first value, and the straight line through them."""
    base = {"N": INNER_STEPS, "B": BATCH, "K": K}
    runs = {str(value): algorithm_1(tasks, seeds, base | {axis: value}) for value in values}
    times = side_by_side(runs, rounds)
    seconds = [times.median(str(v)) for v in values]
    ratios = [times.ratio(str(v), str(values[0])) for v in values]
    return {"values": list(values), "ratios": ratios, "seconds": seconds} | straight_line(values, ratios)


def methods(tasks: TaskSet, seeds: int, K: int, rounds: int) -> SideBySide:
    """Every method, in frames and as written, side by side."""
    make = partial(algorithm_1, tasks, seeds, {"N": INNER_STEPS, "B": BATCH, "K": K})
    return side_by_side(
        {
            f"{method}, {'frames' if frames else 'as written'}": make(method=method, frames=frames)
            for frames in (True, False)
            for method in ("recursion", "autodiff")
        },
        rounds,
    )


def draw(figure: Figure, axes: dict[str, dict[str, Any]]) -> None:
    """One panel per axis: ratios to the first value and their straight line."""
    for panel, (name, found) in zip(figure.subplots(1, len(axes), sharey=True), axes.items(), strict=True):
        x = np.array(found["values"], float)
        panel.plot(x, found["ratios"], "o")
        panel.plot(x, found["intercept"] + found["slope"] * x, "-", lw=1)
        panel.set_xlabel(name)
        panel.set_title(f"R$^2$ = {found['determination']:.4f}", fontsize=9)
    figure.axes[0].set_ylabel("time / time at the first value")


def main() -> None:
    """Parse the options, run, publish."""
    enable_float64()
    given = options(__doc__, "two short axes and few seeds").parse_args()
    started = datetime.now(UTC)
    tasks = SeparableFamily(Constants(0.2, 1.0, 1.0, 1.0, 1.0), DIMENSION, DIMENSION).sample(jax.random.key(0), TASKS)
    seeds, K, rounds, fixed = (2, 2, 1, 4) if given.tiny else (SEEDS, OUTER_STEPS, 3, 200)
    values = {name: v[:2] if given.tiny else v for name, v in AXES.items()}
    axes = {name: growth(tasks, seeds, name, v, fixed, rounds) for name, v in values.items()}
    compared = methods(tasks, seeds, fixed, rounds)
    default = "recursion, frames"
    ratios = {name: compared.ratio(name, default) for name in compared.seconds}
    whole_size = {"N": INNER_STEPS, "B": BATCH, "K": K}
    whole = side_by_side({"whole": algorithm_1(tasks, seeds, whole_size)}, 1, shortest=0.0).median("whole")
    lines = [f"{name:<24} {ratio:>6.2f} x the default" for name, ratio in ratios.items()]
    for name, found in axes.items():
        steps = ", ".join(f"{v}: {r:.2f}" for v, r in zip(found["values"], found["ratios"], strict=True))
        lines.append(f"time in {name}, over that of its first value: {steps}")
    claims = [Claim(f"{SEEDS} seeds x {OUTER_STEPS} steps, B={BATCH}, N={INNER_STEPS}", whole, SECONDS, "s")]
    claims += [
        Claim(f"straight line in {name}: share of variance", found["determination"], DETERMINATION, "", at_least=True)
        for name, found in axes.items()
    ]
    numbers = {"axes": axes, "methods": ratios, "seconds": whole}
    publish("outer_loop", Outcome(claims, lines, numbers), partial(draw, axes=axes), given, started)


if __name__ == "__main__":
    main()
