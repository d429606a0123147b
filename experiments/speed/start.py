"""What a start of `anil-theory` costs, and what compiled programs on disk save.

Claims, each run in a fresh process, in processor seconds (user and system), which a busy machine changes less than the
time on the wall:

help     `anil-theory --help` takes at most 0.5 s;
advise   `anil-theory advise` takes at most 1.3 times a process that only imports jax;
verify   a second `anil-theory verify --quick` takes at most 0.5 of the first, which found an empty cache; measured with
         --full, once.
"""

import os
import tempfile
from datetime import UTC, datetime
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from measure import Claim, Outcome, SideBySide, options, output_of, publish

CONSTANTS = ["--mu", "0.2", "--L", "1", "--rho", "1", "--tau", "0.5", "--M", "1"]
STARTS = {
    "python": ["-c", "pass"],
    "import jax": ["-c", "import jax"],
    "--help": ["-m", "anil_theory", "--help"],
    "--version": ["-m", "anil_theory", "--version"],
    "advise": ["-m", "anil_theory", "advise", *CONSTANTS, "--eps", "0.1"],
}
ROUNDS = 7


def processor_seconds(arguments: list[str], environment: dict[str, str] | None = None) -> float:
    """User and system time of `python ARGUMENTS`."""
    before = os.times()
    output_of(*arguments, environment=environment)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def starts(rounds: int) -> SideBySide:
    """Every start in every round, in an order that alternates."""
    seconds: dict[str, list[float]] = {name: [] for name in STARTS}
    for index in range(rounds):
        for name in list(STARTS)[:: -1 if index % 2 else 1]:
            seconds[name].append(processor_seconds(STARTS[name]))
    return SideBySide(seconds)


def two_runs(arguments: list[str]) -> dict[str, float]:
    """A first run, which finds an empty cache, a second one, and one without a cache."""
    with tempfile.TemporaryDirectory() as folder:
        cached = {"ANIL_THEORY_COMPILE_CACHE": os.path.join(folder, "compiled")}
        found = {}
        for name, environment in (("first", cached), ("second", cached), ("no cache", None)):
            run = ["-m", "anil_theory", "verify", *arguments, "--out", os.path.join(folder, name)]
            found[name] = processor_seconds(run, environment)
    return found


def outcome(tiny: bool, full: bool) -> Outcome:
    """The runs asked for, as claims and lines of the table."""
    for arguments in STARTS.values():
        output_of(*arguments)  # files into the page cache, byte code compiled
    timed = starts(1 if tiny else ROUNDS)
    numbers: dict[str, Any] = {"starts": timed.seconds}
    lines = [f"{'start':<12} processor seconds   / import jax"]
    lines += [f"{name:<12} {timed.median(name):>8.3f}   {timed.ratio(name, 'import jax'):>17.2f}" for name in STARTS]
    claims = [
        Claim("--help", timed.median("--help"), 0.5, "s"),
        Claim("advise / import jax", timed.ratio("advise", "import jax"), 1.3, ""),
    ]
    if full:
        runs = two_runs(["--quick"])
        numbers["verify"] = runs
        lines += [f"verify --quick, {name}: {seconds:.1f} s" for name, seconds in runs.items()]
        claims.append(Claim("verify --quick, second / first run", runs["second"] / runs["first"], 0.5, ""))
    return Outcome(claims, lines, numbers)


def draw(numbers: dict[str, Any], figure: Figure) -> None:
    """The median of every start."""
    axes = figure.subplots()
    timed = SideBySide(numbers["starts"])
    names = list(numbers["starts"])
    axes.barh(names, [timed.median(name) for name in names])
    axes.set(xlabel="processor seconds of a fresh process", xlim=(0, None))


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, "every start once")
    parser.add_argument("--full", action="store_true", help="also verify --quick, three times (minutes)")
    given = parser.parse_args()
    started = datetime.now(UTC)
    found = outcome(given.tiny, given.full)
    publish("start", found, partial(draw, found.numbers), given, started)


if __name__ == "__main__":
    main()
