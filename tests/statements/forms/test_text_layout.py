"""Generated text has lines of at most 120 characters, and breaks none that fits."""

import pytest

from anil_theory.statements.forms.text_layout import dictionary, family, function

MOST = 120


def with_header(length: int) -> str:
    """A function whose first line, left whole, has so many characters."""
    fixed = len("def (*, a, b) -> float:")
    return function("f" * (length - fixed), ["a", "b"], "float", "Text.", "a + b")


def with_body(length: int) -> str:
    """A function whose last line, left whole, has so many characters."""
    return function("f", ["a"], "float", "Text.", "a + " + "b" * (length - len("    return a + ")))


def with_entry(length: int) -> str:
    """A family whose entry, left whole, has so many characters."""
    return family("f", ["a"], "float", "Text.", {"ww": "a + " + "b" * (length - len('        "ww": a + ,'))})


def with_text(length: int) -> str:
    """A dictionary whose entry, left whole, has so many characters."""
    return dictionary("NAMES", {"ww": "a " + "b" * (length - len('    "ww": "a ",'))})


@pytest.mark.parametrize("written", [with_header, with_body, with_entry, with_text])
def test_a_line_is_broken_where_it_would_be_too_long_and_nowhere_else(written) -> None:
    whole = written(MOST).splitlines()
    assert max(map(len, whole)) == MOST
    assert len(written(MOST - 1).splitlines()) == len(whole)
    broken = written(MOST + 1).splitlines()
    assert len(broken) > len(whole) and max(map(len, broken)) <= MOST
