"""Text with named holes: a Markdown template says everything, and its numbers come from a record.

    # Title
    ## Section
    A paragraph with a number {ratio:.3g} and a list {rows.eps:g}.
    <!-- when outcome is kink -->
    - This bullet is kept where the number `outcome` is "kink".

A hole is a path into the numbers (keys and indices, with dots between them) and a format as in Python, or "2 digits":
at least two significant digits (or another number of them), and never an exponent. A list fills a hole with its
members, with commas between them, and in a row of a table with bars. A condition stands on its own line and holds for
the paragraph, bullet or row after it. The section `Record` says what the other numbers of the record are:
`` - `name`: ... ``.

Raises TemplateMismatch for a hole without a number, and for a number that neither a hole nor `Record` names.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from anil_theory.errors import AnilTheoryError

RECORD = "Record"
"""The section that names the numbers which no hole shows."""

_CONDITION = re.compile(r"<!-- when (\S+) is (.+?) -->")
_DIGITS = re.compile(r"(\d+) digits")
_NAMED = re.compile(r"- `([^`]+)`:")


class TemplateMismatch(AnilTheoryError, ValueError):
    """A template and its numbers do not belong together; the message names the hole or the number."""


@dataclass(frozen=True)
class Template:
    """A parsed template: its name for messages, its title, and its sections as they were written."""

    name: str
    title: str
    sections: Mapping[str, str]

    @classmethod
    def parse(cls, name: str, text: str) -> "Template":
        """The template in a Markdown text. Raises TemplateMismatch where it has no title or a section twice."""
        head, *parts = re.split(r"^## +", text, flags=re.MULTILINE)
        if not head.startswith("# "):
            raise TemplateMismatch(f"template {name} must begin with a title, '# ...'")
        sections: dict[str, str] = {}
        for part in parts:
            heading, _, body = part.partition("\n")
            if heading.strip() in sections:
                raise TemplateMismatch(f"template {name} has the section {heading.strip()!r} twice")
            sections[heading.strip()] = body.strip("\n")
        return cls(name, head.removeprefix("# ").strip(), sections)

    def fill(self, numbers: Mapping[str, Any]) -> "Filled":
        """The text with the numbers in their holes; numbers are plain values."""
        self._account_for(numbers)
        sections = {
            heading: "\n\n".join(self._filled_blocks(body, numbers))
            for heading, body in self.sections.items()
            if heading != RECORD
        }
        return Filled(self.name, self._filled(self.title, numbers), sections)

    def _account_for(self, numbers: Mapping[str, Any]) -> None:
        """Refuse numbers that nothing names, and names in `Record` of numbers that are not there."""
        named = _NAMED.findall(self.sections.get(RECORD, ""))
        for name in named:
            if name not in numbers:
                raise TemplateMismatch(f"template {self.name} explains the number {name!r}, which is not there")
        holes = {path for text in (self.title, *self.sections.values()) for path in _paths(text)}
        for leaf in _leaves(numbers):
            if leaf.split(".")[0] not in named and not any(_covers(hole, leaf) for hole in holes):
                raise TemplateMismatch(f"template {self.name} has no hole for the number {leaf!r} and no word on it")

    def _filled_blocks(self, body: str, numbers: Mapping[str, Any]) -> Iterator[str]:
        for block in re.split(r"\n{2,}", body):
            if block.startswith("    "):
                yield "\n".join(self._filled(line, numbers) for line in block.split("\n"))
                continue
            kept = [item for condition, item in _items(block) if self._holds(condition, numbers)]
            if kept:
                yield "\n".join(self._filled(item, numbers) for item in kept)

    def _holds(self, condition: tuple[str, str] | None, numbers: Mapping[str, Any]) -> bool:
        return condition is None or str(self._number(condition[0], numbers)) == condition[1]

    def _filled(self, text: str, numbers: Mapping[str, Any]) -> str:
        between = " | " if text.startswith("|") else ", "
        parts = []
        for literal, path, spec, _ in Formatter().parse(text):
            parts.append(literal)
            if path is not None:
                parts.append(self._shown(path, spec or "", self._number(path, numbers), between))
        return "".join(parts)

    def _number(self, path: str, numbers: Any) -> Any:
        """The number at a path."""
        value = numbers
        for part in path.split("."):
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                value = None
        if value is None:
            raise TemplateMismatch(f"template {self.name} has a hole {{{path}}} that no number fills")
        return value

    def _shown(self, path: str, spec: str, value: Any, between: str) -> str:
        if isinstance(value, Mapping):
            value = list(value.values())
        if isinstance(value, list):
            return between.join(self._shown(path, spec, member, between) for member in value)
        digits = _DIGITS.fullmatch(spec)
        try:
            return _to_digits(value, int(digits[1])) if digits else format(value, spec)
        except (TypeError, ValueError) as error:
            raise TemplateMismatch(f"template {self.name}: {{{path}:{spec}}} cannot show {value!r}") from error


@dataclass(frozen=True)
class Filled:
    """A template with its numbers: Markdown."""

    name: str
    title: str
    sections: Mapping[str, str]

    def section(self, heading: str) -> str:
        """The Markdown of a section. Raises TemplateMismatch where the template has none of this name."""
        if heading not in self.sections:
            raise TemplateMismatch(f"template {self.name} has no section {heading!r}")
        return self.sections[heading]

    def words(self, heading: str) -> str:
        """A section as plain words on one line, without marks of code."""
        return plain_words(self.section(heading))

    def bullets(self, heading: str) -> tuple[str, ...]:
        """The bullets of a section, each as plain words. Raises TemplateMismatch for other lines in it."""
        lines = [line for line in self.section(heading).splitlines() if line]
        if not all(line.startswith("- ") for line in lines):
            raise TemplateMismatch(f"template {self.name}: section {heading!r} must be a list of bullets")
        return tuple(plain_words(line.removeprefix("- ")) for line in lines)


def plain_words(markdown: str) -> str:
    """Markdown as words for a terminal: on one line, without the marks of code."""
    return " ".join(markdown.replace("`", "").split())


def record_section(template: Template) -> str:
    """What the template says about the numbers that no hole shows, one bullet a number; empty where it says nothing."""
    body = template.sections.get(RECORD, "")
    return "\n".join(item for _, item in _items(body)) if body else ""


def _items(block: str) -> Iterator[tuple[tuple[str, str] | None, str]]:
    """The paragraph, bullets or rows of a block, each on one line, with the condition that stands before it."""
    condition: tuple[str, str] | None = None
    pending: list[str] = []
    for line in block.split("\n"):
        opening = _CONDITION.fullmatch(line.strip())
        if opening or line.startswith(("- ", "|")):
            if pending:
                yield condition, " ".join(pending)
                condition = None
            pending = []
        if opening:
            condition = (opening[1], opening[2])
        else:
            pending.append(line.strip())
    if pending:
        yield condition, " ".join(pending)


def _paths(text: str) -> Iterator[str]:
    """The paths of the holes and of the conditions of a text."""
    yield from (condition[1] for condition in _CONDITION.finditer(text))
    yield from (path for _, path, _, _ in Formatter().parse(text) if path is not None)


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all numbers; a list counts as one."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else name)
    else:
        yield path


def _covers(hole: str, leaf: str) -> bool:
    """Whether a hole shows a leaf: all of it, what holds it, or a member of a list."""
    return f"{leaf}.".startswith(f"{hole}.") or f"{hole}.".startswith(f"{leaf}.")


def _to_digits(value: float, digits: int) -> str:
    """The number with `digits` significant digits or more, and with all before the point: 0.33, 4.3, 49, 4999."""
    if not math.isfinite(value) or value == 0:
        return format(value, "g")
    behind_the_point = digits - 1 - math.floor(math.log10(abs(value)))
    return format(value, f".{max(0, behind_the_point)}f")


def wrapped(markdown: str, width: int = 120) -> str:
    """Paragraphs and bullets broken into lines of `width`; rows of tables and indented code stay as they are.

    No line that was broken off begins with a sign that Markdown would read as a bullet, a heading or a quotation.
    """
    return "\n".join(_wrapped_line(line, width) for line in markdown.split("\n"))


def _wrapped_line(line: str, width: int) -> str:
    if len(line) <= width or line.startswith(("    ", "|", "#")):
        return line
    indent = "  " if line.startswith("- ") else ""
    lines = [""]
    for word in _unbreakable(line.split(" ")):
        if lines[-1].strip() and len(lines[-1]) + 1 + len(word) > width:
            lines.append(indent + word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
    return "\n".join(lines)


def _unbreakable(words: Sequence[str]) -> Iterator[str]:
    """Words, each with the signs and the numbers of lists behind it; code stays whole."""
    pending = words[0]
    for word in words[1:]:
        within_code = pending.count("`") % 2 == 1
        if within_code or re.match(r"[-+*#>=]|\d+[.)]", word):
            pending = f"{pending} {word}"
        else:
            yield pending
            pending = word
    yield pending
