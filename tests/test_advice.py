"""Advice: settings that satisfy the theorems, the comparison with MAML, and sentences that are computed."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from rich.console import Console

from anil_theory._admissible import InvalidParameter
from anil_theory._plain import to_plain
from anil_theory.advice import advise
from anil_theory.constants import Constants
from anil_theory.report.advice import print_advice
from anil_theory.schedule import Schedule
from anil_theory.statements import Kind
from anil_theory.statements.rates import Rate
from tests.strategies import constants, log_uniform

pytestmark = pytest.mark.filterwarnings("error")

CONVEX = (0.5, 2.0, 1.0, 0.7, 3.0)
NONCONVEX = (None, 2.0, 1.0, 0.7, 3.0)


@settings(max_examples=15)
@given(constants(), log_uniform(1e-2, 1))
def test_advice_is_admissible_and_reaches_eps(drawn, accuracy):
    eps = accuracy * drawn.M**2
    advice = advise(drawn.mu, drawn.L, drawn.rho, drawn.tau, drawn.M, eps, 2, 5, most=20)
    s = advice.anil
    schedule = Schedule(s.alpha, s.inner_steps, s.beta_w, s.beta_phi, s.batch, s.outer_steps)
    rate = Rate(drawn, schedule, drawn.geometry, Kind.REFINED, 1.0, s.c)
    assert all(h.holds for h in rate.hypotheses())
    assert all(bound <= eps * (1 + 1e-12) for bound in (*s.bounds.values(), *advice.maml.bounds.values()))
    for found in (s, advice.maml):
        assert found.total == found.per_iteration.times(found.outer_steps) and found.cost == found.total.evaluations
        assert math.isclose(sum(share.fraction for share in found.dominating), 1, rel_tol=1e-9)
        assert list(found.dominating) == sorted(found.dominating, key=lambda share: -share.fraction)
    assert advice.cost_ratio == advice.maml.cost / s.cost


@pytest.mark.parametrize("given_constants", [CONVEX, NONCONVEX])
def test_advice_is_json(given_constants):
    advice = advise(*given_constants, eps=0.01, n_w=5, n_phi=100, objective="entries", most=64)
    plain = to_plain(advice)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["anil"]["cost"] == advice.anil.total.entries and plain["objective"] == "entries"
    assert advice.maml.beta_phi is None and set(advice.maml.bounds) == {"w"}
    assert advice.cost_ratio > 1


@pytest.mark.parametrize("given_constants", [CONVEX, NONCONVEX])
def test_sentences_say_what_a_second_call_says(given_constants):
    advice = advise(*given_constants, eps=0.01, most=32)
    names = {s.parameter for s in advice.sensitivities}
    assert names == {"L", "rho", "tau", "M", "D0", "eps"} | ({"mu"} if given_constants[0] else set())
    assert advice.changes == tuple(map(str, advice.sensitivities))
    for s in advice.sensitivities:
        changed = dict(zip(("mu", "L", "rho", "tau", "M", "eps"), (*given_constants, 0.01), strict=True)) | {"D0": 1.0}
        assert changed[s.parameter] == s.given
        again = advise(**{**changed, s.parameter: s.replaced}, most=32)
        assert s.cost_factor == again.anil.cost / advice.anil.cost and s.inner_steps == again.anil.inner_steps
    sentence = next(str(s) for s in advice.sensitivities if s.parameter == "rho")
    assert sentence.startswith("doubling rho (from 1) multiplies the cost by ")
    by_name = {s.parameter: s.cost_factor for s in advice.sensitivities}
    assert math.isclose(by_name["D0"], 2, rel_tol=0.01) and math.isclose(by_name["eps"], 4, rel_tol=0.01)


def test_inputs_outside_their_sets_are_refused():
    for eps in (0, -1.0, math.nan, math.inf):
        with pytest.raises(InvalidParameter, match="eps"):
            advise(*CONVEX, eps)
    with pytest.raises(InvalidParameter, match="alpha"):
        advise(*CONVEX, 0.01, alpha=0.6)
    with pytest.raises(InvalidParameter, match="mu"):
        advise(3.0, 2.0, 1.0, 0.7, 3.0, 0.01)
    with pytest.raises(InvalidParameter, match="objective"):
        advise(*CONVEX, 0.01, objective="time")
    with pytest.raises(InvalidParameter, match="n_phi"):
        advise(*CONVEX, 0.01, n_phi=0)
    with pytest.raises(InvalidParameter, match="beta_phi"):
        advise(*CONVEX, 0.01, beta_w=0.1)


@pytest.mark.parametrize("inner_steps", [None, 3])
def test_a_beta_beyond_its_limit_is_refused_with_the_limit(inner_steps):
    best = advise(*CONVEX, 0.01, inner_steps=inner_steps, most=16).anil
    assert best.beta_phi is not None
    again = advise(
        *CONVEX, 0.01, inner_steps=best.inner_steps, beta_w=best.beta_w, beta_phi=best.beta_phi, most=16
    ).anil
    assert (again.outer_steps, again.batch) == (best.outer_steps, best.batch)
    with pytest.raises(InvalidParameter, match=r"beta_w must be in \(0, 1/Lam\]"):
        advise(*CONVEX, 0.01, inner_steps=inner_steps, beta_w=100.0, beta_phi=1e-9, most=16)
    small = advise(*CONVEX, 0.01, inner_steps=3, beta_w=1e-3, beta_phi=1e-3)
    assert small.anil.cost > 0 and any(s.term == "initial_gap_step" for s in small.anil.dominating)


def test_equal_constants_give_equal_advice_and_notes_are_honest():
    advice = advise(*CONVEX, 0.01, most=8)
    assert advice == advise(*CONVEX, 0.01, most=8)
    assert any("upper bounds" in note for note in advice.notes)
    assert advice.anil.inner_steps == 1 and any("the cheapest N is 1" in note for note in advice.notes)
    assert dataclasses.is_dataclass(advice) and Constants(*CONVEX).geometry.value == advice.geometry


@pytest.mark.parametrize("eps", [1e-300, 5e-324])
def test_an_accuracy_that_asks_for_integers_beyond_float64_has_an_answer(eps, capsys):
    """B, K and the cost are exact integers of hundreds of digits; the table shows their exponents."""
    advice = advise(None, 1.0, 1.0, 0.5, 1.0, eps)
    assert advice.anil.cost > 10**500 and 0 < advice.cost_ratio < math.inf
    half = advise(None, 1.0, 1.0, 0.5, 1.0, 1e-3)
    assert math.isclose(advice.cost_ratio, half.cost_ratio, rel_tol=0.1)
    print_advice(Console(width=40), to_plain(advice))
    text = capsys.readouterr().out
    assert f"e+{len(str(advice.anil.outer_steps)) - 1}" in text and "inf" not in text
