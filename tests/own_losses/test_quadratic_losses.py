"""Losses that are exactly quadratic: rho = tau = 0 is certified, and rows say why they are not judged."""

from dataclasses import replace
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from anil_theory.constants import Knowledge
from anil_theory.estimators import Budget
from anil_theory.own_losses import LossStudy, StudyEffort, study_losses
from anil_theory.own_losses.auditing import _interval

FEW = StudyEffort(
    samples=40,
    steps=8,
    starts=1,
    iterations=10,
    blocks=Budget(pairs=2, points=2, lanczos_steps=2, starts=1, iterations=5),
    segments=4,
    short_run=10,
)


def quadratic(w: Any, phi: Any, task: Any) -> Any:
    return (w[0] - task["c"]) ** 2 / 2 + phi[0] ** 2 / 2


@cache
def study(alpha: float, inner_steps: int) -> LossStudy:
    start = jnp.array([0.3]), jnp.array([0.1])
    return study_losses(
        quadratic, *start, {"c": np.array([0.0, 1.0])}, alpha=alpha, inner_steps=inner_steps, outer_steps=5, effort=FEW
    )


def test_rho_and_tau_of_a_quadratic_are_certified_as_zero() -> None:
    audited = study(0.5, 5).audited
    assert {audited[name].direction for name in ("rho", "tau")} == {"certified"}
    assert audited["rho"].value == audited["tau"].value == 0.0
    assert study(0.5, 5).constants.known is Knowledge.CERTIFIED


def test_iterates_of_a_contraction_are_enclosed_in_their_ball() -> None:
    """The farthest iterate is 0.81 of the radius away: intervals alone reach to twice the radius."""
    enclosed = {row.block: row for row in study(0.5, 5).rows if row.check == "enclosed"}
    assert {row.outcome for row in enclosed.values()} <= {"CONFIRMED", "INCONCLUSIVE"}
    assert enclosed["phiphi"].outcome == enclosed["ww"].outcome == "CONFIRMED"
    assert "NOT_APPLICABLE" not in str(study(0.5, 5))


def test_every_row_that_is_not_judged_gives_its_reason() -> None:
    first, second, *_ = study(0.5, 5).rows
    unjudged = (
        replace(first, outcome="NOT_APPLICABLE", reason="fails by <0.8>"),
        replace(second, outcome="INCONCLUSIVE", reason="not proved"),
    )
    shown = replace(study(0.5, 5), rows=unjudged)
    assert "NOT_APPLICABLE, prop2 (w, w, found): fails by <0.8>" in str(shown)
    assert "INCONCLUSIVE, prop2 (w, phi, found): not proved" in str(shown)
    assert "fails by &lt;0.8&gt;" in shown._repr_html_()


def test_an_extrapolated_interval_is_cut_to_what_is_seen_and_proved() -> None:
    tail = np.random.default_rng(0).uniform(0.0, 1.0, 400) ** 3
    whole, remark = _interval("L", tail, 0.0, None, 0)
    assert whole is not None and remark == ""
    seen = whole[0] / 2 + whole[1] / 2
    proved = whole[0] / 4 + 3 * whole[1] / 4
    assert _interval("L", tail, seen, proved, 0) == ((seen, proved), "")
    assert _interval("mu", -tail, -seen, -proved, 0) == ((-proved, -seen), "")
