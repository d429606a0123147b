"""Formulas of claims as MathML and as words: every claim of the package can be read, and nothing else is guessed at."""

import xml.dom.minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory.report.mathematics import UnreadableFormula, mathml, plain_formula
from anil_theory.statements import STATEMENTS
from anil_theory.statements.generated.latex import CLAIMS, TABLE_1_ORDERS, TABLE_1_TERMS

EVERY = {**CLAIMS, **TABLE_1_ORDERS, **TABLE_1_TERMS}


@pytest.mark.parametrize("name", EVERY)
def test_every_formula_of_the_table_is_mathml_and_words(name: str) -> None:
    latex = EVERY[name]
    document = xml.dom.minidom.parseString(mathml(latex))
    assert document.documentElement is not None and document.documentElement.tagName == "math"
    words = plain_formula(latex, definitions=True)
    assert words.isascii() and "\\" not in words and "{" not in words


def test_every_registered_claim_has_a_formula_that_is_read() -> None:
    for statement in STATEMENTS.values():
        for claim in statement.claims:
            assert mathml(claim.latex).startswith("<math")


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"L_{ww} = L r^{2 N} + M \alpha r^{N - 1}", "L_ww = L r^(2 N) + M alpha r^(N - 1)"),
        (r"L_{\phi w} \le \mathrm{poly} \cdot \frac{L q^{\frac{N}{2}}}{\mu}", "L_phiw <= poly * (L q^(N/2))/mu"),
        (r"\|D^2 L_S\|, \|D^2 L_D\| \le L", "||D^2 L_S||, ||D^2 L_D|| <= L"),
        (r"\sum_{m=0}^{N - 1} {e}_{m},\quad {e}_{m} = 1", "sum[m = 0 to N - 1] e_m"),
        (r"\left(a + b\right)^{2}", "(a + b)^2"),
        (r"0.9\,L_{ww}", "0.9 L_ww"),
    ],
)
def test_words_are_those_of_the_formula(latex: str, words: str) -> None:
    assert plain_formula(latex) == words


def test_scripts_of_sums_stand_below_and_above_and_others_beside() -> None:
    assert "<munderover><mo>∑</mo>" in mathml(r"\sum_{m=0}^{N} m")
    assert "<msubsup><mi>s</mi><mi>m</mi><mn>2</mn></msubsup>" in mathml("{s}_{m}^{2}")
    assert "<msub><mi>L</mi><mi>x</mi></msub>" in mathml("L_x")


@pytest.mark.parametrize(
    "latex",
    [
        r"\unknown x",
        "{a",
        "a}",
        r"\frac{a}",
        "a_b_c",
        r"\mathrm{\alpha}",
        r"\left(a",
        r"a \right)",
        "{" * 200 + "}" * 200,
    ],
)
def test_what_is_not_known_is_refused_and_shown_as_it_is(latex: str) -> None:
    with pytest.raises(UnreadableFormula):
        mathml(latex)
    assert plain_formula(latex) == latex


@given(st.text(alphabet=r"\{}_^abfrcqstmphi<>&\" 0123|()", max_size=40))
def test_any_text_is_well_formed_mathml_or_refused(latex: str) -> None:
    try:
        text = mathml(latex)
    except UnreadableFormula:
        return
    xml.dom.minidom.parseString(text)
