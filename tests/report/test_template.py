"""Templates: every hole has its number, every number has its place, and broken lines say the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.report.template import Template, TemplateMismatch, plain_words, record_section, wrapped

TEXT = """\
# Of `kappa` = {kappa:g}

## Shown

- The ratio is {run.ratio:.2f}
  at eps = {run.eps:g}.
<!-- when outcome is kink -->
- At the kink it is {kink:.1e}.
<!-- when outcome is none -->
- There is no kink.

## Table

Ratios {run.eps.1:g} and on.

| eps | {run.eps:g} |
<!-- when outcome is none -->
| no | kink |

    code {kappa:.1f}
      and {kappa:.2f}

## Record

- `rows`: everything that was
  measured.
"""
NUMBERS: dict[str, Any] = {
    "kappa": 2.5,
    "run": {"ratio": 1 / 3, "eps": [0.5, 0.1]},
    "outcome": "kink",
    "kink": 7.1e6,
    "rows": [{"any": 1}],
}


def filled(text: str = TEXT, **changes: Any) -> Any:
    return Template.parse("example.md", text).fill(NUMBERS | changes)


def test_holes_lists_conditions_and_code() -> None:
    words = filled()
    assert words.title == "Of `kappa` = 2.5"
    assert words.bullets("Shown") == ("The ratio is 0.33 at eps = 0.5, 0.1.", "At the kink it is 7.1e+06.")
    assert words.section("Table") == "Ratios 0.1 and on.\n\n| eps | 0.5 | 0.1 |\n\n    code 2.5\n      and 2.50"
    assert filled(outcome="none").bullets("Shown")[1] == "There is no kink."
    assert filled(outcome="none").section("Table").splitlines()[2:4] == ["| eps | 0.5 | 0.1 |", "| no | kink |"]
    assert plain_words("`a` is\n  `b`") == "a is b"
    assert record_section(Template.parse("example.md", TEXT)) == "- `rows`: everything that was measured."


@pytest.mark.parametrize("missing", ["kappa", "kink", "outcome", "rows"])
def test_a_hole_without_a_number_is_an_error_that_names_it(missing: str) -> None:
    numbers = {name: value for name, value in NUMBERS.items() if name != missing}
    with pytest.raises(TemplateMismatch, match=f"example.md.*{missing}"):
        Template.parse("example.md", TEXT).fill(numbers)


@pytest.mark.parametrize("run", [{"eps": [0.5, 0.1]}, {"ratio": None, "eps": [0.5, 0.1]}, {"ratio": 1.0, "eps": [0.5]}])
def test_a_hole_inside_a_group_needs_its_own_number(run: dict[str, Any]) -> None:
    with pytest.raises(TemplateMismatch, match=r"hole \{run\."):
        filled(run=run)


@pytest.mark.parametrize("extra", [{"spare": 1.0}, {"run": {**NUMBERS["run"], "spare": 2.0}}])
def test_a_number_that_nothing_names_is_an_error(extra: dict[str, Any]) -> None:
    with pytest.raises(TemplateMismatch, match=r"no hole for the number '(run\.)?spare'"):
        filled(**extra)


def test_a_number_that_does_not_suit_its_format_is_an_error() -> None:
    with pytest.raises(TemplateMismatch, match=r"\{kappa:\.1f\} cannot show 'many'"):
        filled(TEXT.replace("{kappa:g}", "1"), kappa="many")


@pytest.mark.parametrize(
    ("text", "message"),
    [("No title", "must begin with a title"), ("# T\n\n## A\n\n1\n\n## A\n\n2\n", "section 'A' twice")],
)
def test_a_text_that_is_no_template(text: str, message: str) -> None:
    with pytest.raises(TemplateMismatch, match=message):
        Template.parse("example.md", text)


def test_sections_that_are_not_there_or_are_no_bullets() -> None:
    with pytest.raises(TemplateMismatch, match="no section 'Stays'"):
        filled().words("Stays")
    with pytest.raises(TemplateMismatch, match="list of bullets"):
        filled().bullets("Table")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3333, "0.33"), (4.32, "4.3"), (48.9, "49"), (4999.2, "4999"), (0.0, "0"), (-0.021, "-0.021"), (1e-3, "0.0010")],
)
def test_digits_never_become_an_exponent(value: float, text: str) -> None:
    assert Template.parse("digits", "# {x:2 digits}").fill({"x": value}).title == text


PIECES = st.sampled_from(["the", "w", "constant", "-", "+", "1.", "#", ">", "`a", "b`", "`q^N`", "mu"])


@given(words=st.lists(PIECES, min_size=1, max_size=60), bullet=st.booleans(), width=st.integers(20, 60))
def test_broken_lines_hold_the_same_words_and_start_nothing_new(words: list[str], bullet: bool, width: int) -> None:
    text = " ".join((["-"] if bullet else ["So"]) + words)
    lines = wrapped(text, width).split("\n")
    assert " ".join(line.strip() for line in lines) == text
    for line in lines[1:]:
        assert line.startswith("  ") == bullet
        assert line.split()[0] not in {"-", "+", "1.", "#", ">", "*"}
    if not {"-", "+", "1.", "#", ">", "`a", "b`"} & set(words):
        assert all(len(line) <= width for line in lines)


def test_tables_and_code_are_not_broken() -> None:
    for line in ("| " + "cell " * 40 + "|", "    " + "code " * 40):
        assert wrapped(line, 40) == line
