"""Single-token mutations of Python source: where they can be made, and the source after one of them.

A mutation replaces one operator, number, Boolean or function name by another that a slip of the hand could have put
there. Text, annotations, decorators and imports are left alone: a change there says nothing about the tests of
numbers.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
ARITHMETIC = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.FloorDiv: "/", ast.Mod: "//"}
TOKENS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.And: "and",
    ast.Or: "or",
}
NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
    "fmin": "fmax",
    "fmax": "fmin",
    "argmin": "argmax",
    "argmax": "argmin",
    "floor": "ceil",
    "ceil": "floor",
    "sin": "cos",
    "cos": "sin",
    "low": "high",
    "high": "low",
    "lower": "upper",
    "upper": "lower",
}
"""Only where the name is called or read as an attribute."""


@dataclass(frozen=True)
class Mutation:
    """Replace source[start:end] (offsets in characters), which is `old`, by `new`."""

    path: str
    line: int
    start: int
    end: int
    old: str
    new: str

    @property
    def name(self) -> str:
        """Readable, and the same as long as the line keeps its place."""
        return f"{self.path}:{self.line}: {self.old} -> {self.new} @{self.start}"

    def applied(self, source: str) -> str:
        """The mutated source. Raises ValueError when the source is another one."""
        if source[self.start : self.end] != self.old:
            raise ValueError(f"{self.name}: the source has {source[self.start : self.end]!r} there")
        return source[: self.start] + self.new + source[self.end :]


def mutations(path: str, source: str) -> list[Mutation]:
    """All mutations of one file, in the order of the source; every one of them parses."""
    found = [m for m in _Finder(path, source).found() if _parses(m.applied(source))]
    return sorted(set(found), key=lambda m: (m.start, m.new))


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


class _Finder:
    def __init__(self, path: str, source: str):
        self.path, self.source = path, source
        lines = source.splitlines(keepends=True)
        self.line_starts = [0]
        for line in lines:
            self.line_starts.append(self.line_starts[-1] + len(line))
        self.lines = lines

    def found(self) -> Iterator[Mutation]:
        yield from self._inside(ast.parse(self.source))

    def _inside(self, node: ast.AST) -> Iterator[Mutation]:
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Raise):
            return
        yield from self._of(node)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_params", "bases"):
                continue
            children = value if isinstance(value, list) else [value]
            for child in children:
                if isinstance(child, ast.AST):
                    yield from self._inside(child)

    def _of(self, node: ast.AST) -> Iterator[Mutation]:
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for i, operator in enumerate(node.ops):
                yield from self._between(sides[i], sides[i + 1], type(operator), COMPARISONS[type(operator)])
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            yield from self._between(node.left, node.right, type(node.op), ARITHMETIC[type(node.op)])
        elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
            yield from self._between(node.target, node.value, type(node.op), ARITHMETIC[type(node.op)])
        elif isinstance(node, ast.BoolOp):
            other = "or" if isinstance(node.op, ast.And) else "and"
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from self._between(left, right, type(node.op), other)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield self._at(self._offset(node), 1, "+")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield self._at(self._offset(node), len("not"), "bool")
        elif isinstance(node, ast.Constant):
            yield from self._constant(node)
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield self._at(self._end(node) - len(node.attr), len(node.attr), NAMES[node.attr])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES:
            yield self._at(self._offset(node.func), len(node.func.id), NAMES[node.func.id])

    def _constant(self, node: ast.Constant) -> Iterator[Mutation]:
        old = self.source[self._offset(node) : self._end(node)]
        if isinstance(node.value, bool):
            yield self._at(self._offset(node), len(old), str(not node.value))
        elif isinstance(node.value, int):
            yield self._at(self._offset(node), len(old), str(node.value + 1))
        elif isinstance(node.value, float):
            yield self._at(self._offset(node), len(old), repr(2 * node.value if node.value else 1.0))

    def _between(self, left: ast.expr, right: ast.expr, kind: type, new: str) -> Iterator[Mutation]:
        token = TOKENS[kind]
        gap_start, gap_end = self._end(left), self._offset(right)
        where = self.source.find(token, gap_start, gap_end)
        # Parentheses and comments can stand between the two sides; a token inside a comment is not the operator.
        if where >= 0 and "#" not in self.source[gap_start:where]:
            yield self._at(where, len(token), new)

    def _offset(self, node: ast.AST) -> int:
        return self._position(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def _end(self, node: ast.AST) -> int:
        return self._position(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _position(self, line: int, column: int) -> int:
        # ast counts bytes of UTF-8; the source is indexed by characters.
        text = self.lines[line - 1].encode()[:column].decode()
        return self.line_starts[line - 1] + len(text)

    def _at(self, start: int, length: int, new: str) -> Mutation:
        line = self.source.count("\n", 0, start) + 1
        return Mutation(self.path, line, start, start + length, self.source[start : start + length], new)
