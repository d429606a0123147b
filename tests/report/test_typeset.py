"""Plain formulas become mathematics that matplotlib reads, and words stay words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser

from anil_theory.report.typeset import typeset


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("mu/L at N = L^2/mu^2", r"$\mu/L$ at $N=L^2/\mu^2$"),
        ("alpha = c/(N L): bounded", r"$\alpha=c/(N\,L)$: bounded"),
        ("alpha fixed", r"$\alpha$ fixed"),
        ("phiphi, explicit", r"$L_{\varphi\varphi}$, explicit"),
        ("1/(2 eps)", r"$1/(2\,\epsilon)$"),
        ("of D_phi D_w L_S", r"of $D_{\varphi}\,D_w\,L_S$"),
        ("|D^2 L_S|, measured", r"$|D^2\,L_S|$, measured"),
        ("q^(N-1) where q^N is printed", "$q^{N-1}$ where $q^N$ is printed"),
        ("1/mu^2 in place of 1/mu^3", r"$1/\mu^2$ in place of $1/\mu^3$"),
        ("Theorem 1, phi row", r"Theorem 1, $\varphi$ row"),
        ("measured / declared", "measured / declared"),
        ("Assumptions 1, 2 and Definition 2", "Assumptions 1, 2 and Definition 2"),
        ("a muddle of taupe phidgets", "a muddle of taupe phidgets"),
        ("5 $ a task", r"5 \$ a task"),
    ],
)
def test_formulas_are_found_and_words_are_left(plain: str, expected: str) -> None:
    assert typeset(plain) == expected


WORDS = [
    "alpha",
    "mu",
    "L^2",
    "N",
    "q^(N-1)",
    "rho",
    "=",
    "/",
    "(",
    ")",
    "-",
    "1",
    "eps",
    "D_w^2 L_S",
    "phiphi",
    "a",
    "$",
]


@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_whatever_comes_matplotlib_reads_it(words: list[str]) -> None:
    text = typeset(" ".join(words))
    MathTextParser("path").parse(text if text else " ")
