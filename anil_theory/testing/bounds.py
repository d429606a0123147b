"""What a bound on a block of the meta-gradient must keep: losses that satisfy the assumptions reach no more."""

import math
from collections.abc import Callable

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._precision import float64
from anil_theory.constants import Constants
from anil_theory.falsifier import worst_evidence
from anil_theory.schedule import Schedule
from anil_theory.statements import Bound

BLOCKS = ("ww", "wphi", "phiw", "phiphi")

OwnBound = Callable[[Constants, Schedule], Bound | float]
"""A bound of one's own: a number for each setting of the theory."""


def reached(constants: Constants, schedule: Schedule, block: str = "ww") -> float:
    """What the Lipschitz constant of a block reaches on losses with these constants; never more than the sharp bound.

    block   "ww", "wphi", "phiw" or "phiphi": the first letter names the part of the meta-gradient, the rest what moves.

    The losses are those of `certify.realisation`; their value is enclosed in ball arithmetic, and this is its lower
    end. It is 0 where no such losses are known: for mu > 0.9 L, and where numbers overflow. Raises InvalidParameter
    for an unknown block and for constants on a ball.
    """
    one_of("block", block, BLOCKS)
    if math.isfinite(constants.region.radius):
        raise InvalidParameter("constants", "those of the whole space", constants)
    # Numbers go in and a number comes out: the types of the caller's own arrays stay as they are.
    with float64():
        values = [evidence.estimate.value for evidence in worst_evidence(constants, schedule, block, seeds=())]
    return max(values, default=0.0)


def conforms_bound(bound: OwnBound, constants: Constants, schedule: Schedule, block: str = "ww") -> None:
    """A bound of one's own is a number that losses with these constants do not exceed.

    bound   `bound(constants, schedule)`, a float or a `Bound`; block as in `reached`.

    A bound that passes is not proved. One that is too small by more than some 0.1 % fails, unless the constants are
    among those where `reached` knows no losses.
    """
    evaluated = bound(constants, schedule)
    value = evaluated.value + evaluated.rounding if isinstance(evaluated, Bound) else float(evaluated)
    least = reached(constants, schedule, block)
    assert not math.isnan(value), f"the bound on {block} is NaN"
    assert value >= least, f"the bound on {block} is {value:.6g}, and losses with these constants reach {least:.6g}"
