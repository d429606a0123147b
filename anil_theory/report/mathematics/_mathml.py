"""The tree of a formula as presentation MathML, which browsers draw without a library."""

from xml.sax.saxutils import escape

from anil_theory.report.mathematics.latex_tree import (
    Fenced,
    Fraction,
    Leaf,
    Marked,
    Node,
    Root,
    Row,
    Scripts,
    read_latex,
)

_TAGS = {"letter": "mi", "number": "mn", "sign": "mo", "large": "mo", "words": "mtext", "named": "mi"}


def mathml(latex: str, *, display: bool = True) -> str:
    """One `<math>` element; `display` has the room of a line of its own. Raises UnreadableFormula as `read_latex`."""
    style = "block" if display else "inline"
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="{style}">{_of(read_latex(latex))}</math>'


def _of(node: Node) -> str:
    match node:
        case Leaf("space", width):
            return f'<mspace width="{width}em"/>'
        case Leaf(kind, text):
            tag = _TAGS[kind]
            upright = ' mathvariant="normal"' if kind == "named" or (kind == "letter" and text in "ΔΛΦΣ") else ""
            # Brackets that are written plainly keep their size; those that LaTeX lets grow do.
            plain = ' stretchy="false"' if kind == "sign" and text in "()[]|‖" else ""
            return f"<{tag}{upright}{plain}>{escape(text)}</{tag}>"
        case Row(parts):
            return f"<mrow>{''.join(map(_of, parts))}</mrow>"
        case Fraction(above, below):
            return f"<mfrac>{_of(above)}{_of(below)}</mfrac>"
        case Root(inside):
            return f"<msqrt>{_of(inside)}</msqrt>"
        case Marked(inside, mark):
            return f'<mover accent="true">{_of(inside)}<mo>{escape(mark)}</mo></mover>'
        case Fenced(opening, inside, closing):
            return f"<mrow><mo>{escape(opening)}</mo>{_of(inside)}<mo>{escape(closing)}</mo></mrow>"
        case Scripts():
            return _scripts(node)


def _scripts(node: Scripts) -> str:
    """Limits stand below and above sums and maxima, scripts beside everything else."""
    limits = isinstance(node.base, Leaf) and node.base.kind in ("large", "named")
    below, above, both = ("munder", "mover", "munderover") if limits else ("msub", "msup", "msubsup")
    base = _of(node.base)
    if node.above is None:
        return f"<{below}>{base}{_of(node.below or Row(()))}</{below}>"
    if node.below is None:
        return f"<{above}>{base}{_of(node.above)}</{above}>"
    return f"<{both}>{base}{_of(node.below)}{_of(node.above)}</{both}>"
