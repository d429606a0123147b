"""The numbers of a run for people: a table in Markdown, the goals as lines, and a picture of time against N."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.gpu_steps.goals import configurations, seconds_of
from experiments.gpu_steps.pieces import Plain
from experiments.speed.measure import Claim

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = {
    "ours": "anil_theory",
    "batched": "PyTorch, batched head",
    "vmapped": "torch.func, vmap",
    "torch.compile of the best": "torch.compile",
    "loop": "PyTorch, loop",
}
STEPS = (1, 5, 10, 30)


def iteration_table(steps: dict[str, Plain]) -> list[str]:
    """Milliseconds of a meta-iteration, a line for each configuration and side, and the memory in MiB."""
    lines = ["| ms | " + " | ".join(f"N = {N}" for N in STEPS) + " | plain pass | MiB |", "|---|" + "---:|" * 6]
    pieces = steps.get("iteration", {})
    for name in configurations(steps):
        for side, title in SIDES.items():
            seconds = seconds_of(pieces, name, side)
            if not seconds:
                continue
            one = pieces[f"{name}: {side}"]
            plain = one.get("plain", {}).get("seconds")
            peaks = [entry["peak_bytes"] for entry in one["N"].values() if "peak_bytes" in entry]
            held = one.get("bytes") or max(peaks, default=0)
            cells = [_ms(seconds.get(N)) for N in STEPS] + [_ms(plain), f"{held / 2**20:.3g}" if held else "-"]
            lines.append(f"| {name}: {title} | " + " | ".join(cells) + " |")
    return lines


def estimate_table(steps: dict[str, Plain]) -> list[str]:
    """Seconds of each estimator on the card, on two CPU cores, and their ratio."""
    pieces = steps.get("estimates", {})
    on_the_cpu = pieces.get("two CPU cores", {}).get("measured", {})
    lines = ["| s | card | two CPU cores | ratio |", "|---|---:|---:|---:|"]
    for name, one in pieces.items():
        if "seconds" in one:
            cpu = on_the_cpu.get(name, {}).get("seconds")
            ratio = "-" if cpu is None else f"{cpu / one['seconds']:.1f}"
            lines.append(f"| {name} | {one['seconds']:.4g} | {'-' if cpu is None else f'{cpu:.4g}'} | {ratio} |")
    return lines


def rate_table(steps: dict[str, Plain]) -> list[str]:
    """Rates in 10^12 operations or 10^9 bytes a second."""
    found = []
    for name, one in steps.get("rates", {}).items():
        if "rate" in one:
            unit, scale = ("GB/s", 1e9) if "bytes" in one else ("TFLOP/s", 1e12)
            found.append(f"{name}: {one['rate'] / scale:.4g} {unit}")
    return found


def document(card: str, steps: dict[str, Plain], goals: Sequence[Claim], profiles: dict[str, Plain]) -> list[str]:
    """All of it, with what was left out and why."""
    lines = [f"# {card}", "", *rate_table(steps), "", *iteration_table(steps), "", *estimate_table(steps), ""]
    lines += [goal.line() for goal in goals]
    for name, one in profiles.items():
        lines.append(f"{name}: a goal is missed; held by {one['held_by']}" if one else f"{name}: no profile")
    for step, pieces in steps.items():
        for piece, one in pieces.items():
            said = [f"{word}: {one[word]}" for word in ("skipped", "failed", "shortened", "remark") if word in one]
            lines += [f"{step}, {piece}: {text}" for text in said]
    return lines


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1e3 * seconds:.4g}"


def draw(steps: dict[str, Plain], card: str) -> "Figure | None":
    """Time against N for the first configuration; None without matplotlib or numbers."""
    names = configurations(steps)
    if not names:
        return None
    try:
        from anil_theory.report.panels import house_figure
    except ImportError:
        return None
    with house_figure(width=6.0, height=4.0) as figure:
        _draw_times(figure.subplots(), steps, names[0], card)
    return figure


def _draw_times(axes: "Axes", steps: dict[str, Plain], name: str, card: str) -> None:
    for side, marker in zip(SIDES, "os^vd", strict=True):
        seconds = seconds_of(steps["iteration"], name, side)
        if seconds:
            axes.plot(list(seconds), [1e3 * s for s in seconds.values()], marker=marker, label=SIDES[side])
    axes.set(xscale="log", yscale="log", xlabel="inner steps N", ylabel="ms of a meta-iteration")
    axes.set_xticks(STEPS, labels=[str(N) for N in STEPS])
    axes.set_xticks([], minor=True)
    axes.set_title(f"{name}, {card}")
    axes.legend()
