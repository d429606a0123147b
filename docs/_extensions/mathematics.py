"""Formulas as MathML, which browsers set themselves: the site needs neither a network nor a script for them."""

import html

from docutils import nodes
from formula_lines import formula_lines
from latex2mathml.converter import convert


def _inline(self, node: nodes.math) -> None:
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math-block", tabindex="0"))
    for part in formula_lines(node.astext()):
        spoken = f'<math alttext="{html.escape(part)}" '
        self.body.append(convert(part, display="block").replace("<math ", spoken, 1))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app) -> dict[str, bool]:
    """Register the renderer under the name that `html_math_renderer` takes."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
