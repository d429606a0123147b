"""The local sizes of derivatives by products: those of the dense derivatives, in every block."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anil_theory.constants import Constants
from anil_theory.estimators.constant_samples import NAMES, constants_at
from anil_theory.problem import Problem


def support(w: Any, phi: Any, task: Any) -> Any:
    return jnp.sin(w[0] * phi[0] + task) + w[1] ** 3 / 3 + jnp.cos(w[1] + phi[1]) + w @ w


def query(w: Any, phi: Any, task: Any) -> Any:
    return jnp.exp(-((w[0] - phi[0]) ** 2)) * task + w[1] * phi[1]


PROBLEM = Problem.from_losses(
    support, query, jnp.array([0.5, 1.5]), jnp.zeros(2), jnp.zeros(2), constants=Constants(None, 1.0, 1.0, 1.0, 1.0)
)
POINTS = np.random.default_rng(0).standard_normal((5, 4))
WHICH = np.arange(5) % 2


def dense(z: np.ndarray, task: float) -> dict[str, float]:
    def of(loss: Any) -> Any:
        return lambda z: loss(z[:2], z[2:], task)

    curved = [np.asarray(jax.hessian(of(loss))(jnp.asarray(z))) for loss in (support, query)]
    third = np.asarray(jax.jacfwd(jax.hessian(of(support)))(jnp.asarray(z)))
    return {
        "L": max(float(np.linalg.norm(each, 2)) for each in curved),
        "M": float(np.linalg.norm(jax.grad(of(query))(jnp.asarray(z)))),
        "mu": float(np.linalg.eigvalsh(curved[0][:2, :2])[0]),
        "rho": trilinear(third[:2, :2, :]),
        "tau": trilinear(third[:2, 2:, :]),
    }


def trilinear(tensor: np.ndarray) -> float:
    """The norm as a multilinear form, by alternating maximisation from many starts."""
    generator = np.random.default_rng(1)
    best = 0.0
    for _ in range(40):
        a, b = (v / np.linalg.norm(v) for v in generator.standard_normal((2, 2)))
        for _ in range(200):
            c = np.einsum("xyz,x,y->z", tensor, a, b)
            c /= np.linalg.norm(c)
            a = np.einsum("xyz,y,z->x", tensor, b, c)
            a /= np.linalg.norm(a)
            b = np.einsum("xyz,x,z->y", tensor, a, c)
            b /= np.linalg.norm(b)
        best = max(best, abs(float(np.einsum("xyz,x,y,z->", tensor, a, b, c))))
    return best


def test_products_find_what_the_matrices_have() -> None:
    found = constants_at(PROBLEM, PROBLEM.tasks, jnp.asarray(POINTS), jnp.asarray(WHICH), steps=40)
    assert set(found) == set(NAMES)
    for i, (z, which) in enumerate(zip(POINTS, WHICH, strict=True)):
        expected = dense(z, [0.5, 1.5][which])
        for name in ("L", "M", "mu"):
            assert np.isclose(found[name][i], expected[name], rtol=1e-9, atol=1e-12), name
        for name in ("rho", "tau"):
            # A local maximum of a trilinear form may lie below the norm, never above.
            assert 0.5 * expected[name] <= found[name][i] <= expected[name] * (1 + 1e-9), name


def test_maml_has_no_tau() -> None:
    problem = Problem.from_losses(
        lambda w, phi, task: jnp.sum(jnp.cos(w)) * task,
        lambda w, phi, task: jnp.sum(w**2),
        jnp.ones(1),
        jnp.zeros(2),
        (),
        constants=Constants(None, 1.0, 1.0, 1.0, 1.0),
    )
    found = constants_at(problem, problem.tasks, jnp.zeros((1, 2)), jnp.zeros(1, int))
    assert "tau" not in found and found["mu"][0] == -1.0 and found["L"][0] == 2.0
