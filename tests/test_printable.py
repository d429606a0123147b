"""Text from outside is printed as text: on a terminal, in Markdown, in a figure."""

import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from anil_theory._console import Console
from anil_theory._printable import as_code, in_figure, in_markdown, printable

NASTY = "\x1b[31m[bold]red[/] :smile: a\r\nb\u202ec\x07\x9b2J\ud800|`x`<b>](http://a)$x$"


def shown(*what: object, **options: object) -> str:
    file = io.StringIO()
    Console(file=file, width=300, **options).print(*what)
    return file.getvalue()


def test_control_characters_are_written_out() -> None:
    assert printable("a\tb\n\x1b[0m\u202e\ud800é") == "a\\tb\\n\\x1b[0m\\u202e\\ud800é"
    assert printable("x" * 50, most=10) == "x" * 7 + "..."
    assert printable("x" * 10, most=10) == "x" * 10


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_is_printed_is_one_line_of_characters_that_show(text: str) -> None:
    for form in (printable(text), in_markdown(text), in_figure(text), as_code(text)):
        assert form.isprintable() and form.encode("utf-8") is not None
        assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in form)


@given(st.text("|`<a>[](:!\\-b/", max_size=12))
def test_markdown_reads_words_as_words(text: str) -> None:
    """No bar ends a cell, no backtick starts code, no tag or target of a link is left without a backslash."""
    bare = re.sub(r"\\[\\`|<\]]", "-", in_markdown(text))
    assert "|" not in bare and "`" not in bare and "\\" not in bare
    assert not re.search(r"<[A-Za-z/!?]", bare) and not re.search(r"\](?=[(\[:])", bare)


def test_numbers_and_comparisons_stay_as_they_are() -> None:
    for text in ("measured 2.5 <= bound 3.1, N = 5", "mu=0.3 alpha = mu/L^2 [0.1, 0.2]", "n_w * n_phi"):
        assert in_markdown(text) == text


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "`", "a```b`"])
def test_code_ends_where_it_should(text: str) -> None:
    code = as_code(text)
    fence = re.match("`+", code)
    assert fence is not None and code.endswith(fence.group()) and text in code
    assert fence.group() not in text


def test_the_console_reads_no_markup_and_passes_no_control_character_on() -> None:
    table = Table(title=NASTY)
    table.add_column(NASTY)
    table.add_row(NASTY)
    for said in (shown(NASTY), shown(table), shown(NASTY, style="yellow")):
        assert "[bold]red[/]" in said and ":smile:" in said and "\\x1b[31m" in said
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800]", said)
    assert shown("two\nlines") == "two\nlines\n"
    coloured = shown(Text("red", style="red"), force_terminal=True, color_system="standard")
    assert "\x1b[31mred" in coloured, "style is given with Text"


def test_figures_read_no_mathematics() -> None:
    assert in_figure("$x_1$ and 5 $") == r"\$x_1\$ and 5 \$"
