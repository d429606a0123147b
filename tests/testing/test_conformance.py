"""The conformance suite: everything registered here passes it, and each fault that it is for is found."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory._registry import NotOfTheKind
from anil_theory.checks import MEASUREMENTS
from anil_theory.constants import Constants
from anil_theory.estimators import Direction, Estimate, Measurement
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Bound, Kind, Statement
from anil_theory.tasks import FAMILIES, CosineFamily, Family, TaskSet
from anil_theory.testing import conforms_claims, conforms_family, conforms_measurement, conforms_statement, strategies

COSTLY = (
    "blocks",
    "rate",
    "terms",
    "identity",
    "constants",
    "hypergradient-error",
    "exact-objective",
    "imaml",
    "imaml-steps",
    "first-order-rate",
    "population",
    "enclosed-objective",
    "enclosed-hypergradients",
)
"""Measurements that compile for seconds; other tests run them too."""


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_conforms(name: str) -> None:
    conforms_statement(STATEMENTS[name])


@given(setting=strategies.settings(longest=6), weights=st.data())
def test_every_claim_conforms_at_any_setting(setting: tuple[Constants, Schedule], weights: st.DataObject) -> None:
    constants, schedule = setting
    name = weights.draw(st.sampled_from(list(STATEMENTS)))
    if STATEMENTS[name].geometry in (None, constants.geometry):
        conforms_claims(STATEMENTS[name], constants, schedule)


FAST = ("cosine", "linear-body")


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
)
def test_every_family_conforms(name: str) -> None:
    conforms_family(FAMILIES[name])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in COSTLY else name for name in MEASUREMENTS]
)
def test_every_measurement_conforms(name: str) -> None:
    conforms_measurement(MEASUREMENTS[name])


PROP = STATEMENTS["prop2"]
WW = PROP.select(Kind.SHARP, "ww")[0]


def with_claim(**changes: Any) -> Statement:
    return dataclasses.replace(PROP, claims=(dataclasses.replace(WW, **changes),))


def refusing(constants: Constants, schedule: Schedule) -> Bound:
    raise InvalidParameter("alpha", "another", schedule.alpha)


STATEMENT_FAULTS: dict[str, tuple[Any, str]] = {
    "not a statement": (3, "is not a Statement"),
    "no title": (dataclasses.replace(PROP, title=""), "has no title"),
    "no source": (dataclasses.replace(PROP, source=""), "has no source"),
    "no claims": (dataclasses.replace(PROP, claims=()), "has no claims"),
    "one name twice": (dataclasses.replace(PROP, claims=(WW, WW)), "two claims have one name"),
    "claim of another": (with_claim(statement="prop3"), "is a claim of 'prop3'"),
    "no latex": (with_claim(latex=""), "has no latex"),
    "not measured": (with_claim(quantity="height"), "'height', which nothing measures"),
    "number": (with_claim(evaluate=lambda constants, schedule: 1.0), "must return a Bound"),
    "wrong logarithm": (with_claim(evaluate=lambda constants, schedule: Bound(2.0, 2.0)), "log10 is 2.0 of 2.0"),
    "negative": (
        with_claim(evaluate=lambda constants, schedule: Bound(-1.0, 0.0)),
        "a bound must be a number >= 0; got -1.0",
    ),
    "zero": (with_claim(evaluate=lambda constants, schedule: Bound(0.0, 0.0)), "the bound is 0"),
    "hypotheses": (with_claim(hypotheses=lambda constants, schedule: ("mu > 0",)), "is not a Hypothesis"),
    "refuses": (
        dataclasses.replace(with_claim(evaluate=refusing), facts=("D0",), build=lambda D0: (WW,)),
        "refuses a setting at which its hypotheses hold: alpha must be another",
    ),
    "unknown fact": (dataclasses.replace(PROP, facts=("moon",), build=lambda moon: PROP.claims), "needs moon"),
}


@pytest.mark.parametrize("fault", STATEMENT_FAULTS)
def test_each_fault_of_a_statement_is_found(fault: str) -> None:
    statement, words = STATEMENT_FAULTS[fault]
    with pytest.raises(AssertionError) as error:
        conforms_statement(statement)
    assert words in str(error.value)


class Sound(Family):
    """L_S = w^2/4, L_D = cos(w): mu = 1/2, L = M = 1."""

    name, n_w, n_phi, length_scale = "sound", 1, 1, 1.0
    constants = Constants(mu=0.5, L=1.0, rho=0.0, tau=0.0, M=1.0)

    def sample(self, key: Any, num_tasks: int) -> TaskSet:
        return TaskSet(lambda w, phi, a: w[0] ** 2 / 4, lambda w, phi, a: jnp.cos(w[0]), jnp.zeros(num_tasks))

    def query_infimum(self, data: Any) -> Any:
        return -jnp.ones(data.shape)


def claiming(**constants: Any) -> type[Family]:
    declared = dataclasses.replace(Sound.constants, **constants)
    return type("Claiming", (Sound,), {"constants": declared})


def drawing(sample: Any) -> type[Family]:
    return type("Drawing", (Sound,), {"sample": sample})


FAMILY_FAULTS: dict[str, tuple[Any, str]] = {
    "not a family": (dict, "is not a class derived from Family"),
    "M": (claiming(M=0.5), "declares M = 0.5; found"),
    "L": (claiming(L=0.5), "declares L = 0.5; found"),
    "mu": (claiming(mu=0.75), "below 0.75"),
    "infimum": (type("High", (Sound,), {"query_infimum": lambda self, data: 0.5 + data}), "falls below query_infimum"),
    "one infimum": (type("One", (Sound,), {"query_infimum": lambda self, data: jnp.zeros(())}), "of shape ()"),
    "few tasks": (drawing(lambda self, key, num_tasks: Sound.sample(self, key, 1)), "1 tasks where 3"),
    "single precision": (
        drawing(lambda self, key, T: dataclasses.replace(Sound().sample(key, T), data=jnp.zeros(T, jnp.float32))),
        "constants need float64",
    ),
    "a step of nothing": (type("Still", (Sound,), {"length_scale": 0.0}), "length scale is 0.0"),
}


def test_a_sound_family_conforms() -> None:
    conforms_family(Sound)
    conforms_family(Sound())
    conforms_family(CosineFamily(Constants(0.2, 2.0, 1.0, 0.0, 1.0)))


@pytest.mark.parametrize("fault", FAMILY_FAULTS)
def test_each_fault_of_a_family_is_found(fault: str) -> None:
    family, words = FAMILY_FAULTS[fault]
    with pytest.raises(AssertionError) as error:
        conforms_family(family)
    assert words in str(error.value)


def returning(found: Any, **settings: Any) -> Measurement:
    given: dict[str, Any] = {"name": "m", "quantities": ("q",), "direction": Direction.LOWER} | settings
    measure: Any = found if callable(found) else lambda problem, schedule, effort: found
    return Measurement(measure=measure, **given)


def estimate(quantity: str = "q", value: float = 1.0, direction: Direction = Direction.LOWER) -> Estimate:
    return Estimate(quantity, value, direction, "made up")


WW_CONSTANT = "meta_gradient_lipschitz/ww"
COUNTER = iter(range(100))
MEASUREMENT_FAULTS: dict[str, tuple[Any, str]] = {
    "not a measurement": (print, "is not a Measurement"),
    "another quantity": (returning({"r": estimate("r")}), "measures q; it returned 'r'"),
    "another name": (returning({"q": estimate("r")}), "must return Estimates of 'q'"),
    "another direction": (returning({"q": estimate(direction=Direction.EXACT)}), "promises lower estimates"),
    "a number": (returning({"q": [1.0]}), "must return Estimates of 'q'"),
    "one number": (returning({"q": 3}), "must return Estimates of 'q'; got 3"),
    "no mapping": (returning([estimate()]), "must return a mapping"),
    "nothing": (returning({}), "returns nothing"),
    "no estimate and no remark": (returning({"q": []}), "neither an estimate of q nor a remark"),
    "chance": (returning(lambda *setting: {"q": estimate(value=float(next(COUNTER)))}), "from the same seed"),
    "too large": (
        returning({WW_CONSTANT: estimate(WW_CONSTANT, 100.0)}, quantities=(WW_CONSTANT,)),
        "100 refutes prop2",
    ),
    "refusal": (returning({}, refusal=lambda problem, schedule: "it rains"), "cannot be made of separable: it rains"),
}


@pytest.mark.parametrize("fault", MEASUREMENT_FAULTS)
def test_each_fault_of_a_measurement_is_found(fault: str) -> None:
    measurement, words = MEASUREMENT_FAULTS[fault]
    with pytest.raises(AssertionError) as error:
        conforms_measurement(measurement)
    assert words in str(error.value)


FORMS: list[dict[str, Any]] = [
    {"quantities": ()},
    {"quantities": "q"},
    {"direction": "lower"},
    {"measure": 3},
    {"depends_on": ("x",)},
]


@pytest.mark.parametrize("settings", FORMS)
def test_a_measurement_of_the_wrong_form_is_refused(settings: dict[str, Any]) -> None:
    # Built around the constructor, whose types the tests check: a plug-in runs without that check.
    made = object.__new__(Measurement)
    made.__dict__.update(vars(returning({})) | settings)
    with pytest.raises(NotOfTheKind, match="measurement 'm'"):
        made.__post_init__()


def test_a_bound_times_a_factor_keeps_its_logarithm_and_its_rounding() -> None:
    bound = Bound(4.0, math.log10(4.0), 0.5, "note").times(0.25, "quarter")
    assert (bound.value, bound.rounding, bound.note) == (1.0, 0.125, "quarter; note")
    assert bound.log10 == pytest.approx(0.0, abs=1e-15)
