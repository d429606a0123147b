"""The realised losses as evidence about the joint form: the largest curvature of L_meta along a step that is known.

The direction is that of the largest Q; the curvature along it is enclosed in ball arithmetic from the losses' own
derivatives (`certify.realisation`), so that a bound that is a little too small is refuted by a function.
"""

import math
from functools import lru_cache

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory._precision import gamma
from anil_theory.certify.realisation import block_entry, realise_joint, short_span
from anil_theory.constants import Constants
from anil_theory.estimators import Direction, Estimate, Witness
from anil_theory.falsifier import Evidence
from anil_theory.schedule import Schedule
from anil_theory.statements.joint_form import largest_direction

QUANTITY = "joint_form/curvature"

DIRECTION_ROUNDINGS = 8
"""Roundings in the length of the direction, which enters squared."""


def joint_evidence(constants: Constants, schedule: Schedule) -> tuple[Evidence, ...]:
    """One instance, or none: on a ball, without both step sizes, and where no losses are known."""
    if math.isfinite(constants.region.radius) or schedule.beta_w is None or schedule.beta_phi is None:
        return ()
    short = Schedule(schedule.one_alpha, schedule.inner_steps, beta_w=schedule.beta_w, beta_phi=schedule.beta_phi)
    return _evidence(constants, short)


@lru_cache(maxsize=1024)
def _evidence(constants: Constants, schedule: Schedule) -> tuple[Evidence, ...]:
    span = short_span(constants)
    try:
        with np.errstate(divide="raise", invalid="raise", over="raise"):
            x, y = largest_direction(constants, schedule, constants.geometry)
            realised = realise_joint(constants, schedule, x, y, span=span)
    except (InvalidParameter, ArithmeticError):
        return ()
    enclosure = block_entry(realised)
    if not math.isfinite(enclosure.low) or enclosure.low < 0:
        return ()
    direction = [0.0, x, y]
    estimate = Estimate(
        QUANTITY,
        enclosure.low,
        Direction.LOWER,
        method="realised losses",
        rounding=gamma(DIRECTION_ROUNDINGS) * enclosure.low,
        witness=Witness({"z": [0.0] * 3, "u": direction, "v": direction}, 0),
    )
    losses = {"construction": "certify.realisation.realise_joint", "x": x, "y": y, "span": span}
    return (Evidence(estimate, lambda: enclosure, losses | {"audit": realised.audit}),)
