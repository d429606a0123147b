"""Claims that need a fact of the problem: they get it, or they raise and name it; no bound at a made-up fact."""

import dataclasses

import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind, MissingFact
from anil_theory.statements.forms.names import FIRST_ORDER_DESCENT, MAML
from anil_theory.statements.rates import step_sizes
from anil_theory.verdict import Outcome, judge

CONVEX = Constants(0.3, 1.0, 1.0, 0.5, 1.0)
NONCONVEX = dataclasses.replace(CONVEX, mu=None)
FACTS = {"thm1": {"D0": 0.7}, "thm2": {"D0": 0.7}, "table1": {"D0": 0.7}, "table2": {"n_w": 3, "n_phi": 2}}
FACTS |= {"population": {"curvature": 0.8, "second_moment": 0.5, "local_gap": 0.7, "enclosed": 1.0}}
FACTS |= {name: {"d0": 1.0} for name in ("unrolled", "implicit")}
FACTS["imaml"] = {"d": 0.5, "slope": 1.0}
FACTS |= {name: {"D0": 0.7, "n_phi": 2} for name in FIRST_ORDER_DESCENT.values()}
FACTS |= {name: {"gradient_norm": 0.4} for name in MAML.values()}


def setting(name: str) -> tuple[Constants, Schedule]:
    constants = NONCONVEX if name in ("thm2", FIRST_ORDER_DESCENT[NONCONVEX.geometry]) else CONVEX
    schedule = Schedule.paper(constants, 2, batch=2, outer_steps=10, lam=0.5)
    return constants, step_sizes(constants, schedule, constants.geometry, Kind.EXPLICIT)


def needy(name: str) -> list[str]:
    """The claims of a registered statement that raise, by name."""
    found = []
    for claim in STATEMENTS[name].claims:
        try:
            claim.evaluate(*setting(name))
        except MissingFact as error:
            assert error.fact in STATEMENTS[name].facts and error.fact in str(error) and claim.name in str(error)
            found.append(claim.name)
    return found


@pytest.mark.parametrize("name", FACTS)
def test_a_registered_claim_raises_for_the_fact_that_it_needs_and_evaluates_with_it(name: str) -> None:
    expected = {
        "table1": [c.name for c in STATEMENTS["table1"].claims if "decay" in c.name and c.kind is not Kind.ORDER],
        "table2": [c.name for c in STATEMENTS["table2"].claims],
    }
    expected |= {
        name: [c.name for c in STATEMENTS[name].claims if "started" in c.block] for name in ("unrolled", "implicit")
    }
    expected["imaml"] = [c.name for c in STATEMENTS["imaml"].claims if c.block in ("distance", "steps")]
    rates = [c.name for c in STATEMENTS[name].claims if c.kind is not Kind.ORDER]
    assert needy(name) == expected.get(name, rates)
    for claim in STATEMENTS[name].given(**FACTS[name]).claims:
        assert claim.evaluate(*setting(name)).value >= 0


@pytest.mark.parametrize("name", sorted(set(STATEMENTS) - set(FACTS)))
def test_the_other_statements_need_no_fact(name: str) -> None:
    assert STATEMENTS[name].facts == ()
    with pytest.raises(InvalidParameter, match="facts must be exactly none; got 'D0'"):
        STATEMENTS[name].given(D0=1.0)


def test_the_bound_follows_the_fact() -> None:
    claims = [STATEMENTS["thm1"].given(D0=D0).select(Kind.REFINED, "w")[0] for D0 in (0.5, 1.0)]
    low, high = (claim.evaluate(*setting("thm1")).value for claim in claims)
    assert low < high


def test_judging_without_the_fact_raises_and_a_failed_hypothesis_comes_before_it() -> None:
    (claim,) = STATEMENTS["thm1"].select(Kind.EXPLICIT, "w")
    estimate = Estimate(claim.quantity, 1e-9, Direction.MEAN, "made up", stderr=1e-12)
    with pytest.raises(MissingFact, match="thm1/w/explicit needs D0"):
        judge(claim, *setting("thm1"), estimate)
    constants, schedule = setting("thm1")
    steep = dataclasses.replace(schedule, beta_w=50.0)
    assert judge(claim, constants, steep, estimate).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("name", "facts"), [("thm1", {}), ("thm1", {"D0": 1.0, "n_w": 2}), ("table2", {"n_w": 2}), ("table1", {"gap": 1.0})]
)
def test_facts_that_are_missing_or_unknown_are_refused(name: str, facts: dict) -> None:
    with pytest.raises(InvalidParameter, match="facts must be exactly"):
        STATEMENTS[name].given(**facts)


@pytest.mark.parametrize(
    ("name", "facts", "wrong"),
    [("thm2", {"D0": -1.0}, "D0"), ("table1", {"D0": -1.0}, "D0"), ("table2", {"n_w": 0, "n_phi": 1}, "n_w")],
)
def test_facts_that_are_not_admissible_are_refused(name: str, facts: dict, wrong: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{wrong} must be"):
        STATEMENTS[name].given(**facts)
