"""Generated Python in the formatter's own layout: lines of at most 120 characters, broken where it breaks them."""

import textwrap
from collections.abc import Mapping, Sequence

WIDTH = 120


def function(name: str, arguments: Sequence[str], returned: str, docstring: str, body: str) -> str:
    """A function of keywords that returns one expression."""
    one_line = f"    return {body}\n"
    if len(one_line) > WIDTH + 1:
        one_line = f"    return (\n{_broken(body, 8)}    )\n"
    return _header(name, arguments, returned) + f'    """{docstring}"""\n' + one_line


def family(name: str, arguments: Sequence[str], returned: str, docstring: str, bodies: Mapping[str, str]) -> str:
    """A function of keywords that returns a dictionary of expressions."""
    entries = ""
    for key, body in bodies.items():
        one_line = f'        "{key}": {body},\n'
        if len(one_line) > WIDTH + 1:
            one_line = f'        "{key}": (\n{_broken(body, 12)}        ),\n'
        entries += one_line
    header = _header(name, arguments, f"dict[str, {returned}]")
    return header + f'    """{docstring}"""\n    return {{\n{entries}    }}\n'


def _header(name: str, arguments: Sequence[str], returned: str) -> str:
    joined = ", ".join(["*", *arguments])
    one_line = f"def {name}({joined}) -> {returned}:\n"
    if len(one_line) <= WIDTH + 1:
        return one_line
    if len(joined) <= WIDTH - 4:
        return f"def {name}(\n    {joined}\n) -> {returned}:\n"
    each = "".join(f"    {argument},\n" for argument in ["*", *arguments])
    return f"def {name}(\n{each}) -> {returned}:\n"


def _broken(body: str, indent: int) -> str:
    """One line if it fits; otherwise the terms of the outermost sum, a line each, all but the first with its sign."""
    if indent + len(body) <= WIDTH:
        return f"{' ' * indent}{body}\n"
    lines = [""]
    depth = 0
    for word in body.split(" "):
        if depth == 0 and word in ("+", "-"):
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
        depth += word.count("(") - word.count(")")
    return "".join(f"{' ' * indent}{term}\n" for term in lines)


def dictionary(name: str, entries: Mapping[str, str]) -> str:
    """A dictionary of raw strings."""
    lines = "".join(_entry(key, text) for key, text in entries.items())
    return f"{name}: dict[str, str] = {{\n{lines}}}\n"


def _entry(key: str, text: str) -> str:
    one_line = f'    "{key}": {_quoted(text)},\n'
    if len(one_line) <= WIDTH + 1:
        return one_line
    pieces = textwrap.wrap(text, WIDTH - 12, break_long_words=False, break_on_hyphens=False, drop_whitespace=False)
    joined = "".join(f"        {_quoted(piece)}\n" for piece in pieces)
    return f'    "{key}": (\n{joined}    ),\n'


def _quoted(text: str) -> str:
    return f'r"{text}"' if "\\" in text else f'"{text}"'
