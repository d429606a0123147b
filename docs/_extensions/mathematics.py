"""Formulas as MathML, which browsers set themselves: the site needs neither a network nor a script for them."""

import html
import re

from docutils import nodes
from latex2mathml.converter import convert

SEPARATOR = re.compile(r"\s*,\s*\\quad")
"""What stands between a formula and the definitions of its symbols. A line may be broken there."""


def _parts(latex: str) -> list[str]:
    """The formula and each definition, with their commas; a separator inside braces separates nothing."""
    parts = [""]
    for piece in SEPARATOR.split(latex):
        if parts[-1]:
            parts[-1] += r",\quad "
        parts[-1] += piece
        if parts[-1].count("{") == parts[-1].count("}"):
            parts.append("")
    whole = [part.strip() for part in parts if part.strip()]
    return [f"{part}," for part in whole[:-1]] + whole[-1:]


def _inline(self, node: nodes.math) -> None:
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math-block", tabindex="0"))
    for part in _parts(node.astext()):
        spoken = f'<math alttext="{html.escape(part)}" '
        self.body.append(convert(part, display="block").replace("<math ", spoken, 1))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app) -> dict[str, bool]:
    """Register the renderer under the name that `html_math_renderer` takes."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
