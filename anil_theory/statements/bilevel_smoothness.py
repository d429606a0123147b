"""Statement E: the smoothness of the exact bilevel objective Phi(phi) = L_D(w*(phi), phi).

Claim: ||D^2 Phi|| <= L (1 + k^2) + (M/mu) Y(k), k = sqrt(L^2 - mu^2)/mu, with Y of the sharp constants; as
1 + k^2 = L^2/mu^2, that is L^3/mu^2 + (M/mu) Y(k). It is the limit N -> infinity of the sharp L_phiphi, and but for
rho = 0 < tau one task of 1 + 1 dimensions attains it (`--family exact-objective-witness`). EXPLICIT is the form of
Ghadimi and Wang, with the constants of A1 and A2:

    L + (2 L^2 + tau M)/mu + (rho L M + L^3 + tau M L)/mu^2 + rho L^2 M/mu^3.

Regime: Definition 2; no schedule enters. Units: those of D^2 L_D. Source: S. Ghadimi, M. Wang 2018, Lemma 2.2 in shape;
the sharp constant is derived here, docs/next_statements.md.
"""

import math

import numpy as np

from anil_theory._precision import gamma
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, Statement
from anil_theory.statements.contraction import mixed_norm
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.scaled import Scaled, scaled
from anil_theory.statements.sharp import own_sensitivity

NAME = "bilevel_smoothness"
QUANTITY = "exact_objective_lipschitz/phiphi"

OPERATIONS = 400
"""Roundings in a row behind either form, at most: those of Y's dual are some 20."""


def _hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
    return (Hypothesis("mu > 0 (w*(phi) exists)", constants.lowest_curvature),)


def _bound(value: Scaled) -> Bound:
    number = float(value)
    rounding = 0.0 if math.isinf(number) else gamma(OPERATIONS) * number
    return Bound(number, value.log10, rounding)


def _sharp(constants: Constants, schedule: Schedule) -> Bound:
    assert constants.mu is not None
    k = np.array([mixed_norm(constants, Geometry.STRONGLY_CONVEX, Kind.REFINED) / constants.mu])
    Y = float(own_sensitivity(k, np.ones(1), constants.rho, constants.tau)[0])
    numbers = {"L": scaled(constants.L), "M": scaled(constants.M), "mu": scaled(constants.mu)}
    return _bound(formulas.exact_objective(**numbers, Y=scaled(Y)))


def _explicit(constants: Constants, schedule: Schedule) -> Bound:
    names = ("L", "M", "mu", "rho", "tau")
    return _bound(formulas.ghadimi_wang(**{name: scaled(getattr(constants, name)) for name in names}))


def _claim(kind: Kind) -> Claim:
    evaluate = _sharp if kind is Kind.SHARP else _explicit
    latex = CLAIMS[f"{NAME}/phiphi/{kind.value}"]
    return Claim(NAME, "phiphi", kind, QUANTITY, evaluate, _hypotheses, latex)


STATEMENT = Statement(
    name=NAME,
    title="Smoothness of the exact bilevel objective",
    source="Ghadimi, Wang 2018, and its sharp form derived here (statement E)",
    geometry=Geometry.STRONGLY_CONVEX,
    claims=(_claim(Kind.EXPLICIT), _claim(Kind.SHARP)),
    paper="ghadimi-wang",
)
