"""Functions that realise the local maximisers: their constants, and the meta-gradient's own difference quotient."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory import Constants, InvalidParameter, Schedule, falsifier
from anil_theory.certify import realisation
from anil_theory.certify.realisation import ENTRIES, block_entry, difference_quotient, realise, short_span
from anil_theory.estimators import Direction
from anil_theory.estimators.local_witness import unit_sphere
from anil_theory.estimators.tensor_norms import spectral_norms
from anil_theory.statements import Kind, block_bound, blocks
from anil_theory.tasks.log_cut import LogCutForms, cutoff, log_cut_value
from tests.strategies import settings_of_theory


@pytest.mark.parametrize("mu", [0.2, None])
@pytest.mark.parametrize("block", ["ww", "wphi", "phiphi"])
def test_the_difference_quotient_reaches_the_sharp_constant(mu: float | None, block: str) -> None:
    constants = Constants(mu, 1.0, 1.0, 0.5, 1.0)
    schedule = Schedule.paper(constants, 2)
    sharp = float(getattr(blocks(constants, schedule, constants.geometry, Kind.SHARP), block))
    quotient = difference_quotient(realise(constants, schedule, block))
    assert 0.9999 * sharp < quotient.low <= quotient.high < sharp
    assert quotient.width < 1e-12 * sharp


def at_zero(forms: LogCutForms) -> LogCutForms:
    """The forms of the first point, which lies at 0, as float64 numbers; slopes do not enter second derivatives."""
    first = {name: jnp.asarray(getattr(forms, name)[:1]) for name in ("linear", "quadratic", "cubic")}
    plain = {name: jnp.asarray(getattr(forms, name)) for name in ("base", "log_radii", "span", "weights")}
    return LogCutForms(slope=jnp.zeros(3), centres=jnp.zeros((1, 3)), **first, **plain)


BY_DEFAULT = ((0.2, "ww", 0.4), (None, "wphi", 0.4), (0.2, "phiphi", 0.0), (None, "phiphi", 0.4))
EVERY = tuple((mu, block, tau) for mu in (0.2, None) for block in ("ww", "wphi", "phiphi") for tau in (0.4, 0.0))


@pytest.mark.parametrize(
    ("mu", "block", "tau"),
    [case if case in BY_DEFAULT else pytest.param(*case, marks=pytest.mark.slow) for case in EVERY],
)
def test_the_realised_losses_keep_the_assumptions_everywhere(mu: float | None, block: str, tau: float) -> None:
    """Derivatives by autodiff of the loss itself, at directions x distances from far inside to far outside.

    A short span, so that float64 reaches every distance (the construction is the same at any span).
    """
    constants = Constants(mu, 1.3, 0.9, tau, 1.7)
    realised = realise(constants, Schedule.paper(constants, 1), block, span=60.0)
    support, query = at_zero(realised.task.support), at_zero(realised.task.query)
    directions = unit_sphere(3, 40)

    def sweep(forms: LogCutForms) -> tuple[np.ndarray, ...]:
        f = lambda z: log_cut_value(z, forms)  # noqa: E731
        low, high = float(forms.log_radii.min()) - 70, float(forms.log_radii.max()) + 5
        z = np.concatenate([np.exp(d) * directions for d in np.linspace(low, high, 300)])
        each = jax.jit(jax.vmap(lambda z: (jax.grad(f)(z), jax.hessian(f)(z), jax.jacfwd(jax.hessian(f))(z))))
        return tuple(np.asarray(x) for x in each(jnp.asarray(z)))

    slack = 1 + 1e-7
    _, D2, D3 = sweep(support)
    assert np.linalg.norm(D2, ord=2, axis=(1, 2)).max() <= constants.L * slack
    assert np.linalg.eigvalsh(D2[:, :2, :2]).min() >= constants.lowest_curvature - 1e-7
    assert spectral_norms(D3[:, :2, :2]).max() <= constants.rho * slack
    assert spectral_norms(D3[:, :2, 2:]).max() <= constants.tau * slack + 1e-12
    gradient, D2, _ = sweep(query)
    assert np.linalg.norm(gradient, axis=1).max() <= constants.M * slack
    assert np.linalg.norm(D2, ord=2, axis=(1, 2)).max() <= constants.L * slack


def test_the_cut_off_is_one_inside_zero_outside_and_differentiable_at_the_centre() -> None:
    f = lambda x: cutoff(x @ x, jnp.asarray(0.0), jnp.asarray(10.0))  # noqa: E731
    assert f(jnp.array([1e-5, 0.0])) == 1 and f(jnp.array([1.0, 1.0])) == 0
    assert jnp.array_equal(jax.grad(f)(jnp.zeros(2)), jnp.zeros(2))
    assert 0 < f(jnp.array([1e-2, 0.0])) < 1


@pytest.mark.parametrize(("mu", "rho"), [(0.2, 0.8), (None, 0.8), (0.2, 0.0), (None, 0.0)])
@pytest.mark.parametrize("block", list(ENTRIES))
def test_degenerate_constants_are_realised_with_one_mixed_derivative(mu: float | None, rho: float, block: str) -> None:
    """Strongly convex they are sharp; nonconvex not, but the one-step block is."""
    constants = Constants(mu, 1.0, rho, 0.0, 1.0)
    for N in (1, 4):
        schedule = Schedule.paper(constants, N)
        sharp = float(getattr(blocks(constants, schedule, constants.geometry, Kind.SHARP), block))
        realised = realise(constants, schedule, block, span=400.0)
        entry, quotient = block_entry(realised), difference_quotient(realised)
        assert entry.low <= sharp and quotient.low == pytest.approx(entry.low, rel=1e-9)
        assert entry.low > (0.999 if mu or N == 1 or block == "ww" else 0.97) * sharp


@pytest.mark.parametrize("mu", [0.3, None])
@pytest.mark.parametrize("block", list(ENTRIES))
def test_the_entry_by_the_chain_rule_is_what_the_algorithm_shows(mu: float | None, block: str) -> None:
    """Two routes that share the losses only: derivatives at the centres, and ANIL itself at two points."""
    constants = Constants(mu, 1.3, 0.9, 0.4, 1.7)
    realised = realise(constants, Schedule.paper(constants, 3), block, span=short_span(constants))
    entry, quotient = block_entry(realised), difference_quotient(realised)
    assert entry.width <= 1e-15 * entry.high
    assert quotient.low == pytest.approx(entry.low, rel=1e-9)


@given(settings_of_theory(), st.sampled_from(list(ENTRIES)))
@settings(max_examples=40, deadline=None)
def test_no_realised_entry_exceeds_the_sharp_constant(setting: tuple[Constants, Schedule], block: str) -> None:
    """Whatever the constants: a value above would be a fault of the losses, or of the bound."""
    constants, schedule = setting
    bound = block_bound(constants, schedule, constants.geometry, Kind.SHARP, block)
    try:
        realised = realise(constants, schedule, block, span=400.0)
    except InvalidParameter:
        assert constants.mu is not None and constants.mu > 0.9 * constants.L
        return
    assert block_entry(realised).low <= bound.value + bound.rounding


def test_a_fast_cut_off_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="span"):
        realise(Constants(None, 1.0, 1.0, 1.0, 1.0), Schedule(0.1, 2), "ww", span=10.0)


def test_a_difference_quotient_needs_no_derivative_of_the_meta_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it is a lower bound for kinked losses too: it is the quotient itself. A kink lies between its two points.

    L_S = 0.3 |w - 0.1| and L_D = (w + phi)^2/2 at alpha = 1: the step goes to the right from w = 0 and to the left
    from w = 1/4, so that the quotient is |1/4 - 0.6|/(1/4) = 1.4. Automatic differentiation gives 1 on either side.
    """
    monkeypatch.setattr(realisation, "support_loss", lambda w, phi, task: 0.3 * jnp.abs(w[0] - 0.1))
    monkeypatch.setattr(realisation, "query_loss", lambda w, phi, task: 0.5 * (w[0] + phi[0]) ** 2)
    constants = Constants(None, 1.0, 1.0, 0.5, 1.0)
    realised = realise(constants, Schedule(1.0, 1), "ww", span=60.0)
    shown = difference_quotient(replace(realised, log_step=math.log(0.25), bits=200))
    assert shown.low <= 1.4 * (1 + 1e-12) and shown.high >= 1.4 * (1 - 1e-12) and shown.width < 1e-12


def test_what_is_realised_is_a_lower_estimate_and_nothing_more() -> None:
    """It refutes or is consistent: it confirms no bound."""
    constants = Constants(None, 1.0, 1.0, 0.5, 1.0)
    evidence = falsifier._realised(constants, Schedule.paper(constants, 2), "ww")
    assert evidence is not None and evidence.estimate.direction is Direction.LOWER
    assert evidence.replay is not None and evidence.replay().low == evidence.estimate.value
