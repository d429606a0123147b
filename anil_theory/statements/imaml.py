"""Statement F: the implicit meta-gradient of iMAML, how far an approximation is off, and how smooth its objective is.

Claim: let w* = argmin_w L_S(w) + lam/2 |w - w_0|^2, H = D_w^2 L_S and g(x) = (I + H(x)/lam)^(-1) D_w L_D(x), so that
g(w*) is the gradient of L_D(w*(w_0)). Where the curvature of L_S in w is at least h > -lam (h = mu, or h = -L), let
k = lam/(lam + h). Then, at a point x at the distance d from w*,

    |g(x) - g(w*)| <= (k L + k^2 rho M/lam) d                                     slope (per unit of d), distance
                   <= 2 k M max_t (x + t y)/(1 + t^2 c/(c - t))                   distance, refined
       over 0 <= t < c, x = min(1, L d/(2 M)), y = sqrt(1 - x^2), c = k delta/(2 lam), delta = min(rho d, L - h);
    |g(w_N) - g(w*)| <= (k L + k^2 rho M/lam) r^N |D_w L_S(w_0)|/(lam + h)        steps
       after N gradient steps from w_0, r = max(1 - alpha (lam + h), alpha (lam + L) - 1), at any alpha;
    |solver's - g(w*)| <= k M q^N, q = (L - h)/(L + lam)                          neumann, N terms, step 1/(L + lam)
                       <= 2 sqrt(kappa) k M q^N, kappa = (L + lam)/(lam + h)      cg, N steps
                          with q = (sqrt(kappa) - 1)/(sqrt(kappa) + 1);
    ||D^2 L_D(w*(w_0))|| <= k^2 L + k^3 rho M/lam                                 smoothness.

What is off in w and in the linear solve adds up. Regime: both geometries, lam > -h; with lam <= -h nothing of this
holds, w* may jump (docs/next_statements.md). lam is the schedule's. Kind: SHARP where tasks attain it
(`tasks.proximal_witness`). Units: those of D_w L_D, and of D_w^2 L_D. Source: the setting of A. Rajeswaran, C. Finn,
S. Kakade, S. Levine 2019; constants derived here, docs/next_statements.md.
"""

import math
from collections.abc import Callable

from anil_theory._admissible import nonnegative
from anil_theory._precision import gamma
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.contraction import roundings
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

NAME = "imaml"

OPERATIONS = 60
"""Roundings in a row behind a bound without a power, at most."""

MEANINGS = {"d": "the distance of the point from w*", "slope": "|D_w L_S(w_0)|, or an upper bound of it"}
"""What the facts are."""

Value = Callable[[Constants, Schedule], Bound]


def _hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    """lam > l = max(-h, 0); where lam equals l, it fails by the distance to the next number."""
    if schedule.lam is None:
        return (Hypothesis("lam > 0, the weight of iMAML's proximal term, which the schedule has not", -math.inf),)
    concave = max(-constants.lowest_curvature, 0.0)
    condition = f"lam > l = {concave:g}, where the curvature of L_S in w is at least -l"
    return (Hypothesis(condition, schedule.lam - math.nextafter(concave, math.inf)),)


def _numbers(constants: Constants, schedule: Schedule) -> dict[str, Scaled]:
    """L, M, lam, rho, and k = lam/(lam + h), whose sum of two given numbers rounds once."""
    lam = schedule.proximal_weight
    k = lam / (lam + constants.lowest_curvature)
    known = {"L": constants.L, "M": constants.M, "lam": lam, "rho": constants.rho, "k": k}
    return {name: scaled(number) for name, number in known.items()}


def _without(numbers: dict[str, Scaled], *names: str) -> dict[str, Scaled]:
    return {name: number for name, number in numbers.items() if name not in names}


def _bound(value: Scaled, operations: int, note: str = "") -> Bound:
    number = float(value)
    rounding = 0.0 if math.isinf(number) else gamma(operations) * number + math.ulp(0.0)
    return Bound(number, value.log10, rounding, note)


def _slope(constants: Constants, schedule: Schedule) -> Bound:
    return _bound(formulas.imaml_slope(**_numbers(constants, schedule)), OPERATIONS)


def _smoothness(constants: Constants, schedule: Schedule) -> Bound:
    return _bound(formulas.imaml_smoothness(**_numbers(constants, schedule)), OPERATIONS)


def _proportional(d: float) -> Value:
    def value(constants: Constants, schedule: Schedule) -> Bound:
        far = formulas.imaml_far(**_numbers(constants, schedule), d=scaled(d))
        return _bound(far, OPERATIONS, f"d = {d:g}")

    return value


def _by_angles(d: float) -> Value:
    def value(constants: Constants, schedule: Schedule) -> Bound:
        numbers = {name: float(number) for name, number in _numbers(constants, schedule).items()}
        moved = min(constants.rho * d, constants.L - constants.lowest_curvature)
        c = formulas.imaml_turn(k=numbers["k"], lam=numbers["lam"], moved=moved)
        diameter = 2 * constants.M
        x = constants.L * d / diameter if constants.L * d < diameter else 1.0
        y = math.sqrt((1 - x) * (1 + x))
        # Where c or y is 0, whatever stands in the root's place is multiplied by 0: 2 k M x is left.
        root = (formulas.imaml_root(c=c, x=x, y=y) if c and y else 0.0) or 1.0
        near = formulas.imaml_near(M=constants.M, R=root, c=c, k=numbers["k"], x=x, y=y)
        return _bound(scaled(near), OPERATIONS, f"d = {d:g}")

    return value


def _after_steps(slope: float) -> Value:
    def value(constants: Constants, schedule: Schedule) -> Bound:
        numbers, N = _numbers(constants, schedule), schedule.inner_steps
        lam, alpha = float(numbers["lam"]), schedule.one_alpha
        lowest, highest = alpha * (lam + constants.lowest_curvature), alpha * (lam + constants.L)
        r = max(1 - lowest, highest - 1)

        def at(r: float) -> Scaled:
            return formulas.imaml_steps(**numbers, N=N, r=scaled(r), slope=scaled(slope))

        return RoundingRange.of(at, r).bound(roundings(N), f"|D L_S(w_0)| = {slope:g}")

    return value


def _series(constants: Constants, schedule: Schedule) -> Bound:
    numbers, N = _numbers(constants, schedule), schedule.inner_steps
    q = (constants.L - constants.lowest_curvature) / (constants.L + float(numbers["lam"]))
    left = formulas.imaml_series(**_without(numbers, "L", "lam", "rho"), N=N, q=scaled(q))
    return _bound(left, roundings(N))


def _conjugate(constants: Constants, schedule: Schedule) -> Bound:
    numbers, N = _numbers(constants, schedule), schedule.inner_steps
    lam = float(numbers["lam"])
    roots = math.sqrt(lam + constants.L) + math.sqrt(lam + constants.lowest_curvature)
    # The product of the difference and the sum of the roots over the sum's square: nothing cancels.
    q = (constants.L - constants.lowest_curvature) / roots**2
    return _bound(formulas.imaml_conjugate(**_without(numbers, "rho"), N=N, q=scaled(q)), roundings(N))


def _claim(block: str, kind: Kind, quantity: str, evaluate: Value) -> Claim:
    return Claim(NAME, block, kind, quantity, evaluate, _hypotheses, CLAIMS[f"{NAME}/{block}/{kind.value}"])


def _needing(name: str, fact: str, known: float | None, make: Callable[[float], Value]) -> Value:
    """The bound at a fact; without it, MissingFact."""
    if known is not None:
        return make(nonnegative(fact, known))

    def missing(constants: Constants, schedule: Schedule) -> Bound:
        raise MissingFact(f"{NAME}/{name}", fact, MEANINGS[fact])

    return missing


def claims(d: float | None = None, slope: float | None = None) -> tuple[Claim, ...]:
    """The claims at a distance d >= 0 from w*, and for |D_w L_S(w_0)| = slope."""
    explicit = _needing("distance/explicit", "d", d, _proportional)
    refined = _needing("distance/refined", "d", d, _by_angles)
    steps = _needing("steps/explicit", "slope", slope, _after_steps)
    return (
        _claim("slope", Kind.SHARP, "imaml_error/slope", _slope),
        _claim("distance", Kind.EXPLICIT, "imaml_error/distance", explicit),
        _claim("distance", Kind.REFINED, "imaml_error/distance", refined),
        _claim("steps", Kind.EXPLICIT, "imaml_error/steps", steps),
        _claim("neumann", Kind.SHARP, "imaml_error/neumann", _series),
        _claim("cg", Kind.EXPLICIT, "imaml_error/cg", _conjugate),
        _claim("smoothness", Kind.SHARP, "imaml_lipschitz/ww", _smoothness),
    )


STATEMENT = Statement(
    name=NAME,
    title="The implicit meta-gradient of iMAML: its error and its smoothness",
    source="Rajeswaran, Finn, Kakade, Levine 2019, constants derived here (statement F)",
    geometry=None,
    claims=claims(),
    facts=("d", "slope"),
    build=claims,
    paper="imaml",
)
