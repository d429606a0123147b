"""The meta-gradient three ways, against central differences, by hand at N = 1, first-order, and with an empty phi."""

import dataclasses
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from anil_theory._precision import gamma
from anil_theory.algorithm import METHODS, inner_loop, meta_gradient
from anil_theory.constants import Constants
from anil_theory.schedule import Schedule
from anil_theory.tasks import (
    FAMILIES,
    CosineFamily,
    DecayFamily,
    ExactObjectiveWitness,
    ExtremalFamily,
    Family,
    FirstOrderFloor,
    FirstOrderWitness,
    HypergradientWitness,
    KrylovWitness,
    LinearBodyFamily,
    MamlWitness,
    MirroredFamily,
    MirroredPairFamily,
    OrthogonalNoiseFamily,
    PairDecayFamily,
    PairNoiseFamily,
    ProximalWitness,
    SeparableFamily,
    SoftmaxHeadFamily,
    TwoLayerHeadFamily,
)
from anil_theory.tasks.base import Losses
from anil_theory.tasks.piecewise import PiecewiseCubic
from tests.algorithm.nested_task import LOSSES, flat, point, rounding

CONVEX, NONCONVEX = Constants(0.3, 2.0, 0.7, 0.5, 1.5), Constants(None, 2.0, 0.7, 0.5, 1.5)
STEPS = 6


def with_steps(schedule: Schedule) -> Schedule:
    return dataclasses.replace(schedule, beta_w=0.01, beta_phi=0.01)


EXAMPLES: dict[str, Callable[[Constants, Schedule], Family]] = {
    SeparableFamily.name: lambda constants, schedule: SeparableFamily(constants, 3, 2, share_rotation=False),
    ExtremalFamily.name: lambda constants, schedule: ExtremalFamily(constants, schedule),
    CosineFamily.name: lambda constants, schedule: CosineFamily(constants),
    SoftmaxHeadFamily.name: lambda constants, schedule: SoftmaxHeadFamily(),
    TwoLayerHeadFamily.name: lambda constants, schedule: TwoLayerHeadFamily(),
    OrthogonalNoiseFamily.name: lambda constants, schedule: OrthogonalNoiseFamily(
        dataclasses.replace(constants, rho=0.0, tau=0.0), with_steps(schedule), copies=2
    ),
    DecayFamily.name: lambda constants, schedule: DecayFamily(
        dataclasses.replace(constants, rho=0.0, tau=0.0), with_steps(schedule)
    ),
    PairNoiseFamily.name: lambda constants, schedule: PairNoiseFamily(
        dataclasses.replace(constants, rho=0.0, tau=0.0), with_steps(schedule)
    ),
    PairDecayFamily.name: lambda constants, schedule: PairDecayFamily(
        dataclasses.replace(constants, rho=0.0, tau=0.0), with_steps(schedule)
    ),
    KrylovWitness.name: lambda constants, schedule: KrylovWitness(constants, schedule.inner_steps, 2 * constants.L),
    ProximalWitness.name: lambda constants, schedule: ProximalWitness(constants),
    MirroredFamily.name: lambda constants, schedule: MirroredFamily(
        dataclasses.replace(constants, tau=0.0), with_steps(schedule)
    ),
    MirroredPairFamily.name: lambda constants, schedule: MirroredPairFamily(constants, with_steps(schedule)),
    FirstOrderWitness.name: lambda constants, schedule: FirstOrderWitness(
        dataclasses.replace(constants, rho=0.0, tau=0.0), schedule
    ),
    FirstOrderFloor.name: lambda constants, schedule: FirstOrderFloor(dataclasses.replace(constants, rho=0.0, tau=0.0)),
    MamlWitness.name: lambda constants, schedule: MamlWitness(dataclasses.replace(constants, rho=0.0), schedule),
    ExactObjectiveWitness.name: lambda constants, schedule: ExactObjectiveWitness(
        dataclasses.replace(constants, mu=constants.mu or 0.3)
    ),
    HypergradientWitness.name: lambda constants, schedule: HypergradientWitness(
        dataclasses.replace(constants, mu=constants.mu or 0.3), Schedule(0.5 / constants.L, schedule.inner_steps)
    ),
    LinearBodyFamily.name: lambda constants, schedule: LinearBodyFamily(
        regularisation=constants.mu if constants.mu else 0.0
    ),
}
"""The constants are what a family is made with, or (bounded regions) only the geometry where there is a choice."""


def test_every_family_has_an_example() -> None:
    assert EXAMPLES.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_family_made_of_pieces_says_so(name: str) -> None:
    """No enclosure over a box about a joint says which piece holds: such families are not enclosed."""
    family = EXAMPLES[name](Constants(0.3, 1.0, 1.0, 0.5, 1.0), Schedule(0.3, 2))
    data = family.sample(jax.random.key(0), 2).data
    nodes = jax.tree.leaves(data, is_leaf=lambda node: isinstance(node, PiecewiseCubic))
    assert type(family).in_pieces == any(isinstance(node, PiecewiseCubic) for node in nodes)


@partial(jax.jit, static_argnames=("losses", "inner_steps", "first_order"))
def all_methods(losses: Losses, w: Any, phi: Any, data: Any, alpha: Any, inner_steps: int, first_order: bool) -> Any:
    loop = {"alpha": alpha, "inner_steps": inner_steps, "first_order": first_order}
    return {method: meta_gradient(losses, w, phi, data, method=method, **loop) for method in METHODS}


@partial(jax.jit, static_argnames=("losses", "inner_steps"))
def adapted_loss(losses: Losses, w: Any, phi: Any, data: Any, alpha: Any, inner_steps: int) -> Any:
    adapted = inner_loop(losses.support, w, phi, data, alpha=alpha, inner_steps=inner_steps)
    return losses.query(adapted.final, phi, data)


def assert_methods_agree(found: dict[str, Any], tolerance: float) -> None:
    reference = flat(found["autodiff"])
    assert np.linalg.norm(reference) > 0
    for method, gradient in found.items():
        apart = np.linalg.norm(flat(gradient) - reference)
        assert apart <= tolerance, f"{method} is {apart:.3g} away from autodiff, rounding allows {tolerance:.3g}"


def assert_central_differences_agree(losses: Losses, w: Any, phi: Any, data: Any, loop: Any, found: Any) -> None:
    """Along random directions: what h and 2h disagree about is three times the truncation error at h.

    The rest is the rounding of L_D(w_N), carried by the loop and divided by h.
    """
    z, unravel = ravel_pytree((w, phi))
    value = lambda z: float(adapted_loss(losses, *unravel(z), data, **loop))  # noqa: E731
    h = float(np.cbrt(2.0**-52))
    generator = np.random.default_rng(1)
    slopes = flat(found)
    for _ in range(4):
        d = generator.standard_normal(z.size)
        d /= np.linalg.norm(d)
        near, far = ((value(z + s * d) - value(z - s * d)) / (2 * s) for s in (h, 2 * h))
        size = 1 + abs(value(z)) + np.linalg.norm(z) + np.linalg.norm(slopes)
        noise = gamma(loop["inner_steps"] * (8 * z.size + 64)) * size / h
        assert abs(near - slopes @ d) <= abs(near - far) + noise
        assert noise < 1e-3 * (1 + abs(slopes @ d)), "the comparison means something"


@pytest.mark.parametrize("constants", [CONVEX, NONCONVEX], ids=lambda c: c.geometry)
@pytest.mark.parametrize("name", FAMILIES)
def test_three_methods_and_central_differences_agree_on_every_family(name: str, constants: Constants) -> None:
    schedule = Schedule(0.2, STEPS)
    family = EXAMPLES[name](constants, schedule)
    tasks = family.sample(jax.random.key(0), 2)
    # What the family declares: bounded regions have constants of their own.
    constants = family.constants
    loop: Any = {"alpha": schedule.alpha, "inner_steps": STEPS}
    contracts = constants.mu and schedule.alpha * constants.L <= 1
    growth = 1.0 if contracts else 1 + schedule.alpha * constants.L
    for seed in range(3):
        z = family.points(np.random.default_rng(seed), (2,), spread=1.0)
        for i in range(2):
            w, phi = family.split(z[i])
            found = all_methods(tasks.losses, w, phi, tasks.task(i), first_order=False, **loop)
            iterates = inner_loop(tasks.support, w, phi, tasks.task(i), **loop).iterates
            size = float(jnp.max(jnp.abs(iterates)) + jnp.linalg.norm(z[i])) * np.sqrt(z.shape[1])
            scale = constants.M + (constants.L + schedule.alpha * STEPS * constants.rho * constants.M) * size
            assert_methods_agree(found, rounding(STEPS, z.shape[1], growth, scale))
            if seed == 0:
                assert_central_differences_agree(tasks.losses, w, phi, tasks.task(i), loop, found["recursion"])


def test_three_methods_and_central_differences_agree_on_nested_parameters() -> None:
    w, phi, data = point()
    loop: Any = {"alpha": 0.1, "inner_steps": STEPS}
    found = all_methods(LOSSES, w, phi, data, first_order=False, **loop)
    for gradient in found.values():
        assert jax.tree.structure(gradient.w) == jax.tree.structure(w)
        assert jax.tree.structure(gradient.phi) == jax.tree.structure(phi)
        assert jax.tree.map(jnp.shape, tuple(gradient)) == jax.tree.map(jnp.shape, (w, phi))
    z, unravel = ravel_pytree((w, phi))
    hessian = jax.jit(jax.hessian(lambda z: LOSSES.support(unravel(z)[0], unravel(z)[1], data)))
    curved = np.linalg.norm(hessian(z), 2)
    scale = 1 + np.linalg.norm(flat(found["autodiff"])) + curved * np.linalg.norm(z)
    assert_methods_agree(found, rounding(STEPS, z.size, 1 + 0.1 * float(curved), float(scale)))
    assert_central_differences_agree(LOSSES, w, phi, data, loop, found["recursion"])


def test_one_step_by_hand() -> None:
    family = SeparableFamily(CONVEX, 3, 2, share_rotation=False)
    tasks = family.sample(jax.random.key(0), 2)
    alpha, data = 0.2, tasks.task(1)
    w, phi = family.split(family.points(np.random.default_rng(0), ()))
    slope, H, C = jax.jit(
        lambda w, phi: (
            jax.grad(tasks.support)(w, phi, data),
            jax.hessian(tasks.support)(w, phi, data),
            jax.jacfwd(jax.grad(tasks.support, argnums=1), argnums=0)(w, phi, data),
        )
    )(w, phi)
    v, direct = jax.grad(tasks.query, argnums=(0, 1))(w - alpha * slope, phi, data)
    by_hand = np.concatenate([(np.eye(3) - alpha * H) @ v, direct - alpha * C @ v])
    assert np.abs(np.asarray(C)).max() > 0.01, "the mixed block takes part"
    found = all_methods(tasks.losses, w, phi, data, alpha=alpha, inner_steps=1, first_order=False)
    for method, gradient in found.items():
        np.testing.assert_allclose(flat(gradient), by_hand, rtol=0, atol=rounding(1, 5, 1.0, 10.0), err_msg=method)


@pytest.mark.parametrize("inner_steps", [1, 5])
def test_first_order_is_the_outer_gradient_at_the_last_iterate(inner_steps: int) -> None:
    w, phi, data = point(1)
    found = all_methods(LOSSES, w, phi, data, alpha=0.1, inner_steps=inner_steps, first_order=True)
    final = inner_loop(LOSSES.support, w, phi, data, alpha=0.1, inner_steps=inner_steps).final
    outer = flat(jax.grad(LOSSES.query, argnums=(0, 1))(final, phi, data))
    exact = flat(meta_gradient(LOSSES, w, phi, data, alpha=0.1, inner_steps=inner_steps))
    for method, gradient in found.items():
        np.testing.assert_allclose(flat(gradient), outer, rtol=1e-13, atol=1e-15, err_msg=method)
    assert np.linalg.norm(exact - outer) > 0.01, "second-order terms matter here"


def joint(loss: Any) -> Any:
    """The same loss with everything adapted."""
    return lambda z, empty, data: loss(z["w"], z["phi"], data)


MAML = Losses(joint(LOSSES.support), joint(LOSSES.query))


@cache
def maml_by_hand(alpha: float, N: int) -> np.ndarray:
    """prod (I - alpha D^2 L_S(z_m)) D L_D(z_N) over the whole of z = (w, phi), dense, in numpy."""
    w, phi, data = point(2)
    z, unravel = ravel_pytree({"w": w, "phi": phi})
    support, query = (lambda z, loss=loss: loss(unravel(z), None, data) for loss in MAML)
    slope, curvature = jax.jit(jax.grad(support)), jax.jit(jax.hessian(support))
    product, here = np.eye(z.size), z
    for _ in range(N):
        product = product @ (np.eye(z.size) - alpha * np.asarray(curvature(here)))
        here = here - alpha * slope(here)
    return product @ np.asarray(jax.jit(jax.grad(query))(here))


@pytest.mark.parametrize("empty", [(), {"a": [], "b": ()}, jnp.zeros(0)], ids=str)
def test_maml_is_the_empty_phi_case(empty: Any) -> None:
    w, phi, data = point(2)
    alpha, N = 0.1, 3
    found = all_methods(MAML, {"w": w, "phi": phi}, empty, data, alpha=alpha, inner_steps=N, first_order=False)
    by_hand = maml_by_hand(alpha, N)
    for method, gradient in found.items():
        assert jax.tree.structure(gradient.phi) == jax.tree.structure(empty)
        np.testing.assert_allclose(flat(gradient), by_hand, rtol=0, atol=1e-12, err_msg=method)
    anil = flat(meta_gradient(LOSSES, w, phi, data, alpha=alpha, inner_steps=N))
    assert np.linalg.norm(flat((found["recursion"].w["w"], found["recursion"].w["phi"])) - anil) > 0.01


def test_maml_equals_anil_where_phi_is_idle() -> None:
    """A support loss that does not see phi leaves nothing to adapt there: both algorithms are the same one."""
    w, phi, data = point(3)
    blind = lambda w, phi_, data: LOSSES.support(w, jax.lax.stop_gradient(phi), data)  # noqa: E731
    options: Any = {"alpha": 0.1, "inner_steps": 3}
    anil = meta_gradient(Losses(blind, LOSSES.query), w, phi, data, **options)
    maml = meta_gradient(Losses(joint(blind), joint(LOSSES.query)), {"w": w, "phi": phi}, (), data, **options)
    np.testing.assert_array_equal(flat(anil), flat((maml.w["w"], maml.w["phi"])))
