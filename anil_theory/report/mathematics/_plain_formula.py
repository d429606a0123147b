"""The tree of a formula as words in ASCII, for a terminal: L_ww = L r^(2 N) + M alpha r^(N - 1) rho sum_{j<N} r^j."""

from anil_theory.report.mathematics.latex_tree import (
    GREEK,
    OPERATORS,
    Fenced,
    Fraction,
    Leaf,
    Marked,
    Node,
    Root,
    Row,
    Scripts,
    UnreadableFormula,
    read_latex,
)

_SPELLED = {sign: name for name, sign in GREEK.items()} | {
    OPERATORS["cdot"]: "*",
    OPERATORS["times"]: "x",
    OPERATORS["le"]: "<=",
    OPERATORS["ge"]: ">=",
    OPERATORS["nabla"]: "D",
    OPERATORS["|"]: "||",
    OPERATORS["infty"]: "inf",
    OPERATORS["to"]: "->",
    OPERATORS["in"]: "in",
    OPERATORS["approx"]: "~",
    OPERATORS["sim"]: "~",
    OPERATORS["ldots"]: "...",
    "∑": "sum",
    "∏": "prod",
    "𝔼": "E",
    "ℝ": "R",
    "ℙ": "P",
    "−": "-",
}


def plain_formula(latex: str, *, definitions: bool = False) -> str:
    """The formula in words; without `definitions`, what stands behind its first comma of definitions is left out.

    LaTeX that cannot be read is given back as it is.
    """
    kept = latex if definitions else latex.split(r",\quad")[0]
    try:
        return _of(read_latex(kept)).strip()
    except UnreadableFormula:
        return kept


def _of(node: Node) -> str:
    match node:
        case Leaf("space", _):
            return ""
        case Leaf(_, text):
            return _SPELLED.get(text, text)
        case Row(parts):
            return _joined([_of(part) for part in parts])
        case Fraction(above, below):
            return f"{_whole(above)}/{_whole(below)}"
        case Root(inside):
            return f"sqrt({_of(inside)})"
        case Marked(inside, mark):
            return f"{_of(inside)}bar" if mark == "¯" else _of(inside)
        case Fenced(opening, inside, closing):
            return f"{_SPELLED.get(opening, opening)}{_of(inside)}{_SPELLED.get(closing, closing)}"
        case Scripts(base, below, above):
            return _scripts(base, below, above)


def _scripts(base: Node, below: Node | None, above: Node | None) -> str:
    text = _of(base)
    if isinstance(base, Leaf) and base.kind in ("large", "named"):
        limits = " to ".join(_of(each) for each in (below, above) if each is not None)
        return f"{text}[{limits}]"
    if below is not None:
        text += f"_{_index(below)}"
    return text if above is None else f"{text}^{_whole(above)}"


def _index(node: Node) -> str:
    """An index: letters run together, as in L_ww and L_wphi."""
    if isinstance(node, Row) and all(isinstance(part, Leaf) and part.kind == "letter" for part in node.parts):
        return "".join(map(_of, node.parts))
    return _whole(node)


def _whole(node: Node) -> str:
    """The words of a node, in brackets where they are more than one."""
    text = _of(node)
    return text if text.replace(".", "").replace("_", "").isalnum() else f"({text})"


def _joined(parts: list[str]) -> str:
    """Words with spaces between them, and none inside brackets, norms and before commas."""
    text = ""
    inside_norm = False
    for part in filter(None, parts):
        norm = part == "||" or part.startswith("||^")
        closes = part[0] in ")],;" or (norm and inside_norm)
        opened = text.endswith(("(", "[")) or (text.endswith("||") and inside_norm)
        text += part if not text or closes or opened else f" {part}"
        if norm:
            inside_norm = not inside_norm
    return text
