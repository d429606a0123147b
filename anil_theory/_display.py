"""How an object shows itself: in one short line where it is printed, and as a small table in a notebook."""

import html
import math
from collections.abc import Mapping
from typing import Any

LONGEST = 120
"""Characters of a value that a line shows."""


class Displayed:
    """A class that says in `_shown` what is worth seeing of it; `repr` and notebooks show that and no more.

    A dataclass that derives from this is declared with `repr=False`. Everything else of it is in its attributes.
    """

    def _shown(self) -> Mapping[str, Any]:
        """What is shown, by name. Numbers are shown whole where they are int or float, and text without quotes."""
        return {}

    def __repr__(self) -> str:
        parts = [f"{name}={_in_line(value)}" for name, value in self._shown().items()]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """A table of two columns, for notebooks. Formulas between dollars are typeset by the notebook."""
        return table_of(type(self).__name__, self._shown())


def table_of(title: str, shown: Mapping[str, Any], longest: int = LONGEST) -> str:
    """A small HTML table: a caption, and a line for each name; values have at most `longest` characters."""
    lines = [
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(_in_line(value, longest))}</td></tr>"
        for name, value in shown.items()
    ]
    return f"<table><caption>{html.escape(title)}</caption>{''.join(lines)}</table>"


def short(value: float) -> str:
    """Six digits, for a number that was measured or computed."""
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def _in_line(value: Any, longest: int = LONGEST) -> str:
    text = str(value) if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 3] + "..."
