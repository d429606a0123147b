"""What statements C and D have in common: claims about errors at w_0 = w*(phi), and at a distance d_0 from it."""

import math
from collections.abc import Callable

from anil_theory._admissible import nonnegative
from anil_theory._precision import gamma
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop2_strongly_convex
from anil_theory.statements.base import Bound, Claim, Kind, MissingFact
from anil_theory.statements.contraction import contraction_factor, mixed_norm, roundings
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

DISTANCE = "|w_0 - w*(phi)|, or an upper bound of it, for example |D_w L_S(w_0)|/mu"
"""What d0 is, for who did not give it."""

OfFactor = Callable[[Constants, Schedule, float, float], Scaled]
"""constants, schedule, r and d0 -> the bound."""


def numbers(constants: Constants) -> dict[str, Scaled]:
    """L, M, mu and cbar. Raises InvalidParameter where mu is None (`contraction_factor` says so)."""
    cbar = mixed_norm(constants, Geometry.STRONGLY_CONVEX, Kind.REFINED)
    known = {"L": constants.L, "M": constants.M, "mu": constants.mu or math.nan, "cbar": cbar}
    return {name: scaled(number) for name, number in known.items()}


def apart(constants: Constants) -> Scaled:
    """2 M L/mu: each of two hypergradients is q less a vector of length at most cbar/mu |p|; |p|^2 + |q|^2 <= M^2."""
    known = numbers(constants)
    return formulas.hypergradients_apart(**{name: known[name] for name in ("L", "M", "mu")})


def error_claim(
    statement: str, block: str, quantity: str, kind: Kind, value: OfFactor, d0: float | None, *, needs: bool
) -> Claim:
    """A claim about one error.

    needs   whether it needs d0; without it such a claim raises MissingFact.
    """
    distance = nonnegative("d0", 0.0 if d0 is None else d0)
    name = f"{statement}/{block}/{kind.value}"

    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        if needs and d0 is None:
            raise MissingFact(name, "d0", DISTANCE)
        r = contraction_factor(constants, schedule, Geometry.STRONGLY_CONVEX)
        bound = RoundingRange.of(lambda r: value(constants, schedule, r, distance), r)
        further = gamma(roundings(schedule.inner_steps))
        rounded = bound.bound(roundings(schedule.inner_steps), f"d0 = {distance:g}" if needs else "d0 = 0")
        # What one step of a solver leaves is rounded too, and raised to the power N.
        return Bound(rounded.value, rounded.log10, rounded.rounding + further * rounded.value, rounded.note)

    hypotheses = prop2_strongly_convex.STATEMENT.select(Kind.EXPLICIT, "ww")[0].hypotheses
    return Claim(statement, block, kind, quantity, evaluate, hypotheses, CLAIMS[name])
