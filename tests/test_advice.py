"""Advice: settings that satisfy the theorems, the comparison with MAML, and sentences that are computed."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from anil_theory._admissible import InvalidParameter
from anil_theory._plain import to_plain
from anil_theory.advice import advise
from anil_theory.constants import Constants, Geometry
from anil_theory.report.advice import print_advice
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements.rates import Rate
from tests.strategies import constants, log_uniform

pytestmark = pytest.mark.filterwarnings("error")

CONVEX = (0.5, 2.0, 1.0, 0.7, 3.0)
NONCONVEX = (None, 2.0, 1.0, 0.7, 3.0)


@settings(max_examples=15)
@given(constants(), log_uniform(1e-2, 1))
def test_refined_advice_is_admissible_and_reaches_eps(drawn, accuracy):
    eps = accuracy * drawn.M**2
    advice = advise(drawn.mu, drawn.L, drawn.rho, drawn.tau, drawn.M, eps, 2, 5, kind=Kind.REFINED, most=20)
    s = advice.anil
    schedule = Schedule(s.alpha, s.inner_steps, s.beta_w, s.beta_phi, s.batch, s.outer_steps)
    rate = Rate(drawn, schedule, drawn.geometry, Kind.REFINED, 1.0, s.c)
    assert all(h.holds for h in rate.hypotheses())
    check_counts(advice, eps)


def check_counts(advice, eps):
    assert all(bound <= eps * (1 + 1e-12) for bound in (*advice.anil.bounds.values(), *advice.maml.bounds.values()))
    for found in (advice.anil, advice.maml):
        assert found.total == found.per_iteration.times(found.outer_steps) and found.cost == found.total.evaluations
        assert found.tasks == found.batch * found.outer_steps
        assert math.isclose(sum(share.fraction for share in found.dominating), 1, rel_tol=1e-9)
        assert list(found.dominating) == sorted(found.dominating, key=lambda share: -share.fraction)
    assert advice.cost_ratio == advice.maml.cost / advice.anil.cost


def claimed_bounds(drawn, advice, D0):
    """What the registered claims say at the advised settings."""
    s = advice.anil
    schedule = Schedule(s.alpha, s.inner_steps, s.beta_w, s.beta_phi, s.batch, s.outer_steps)
    theorem = "thm1" if drawn.geometry is Geometry.STRONGLY_CONVEX else "thm2"
    for row in ("w", "phi"):
        (claim,) = STATEMENTS[theorem].given(D0=D0).select(Kind.SHARP, row)
        assert all(h.holds for h in claim.hypotheses(drawn, schedule))
        yield claim.evaluate(drawn, schedule).value


@settings(max_examples=20)
@given(
    constants(),
    log_uniform(1e-3, 1),
    log_uniform(1e-2, 1e2),
    st.sampled_from([None, 1, 7, 400]),
    log_uniform(1e-2, 1),
)
def test_the_claims_of_the_theorem_are_at_most_eps_at_the_advised_settings(drawn, accuracy, D0, batch, adaptation):
    eps = accuracy * drawn.M**2
    inputs = (drawn.mu, drawn.L, drawn.rho, drawn.tau, drawn.M, eps)
    advice = advise(*inputs, D0=D0, batch=batch, adaptation=adaptation, most=8)
    assert advice.anil.alpha * advice.anil.inner_steps * drawn.L >= adaptation * (1 - 1e-9)
    assert batch is None or advice.anil.batch == batch
    check_counts(advice, eps)
    assert all(bound <= eps for bound in claimed_bounds(drawn, advice, D0))


def test_steps_that_are_given_have_a_batch_that_reaches_eps():
    """With and without a batch, on both sides of what B = 1 allows; the batch that is found has the fewest tasks."""
    best = advise(*CONVEX, 0.01, inner_steps=2).anil
    drawn = Constants(*CONVEX)
    for factor in (0.1, 1.0, 3.0, 20.0):
        beta = best.beta_w * factor
        asked = {"alpha": best.alpha, "inner_steps": 2, "beta_w": beta, "beta_phi": beta / 2}
        advice = advise(*CONVEX, 0.01, **asked)
        assert all(bound <= 0.01 for bound in claimed_bounds(drawn, advice, 1.0))
        assert advice.anil.tasks >= best.tasks * (1 - 1e-5)
        for B in (advice.anil.batch - 1, advice.anil.batch + 1, 2 * advice.anil.batch):
            if B >= 1:
                try:
                    other = advise(*CONVEX, 0.01, **asked, batch=B)
                except InvalidParameter:
                    continue
                # K is rounded up, and another batch has another best pair.
                assert other.anil.tasks >= advice.anil.tasks * 0.99 - B


CLASSES = [
    (0.9, 1.0, 5.0, 0.1, 3.0),
    (0.2, 1.0, 1.0, 0.5, 1.0),
    (0.13, 1.7, 0.6, 2.3, 0.9),
    (None, 2.0, 1.0, 0.7, 3.0),
]


@pytest.mark.parametrize("kind", [Kind.SHARP, Kind.REFINED])
@pytest.mark.parametrize("adaptation", [0.01, 0.5])
@pytest.mark.parametrize("larger", CLASSES)
def test_no_smaller_class_is_dearer(larger, adaptation, kind):
    """The least alpha N stays the same: it says what counts as adapting."""
    mu, L, *_ = larger
    options = {"kind": kind, "most": 12}
    at = advise(*larger, eps=0.1, adaptation=adaptation, **options)
    for place in range(1, 5):
        smaller = list(larger)
        smaller[place] /= 2
        if place == 1 and mu is not None and smaller[1] < mu:
            smaller[1] = mu
        found = advise(*smaller, eps=0.1, adaptation=adaptation * smaller[1] / L, **options)
        assert found.anil.cost <= at.anil.cost * (1 + 1e-5), (place, found, at)
    if mu is not None:
        found = advise((mu + L) / 2, *larger[1:], eps=0.1, adaptation=adaptation, **options)
        assert found.anil.cost <= at.anil.cost * (1 + 1e-5)
    for one in at.sensitivities:
        smaller = one.parameter == "mu" and one.replaced > one.given
        assert one.cost_factor <= 1 + 1e-5 if smaller else one.cost_factor >= 1 - 1e-5, one


def test_a_short_inner_loop_is_cheaper_than_the_papers():
    """At (0.9, 1, 5, 0.1, 3), eps 0.1, by the refined theorem alpha = 0.01 costs 3.6 times less than mu/L^2."""
    at_papers = advise(*CLASSES[0], eps=0.1, alpha=0.9, kind=Kind.REFINED)
    searched = advise(*CLASSES[0], eps=0.1, kind=Kind.REFINED)
    assert searched.anil.alpha == 0.01 and searched.anil.inner_steps == 1
    assert math.isclose(at_papers.anil.cost / searched.anil.cost, 3.6, abs_tol=0.05)


def test_an_inner_step_inside_the_range_is_found_where_it_is_cheapest():
    """Much rho and a long inner time: neither the shortest step nor the longest."""
    inputs = (0.5, 1.0, 20.0, 0.1, 3.0, 0.1)
    found = advise(*inputs, adaptation=0.9, inner_steps=2)
    alphas = [0.45 * (1 / 0.45) ** (i / 40) for i in range(41)]
    costs = [advise(*inputs, alpha=alpha, inner_steps=2).anil.cost for alpha in alphas]
    assert found.anil.cost <= min(costs) * (1 + 1e-3)


@pytest.mark.parametrize("given_constants", [CONVEX, NONCONVEX])
def test_advice_is_json(given_constants):
    options = {"n_w": 5, "n_phi": 100, "objective": "entries", "most": 64}
    advice = advise(*given_constants, eps=0.01, **options)
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
        # What counts as adapting, the least alpha N, does not change with L.
        least = 0.01 * (s.replaced / s.given if s.parameter == "L" else 1.0)
        again = advise(**{**changed, s.parameter: s.replaced}, most=32, adaptation=least)
        assert s.inner_steps == again.anil.inner_steps
        assert math.isclose(s.cost_factor, again.anil.cost / advice.anil.cost, rel_tol=1e-9)
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
    with pytest.raises(InvalidParameter, match="adaptation"):
        advise(*CONVEX, 0.01, adaptation=0.0)
    with pytest.raises(InvalidParameter, match="batch must be an integer"):
        advise(*CONVEX, 0.01, batch=0)
    with pytest.raises(InvalidParameter, match="batch must be left out where the kind is not sharp"):
        advise(*CONVEX, 0.01, batch=4, kind=Kind.REFINED)
    with pytest.raises(InvalidParameter, match="kind"):
        advise(*CONVEX, 0.01, kind=Kind.ORDER)
    with pytest.raises(InvalidParameter, match="inner_steps must be at least 3, so that alpha <= 1/L"):
        advise(*CONVEX, 0.01, adaptation=2.5, inner_steps=2)


@pytest.mark.parametrize("inner_steps", [None, 3])
def test_a_beta_beyond_its_limit_is_refused_with_the_limit(inner_steps):
    for kind, limit in ((Kind.REFINED, r"\(0, 1/Lam\]"), (Kind.SHARP, r"\(0, 2/Lam\)")):
        asked = {"most": 16, "kind": kind, "alpha": 0.1}
        best = advise(*CONVEX, 0.01, inner_steps=inner_steps, **asked).anil
        steps = {"beta_w": best.beta_w, "beta_phi": best.beta_phi}
        again = advise(*CONVEX, 0.01, inner_steps=best.inner_steps, **steps, **asked).anil
        assert again.batch == best.batch
        assert math.isclose(again.outer_steps, best.outer_steps, rel_tol=1e-5, abs_tol=1)
        with pytest.raises(InvalidParameter, match=f"beta_w must be in {limit}"):
            advise(*CONVEX, 0.01, inner_steps=inner_steps, beta_w=100.0, beta_phi=1e-9, **asked)
    small = advise(*CONVEX, 0.01, inner_steps=3, beta_w=1e-3, beta_phi=1e-3, kind=Kind.REFINED)
    assert small.anil.cost > 0 and any(s.term == "initial_gap_step" for s in small.anil.dominating)


def test_equal_constants_give_equal_advice_and_notes_are_honest():
    advice = advise(*CONVEX, 0.01, most=8)
    assert advice == advise(*CONVEX, 0.01, most=8)
    assert any("alpha was searched with alpha N >= 0.005" in note for note in advice.notes)
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


def test_a_population_has_settings_of_its_own():
    asked = {"alpha": 0.1, "inner_steps": 2}
    advice = advise(*CONVEX, 0.01, **asked, curvature=0.5, second_moment=2.0, D0=3.0)
    own = advice.population
    assert own is not None and own.batch == 1
    # K = 2 D0 lam V/eps^2, beta = eps/(lam V).
    assert abs(own.outer_steps - 2 * 3.0 * 0.5 * 2.0 / 0.01**2) <= 1 and math.isclose(own.beta, 0.01)
    assert max(own.bounds.values()) <= 0.01 * (1 + 1e-9)
    assert own.fewer_tasks == advice.anil.tasks / own.tasks > 1
    with_batch = advise(*CONVEX, 0.01, **asked, curvature=0.5, second_moment=2.0, batch=8).population
    assert with_batch is not None and with_batch.batch == 8
    assert advise(*CONVEX, 0.01).population is None
    for missing in ("curvature", "second_moment", "alpha", "inner_steps"):
        given_ones = {**asked, "curvature": 0.5, "second_moment": 2.0}
        del given_ones[missing]
        with pytest.raises(InvalidParameter, match=f"{missing} must be given"):
            advise(*CONVEX, 0.01, **given_ones)


@pytest.mark.parametrize("beta", [None, 0.1])
def test_a_batch_beyond_float64_is_a_batch(beta: float | None) -> None:
    """Its noise is nothing: the steps are those of all tasks at once."""
    huge, large = (
        advise(0.2, 1.0, 1.0, 0.5, 1.0, 0.1, alpha=0.1, inner_steps=2, batch=batch, beta_w=beta, beta_phi=beta).anil
        for batch in (10**400, 10**15)
    )
    assert huge.batch == 10**400 and huge.outer_steps == large.outer_steps


def test_a_loop_that_grows_beyond_float64_is_refused_by_its_count() -> None:
    with pytest.raises(InvalidParameter, match=r"inner_steps must be a count at which 1/beta, here 10\^.*; got 1000"):
        advise(None, 1.0, 1.0, 0.5, 1.0, 0.1, alpha=100.0, inner_steps=1000)
