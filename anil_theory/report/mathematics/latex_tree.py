"""The LaTeX of a claim as a tree: the part of LaTeX that sympy prints and the table writes, and no more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from anil_theory.errors import AnilTheoryError

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ϵ",
    "eta": "η",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "phi": "ϕ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "theta": "θ",
    "xi": "ξ",
    "Delta": "Δ",
    "Lambda": "Λ",
    "Phi": "Φ",
    "Sigma": "Σ",
}
"""Letters by their commands."""

OPERATORS = {
    "cdot": "⋅",
    "times": "×",
    "le": "≤",
    "leq": "≤",
    "ge": "≥",
    "geq": "≥",
    "nabla": "∇",
    "infty": "∞",
    "|": "‖",
    "to": "→",
    "in": "∈",
    "approx": "≈",
    "sim": "∼",
    "ldots": "…",
}
"""Signs by their commands."""

LARGE = {"sum": "∑", "prod": "∏"}
NAMED = ("min", "max", "sup", "inf", "log", "exp", "ln")
"""Functions that are printed upright; those with limits carry them below."""

SPACES = {"quad": 1.0, "qquad": 2.0, ",": 0.17, ";": 0.28, " ": 0.25, "!": 0.0}
"""Widths in em."""

MARKS = {"bar": "¯", "hat": "^", "tilde": "~"}
FONTS = ("mathrm", "text", "operatorname", "mathbb", "mathit")
DOUBLE_STRUCK = {"E": "𝔼", "R": "ℝ", "P": "ℙ"}
DEEPEST = 100
"""Levels of nested groups: a formula of a plug-in may be anything."""

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)


class UnreadableFormula(AnilTheoryError, ValueError):
    """LaTeX beyond the part that is read; the message names the command or the place."""


@dataclass(frozen=True)
class Leaf:
    """One sign; `kind` is letter, number, sign, words (upright), named (a function), large (a sum) or space (in em)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Row:
    """Nodes side by side."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Fraction:
    """Something over something."""

    above: "Node"
    below: "Node"


@dataclass(frozen=True)
class Root:
    """A square root."""

    inside: "Node"


@dataclass(frozen=True)
class Marked:
    """A letter with a mark over it."""

    inside: "Node"
    mark: str


@dataclass(frozen=True)
class Scripts:
    """A base with what stands below and above it; either may be None."""

    base: "Node"
    below: "Node | None"
    above: "Node | None"


@dataclass(frozen=True)
class Fenced:
    """A group between brackets that grow with it."""

    opening: str
    inside: "Node"
    closing: str


Node = Leaf | Row | Fraction | Root | Marked | Scripts | Fenced


def read_latex(text: str) -> Row:
    """The tree of a formula. Raises UnreadableFormula for a command that is not known and for open groups."""
    reader = _Reader(text)
    row = reader.row(until=None)
    return row


class _Reader:
    """The tokens of a formula, and how far they are read."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = [token for token in _TOKEN.findall(text) if not token.isspace()]
        self.words = _words_of(text)
        self.place = 0
        self.depth = 0

    def row(self, until: str | None) -> Row:
        """Everything up to a closing token, which is taken too; or up to the end."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise UnreadableFormula(f"groups are nested more than {DEEPEST} deep in {self.text[:80]!r}")
        parts: list[Node] = []
        while True:
            if self.place == len(self.tokens):
                if until is None:
                    break
                raise UnreadableFormula(f"{until!r} is missing in {self.text[:80]!r}")
            token = self._next()
            if token == until:
                break
            if token in "}" or token == r"\right":
                raise UnreadableFormula(f"{token!r} closes nothing in {self.text[:80]!r}")
            if token in ("_", "^"):
                parts.append(self._scripts(parts.pop() if parts else Row(()), token))
            else:
                parts.append(self._node(token))
        self.depth -= 1
        return Row(tuple(parts))

    def _next(self) -> str:
        if self.place == len(self.tokens):
            raise UnreadableFormula(f"the formula ends too early: {self.text[:80]!r}")
        self.place += 1
        return self.tokens[self.place - 1]

    def _argument(self) -> Node:
        return self._node(self._next())

    def _scripts(self, base: Node, token: str) -> Scripts:
        """A script on a base, which may have the other one already."""
        below, above = (base.below, base.above) if isinstance(base, Scripts) else (None, None)
        taken = above if token == "^" else below
        if taken is not None:
            raise UnreadableFormula(f"two scripts at one place in {self.text[:80]!r}")
        inside = base.base if isinstance(base, Scripts) else base
        script = self._argument()
        return Scripts(inside, below, script) if token == "^" else Scripts(inside, script, above)

    def _node(self, token: str) -> Node:
        if token == "{":
            row = self.row(until="}")
            return row.parts[0] if len(row.parts) == 1 else row
        if not token.startswith("\\"):
            return _character(token)
        name = token[1:]
        if name in GREEK:
            return Leaf("letter", GREEK[name])
        if name in OPERATORS:
            return Leaf("sign", OPERATORS[name])
        if name in LARGE:
            return Leaf("large", LARGE[name])
        if name in NAMED:
            return Leaf("named", name)
        if name in SPACES:
            return Leaf("space", str(SPACES[name]))
        if name in FONTS:
            return self._font(name)
        if name == "frac":
            above = self._argument()
            return Fraction(above, self._argument())
        if name == "sqrt":
            return Root(self._argument())
        if name in MARKS:
            return Marked(self._argument(), MARKS[name])
        if name == "left":
            return self._fenced()
        raise UnreadableFormula(f"the command {token!r} is not known")

    def _font(self, name: str) -> Leaf:
        if self._next() != "{":
            raise UnreadableFormula(f"\\{name} needs braces in {self.text[:80]!r}")
        letters = []
        while (token := self._next()) != "}":
            letters.append(token)
        words = next(self.words)
        if any(letter.startswith("\\") or letter == "{" for letter in letters):
            raise UnreadableFormula(f"\\{name}{{{words}}} holds more than words")
        return Leaf("letter", DOUBLE_STRUCK.get(words, words)) if name == "mathbb" else Leaf("words", words)

    def _fenced(self) -> Fenced:
        opening = self._next()
        row = self.row(until=r"\right")
        closing = self._next()
        signs = {r"\|": "‖", r"\{": "{", r"\}": "}", ".": ""}
        inside: Node = row.parts[0] if len(row.parts) == 1 else row
        return Fenced(signs.get(opening, opening), inside, signs.get(closing, closing))


def _words_of(text: str) -> Iterator[str]:
    """What stands in the braces of each font, its spaces kept."""
    return (match[1] for match in re.finditer(rf"\\(?:{'|'.join(FONTS)})\s*\{{([^}}]*)\}}", text))


def _character(token: str) -> Leaf:
    if token[0].isdigit():
        return Leaf("number", token)
    if token.isalpha():
        return Leaf("letter", token)
    return Leaf("sign", "−" if token == "-" else token)
