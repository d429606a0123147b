"""Steps made of pieces under one time limit: each piece says how long it will take, and what is done is kept at once.

A piece is one measurement. It is run when its expected length fits in what its step has left, polls the clock between
its repetitions, and its numbers are written before the next one begins. So a run that is cut off anywhere keeps all
but the piece in hand, and a limit that comes inside a piece shortens it.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anil_theory._plain import to_plain
from anil_theory.record import encode_floats
from anil_theory.report.files import write_report
from anil_theory.study.ending import Ending

Plain = dict[str, Any]


class Clock:
    """Seconds left until a deadline of `time.monotonic`."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic):
        self.now = now
        self.deadline = now() + seconds

    def left(self) -> float:
        """Seconds until the deadline; negative when it has passed."""
        return self.deadline - self.now()

    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self.left() <= 0

    def part(self, share: float) -> "Clock":
        """A clock that ends earlier: after `share` of the seconds that are left."""
        return Clock(max(0.0, share * self.left()), self.now)


@dataclass(frozen=True)
class Piece:
    """One measurement: its name, the seconds that it is expected to take, and what does it (plain values)."""

    name: str
    expected: float
    measure: Callable[[Clock], Plain]


@dataclass(frozen=True)
class Step:
    """Pieces, the most important first, and the share of the minutes that are left which they may take together."""

    name: str
    share: float
    pieces: Sequence[Piece]


@dataclass
class Report:
    """All numbers so far, written to `path` after every piece, whole or not at all.

    A file that cannot be written costs the file: `ending` remembers and says it, and the measuring goes on.
    """

    path: Path
    say: Callable[[str], None] = print
    about: Plain = field(default_factory=dict)
    steps: dict[str, Plain] = field(default_factory=dict)
    ending: Ending = field(default_factory=Ending)

    def keep(self) -> None:
        """Write everything, or say why it could not be written."""
        self.ending.attempt(f"{self.path} was not written", self._write)

    def _write(self) -> None:
        text = json.dumps(encode_floats(to_plain({**self.about, "steps": self.steps})), indent=1, allow_nan=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_report(text + "\n", self.path)


def run_steps(steps: Sequence[Step], report: Report, clock: Clock, *, trust_expected: bool = True) -> None:
    """Run the pieces that fit, in order; the others stand in the report as "skipped" with the reason.

    trust_expected   false where the expected lengths are of another machine: then only a clock that is over skips.

    A piece that fails stands there as "failed" with the error, and the next ones go on.
    """
    for step in steps:
        own = clock.part(step.share)
        numbers = report.steps.setdefault(step.name, {})
        for piece in step.pieces:
            numbers[piece.name] = _one(piece, own, trust_expected)
            report.say(f"{step.name}: {piece.name}: {_in_words(numbers[piece.name])}")
            report.keep()


def _one(piece: Piece, clock: Clock, trust_expected: bool) -> Plain:
    if clock.over() or (trust_expected and piece.expected > clock.left()):
        return {"skipped": f"needs about {piece.expected:.0f} s, and {max(0.0, clock.left()):.0f} s are left"}
    began = clock.now()
    try:
        found = piece.measure(clock)
    except Exception as error:  # what one piece runs into must not cost the others
        found = {"failed": f"{type(error).__name__}: {error}"[:500]}
    return found | {"seconds_expected": piece.expected, "seconds_taken": clock.now() - began}


def _in_words(numbers: Plain) -> str:
    for word in ("skipped", "failed"):
        if word in numbers:
            return f"{word}: {numbers[word]}"
    return f"{numbers['seconds_taken']:.1f} s"


def repeat(action: Callable[[], Any], clock: Clock, *, rounds: int, warm_up: bool = True) -> Plain:
    """Median seconds of an action that waits for its own result, and every measurement.

    The first call is not counted when `warm_up`. At most `rounds` calls are, and at least one: the clock is asked
    between them.
    """
    if warm_up:
        action()
    seconds: list[float] = []
    while len(seconds) < rounds and not (seconds and clock.over()):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    found: Plain = {"seconds": statistics.median(seconds), "each": seconds}
    if len(seconds) < rounds:
        found["shortened"] = f"{len(seconds)} of {rounds} repetitions: the time was up"
    return found
