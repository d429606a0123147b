"""What a finding of the audit is: what is printed, what a run shows beside it, and what stays true."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Shown(StrEnum):
    """Whether the run showed what the finding says."""

    SHOWN = "SHOWN"
    NOT_SHOWN = "NOT SHOWN"


@dataclass(frozen=True)
class Curve:
    """One curve of a figure. `style`: "line" (a formula), "dashed" (a bound) or "points" (a measurement)."""

    label: str
    x: list[float]
    y: list[float]
    style: str = "line"


@dataclass(frozen=True)
class Panel:
    """One set of axes."""

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log_x: bool = True
    log_y: bool = True


@dataclass(frozen=True)
class Finding:
    """One finding, as data: the terminal, the Markdown report and the figure are made from this and nothing else.

    name      key, also of the figure's file;
    title     one line;
    printed   what the paper prints;
    shown     what this run shows, sentence by sentence, with its numbers;
    stays     what stays true of the printed statement, and what a reader may go on using;
    verdict   SHOWN when the numbers of this run bear the finding out;
    numbers   everything measured or computed, plain;
    panels    the figure;
    settings  seed and sizes of the run;
    rounding_kind   of the estimates that the verdict rests on, in the words of `Estimate`: a heuristic one if there is
              any; empty where it rests on closed forms and proofs.
    """

    name: str
    title: str
    printed: str
    shown: tuple[str, ...]
    stays: str
    verdict: Shown
    numbers: dict[str, Any]
    panels: tuple[Panel, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    rounding_kind: str = ""


def verdict(*conditions: bool) -> Shown:
    """SHOWN when every condition holds."""
    return Shown.SHOWN if all(conditions) else Shown.NOT_SHOWN
