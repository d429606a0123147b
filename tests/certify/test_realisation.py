"""Functions that realise the local maximisers: their constants, and the meta-gradient's own difference quotient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory import Constants, InvalidParameter, Schedule
from anil_theory.certify.realisation import cut_norms, difference_quotient, realise
from anil_theory.estimators.local_witness import unit_sphere
from anil_theory.estimators.tensor_norms import spectral_norms
from anil_theory.statements import Kind, blocks
from anil_theory.tasks.log_cut import LogCutForms, cutoff, log_cut_value


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
    plain = {name: jnp.asarray(getattr(forms, name)) for name in ("base", "log_radii", "span")}
    return LogCutForms(slope=jnp.zeros(3), centres=jnp.zeros((1, 3)), **first, **plain)


@pytest.mark.parametrize("mu", [0.2, None])
@pytest.mark.parametrize("block", ["ww", "wphi", "phiphi"])
def test_the_realised_losses_keep_the_assumptions_everywhere(mu: float | None, block: str) -> None:
    """Derivatives by autodiff of the loss itself, at directions x distances from far inside to far outside.

    A short span, so that float64 reaches every distance (the construction is the same at any span).
    """
    constants = Constants(mu, 1.3, 0.9, 0.4, 1.7)
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
    assert np.linalg.norm(D2[:, :2], ord=2, axis=(1, 2)).max() <= constants.L * slack
    assert np.linalg.eigvalsh(D2[:, :2, :2]).min() >= constants.lowest_curvature - 1e-7
    assert spectral_norms(D3[:, :2, :2]).max() <= constants.rho * slack
    assert spectral_norms(D3[:, :2, 2:]).max() <= constants.tau * slack
    gradient, D2, _ = sweep(query)
    assert np.linalg.norm(gradient, axis=1).max() <= constants.M * slack
    assert np.linalg.norm(D2, ord=2, axis=(1, 2)).max() <= constants.L * slack


def test_a_slow_cut_off_costs_little_and_a_fast_one_more() -> None:
    form = np.zeros((3, 3, 3))
    form[0, 0, 0] = 1.0
    slow, fast = cut_norms(form, 4000.0, 2), cut_norms(form, 50.0, 2)
    assert slow["rho"] == pytest.approx(1, abs=1e-6) and fast["rho"] >= 1 - 1e-12
    # A form in w alone gets a mixed block from the cut-off, which varies with phi too: of the order of 1/span.
    assert 0 < slow["tau"] < 2e-4 < 5e-3 < fast["tau"]


def test_the_cut_off_is_one_inside_zero_outside_and_differentiable_at_the_centre() -> None:
    f = lambda x: cutoff(x @ x, jnp.asarray(0.0), jnp.asarray(10.0))  # noqa: E731
    assert f(jnp.array([1e-5, 0.0])) == 1 and f(jnp.array([1.0, 1.0])) == 0
    assert jnp.array_equal(jax.grad(f)(jnp.zeros(2)), jnp.zeros(2))
    assert 0 < f(jnp.array([1e-2, 0.0])) < 1


@pytest.mark.parametrize(("changes", "name"), [({"rho": 0.0}, "rho"), ({"tau": 0.0}, "tau")])
def test_degenerate_constants_are_refused(changes: dict, name: str) -> None:
    values = {"mu": None, "L": 1.0, "rho": 1.0, "tau": 1.0, "M": 1.0} | changes
    with pytest.raises(InvalidParameter, match=name):
        realise(Constants(**values), Schedule(0.1, 2), "ww")


def test_a_fast_cut_off_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="span"):
        realise(Constants(None, 1.0, 1.0, 1.0, 1.0), Schedule(0.1, 2), "ww", span=10.0)
