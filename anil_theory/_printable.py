"""Text from outside, made safe to print: a name in a file may hold terminal commands, line ends or Markdown.

Rich's own markup is a third language; text that reaches a Console goes through `rich.text.Text` or `rich.markup.escape`
as well, where it is printed.
"""

import re

_MARKDOWN = re.compile(r"[\\`|]|<(?=[A-Za-z/!?])|\](?=[(\[:])")
"""What ends a cell of a table, or starts code, HTML or the target of a link. Emphasis does no harm."""


def printable(text: str, *, most: int = 2000) -> str:
    """`text` on one line without control characters: those are written as in Python (\\n, \\x1b, \\u202e).

    Text of more than `most` characters is cut, and ends with three dots.
    """
    shown = text if len(text) <= most else text[: most - 3] + "..."
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in shown
    )


def in_markdown(text: str) -> str:
    """`text` as words of Markdown, in a table too: without control characters, code, HTML or links."""
    return _MARKDOWN.sub(lambda match: "\\" + match.group(), printable(text))


def as_code(text: str) -> str:
    """`text` as inline code of Markdown, whatever backticks it has."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    if longest == 0:
        return f"`{printable(text)}`"
    fence = "`" * (longest + 1)
    return f"{fence} {printable(text)} {fence}"


def in_figure(text: str) -> str:
    """`text` as plain words of a figure: matplotlib reads mathematics between dollar signs."""
    return printable(text).replace("$", r"\$")
