"""What a finding of the audit is: what is printed, what a run shows beside it, and what stays true.

The words of a finding stand in `templates/finding<key>.md`, and the numbers of its run fill the holes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Any

from anil_theory._plain import to_plain
from anil_theory.report.template import Template, plain_words


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
    numbers   everything measured or computed, plain; they fill the holes of the template;
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


def template_of(key: str) -> Template:
    """The template of the finding with this key of FINDINGS."""
    name = f"finding{key}.md"
    text = (files("anil_theory.audit") / "templates" / name).read_text(encoding="utf-8")
    return Template.parse(name, text)


def worded(
    key: str,
    *,
    name: str,
    verdict: Shown,
    numbers: Mapping[str, Any],
    panels: tuple[Panel, ...],
    settings: Mapping[str, Any],
    rounding_kind: str = "",
) -> Finding:
    """The finding with the words of its template.

    Raises TemplateMismatch for a hole without a number and for a number that the template does not name.
    """
    plain = to_plain(numbers)
    words = template_of(key).fill(plain)
    return Finding(
        name=name,
        title=plain_words(words.title),
        printed=words.words("Printed"),
        shown=words.bullets("Shown"),
        stays=words.words("Stays"),
        verdict=verdict,
        numbers=plain,
        panels=panels,
        settings=dict(settings),
        rounding_kind=rounding_kind,
    )
