"""`check`: a statement, a problem and a schedule become rows, each a measured quantity beside its claims."""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial

from anil_theory._admissible import InvalidParameter
from anil_theory.certify.witness import is_replayable, replay_witness
from anil_theory.checks import joint_evidence
from anil_theory.checks.pairing import measurements_of
from anil_theory.checks.rows import SEVERITY, Measured, Row, halved, row_of
from anil_theory.constants import Constants
from anil_theory.estimators import Effort, Finding, Measurement, NotFinite
from anil_theory.falsifier import QUANTITY, SEEDS, Evidence, worst_evidence
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Claim, Kind, Statement
from anil_theory.tasks import SeparableFamily
from anil_theory.verdict import Outcome

NO_FACTS = Finding()

AtPoint = tuple[Finding, tuple[Claim, ...]]
"""What was measured at a point, and the claims there."""


def check(
    statement: Statement | str,
    problem: Problem,
    schedule: Schedule,
    *,
    effort: Effort | None = None,
    broken: str | None = None,
) -> list[Row]:
    """Every claim of a statement judged by every measurement of its quantity that the problem admits.

    statement   a Statement, or the name of a registered one;
    effort      how hard to measure;
    broken      a block whose bounds are halved on purpose, to show that the checker can fail.

    Claims are evaluated at the problem's constants, the schedule, and the problem's facts (`estimators.fact`). Raises
    Unmeasured when nothing measures a claim, and InvalidParameter for an unknown name, a statement about the other
    geometry, a fact that nobody knows, and a problem that no measurement can be made of.
    """
    if isinstance(statement, str):
        if statement not in STATEMENTS:
            raise InvalidParameter("statement", "one of " + ", ".join(STATEMENTS), statement)
        statement = STATEMENTS[statement]
    geometry = problem.constants.geometry
    if statement.geometry not in (None, geometry):
        raise InvalidParameter("statement", f"about the {geometry} geometry, which {problem.name} has", statement.name)
    effort = Effort() if effort is None else effort
    rows, reasons = [], []
    for measurement in measurements_of(statement):
        reason = measurement.why_not(problem, schedule)
        if reason:
            reasons.append(f"{measurement.name}: {reason}")
        else:
            rows += check_by(statement, measurement, problem, schedule, effort=effort, broken=broken)
    if not rows:
        allowed = f"one that a measurement of {statement.name} can be made of ({'; '.join(reasons)})"
        raise InvalidParameter("problem", allowed, problem.name)
    return rows


def check_by(
    statement: Statement,
    measurement: Measurement,
    problem: Problem,
    schedule: Schedule,
    *,
    effort: Effort,
    broken: str | None = None,
    regime: str = "-",
    findings: Callable[[], dict[str, Finding]] | None = None,
) -> list[Row]:
    """The rows of one measurement: one for each block of the statement that it measures.

    regime   how the inner step size was chosen, in words;
    findings returns, or raises, what was measured; default: the measurement is made here.
    """
    measure = partial(measurement.run, problem, schedule, effort) if findings is None else findings
    informed = partial(with_facts, statement, measurement, problem, schedule, effort)
    everywhere = cache(lambda: informed().claims)
    try:
        by_quantity = {quantity: finding.by_point() for quantity, finding in measure().items()}
        points = {
            quantity: [(f, informed(f).claims if f.facts else everywhere()) for f in each]
            for quantity, each in by_quantity.items()
        }
    except NotFinite as error:
        points = _nothing(statement, measurement, str(error))
    except OverflowError as error:
        reason = f"not finite: a number of this setting is beyond float64 ({error})"
        points = _nothing(statement, measurement, reason)
    common = {
        "statement": statement.name,
        "check": measurement.name,
        "geometry": problem.constants.geometry.value,
        "regime": regime if "alpha" in measurement.depends_on else "-",
        "setting": describe(problem, schedule, measurement),
    }
    rows = []
    for quantity, at_points in points.items():
        worst = _worst(quantity, problem, schedule, effort)
        for block in dict.fromkeys(claim.block for _, claims in at_points for claim in claims):
            at_each = []
            for finding, claims in at_points:
                bounds = [claim for claim in claims if claim.quantity == quantity and claim.block == block]
                if not bounds:
                    continue
                judged = Measured(
                    estimates=finding.estimates,
                    claims=tuple(_broken(bounds) if block == broken else bounds),
                    own=_evidence(finding, problem, schedule),
                    worst=worst,
                    remark=finding.remark,
                )
                at_each.append(row_of(judged, problem.constants, schedule, block=block, **common))
            rows += [min(at_each, key=_from_its_bound)] if at_each else []
    return rows


def _from_its_bound(row: Row) -> tuple[int, float]:
    """How far a row is from being refuted: its outcome, and then what is measured in units of the bound."""
    share = -math.inf if math.isnan(row.tightness) else row.tightness
    return SEVERITY.index(Outcome(row.outcome)), -share


def with_facts(
    statement: Statement,
    measurement: Measurement,
    problem: Problem,
    schedule: Schedule,
    effort: Effort,
    finding: Finding = NO_FACTS,
) -> Statement:
    """The statement with its claims at the facts of a finding, at those of its measurement, or at the problem's."""
    if not statement.facts:
        return statement
    at_point = dict(finding.facts[0]) if finding.facts else {}
    names = (*statement.facts, *statement.optional)
    others = [name for name in names if name not in at_point]
    of_setting = measurement.facts_of(others, problem, schedule, effort)
    return statement.given(**of_setting, **{name: at_point[name] for name in names if name in at_point})


def _nothing(statement: Statement, measurement: Measurement, reason: str) -> dict[str, list[AtPoint]]:
    """What there is to say when the quantities are finite at none of the points: every block, without a number."""
    quantities = dict.fromkeys(claim.quantity for claim in statement.claims)
    nothing = (Finding((), reason), statement.claims)
    return {quantity: [nothing] for quantity in quantities if measurement.measures(quantity)}


def _broken(claims: Sequence[Claim]) -> list[Claim]:
    return [claim if claim.kind is Kind.ORDER else halved(claim) for claim in claims]


def _evidence(finding: Finding, problem: Problem, schedule: Schedule) -> tuple[Evidence, ...]:
    """The estimates of the problem's own tasks, with a replay where their witness can be shown again."""
    return tuple(
        Evidence(e, partial(replay_witness, problem.tasks, schedule, e, problem.n_w))
        if is_replayable(e)
        else Evidence(e)
        for e in finding.estimates
    )


def _worst(quantity: str, problem: Problem, schedule: Schedule, effort: Effort) -> tuple[Evidence, ...]:
    """The worst instances known of a block constant, whatever the problem's own tasks reach.

    None for a problem that attains its constant itself, and for step sizes that differ between parts of w.
    """
    kind, _, block = quantity.partition("/")
    low, high = schedule.alpha_range
    if problem.attaining_point is not None or low != high:
        return ()
    if quantity == joint_evidence.QUANTITY:
        return joint_evidence.joint_evidence(problem.constants, schedule)
    if kind != QUANTITY:
        return ()
    seeds = tuple(effort.seed + further for further in SEEDS)
    try:
        return worst_evidence(problem.constants, schedule, block, seeds=seeds, longest=effort.max_inner_steps)
    except OverflowError:
        return ()


def describe(problem: Problem, schedule: Schedule, measurement: Measurement) -> str:
    """The setting in one line: the constants, and of the rest what the measurement depends on."""
    size = f"{problem.n_w}+{problem.n_phi}"
    if problem.name != SeparableFamily.name:
        size = f"{problem.name} {size}"
    text = _constants(problem.constants)
    if "lam" in measurement.depends_on and schedule.lam is not None:
        text = f"{text} lam={schedule.lam:g}"
    if "inner_steps" not in measurement.depends_on:
        return f"{text} dim {size}"
    low, high = schedule.alpha_range
    alpha = f"{low:.3g}" if low == high else f"{low:.3g}..{high:.3g}"
    text = f"{text} alpha={alpha} N={schedule.inner_steps} dim {size}"
    if not measurement.runs_outer_loop:
        return text
    drawn = f"B={schedule.batch}" if schedule.population is None else f"B={schedule.batch} of T={schedule.population}"
    return f"{text} {drawn} K={schedule.outer_steps}"


def _constants(constants: Constants) -> str:
    mu = "" if constants.mu is None else f"mu={constants.mu:g} "
    region = "" if math.isinf(constants.region.radius) else f" R={constants.region.radius:g}"
    return f"{mu}L={constants.L:g} rho={constants.rho:g} tau={constants.tau:g} M={constants.M:g}{region}"
