"""Where a formula in display may be broken: between it and the definitions of its symbols."""

import re

SEPARATOR = re.compile(r"\s*,\s*\\quad")
"""What stands between a formula and the definitions of its symbols. A line may be broken there."""


def formula_lines(latex: str) -> list[str]:
    """The formula and each definition, with their commas; a separator inside braces separates nothing."""
    parts = [""]
    for piece in SEPARATOR.split(latex):
        if parts[-1]:
            parts[-1] += r",\quad"
        parts[-1] += piece
        if parts[-1].count("{") == parts[-1].count("}"):
            parts.append("")
    whole = [part.strip() for part in parts if part.strip()]
    return [f"{part}," for part in whole[:-1]] + whole[-1:]
