"""What a statement must keep."""

import math
from collections.abc import Mapping

from anil_theory._admissible import InvalidParameter
from anil_theory.checks import Unmeasured, measurements_of
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.base import NoBound
from anil_theory.statements.rates import step_sizes

FACTS = {
    "D0": 0.7,
    "n_w": 3,
    "n_phi": 2,
    "d0": 1.0,
    "d": 0.5,
    "slope": 1.0,
    "gradient_norm": 0.4,
    "curvature": 0.8,
    "second_moment": 0.5,
    "local_gap": 0.7,
    "enclosed": 1.0,
}
"""Values of the facts that this package knows, at which claims are evaluated."""

CONSTANTS = (
    Constants(0.3, 1.0, 1.0, 0.5, 1.0),
    Constants(0.8, 2.0, 0.0, 0.0, 3.0),
    Constants(None, 1.0, 1.0, 0.5, 1.0),
    Constants(None, 2.0, 0.1, 1.0, 0.5),
)
STEPS = (1, 4)


def conforms_statement(statement: Statement, *, facts: Mapping[str, float] | None = None) -> None:
    """A statement has a name, a title and a source; its claims are well formed, evaluate, and are measured.

    facts   values for facts of the statement's own, beside FACTS.

    Claims are evaluated at constants of the statement's geometry where its hypotheses hold: a bound is a number >= 0
    that agrees with its logarithm (`conforms_claims`, which property-based tests call at settings of their own).
    """
    assert isinstance(statement, Statement), f"{statement!r} is not a Statement"
    where = f"statement {statement.name!r}"
    for name in ("name", "title", "source"):
        assert isinstance(getattr(statement, name), str) and getattr(statement, name), f"{where} has no {name}"
    assert statement.geometry is None or isinstance(statement.geometry, Geometry), f"{where}: not a Geometry"
    assert isinstance(statement.claims, tuple) and statement.claims, f"{where} has no claims (a tuple)"
    names = [claim.name for claim in statement.claims]
    assert len(set(names)) == len(names), f"{where}: two claims have one name among {names}"
    for claim in statement.claims:
        _conforms_claim(claim, statement)
    try:
        measurements_of(statement)
    except Unmeasured as error:
        raise AssertionError(str(error)) from error
    for constants, schedule in _settings(statement):
        conforms_claims(statement, constants, schedule, facts=facts)


def conforms_claims(
    statement: Statement, constants: Constants, schedule: Schedule, *, facts: Mapping[str, float] | None = None
) -> None:
    """The claims of a statement evaluate at one setting, for a property-based test to call at many.

    facts   values for facts of the statement's own, beside FACTS.

    Where its hypotheses hold, a bound is a number >= 0 that agrees with its logarithm, and the same number when it is
    asked for again. A claim that needs a fact says so by MissingFact until it has it.
    """
    where = f"statement {statement.name!r}"
    known = FACTS | dict(facts or {})
    unknown = [name for name in statement.facts if name not in known]
    assert not unknown, f"{where} needs {', '.join(unknown)}: pass values in `facts`"
    informed = statement
    if statement.facts:
        informed = statement.given(**{name: known[name] for name in statement.facts})
        names = [claim.name for claim in statement.claims]
        assert [claim.name for claim in informed.claims] == names, f"{where}: other claims at the facts"
    for claim in statement.claims:
        _hypotheses(claim, constants, schedule)
    for claim in informed.claims:
        _evaluates(claim, constants, schedule)
    if not statement.facts:
        return
    for claim in statement.claims:
        try:
            claim.evaluate(constants, schedule)
        except MissingFact as error:
            assert error.fact in statement.facts, f"{claim.name} misses {error.fact!r}, which {where} does not list"
        except InvalidParameter as error:
            # A claim may refuse what it does not apply to, for example a schedule without lam.
            holds = all(hypothesis.holds for hypothesis in _hypotheses(claim, constants, schedule))
            assert not holds, f"{claim.name} refuses a setting at which its hypotheses hold: {error}"


def _conforms_claim(claim: Claim, statement: Statement) -> None:
    assert isinstance(claim, Claim), f"statement {statement.name!r}: {claim!r} is not a Claim"
    assert claim.statement == statement.name, f"{claim.name} is a claim of {claim.statement!r}, not {statement.name!r}"
    assert isinstance(claim.kind, Kind), f"{claim.name}: {claim.kind!r} is not a Kind"
    for name in ("block", "quantity", "latex"):
        assert isinstance(getattr(claim, name), str) and getattr(claim, name), f"{claim.name} has no {name}"


def _settings(statement: Statement) -> list[tuple[Constants, Schedule]]:
    chosen = [c for c in CONSTANTS if statement.geometry in (None, c.geometry)]
    settings = []
    for constants in chosen:
        for N in STEPS:
            schedule = Schedule.paper(constants, N, batch=2, outer_steps=10, lam=1.5 * constants.L)
            settings.append((constants, step_sizes(constants, schedule, constants.geometry, Kind.EXPLICIT)))
    return settings


def _hypotheses(claim: Claim, constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    hypotheses = claim.hypotheses(constants, schedule)
    assert isinstance(hypotheses, tuple), f"{claim.name}: hypotheses must be a tuple; got {hypotheses!r}"
    for hypothesis in hypotheses:
        assert isinstance(hypothesis, Hypothesis), f"{claim.name}: {hypothesis!r} is not a Hypothesis"
        assert not math.isnan(hypothesis.margin), f"{claim.name}: the margin of {hypothesis.condition!r} is NaN"
    return hypotheses


def _evaluates(claim: Claim, constants: Constants, schedule: Schedule) -> None:
    if not all(hypothesis.holds for hypothesis in _hypotheses(claim, constants, schedule)):
        return
    where = f"{claim.name} at {constants}, N = {schedule.inner_steps}"
    try:
        bound = claim.evaluate(constants, schedule)
    except NoBound as error:
        raise AssertionError(f"{where}: {error}") from error
    assert isinstance(bound, Bound), f"{where}: evaluate must return a Bound; got {bound!r}"
    assert bound.rounding >= 0, f"{where}: the rounding is {bound.rounding}"
    again = claim.evaluate(constants, schedule)
    assert again.value == bound.value, f"{where}: {bound.value} and then {again.value}"
    if bound.value == 0:
        assert bound.log10 == -math.inf, f"{where}: the bound is 0 and its log10 {bound.log10}"
    elif math.isfinite(bound.value):
        apart = abs(math.log10(bound.value) - bound.log10)
        assert apart <= 1e-9 * max(1.0, abs(bound.log10)), f"{where}: log10 is {bound.log10} of {bound.value}"
