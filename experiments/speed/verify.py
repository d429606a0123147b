"""What `anil-theory verify` costs from a cold start.

Claims, each run in a fresh process without a compilation cache on disk:

quick    `anil-theory verify --quick` ends within 20 s;
default  `anil-theory verify` (the default grid) ends within 2 minutes; measured with --full, once.

The ratio to a process that only imports jax is measured side by side and says what the work itself costs; the budgets
are seconds of wall time on the machine at hand, which the ratio puts into proportion. The processor seconds beside
them tell a slow run from a busy machine: wall time above processor seconds over cores is time spent waiting for one.
"""

import os
import statistics
import tempfile
from datetime import UTC, datetime
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from measure import Claim, Outcome, options, output_of, publish, side_by_side

BUDGET = {"quick": 20.0, "default": 120.0}
ARGUMENTS = {"quick": ["--quick"], "default": []}
TINY = ["prop1", "--inner-steps", "1", "--geometry", "strongly-convex"]


def cold_starts(arguments: list[str], rounds: int) -> dict[str, Any]:
    """Wall seconds of `verify ARGUMENTS` and of importing jax, and their median ratio."""

    processor_seconds: list[float] = []

    def verify() -> None:
        before = os.times()
        with tempfile.TemporaryDirectory() as folder:
            output_of("-m", "anil_theory", "verify", *arguments, "--out", folder)
        after = os.times()
        user, system = after.children_user - before.children_user, after.children_system - before.children_system
        processor_seconds.append(user + system)

    timed = side_by_side({"verify": verify, "import": partial(output_of, "-c", "import jax")}, rounds, warm_up=False)
    return {
        "rounds": timed.seconds,
        "seconds": timed.median("verify"),
        "processor_seconds": statistics.median(processor_seconds),
        "import_seconds": timed.median("import"),
        "ratio": timed.ratio("verify", "import"),
    }


def outcome(tiny: bool, full: bool) -> Outcome:
    """The runs asked for, as claims and lines of the table."""
    output_of("-c", "import jax, anil_theory.cli")  # files into the page cache, byte code compiled
    if tiny:
        found = {"quick": cold_starts(TINY, 1)}
    else:
        found = {"quick": cold_starts(ARGUMENTS["quick"], 3)}
        if full:
            found["default"] = cold_starts(ARGUMENTS["default"], 1)
    lines = [f"{'run':<8} verify / import jax (cores: {os.cpu_count()}, load average {os.getloadavg()[0]:.1f})"]
    lines += [
        f"{name:<8} {f['ratio']:.1f}  (import {f['import_seconds']:.2f} s; processor {f['processor_seconds']:.1f} s)"
        for name, f in found.items()
    ]
    claims = [Claim(f"cold start of verify, {name} grid", f["seconds"], BUDGET[name], "s") for name, f in found.items()]
    return Outcome(claims, lines, found)


def draw(numbers: dict[str, Any], figure: Figure) -> None:
    """Wall time beside the budget."""
    axes = figure.subplots()
    names = list(numbers)
    axes.barh(names, [numbers[name]["seconds"] for name in names], label="measured")
    axes.plot([BUDGET[name] for name in names], names, "k|", markersize=40, label="budget")
    axes.set(xlabel="wall time from a cold start [s]", xlim=(0, None))
    axes.legend()


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, "one cell")
    parser.add_argument("--full", action="store_true", help="also the default grid (minutes)")
    given = parser.parse_args()
    started = datetime.now(UTC)
    found = outcome(given.tiny, given.full)
    publish("verify", found, partial(draw, found.numbers), given, started)


if __name__ == "__main__":
    main()
