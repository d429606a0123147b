"""What the docstrings of the package say first: a sentence with a subject, and nothing about how it was written."""

import ast
import re
from pathlib import Path

import anil_theory

PACKAGE = Path(anil_theory.__file__).parent

FRAGMENTS = re.compile(r"(Of (a|an|each|every|one|the|several|that)\b|In units of\b|Without its\b|So many\b)")
"""How a docstring begins that has no subject, or that puts it last."""

WORKING_CONDITIONS = re.compile(r"\bat hand\b|\btheory, section\b|\bTODO\b|\bFIXME\b")
"""What tells of the conditions of the work, or cites a document that nobody else has."""


def first_words(source: str) -> list[tuple[int, str]]:
    """Line and first words of every docstring, those of constants included."""
    docstrings = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.append((node.lineno, node.value.value.strip()))
    return docstrings


def fragments(source: str) -> list[int]:
    """The lines of docstrings that begin with a fragment."""
    return [line for line, words in first_words(source) if FRAGMENTS.match(words)]


def test_docstrings_begin_with_a_subject_and_tell_nothing_of_the_work() -> None:
    places = []
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        lines = fragments(source)
        lines += [line for line, text in first_words(source) if WORKING_CONDITIONS.search(text)]
        places += [f"{path.relative_to(PACKAGE)}:{line}" for line in lines]
    assert places == []


def test_a_fragment_is_seen() -> None:
    assert fragments('"""Of each block the norm."""\nX = 1\n"""In units of L."""\n') == [1, 3]
    assert fragments('def f():\n    """The norm of each block, in units of L."""\n') == []


VAGUE = {"found", "given", "one"}
"""What names no thing: every result is found, every argument is given."""

KNOWN = {
    ("_admissible.py", "given"),
    ("advice/settings.py", "given"),
    ("statements/sequences.py", "one"),
}
"""What still has such a name: the attribute of InvalidParameter, which other programs use, and three more."""


def vague_names(source: str) -> set[str]:
    """The variables and parameters of a module that are called by a word of VAGUE."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names & VAGUE


def test_variables_are_called_by_what_they_hold() -> None:
    vague = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        vague |= {(file, name) for name in vague_names(path.read_text(encoding="utf-8"))}
    assert vague <= KNOWN


def test_a_vague_name_is_seen() -> None:
    assert vague_names("def f(given):\n    found = [one for one in given]\n") == VAGUE
    assert vague_names("def f(claim):\n    bound = claim.given(n=1)\n") == set()
