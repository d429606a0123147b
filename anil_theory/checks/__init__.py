"""Where claims meet measurements: paired by quantity, evaluated with the problem's facts, judged, laid out in rows."""

from anil_theory._registry import BUILT_IN, registering_from
from anil_theory.certify import bilevel_measurements, population_rate
from anil_theory.checks import oracle_counts, rate_terms
from anil_theory.checks.checking import check, check_by, describe
from anil_theory.checks.pairing import Unmeasured, measurements_of
from anil_theory.checks.rows import SEVERITY, Row, halved
from anil_theory.estimators import MEASUREMENTS

with registering_from(BUILT_IN):
    MEASUREMENTS.register(rate_terms.MEASUREMENT)
    MEASUREMENTS.register(oracle_counts.MEASUREMENT)
    MEASUREMENTS.register(population_rate.MEASUREMENT)
    MEASUREMENTS.register(bilevel_measurements.OBJECTIVE_MEASUREMENT)
    MEASUREMENTS.register(bilevel_measurements.ERROR_MEASUREMENT)
    MEASUREMENTS.register(bilevel_measurements.PROXIMAL_MEASUREMENT)

__all__ = [
    "MEASUREMENTS",
    "SEVERITY",
    "Row",
    "Unmeasured",
    "check",
    "check_by",
    "describe",
    "halved",
    "measurements_of",
]
