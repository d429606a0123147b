"""Side-by-side timing and the outcome of a speed experiment: claims as ratios, a JSON file and a plot.

A time alone says something about a machine and its load; a ratio of two times taken side by side says something about
the code. So every action of a comparison runs once per round, rounds are repeated, and a ratio is the median over the
rounds of the ratios within a round: a load that comes and goes hits both sides of most rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anil_theory.provenance import provenance
from anil_theory.report.files import save_figure, write_report
from anil_theory.study.ending import Ending

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUT = Path("results/speed")


class SideBySide:
    """Seconds of several actions, one entry per round, and the medians of what is made from them."""

    def __init__(self, seconds: dict[str, list[float]]):
        self.seconds = seconds

    def median(self, name: str) -> float:
        """Seconds of one action."""
        return statistics.median(self.seconds[name])

    def ratio(self, numerator: str, denominator: str) -> float:
        """Median over the rounds of the ratio within a round."""
        return self.combine(lambda s: s[numerator] / s[denominator])

    def combine(self, formula: Callable[[dict[str, float]], float]) -> float:
        """Median over the rounds of any formula in the seconds of one round."""
        return statistics.median(self.each_round(formula))

    def each_round(self, formula: Callable[[dict[str, float]], float]) -> list[float]:
        """The formula in each round: their spread is what the load of the machine does to it."""
        rounds = zip(*self.seconds.values(), strict=True)
        return [formula(dict(zip(self.seconds, values, strict=True))) for values in rounds]


def side_by_side(
    actions: dict[str, Callable[[], Any]], rounds: int, *, shortest: float = 0.02, warm_up: bool = True
) -> SideBySide:
    """Time every action in every round, in an order that alternates from round to round.

    actions    called without arguments; they must wait for their own result (`jax.block_until_ready`);
    rounds     how many times each is measured;
    shortest   seconds below which one measurement repeats its action, so that the clock does not matter;
    warm_up    call each action once before, untimed: compilation and first touches of memory stay outside. Without
               it every measurement is one call, however short (cold starts, compilations).
    """
    repeats = dict.fromkeys(actions, 1)
    if warm_up:
        for name, action in actions.items():
            action()
            repeats[name] = max(1, round(shortest / max(_seconds(action, 1), 1e-7)))
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for index in range(rounds):
        for name in list(actions)[:: -1 if index % 2 else 1]:
            seconds[name].append(_seconds(actions[name], repeats[name]))
    return SideBySide(seconds)


def _seconds(action: Callable[[], Any], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        action()
    return (time.perf_counter() - started) / repeats


def output_of(*arguments: object, environment: dict[str, str] | None = None) -> str:
    """Standard output of `python ARGUMENTS` in a fresh process, without a compilation cache on disk.

    environment   variables set for the process; `ANIL_THEORY_COMPILE_CACHE` among them gives it a cache.

    Raises RuntimeError with the process's messages when it fails.
    """
    inherited = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    inherited["ANIL_THEORY_COMPILE_CACHE"] = "off"
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=inherited | (environment or {}))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with status {done.returncode}:\n{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Claim:
    """One claim on speed or memory and what was measured for it, both in `unit`; `at_least` turns the limit around."""

    text: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def line(self) -> str:
        """The claim as one line of the table."""
        sign = ">=" if self.at_least else "<="
        verdict = "met" if self.met else "NOT MET"
        return f"{self.text:<60} {self.measured:>8.4g} {sign} {self.limit:<5.4g} {verdict:<8} {self.unit}"


@dataclass(frozen=True)
class Outcome:
    """What one script found: its claims, further lines of its table, and the numbers behind both (plain values)."""

    claims: list[Claim]
    lines: list[str]
    numbers: dict[str, Any]


def options(description: str | None, tiny: str) -> argparse.ArgumentParser:
    """The options that every speed script has; `tiny` says what its small variant does."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the JSON file and the plot")
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.add_argument("--tiny", action="store_true", help=f"{tiny}: only shows that the script runs")
    return parser


def publish(
    name: str,
    outcome: Outcome,
    draw: "Callable[[Figure], None]",
    given: argparse.Namespace,
    started: datetime,
) -> None:
    """Print the table (or the JSON), and write NAME.json and NAME.png to the folder, each whole or not at all.

    A file that cannot be written, or a plot that cannot be drawn, costs itself alone: it is told in one line, and the
    process ends with status 3. A tiny run has no claims: its sizes are not those that the claims speak of.
    """
    claims = [] if given.tiny else outcome.claims
    plain = {
        "experiment": name,
        "tiny": given.tiny,
        "claims": [asdict(claim) | {"met": claim.met} for claim in claims],
        "numbers": outcome.numbers,
        "provenance": provenance(started),
    }
    text = json.dumps(plain, indent=1, allow_nan=False)
    print(text if given.json else "\n".join([*outcome.lines, *(claim.line() for claim in claims)]), flush=True)
    ending, numbers, plot = Ending(), given.out / f"{name}.json", given.out / f"{name}.png"
    ending.attempt(f"{given.out} was not made", lambda: given.out.mkdir(parents=True, exist_ok=True))
    ending.write(numbers, lambda: write_report(text + "\n", numbers))
    ending.write(plot, lambda: _draw(plot, draw))
    if ending.failures:
        raise SystemExit(ending.status())


def _draw(plot: Path, draw: "Callable[[Figure], None]") -> None:
    # Here, because what else this module has is also used where there is no matplotlib.
    from anil_theory.report.panels import house_figure

    with house_figure(width=6.0, height=4.0) as figure:
        draw(figure)
    save_figure(figure, plot)
