"""The docstrings of the package, taken apart: prose, lists of names with their meanings, and what is set as it stands.

The docstrings are written to be read in a terminal. Sphinx reads reStructuredText, to which a column of names or an
indented formula is an error. So each paragraph becomes a `Block`, and the blocks become reStructuredText or Markdown.
"""

import re
from dataclasses import dataclass
from enum import StrEnum, auto
from inspect import cleandoc

NAMED = re.compile(r"(?P<name>\S.*?)\s{2,}(?P<meaning>\S.*)")
"""A name, two spaces or more, what it means."""

LABEL = re.compile(r"(?<![\w(])(Claim|Regime|Kind|Source|Units|Errors|Direction|Printed|Derived):(?=\s)")
"""The words that open the parts of a docstring."""


class Shape(StrEnum):
    """How a paragraph is set."""

    PROSE = auto()
    NAMES = auto()
    AS_IT_STANDS = auto()


@dataclass(frozen=True)
class Block:
    """A paragraph of a docstring."""

    shape: Shape
    lines: tuple[str, ...]

    @property
    def names(self) -> list[tuple[str, str]]:
        """(name, meaning) pairs; the lines of a meaning are joined."""
        pairs: list[tuple[str, str]] = []
        for line in self.lines:
            named = NAMED.fullmatch(line)
            if named and not line.startswith(" "):
                pairs.append((named["name"], named["meaning"]))
            else:
                name, meaning = pairs[-1]
                pairs[-1] = (name, f"{meaning} {line.strip()}")
        return pairs


def _shape(lines: list[str]) -> Shape:
    if lines[0].startswith(" "):
        return Shape.AS_IT_STANDS
    if any(line.startswith("|") for line in lines):
        return Shape.AS_IT_STANDS
    if not NAMED.search(lines[0]):
        return Shape.PROSE if not any(line.startswith(" ") for line in lines) else Shape.AS_IT_STANDS
    rest_fits = all(line.startswith("  ") or NAMED.fullmatch(line) for line in lines[1:])
    return Shape.NAMES if rest_fits else Shape.AS_IT_STANDS


def blocks(docstring: str) -> list[Block]:
    """The paragraphs of a docstring, in order."""
    paragraphs = [p.splitlines() for p in re.split(r"\n\s*\n", cleandoc(docstring)) if p.strip()]
    return [Block(_shape(lines), tuple(lines)) for lines in paragraphs]


def _outside_code(text: str, escape: re.Pattern[str], code: str) -> str:
    """Escape what the markup would read, and set `code` as code."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(f"{code}{part}{code}" if odd % 2 else escape.sub(r"\\\g<0>", part) for odd, part in enumerate(parts))


_RST = re.compile(r"[\\*|_]")
_MARKDOWN = re.compile(r"[\\*_|<>\[\]$#{}]")


def restructured(docstring: str) -> list[str]:
    """The lines of a docstring as reStructuredText."""
    lines: list[str] = []
    for block in blocks(docstring):
        if block.shape is Shape.PROSE:
            lines += [_outside_code(line, _RST, "``") for line in block.lines]
        elif block.shape is Shape.NAMES:
            for name, meaning in block.names:
                lines += [f"``{name.replace('`', '')}``", f"    {_outside_code(meaning, _RST, '``')}"]
        else:
            lines += ["::", "", *(f"    {line}" for line in block.lines)]
        lines.append("")
    return lines


def markdown(docstring: str) -> str:
    """The docstring as Markdown, with its labels set in bold."""
    parts = []
    for block in blocks(docstring):
        if block.shape is Shape.PROSE:
            text = _outside_code("\n".join(block.lines), _MARKDOWN, "`")
            parts.append(LABEL.sub(r"**\1:**", text))
        elif block.shape is Shape.NAMES:
            parts.append("\n".join(f"- `{name}`: {_outside_code(m, _MARKDOWN, '`')}" for name, m in block.names))
        else:
            lines = cleandoc("\n" + "\n".join(block.lines))
            parts.append(f"```text\n{lines}\n```")
    return "\n\n".join(parts)


def _process(app, what, name, obj, options, lines: list[str]) -> None:
    lines[:] = restructured("\n".join(lines))


def setup(app) -> dict[str, bool]:
    """Hand every docstring that autodoc reads through `restructured`."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
