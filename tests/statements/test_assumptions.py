"""Assumptions 1 and 2: each row is named after what it bounds, and bounds what the family declared."""

import pytest

from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS

CLAIMS = {claim.block: claim for claim in STATEMENTS["assumptions"].claims}


@pytest.mark.parametrize(("mu", "span"), [(0.3, 1.7), (None, 4.0)])
def test_the_rows_bound_what_their_names_say(mu: float | None, span: float) -> None:
    """The row of the curvature is L - mu; without mu the smallest curvature allowed is -L."""
    constants = Constants(mu, 2.0, 0.7, 0.5, 1.5)
    declared = {name: claim.evaluate(constants, Schedule(0.1, 1)).value for name, claim in CLAIMS.items()}
    assert declared == {"L - mu": pytest.approx(span), "L": 2.0, "rho": 0.7, "tau": 0.5, "M": 1.5}
    assert all(claim.quantity == f"constants/{name}" for name, claim in CLAIMS.items())
    assert all(claim.name.split("/")[1] == name for name, claim in CLAIMS.items())
