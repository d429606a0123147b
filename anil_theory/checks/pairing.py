"""Which measurements serve a statement: those of the quantities that its claims bound."""

from anil_theory._registry import ExtensionError
from anil_theory.estimators import MEASUREMENTS, Measurement
from anil_theory.statements import Kind, Statement


class Unmeasured(ExtensionError):
    """A claim bounds a quantity that nothing measures, so that it would be listed and never be judged."""


def measurements_of(statement: Statement) -> tuple[Measurement, ...]:
    """The registered measurements of the statement's quantities, in the order of registration.

    Raises Unmeasured when a claim other than an order bounds a quantity that no measurement measures.
    """
    quantities = dict.fromkeys(claim.quantity for claim in statement.claims if claim.kind is not Kind.ORDER)
    for quantity in quantities:
        if not any(measurement.measures(quantity) for measurement in MEASUREMENTS.values()):
            known = ", ".join(dict.fromkeys(q for m in MEASUREMENTS.values() for q in m.quantities))
            raise Unmeasured(f"statement {statement.name!r} bounds {quantity!r}, which nothing measures ({known} are)")
    serving = [m for m in MEASUREMENTS.values() if any(m.measures(quantity) for quantity in quantities)]
    return tuple(serving)
