"""The console of the command line: what is printed stands there as it is."""

from typing import Any

import rich.console
from rich.text import Text

from anil_theory._printable import printable


class Console(rich.console.Console):
    """A Rich console that reads no markup and no emoji codes in strings, and escapes their control characters.

    Paths, names of data sets and reasons in records come from outside; a bracket in one is a bracket. Style is given
    with `rich.text.Text`. Line ends in a string stay.
    """

    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """`text` without markup, and without control characters other than line ends."""
        lines = text.split("\n")
        return super().render_str("\n".join(printable(line, most=len(line)) for line in lines), **options)
