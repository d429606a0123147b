"""The joint form as a claim: how curved L_meta is along a step, and how large the gradient of one task is.

Claim: with D = diag(beta_w I, beta_phi I), and Q and G of `joint`, every task has

    ||D^(1/2) D^2 L_meta D^(1/2)||             <=  lam = max { Q(sqrt(beta_w) a, sqrt(beta_phi) b) : a^2 + b^2 = 1 }
    beta_w ||g_w||^2 + beta_phi ||g_phi||^2    <=  M^2 max { G(sqrt(beta_w) a, sqrt(beta_phi) b) : a^2 + b^2 = 1 }.

These are the two numbers that Theorem J is made of. The first one for all steps is the joint form itself: Q is concave
in (x^2, y^2), so it is the smallest of the ellipses lam/beta_w x^2 + lam/beta_phi y^2 that lie above it.

Kind: SHARP. Both are attained where rho, tau > 0 and in the strongly convex geometry (`certify.realisation` realises
the first one along every direction; docs/theorem_bounds.md says where they are not). Regime: that of the proposition of
the geometry. Units: none, and those of a squared gradient times a step. Errors: InvalidParameter where a step size is
missing (a hypothesis says so first) and as in the propositions. Source: derived here, docs/theorem_bounds.md.
"""

import math
from collections.abc import Callable

from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop2_strongly_convex, prop3_nonconvex
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, Statement
from anil_theory.statements.contraction import contraction_factor, roundings
from anil_theory.statements.forms.names import JOINT_FORM
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.joint import Form, Which
from anil_theory.statements.rates import FURTHER_ROUNDINGS, betas_of
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

QUANTITY = "joint_form"
"""Claims bound "joint_form/curvature" and "joint_form/gradient", at the outer steps of the schedule."""


def largest_direction(constants: Constants, schedule: Schedule, geometry: Geometry) -> tuple[float, float]:
    """The (x, y) with x^2/beta_w + y^2/beta_phi = 1 at which Q is largest, to some 1e-9 of Q.

    Raises InvalidParameter where a step size is missing, and as `contraction_factor` does.
    """
    beta_w, beta_phi = betas_of(schedule, phi=True)
    form = Form.of(constants, schedule, geometry)
    slope = form.steepest("curvature", beta_w / beta_phi)
    length = math.hypot(1 / math.sqrt(beta_w), slope / math.sqrt(beta_phi))
    return 1 / length, slope / length


def _bound(constants: Constants, schedule: Schedule, geometry: Geometry, which: Which) -> Bound:
    beta_w, beta_phi = betas_of(schedule, phi=True)
    kappa = beta_w / beta_phi
    slopes = Form.of(constants, schedule, geometry).slopes(which, kappa)
    size = scaled(1.0) if which == "curvature" else scaled(constants.M) * constants.M

    def at(r: float) -> Scaled:
        form = Form.of(constants, schedule, geometry, r)
        return form.unit * form.above(which, kappa, slopes) * beta_w * size

    r = contraction_factor(constants, schedule, geometry)
    return RoundingRange.of(at, r).bound(roundings(schedule.inner_steps) + FURTHER_ROUNDINGS)


def _statement(geometry: Geometry) -> Statement:
    name = JOINT_FORM[geometry]
    proposition = prop2_strongly_convex if geometry is Geometry.STRONGLY_CONVEX else prop3_nonconvex
    inner = proposition.STATEMENT.select(Kind.SHARP, "ww")[0].hypotheses

    def hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
        steps = (("beta_w", schedule.beta_w), ("beta_phi", schedule.beta_phi))
        absent = tuple(Hypothesis(f"{name} is given", float("-inf")) for name, beta in steps if beta is None)
        return (*inner(constants, schedule), *absent)

    def evaluator(which: Which) -> Callable[[Constants, Schedule], Bound]:
        return lambda constants, schedule: _bound(constants, schedule, geometry, which)

    def claim(which: Which) -> Claim:
        latex = CLAIMS[f"{name}/{which}/sharp"]
        return Claim(name, which, Kind.SHARP, f"{QUANTITY}/{which}", evaluator(which), hypotheses, latex)

    return Statement(
        name=name,
        title=f"Curvature and gradient along both blocks at once, {geometry.value.replace('-', ' ')} inner loss",
        source="derived here: the joint form behind Theorem J",
        geometry=geometry,
        claims=(claim("curvature"), claim("gradient")),
    )


CONVEX = _statement(Geometry.STRONGLY_CONVEX)
NONCONVEX = _statement(Geometry.NONCONVEX)
