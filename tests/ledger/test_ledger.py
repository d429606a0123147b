"""The symbolic ledger: every fact proved, every wrong formula refused, and the proofs are about the right thing."""

import dataclasses
import json
from functools import cache
from typing import Any

import pytest
import sympy as sp
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.ledger import FACTS, GROUPS, SECTIONS, Entry, ProofStatus, enter
from anil_theory.ledger.normal_form import algebraic, leftover, normal, unroll
from anil_theory.ledger.proofs import at_points, nonnegative, positive_by_derivatives, recursion, sum_by_induction
from anil_theory.statements.forms.block_constants import CLOSED_FORMS, plain_block
from anil_theory.statements.forms.symbols import N, alpha, e, j, m, q, r


@cache
def entry(name: str) -> Entry:
    return enter(FACTS[name])


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_is_proved_or_checked(name: str) -> None:
    found = entry(name)
    assert found.status is not ProofStatus.FAILED, found.detail
    assert (found.status is ProofStatus.CHECKED) == ("points" in found.method)


CONTROLS = [(name, fault) for name, fact in FACTS.items() for fault in fact.controls]


@pytest.mark.parametrize(("name", "fault"), CONTROLS)
def test_every_wrong_formula_is_refused_by_its_proof(name: str, fault: str) -> None:
    """Not because the proof breaks off: it comes to an end and finds something left over."""
    found = enter(FACTS[name].claiming(FACTS[name].controls[fault]))
    assert found.status is ProofStatus.FAILED
    assert found.method != "the proof broke off", found.detail


def test_the_registry_is_complete() -> None:
    assert sum(len(group.FACTS) for group in GROUPS) == len(FACTS) > 80, "two facts share a name"
    assert {"2", "3.1", "3.2", "3.3", "5", "6"} == set(SECTIONS) == {fact.section for fact in FACTS.values()}
    assert list(SECTIONS) == sorted(SECTIONS) and all(SECTIONS.values())
    for name, fact in FACTS.items():
        assert fact.name == name and fact.statement and fact.assumptions and fact.latex and fact.controls


def test_faults_put_in_on_purpose_are_caught() -> None:
    """Those that the theory is most easily mistyped by."""
    ww = plain_block("ww")
    faults = {
        "3.1/block ww": ww.subs(r ** (N - 1), r**N),  # q^N in place of q^(N-1)
        "3.1/block phiphi": plain_block("phiphi").subs(alpha, 1),  # a factor dropped
        "3.1/S_N": CLOSED_FORMS["S_N"].closed * r,  # an exponent changed
        "5/Theorem 1, phi row, decay": q ** (N / 2) * sp.Integer(1),  # the phi rate without its powers of mu
    }
    for name, wrong in faults.items():
        assert wrong != FACTS[name].claimed
        assert enter(FACTS[name].claiming(wrong)).status is ProofStatus.FAILED, name


def test_a_proof_that_breaks_off_is_a_failure() -> None:
    found = enter(FACTS["3.1/S_N"].claiming(None))
    assert found.status is ProofStatus.FAILED and "broke off" in found.method


@pytest.mark.parametrize("name", [name for name in FACTS if name in {f"3.1/{key}" for key in CLOSED_FORMS}])
def test_the_normal_form_keeps_the_value(name: str) -> None:
    """Peeling and closing sums changes their look only: N + 1 against the sum written out, at rational points."""
    plain = CLOSED_FORMS[name.removeprefix("3.1/")].plain
    grown = normal(plain.subs(N, N + 1))
    for steps in (1, 3, 4):
        at = {r: sp.Rational(3, 4), sp.Symbol(r"\bar{c}", nonnegative=True): 2, alpha: sp.Rational(1, 3)}
        expected = unroll(plain.subs(N, steps + 1)).subs(at)
        assert sp.simplify(unroll(grown.subs(N, steps)).subs(at) - expected) == 0


def test_a_sum_of_a_sum_and_an_empty_sum() -> None:
    nested = sp.Sum(sp.Sum(e[j], (j, m + 1, N - 1)), (m, 0, N - 1))  # sympy flattens it to one sum with two indices
    assert unroll(nested.subs(N, 3)) == e[1] + 2 * e[2]
    assert sp.simplify(unroll(normal(nested.subs(N, N + 1)).subs(N, 2)) - e[1] - 2 * e[2]) == 0
    assert normal(sp.Sum(e[j], (j, N, N - 1))) == 0


def test_the_ways_of_proving_can_fail() -> None:
    x = sp.Symbol("x", nonnegative=True)
    y = sp.Symbol("y")
    assert leftover(r ** (N + 1) - r * r**N) == 0 and leftover(r ** (N + 1) - r**N) != 0
    assert not algebraic(r ** (2 * N)).has(N)
    assert recursion(r**N, sp.Integer(1), lambda f: r * f).status is ProofStatus.PROVED
    assert recursion(r**N, sp.Integer(2), lambda f: r * f).status is ProofStatus.FAILED, "a wrong start"
    assert recursion(r**N, sp.Integer(1), lambda f: r * f + 1).status is ProofStatus.FAILED, "a wrong step"
    total: Any = sp.Sum(e[j], (j, 0, N - 1))
    wrong_start = sum_by_induction(total, total + 1)
    assert wrong_start.status is ProofStatus.FAILED, "a step that holds does not make up for a base that fails"
    assert nonnegative(x**2 - x).status is ProofStatus.FAILED and nonnegative(x**2 + x).status is ProofStatus.PROVED
    assert nonnegative(y).status is ProofStatus.FAILED, "a symbol of unknown sign"
    p = sp.Symbol("p", positive=True)
    assert positive_by_derivatives(sp.exp(p) - 1 - p, p, 2).status is ProofStatus.PROVED
    assert positive_by_derivatives(sp.exp(p) - 1 - 2 * p, p, 2).status is ProofStatus.FAILED
    assert at_points(lambda point: 0.0, [{}]).status is ProofStatus.FAILED, "a float is not exact"


def test_the_command_prints_and_exits() -> None:
    result = CliRunner().invoke(app, ["ledger", "--section", "2", "3.2", "--controls"])
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    for words in ("statement", "assumption used", "how proved", "PROVED", "section 2", "section 3.2", "refused"):
        assert words in text
    assert "section 5" not in text
    assert f"section 2: {SECTIONS['2']}" in text and f"section 3.2: {SECTIONS['3.2']}" in text
    result = CliRunner().invoke(app, ["ledger", "--section", "2", "--json"])
    report = json.loads(result.stdout)
    assert report["counts"]["FAILED"] == 0 and len(report["entries"]) == report["counts"]["PROVED"]
    assert set(report["entries"][0]) == {field.name for field in dataclasses.fields(Entry)}


def test_misuse_and_failure_have_their_exit_statuses(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["ledger", "--section", "9"])
    assert result.exit_code == 2 and "section" in result.output and "'3.1'" in result.output
    fact = FACTS["2/nonconvex factor"]
    monkeypatch.setitem(FACTS, fact.name, fact.claiming(fact.controls["contraction"]))
    result = CliRunner().invoke(app, ["ledger", "--section", "2"])
    assert result.exit_code == 1 and "FAILED" in result.output and fact.name in result.output
