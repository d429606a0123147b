"""The LaTeX of the tables and of every formula is what LaTeX with amsmath and booktabs takes."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from anil_theory import load_results
from anil_theory.results.latex_tables import PREAMBLE, _value, setting_in_latex
from anil_theory.statements import STATEMENTS
from tests.results.small_results import block_record, counted_record, keep

PDFLATEX = shutil.which("pdflatex")

FORMULAS = sorted({claim.latex for statement in STATEMENTS.values() for claim in statement.claims})


def tables(folder: Path) -> str:
    """The tables of a small run; one of its blocks has a name with every sign that LaTeX gives a meaning."""
    hostile = block_record(3)
    row = {**hostile.verdicts[0], "block": r"50% a_b & #1 {x} $y$ ~z^2 <\t>", "setting": "mu=0.1 N=3 file a_b%c"}
    hostile = replace(hostile, cell={**hostile.cell, "seed": 7}, verdicts=[row])
    records = [block_record(N, block=block) for N in (1, 10) for block in ("ww", "phiphi")]
    return load_results(keep(folder / "run", *records[::2], counted_record(), hostile)).to_latex()


def table_1() -> str:
    """A table with the formulas of Table 1, as it stands in an export."""
    claims = [claim for claim in STATEMENTS["table1"].claims]
    body = "\n".join(rf"${claim.latex}$ & {claim.kind.value} \\" for claim in claims)
    return rf"\begin{{tabular}}{{ll}}\toprule {body} \bottomrule\end{{tabular}}"


def document(*parts: str) -> str:
    """A document with the packages that the tables name."""
    packages = "\n".join(line.removeprefix("% ") for line in PREAMBLE.splitlines())
    return "\n".join([r"\documentclass{article}", packages, r"\begin{document}", *parts, r"\end{document}"])


def test_the_words_of_a_setting_that_belong_together_stand_together() -> None:
    setting = "mu=0.1 N=3 dim extremal 1+1 B=3 of T=6 K=20"
    assert setting_in_latex(setting) == r"$\mu=0.1$, $N=3$, dim extremal 1+1, $B=3$ of $T=6$, $K=20$"
    assert setting_in_latex("dim 2+2 B=2") == "dim 2+2, $B=2$" and setting_in_latex("") == ""


def test_braces_dollars_and_environments_are_balanced(tmp_path: Path) -> None:
    """Also where no LaTeX is installed."""
    for text in (tables(tmp_path), *FORMULAS):
        bare = re.sub(r"\\[\\{}$%&#_]", "", text)
        depth = 0
        for sign in bare:
            depth += {"{": 1, "}": -1}.get(sign, 0)
            assert depth >= 0, text
        assert depth == 0, text
        assert bare.count("$") % 2 == 0
        lines = [line for line in bare.splitlines() if not line.startswith("%")]
        assert not any("%" in line or "#" in line for line in lines), text
        ends = re.findall(r"\\(begin|end){(\w+)}", text)
        open_ones: list[str] = []
        for what, name in ends:
            if what == "begin":
                open_ones.append(name)
            else:
                assert open_ones.pop() == name
        assert not open_ones
        assert len(re.findall(r"\\left\b", text)) == len(re.findall(r"\\right\b", text))


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex is installed")
def test_latex_compiles_the_tables_and_every_formula(tmp_path: Path) -> None:
    formulas = "\n\n".join(rf"\noindent $\displaystyle {formula}$" for formula in FORMULAS)
    source = tmp_path / "all.tex"
    source.write_text(document(tables(tmp_path), table_1(), formulas), encoding="utf-8")
    assert compiled(source), (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace")[-2000:]
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
    broken = tmp_path / "broken.tex"
    broken.write_text(document(r"$\undefinedhere$"), encoding="utf-8")
    assert not compiled(broken), "LaTeX itself finds what is wrong"


def compiled(source: Path) -> bool:
    """Whether pdflatex takes the document."""
    options = [
        "-interaction=nonstopmode",
        "-halt-on-error",
        "-no-shell-escape",
        "-output-directory",
        str(source.parent),
    ]
    done = subprocess.run([str(PDFLATEX), *options, str(source)], capture_output=True, cwd=source.parent)
    return done.returncode == 0


def test_a_kind_behind_a_number_stays_there() -> None:
    assert _value("1.2e-05 (certified)") == r"$1.2 \times 10^{-5}$ (certified)"
    assert _value("0.5 (certified)") == "0.5 (certified)"
