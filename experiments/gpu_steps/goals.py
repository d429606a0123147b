"""What the numbers of a run say about its goals, and, where one of speed is missed, what holds it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.gpu_steps.pieces import Plain
from experiments.speed.measure import Claim

AT_ONCE, LOOP, PLAIN, MINUTE = 5.0, 20.0, 1.3, 60.0
"""Goals on an H100 or H200: PyTorch's better side and loop over ours, ours over its plain pass, 1,000 iterations."""


def goals(steps: dict[str, Plain]) -> list[Claim]:
    """Every goal that the numbers suffice for."""
    found = []
    for geometry, one in steps.get("correctness", {}).items():
        if "float64" in one:
            worst = float(np.max(one["float64"]))
            found.append(Claim(f"meta-gradient of {geometry}, float64, card against CPU", worst, one["tolerance"], ""))
    for name in configurations(steps):
        found += _of_a_configuration(name, steps["iteration"])
    compared = steps.get("figures", {}).get("bfloat16 beside float32", {})
    if len(compared.get("bfloat16", [])) > 1 < len(compared.get("float32", [])):
        spread = float(np.ptp(compared["float32"]))
        worse = float(np.mean(compared["bfloat16"]) - np.mean(compared["float32"]))
        found.append(Claim("loss of bfloat16 above float32's; limit: the seeds' spread", worse, spread, ""))
    return found


def configurations(steps: dict[str, Plain]) -> list[str]:
    """The configurations of which ours was measured."""
    pieces = steps.get("iteration", {})
    ours = [name.removesuffix(": ours") for name, one in pieces.items() if name.endswith(": ours") and "N" in one]
    return list(ours)


def seconds_of(pieces: Plain, configuration: str, side: str) -> dict[int, float]:
    """N -> seconds of one meta-iteration; empty for a side that was not measured."""
    each = pieces.get(f"{configuration}: {side}", {}).get("N", {})
    return {int(N): one["seconds"] for N, one in each.items() if "seconds" in one}


def _of_a_configuration(name: str, pieces: Plain) -> Iterator[Claim]:
    ours = seconds_of(pieces, name, "ours")
    at_once = [seconds_of(pieces, name, side) for side in ("vmapped", "batched")]
    loop = seconds_of(pieces, name, "loop")
    for N, seconds in ours.items():
        others = [side[N] for side in at_once if N in side]
        if others:
            text = f"{name}, N = {N}: PyTorch, all tasks at once / ours"
            yield Claim(text, min(others) / seconds, AT_ONCE, "x", at_least=True)
        if N in loop:
            yield Claim(f"{name}, N = {N}: PyTorch's loop / ours", loop[N] / seconds, LOOP, "x", at_least=True)
    plain = pieces[f"{name}: ours"].get("plain")
    if plain and 30 in ours:
        yield Claim(f"{name}, N = 30: ours / our plain pass", ours[30] / plain["seconds"], PLAIN, "x")
    if name.startswith("fc100") and ours:
        yield Claim(f"{name}: 1,000 iterations, the slowest N", 1000 * max(ours.values()), MINUTE, "s")


def profile(configuration: str, steps: dict[str, Plain]) -> Plain:
    """Where the time of ours goes: XLA's counts over the measured rates, and the seconds of an inner step.

    arithmetic, traffic   least seconds of one outer step with one inner step, by the operations and bytes that XLA
                          counts, at the rate of the convolution and of the copy that the same run measured;
    of_an_inner_step      seconds, from the largest and the smallest N;   held_by  the largest part, in words.

    Empty where the rates or two N were not measured.
    """
    pieces, rates = steps["iteration"], steps.get("rates", {})
    one = pieces[f"{configuration}: ours"]
    convolution = rates.get(f"convolution, {configuration.split(', ')[-1]}", {}).get("rate")
    copy = rates.get("copy", {}).get("rate")
    ours = seconds_of(pieces, configuration, "ours")
    if not convolution or not copy or len(ours) < 2:
        return {}
    few, many = min(ours), max(ours)
    inner = max(0.0, (ours[many] - ours[few]) / (many - few))
    arithmetic, traffic = one["operations"] / convolution, one["traffic"] / copy
    parts = {
        f"the {many} inner steps, one after the other": many * inner,
        "memory traffic": traffic,
        "arithmetic": arithmetic,
        "launches, and kernels below the measured rates": ours[few] - max(arithmetic, traffic),
    }
    held_by = max(parts, key=lambda part: parts[part])
    return {"arithmetic": arithmetic, "traffic": traffic, "of_an_inner_step": inner, "held_by": held_by}


def profiles_of_missed(steps: dict[str, Plain]) -> dict[str, Any]:
    """The profile of every configuration that misses a goal of speed."""
    missed = [
        name for name in configurations(steps) if any(not c.met for c in _of_a_configuration(name, steps["iteration"]))
    ]
    return {name: profile(name, steps) for name in missed}
