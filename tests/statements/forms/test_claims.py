"""One table behind the claims: numbers and LaTeX are printed from the same expressions, and those give the numbers."""

import dataclasses
import subprocess
import sys
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Kind
from anil_theory.statements import table2_cost_comparison as table2
from anil_theory.statements.base import Bound, Statement
from anil_theory.statements.forms import counts, generate, maml_smoothness, orders, symbols
from anil_theory.statements.forms.block_constants import BLOCKS
from anil_theory.statements.forms.claims import DECLARED, FORMULAS, Formula
from anil_theory.statements.forms.names import MAML
from anil_theory.statements.rates import step_sizes
from anil_theory.statements.sharp import cross_sensitivity, own_sensitivity
from tests.statements.forms.plain_evaluation import DIGITS, Evaluation
from tests.strategies import log_uniform, settings_of_theory, strongly_convex_constants

RELATIVE = 1e-12

off_the_corner = settings_of_theory().map(
    lambda setting: (setting[0], dataclasses.replace(setting[1], alpha=0.95 * setting[1].one_alpha))
)
"""Settings with r >= 0.05: at alpha mu = 1 the sums hold 0/0 and 1 - alpha mu is all rounding."""

PROPOSITION = {Geometry.STRONGLY_CONVEX: "prop2", Geometry.NONCONVEX: "prop3"}
THEOREM = {Geometry.STRONGLY_CONVEX: "thm1", Geometry.NONCONVEX: "thm2"}
RATE_KINDS = (Kind.EXPLICIT, Kind.REFINED)


def numbers_of(constants: Constants, schedule: Schedule, **further: float) -> dict[Any, Any]:
    """Every symbol whose number is given."""
    given_numbers = {
        symbols.L: constants.L,
        symbols.M: constants.M,
        symbols.rho: constants.rho,
        symbols.tau: constants.tau,
        symbols.alpha: schedule.one_alpha,
        symbols.N: schedule.inner_steps,
        symbols.K: schedule.outer_steps,
        symbols.B: schedule.batch,
    }
    if constants.mu is not None:
        given_numbers[symbols.mu] = constants.mu
    return given_numbers | {getattr(symbols, name): number for name, number in further.items()}


def evaluate(formula: Formula, numbers: dict[Any, Any]) -> Any:
    """The right-hand side of a formula through its printed definitions; X and Y, which are text, from the engine."""
    rho, tau = float(numbers[symbols.rho]), float(numbers[symbols.tau])
    one = np.ones(1)

    def X(m: int) -> float:
        return float(cross_sensitivity(float(at.entry("s", m)) * one, one, rho, tau)[0])

    def Y(m: int) -> float:
        return float(own_sensitivity(float(at.entry("s", m)) * one, one, rho, tau)[0])

    at = Evaluation(numbers, formula.definitions, {"X": X, "Y": Y})
    return at(formula.right)


def agrees(bound: Bound, exact: Any) -> bool:
    """Within the rounding that the bound admits to, and a relative 1e-12."""
    return bool(abs(mpmath.mpf(bound.value) - exact) <= bound.rounding + RELATIVE * exact)


def claims_of(statement: Statement, kind: Kind) -> dict[str, Any]:
    return {claim.block: claim for claim in statement.select(kind)}


def test_the_generated_modules_are_what_the_table_gives() -> None:
    for path, text in generate.sources().items():
        assert path.read_text(encoding="utf-8") == text, f"run python -m {generate.__name__}"


def test_every_claim_has_its_latex_from_the_table() -> None:
    claims = {claim.name: claim for statement in STATEMENTS.values() for claim in statement.claims}
    assert claims.keys() == FORMULAS.keys()
    for name, claim in claims.items():
        assert claim.latex == FORMULAS[name].latex(), name


@settings(max_examples=20)
@given(off_the_corner, st.sampled_from((Kind.EXPLICIT, Kind.REFINED, Kind.SHARP, Kind.ORDER)))
def test_the_printed_block_constants_are_the_evaluated_ones(setting: tuple[Constants, Schedule], kind: Kind) -> None:
    constants, schedule = setting
    name = PROPOSITION[constants.geometry]
    claims = claims_of(STATEMENTS[name], kind)
    with mpmath.workdps(DIGITS):
        for block in BLOCKS:
            exact = evaluate(FORMULAS[f"{name}/{block}/{kind.value}"], numbers_of(constants, schedule))
            assert agrees(claims[block].evaluate(constants, schedule), exact), block


def rate_numbers(constants: Constants, schedule: Schedule, kind: Kind, c: float, D0: float) -> dict[Any, Any]:
    """The symbols of a rate: the block constants by their own formulas, the step sizes of the schedule."""
    numbers = numbers_of(constants, schedule, c=c, D0=D0)
    for block in BLOCKS:
        formula = FORMULAS[f"{PROPOSITION[constants.geometry]}/{block}/{kind.value}"]
        numbers[symbols.BLOCK_SYMBOLS[block]] = evaluate(formula, numbers_of(constants, schedule))
    return numbers | {symbols.beta_w: schedule.beta_w, symbols.beta_phi: schedule.beta_phi}


@settings(max_examples=15)
@given(off_the_corner, st.sampled_from(RATE_KINDS), log_uniform(1e-2, 1e2), log_uniform(1e-2, 1e2))
def test_the_printed_rates_are_the_evaluated_ones(
    setting: tuple[Constants, Schedule], kind: Kind, c: float, D0: float
) -> None:
    constants, schedule = setting
    schedule = step_sizes(constants, schedule, constants.geometry, kind, c)
    name = THEOREM[constants.geometry]
    build = STATEMENTS[name].build
    assert build is not None
    claims = {claim.block: claim for claim in build(D0=D0, c=c) if claim.kind is kind}
    table_1 = claims_of(STATEMENTS["table1"].given(D0=D0), kind)
    with mpmath.workdps(DIGITS):
        numbers = rate_numbers(constants, schedule, kind, c, D0)
        for row in orders.ROWS:
            formula = FORMULAS[f"{name}/{row}/{kind.value}"]
            assert agrees(claims[row].evaluate(constants, schedule), evaluate(formula, numbers)), row
        numbers[symbols.c] = mpmath.mpf(1)  # Table 1's weight
        definitions = FORMULAS[f"{name}/w/{kind.value}"].definitions
        for term in orders.TERMS:
            formula = dataclasses.replace(FORMULAS[f"table1/{term}/{kind.value}"], definitions=definitions)
            assert agrees(table_1[term].evaluate(constants, schedule), evaluate(formula, numbers)), term


@settings(max_examples=30)
@given(off_the_corner)
def test_the_printed_orders_are_the_evaluated_ones(setting: tuple[Constants, Schedule]) -> None:
    constants, schedule = setting
    name = THEOREM[constants.geometry]
    numbers = numbers_of(constants, schedule)
    rows = claims_of(STATEMENTS[name], Kind.ORDER)
    terms = claims_of(STATEMENTS["table1"], Kind.ORDER)
    definitions = FORMULAS[f"{name}/w/order"].definitions
    with mpmath.workdps(DIGITS):
        for row in orders.ROWS:
            formula = FORMULAS[f"{name}/{row}/order"]
            assert agrees(rows[row].evaluate(constants, schedule), evaluate(formula, numbers)), row
        for term in orders.TERMS:
            exact = Evaluation(numbers, definitions)(orders.THEOREMS[constants.geometry][term])
            assert agrees(terms[term].evaluate(constants, schedule), exact), term


@given(settings_of_theory(), st.integers(1, 9), st.integers(1, 9))
def test_declared_constants_and_counts(setting: tuple[Constants, Schedule], n_w: int, n_phi: int) -> None:
    constants, schedule = setting
    numbers = numbers_of(constants, schedule) | {symbols.mu: constants.lowest_curvature}
    for name, claim in claims_of(STATEMENTS["assumptions"], Kind.DECLARED).items():
        assert agrees(claim.evaluate(constants, schedule), Evaluation(numbers)(DECLARED[name].right)), name
    numbers |= {symbols.n_w: n_w, symbols.n_phi: n_phi}
    for name, exact in table2.exact_counts(schedule, n_w, n_phi).items():
        assert exact == Evaluation(numbers)(counts.TABLE_2[name]), name


@given(strongly_convex_constants(), st.integers(1, 9), st.floats(0.01, 0.9), log_uniform(1e-2, 1e2))
def test_the_smoothness_of_maml_in_its_published_form_and_as_printed(
    constants: Constants, steps: int, share: float, gradient: float
) -> None:
    L, rho = constants.L, constants.rho
    schedule = Schedule(share * (1 / L), steps)
    numbers = numbers_of(constants, schedule) | {maml_smoothness.G: gradient}
    for name in MAML.values():
        for claim in STATEMENTS[name].given(gradient_norm=gradient).claims:
            formula = FORMULAS[claim.name]
            with mpmath.workdps(DIGITS):
                known = dict(numbers)
                for power, symbol in ((1, maml_smoothness.h_1), (2, maml_smoothness.h_2)):
                    known[symbol] = kept_curvature(constants, schedule, power * steps)
                exact = evaluate(formula, known)
                assert agrees(claim.evaluate(constants, schedule), exact), claim.name
    (sharp,) = STATEMENTS[MAML["steps"]].given(gradient_norm=gradient).claims
    with mpmath.workdps(DIGITS):
        A = 1 + mpmath.mpf(schedule.one_alpha) * L
        published = A ** (2 * steps) * L + rho / mpmath.mpf(L) * A ** (2 * steps - 1) * (A**steps - 1) * gradient
        assert agrees(sharp.evaluate(constants, schedule), published)


def kept_curvature(constants: Constants, schedule: Schedule, power: int) -> Any:
    """max h (1 - alpha h)^power over mu <= h <= L, from the three places where it can be."""
    alpha, mu, L = (mpmath.mpf(number) for number in (schedule.one_alpha, constants.mu, constants.L))
    inside = 1 / (alpha * (power + 1))
    places = [mu, L, *([inside] if mu < inside < L else [])]
    return max(h * (1 - alpha * h) ** power for h in places)


def test_a_wrong_formula_would_be_seen() -> None:
    """The comparison above tells a factor, an exponent and a misread term apart."""
    constants = Constants(0.4, 1.0, 0.7, 0.3, 1.2)
    schedule = Schedule.strongly_convex(constants, 5, outer_steps=10, batch=4)
    numbers = numbers_of(constants, schedule)
    bound = claims_of(STATEMENTS["thm1"], Kind.ORDER)["phi"].evaluate(constants, schedule)
    formula = FORMULAS["thm1/phi/order"]
    right: Any = formula.right
    assert agrees(bound, evaluate(formula, numbers))
    for wrong in (
        2 * right,
        right.subs(symbols.N, symbols.N + 1),
        right
        - orders.THEOREM_1["phi_decay"] / symbols.K
        + orders.MISREADINGS["phi_decay"]["without the term 1/mu^3"] / symbols.K,
    ):
        assert not agrees(bound, evaluate(dataclasses.replace(formula, right=wrong), numbers))


@pytest.mark.parametrize("code", ["import anil_theory.statements", "import anil_theory.advice"])
def test_the_numeric_path_does_not_load_sympy(code: str) -> None:
    use = (
        f"import sys; {code}; from anil_theory import Constants, Schedule, statements; "
        "claims = [claim for each in statements.STATEMENTS.values() for claim in each.claims]; "
        "latex = [claim.latex for claim in claims]; "
        "constants = Constants(mu=0.5, L=1.0, rho=1.0, tau=1.0, M=1.0); "
        "found = [k.evaluate(constants, Schedule(0.5, 3)) for k in statements.STATEMENTS['prop2'].claims]; "
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", use], check=False).returncode == 0
