"""What one meta-gradient by the backward recursion costs in time, compilation and memory.

Claims, for one task, all ratios measured side by side in one run:

steps        One meta-gradient takes at most 5 N gradients of L_S and 2 of L_D, N = 1, 3, 10, 30, 100, at dimension
             1000 + 1000 with dense rotations (separable family). A gradient of L_S, in w, is timed in two ways: `alone`
             (a compiled call of its own) and `in a scan` (a step of a compiled inner loop of the same N, where XLA
             moves work that depends on phi alone out of the loop). Both are shown; the claim is judged in the one that
             makes it harder. The gradient of L_D is the one in (w, phi), alone.
             Numbers: the share T(meta)/(5 N T(S) + 2 T(D)) of the allowance; T(meta)/(N T(S)).
compilation  Tracing and compiling it takes at most 1.5 times as long for N = 1000 as for N = 10: fresh functions,
             caches cleared, nothing run. Number: ratio of times.
memory       Its peak memory at N = 1000 is at least 3 times lower than that of autodiff through the scan, on a softmax
             head with 10,000 data points. Numbers: ratio of XLA's temporary bytes; ratio of the growth of the resident
             high-water mark of two fresh processes, above imports and data.
growth       Its temporary bytes are 8 N n_w (the inner iterates) plus a constant, N = 10, 100, 1000.
             Number: slope of the least-squares line in N over 8 n_w, and its largest residual in bytes.
"""

import itertools
import statistics
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from measure import Claim, Outcome, options, publish, side_by_side
from peak_memory import N_W, lowered_meta_gradient, planned_bytes, resident_growth

from anil_theory import Constants, SeparableFamily, enable_float64, inner_loop, meta_gradient

STEPS, ROUNDS = (1, 3, 10, 30, 100), 9
ALPHA = 0.1
UNITS = ("alone", "in a scan")


def steps(dimension: int, inner_steps: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    """For each N, in both units: the share of the allowance (with quartiles) and T(meta)/(N T(S))."""
    family = SeparableFamily(Constants(mu=0.5, L=2.0, rho=1.0, tau=0.7, M=1.0), dimension, dimension)
    tasks = family.sample(jax.random.key(0), 1)
    w, phi = family.split(family.points(np.random.default_rng(0), ()))
    point = jax.block_until_ready((w, phi, tasks.task(0)))
    support = jax.jit(jax.grad(tasks.support))
    query = jax.jit(jax.grad(tasks.query, argnums=(0, 1)))
    found = []
    for N in inner_steps:
        scan = jax.jit(lambda w, phi, data, N=N: inner_loop(tasks.support, w, phi, data, alpha=ALPHA, inner_steps=N)[0])
        meta = jax.jit(partial(meta_gradient, tasks.losses, alpha=ALPHA, inner_steps=N))
        functions = {"meta": meta, "alone": support, "query": query, "in a scan": scan}
        actions = {name: lambda f=f: jax.block_until_ready(f(*point)) for name, f in functions.items()}
        timed = side_by_side(actions, rounds)

        entry: dict[str, Any] = {"N": N, "seconds": {name: timed.median(name) for name in functions}}
        for unit in UNITS:
            gradients = {"alone": N, "in a scan": 1}[unit]
            share = partial(share_of_allowance, unit=unit, gradients=gradients)
            entry[unit] = {
                "share": timed.combine(share),
                "quartiles": [float(q) for q in np.percentile(timed.each_round(share), (25, 75))],
                "per_step": timed.ratio("meta", unit) / gradients,
            }
        found.append(entry)
    return found


def share_of_allowance(seconds: dict[str, float], unit: str, gradients: int) -> float:
    """T(meta)/(5 N T(S) + 2 T(D)) of one round; N T(S) is `gradients` times the seconds of `unit`."""
    return seconds["meta"] / (5 * gradients * seconds[unit] + 2 * seconds["query"])


def compilation(long: int, short: int, points: int, rounds: int) -> dict[str, Any]:
    """Seconds to trace and compile for both N, and the median ratio."""

    def compile_fresh(inner_steps: int) -> None:
        jax.clear_caches()
        lowered_meta_gradient("recursion", inner_steps, points).compile()

    compile_fresh(3)  # the first compilation of a process also sets up the compiler
    actions = {"long": partial(compile_fresh, long), "short": partial(compile_fresh, short)}
    timed = side_by_side(actions, rounds, warm_up=False)
    seconds = {str(long): timed.median("long"), str(short): timed.median("short")}
    return {"seconds": seconds, "ratio": timed.ratio("long", "short")}


def memory(inner_steps: int, points: int, processes: int) -> dict[str, Any]:
    """Planned bytes and resident growth (medians over processes) of both methods, autodiff over recursion."""
    methods = ("recursion", "autodiff")
    planned = {m: planned_bytes(m, inner_steps, points) for m in methods}
    grown: dict[str, list[dict[str, int]]] = {m: [] for m in methods}
    for _, method in itertools.product(range(processes), methods):
        grown[method].append(resident_growth(method, inner_steps, points))
    found: dict[str, Any] = {"planned": planned, "planned_ratio": planned["autodiff"] / planned["recursion"]}
    for part in ("with_compilation", "run"):
        middle = {m: statistics.median(g[part] for g in grown[m]) for m in methods}
        found[part] = middle
        found[f"{part}_ratio"] = middle["autodiff"] / max(middle["recursion"], 1)
    return found


def growth(inner_steps: tuple[int, ...], points: int) -> dict[str, Any]:
    """Temporary bytes of the recursion over N, and the line through them."""
    planned = [planned_bytes("recursion", N, points) for N in inner_steps]
    slope, constant = np.polyfit(inner_steps, planned, 1)
    residual = np.max(np.abs(np.polyval([slope, constant], inner_steps) - planned))
    numbers = {"slope": float(slope), "constant": float(constant), "largest_residual": float(residual)}
    return {
        "N": list(inner_steps),
        "planned": planned,
        **numbers,
        "slope_over_iterates": round(float(slope) / (8 * N_W), 9),
    }


def outcome(tiny: bool) -> Outcome:
    """All four measurements, as claims and lines of the table."""
    if tiny:
        long, points = 20, 50
        timed, compiled = steps(4, (1, 3), 2), compilation(long, 10, points, 1)
        held, grown = memory(long, points, 1), growth((10, 20, 40), points)
    else:
        long, points = 1000, 10_000
        timed, compiled = steps(1000, STEPS, ROUNDS), compilation(long, 10, points, 7)
        held, grown = memory(long, points, 3), growth((10, 100, 1000), points)

    lines = ["T(meta)/(N T(S)), and T(meta)/(5 N T(S) + 2 T(D)) [quartiles], by the unit T(S)"]
    lines.append(f"{'N':>5}" + "".join(f"  {unit:<28}" for unit in UNITS))
    for entry in timed:
        shown = (
            f"{entry[u]['per_step']:5.2f}   {entry[u]['share']:.3f} [{low:.3f}, {high:.3f}]"
            for u, (low, high) in ((u, entry[u]["quartiles"]) for u in UNITS)
        )
        lines.append(f"{entry['N']:>5}" + "".join(f"  {text:<28}" for text in shown))
    mega = {part: {m: b / 1e6 for m, b in held[part].items()} for part in ("planned", "with_compilation", "run")}
    for part, sizes in mega.items():
        ratio = held[f"{part}_ratio"]
        lines.append(f"MB {part}: " + ", ".join(f"{m} {b:.1f}" for m, b in sizes.items()) + f"; ratio {ratio:.1f}")
    lines.append(
        f"temporary bytes of the recursion at N = {grown['N']}: {grown['planned']}\n"
        f"  = {grown['slope']:.2f} N + {grown['constant']:.0f}, largest residual {grown['largest_residual']:.0f}; "
        f"the iterates alone are {8 * N_W} N"
    )
    worst = {u: max(entry[u]["share"] for entry in timed) for u in UNITS}
    unit = max(worst, key=lambda u: worst[u])
    claims = [
        Claim(f"share of 5 N gradients of L_S + 2 of L_D (unit {unit})", worst[unit], 1, "worst N"),
        Claim(f"compilation, N = {long} over N = 10", compiled["ratio"], 1.5, "ratio of times"),
        Claim("temporary bytes, autodiff over recursion", held["planned_ratio"], 3, "ratio", at_least=True),
        Claim("resident growth, autodiff over recursion", held["with_compilation_ratio"], 3, "ratio", at_least=True),
        Claim("slope of the bytes in N over 8 n_w, those of an iterate", grown["slope_over_iterates"], 1, "ratio"),
    ]
    return Outcome(claims, lines, {"steps": timed, "compilation": compiled, "memory": held, "growth": grown})


def draw(numbers: dict[str, Any], figure: Figure) -> None:
    """The share of the allowance over N, and temporary bytes over N."""
    left, right = figure.subplots(1, 2)
    for unit in UNITS:
        entries = numbers["steps"]
        left.plot([e["N"] for e in entries], [e[unit]["share"] for e in entries], "o-", label=f"unit: {unit}")
    left.axhline(1, color="black", linestyle="--", label="claim")
    left.set(xscale="log", ylim=(0, 1.1), xlabel="N", ylabel="time / (5 N gradients of $L_S$ + 2 of $L_D$)")
    left.legend(loc="upper left", bbox_to_anchor=(0, 0.88))
    grown = numbers["growth"]
    right.plot(grown["N"], grown["planned"], "o", label="planned by XLA")
    line = [grown["slope"] * N + grown["constant"] for N in grown["N"]]
    right.plot(grown["N"], line, "-", label=f"{grown['slope']:.0f} N + constant")
    right.set(xlabel="N", ylabel="temporary bytes, recursion", ylim=(0, 1.1 * max(line)))
    right.legend()


def main() -> None:
    """Measure, print, write."""
    enable_float64()
    given = options(__doc__, "a handful of dimensions, steps and points").parse_args()
    started = datetime.now(UTC)
    found = outcome(given.tiny)
    publish("meta_gradient", found, partial(draw, found.numbers), given, started)


if __name__ == "__main__":
    main()
