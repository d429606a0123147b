"""A guarantee that rests on declared constants says which of them are false, and which no certificate reaches."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.constants import Constants, Knowledge, Region
from anil_theory.own_losses import study_losses
from anil_theory.own_losses.admission import admit
from anil_theory.own_losses.advising import _guaranteed
from anil_theory.own_losses.auditing import AuditedConstant
from anil_theory.own_losses.declaring import doubts
from anil_theory.own_losses.following import problem_on
from tests.own_losses.test_quadratic_losses import FEW


def audited(declared: float | None, extreme: float, certified: float | None) -> AuditedConstant:
    return AuditedConstant("L", declared, "declared", extreme, "points", None, certified, declared, "")


def test_what_is_proved_or_not_declared_raises_no_doubt() -> None:
    assert doubts({"L": audited(2.0, 1.5, 1.9), "mu": audited(0.5, 0.7, 0.6), "M": audited(None, 1.0, None)}) == ""


def test_a_certificate_that_does_not_reach_a_declaration_is_named() -> None:
    assert (
        doubts({"L": audited(1.1, 1.0, 21.5)})
        == "as declared, not proved: the certificate of L = 1.1 reaches only 21.5"
    )
    assert doubts({"mu": audited(0.5, 0.7, 0.1)}).endswith("the certificate of mu = 0.5 reaches only 0.1")
    assert doubts({"L": audited(1.1, 1.0, None)}) == "as declared, not proved: L = 1.1 has no certificate"


def test_a_declaration_that_a_point_contradicts_is_false() -> None:
    words = doubts({"mu": audited(0.5, 0.2, 0.1), "L": audited(1.1, 1.0, 1.05)})
    assert words == "it rests on declared constants that are contradicted: mu = 0.5 is false, a point shows <= 0.2"


def spike(w: Any, phi: Any, task: Any) -> Any:
    """A spike that no search sees: L is 1 in most of the ball, and 21 at w = 0.35."""
    plain = (w[0] - task["c"]) ** 2 / 2 + phi[0] ** 2 / 2
    return plain + 1e-9 * jnp.exp(-(((w[0] - 0.35) / 1e-5) ** 2))


W = jnp.array([0.3])
PHI = jnp.array([0.1])
TASKS = {"c": np.array([0.0, 1.0])}


def test_settings_on_doubtful_constants_say_so_whatever_is_estimated() -> None:
    problem = problem_on(admit(spike, spike, W, PHI, TASKS), name="spike", radius=1.0)
    for known, start in (
        (Knowledge.UPPER_BOUND, ""),
        (Knowledge.ESTIMATED, "it rests on constants that are estimated; "),
    ):
        constants = Constants(0.9, 1.1, 1.0, 0.1, 2.0, region=Region(1.0), known=known)
        settings, why_not = _guaranteed(replace(problem, constants=constants), 0.1, 1.0, "as declared, not proved: L")
        assert settings is not None and why_not == f"{start}as declared, not proved: L"


@pytest.mark.slow
def test_no_guarantee_of_a_study_goes_without_that_qualification() -> None:
    constants = {"mu": 0.9, "L": 1.1, "rho": 1.0, "tau": 0.1, "M": 2.0}
    study = study_losses(spike, W, PHI, TASKS, inner_steps=1, outer_steps=5, constants=constants, alpha=0.1, effort=FEW)
    assert study.advice is not None and study.advice.guaranteed is not None
    assert study.advice.why_not.startswith("as declared, not proved: ")
    assert "the certificate of L = 1.1 reaches only 19.99" in study.advice.why_not
    shown = " ".join(str(study).split())
    assert f"guaranteed: {study.advice.why_not}" in shown and f"the bounds: {study.advice.why_not}" in shown
