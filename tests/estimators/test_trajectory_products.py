"""The audit of a run by products finds what the one with matrices finds."""

import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory._admissible import ConflictingArguments
from anil_theory.constants import Constants
from anil_theory.estimators.trajectory_audit import audit_trajectory
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule


def test_products_and_matrices_agree() -> None:
    problem = Problem.from_losses(
        lambda w, phi, task: jnp.sin(w[0] * phi[0] + task) + w @ w + jnp.cos(w[1] * phi[1]),
        lambda w, phi, task: jnp.cos(w[0] - task) + jnp.sin(phi[0] * w[1]),
        jnp.array([0.2, 0.9]),
        jnp.array([0.3, -0.5]),
        jnp.array([0.4, 1.1]),
        constants=Constants(0.5, 2.5, 0.1, 0.1, 1.0),
    )
    schedule = Schedule(0.2, 2, beta_w=0.1, beta_phi=0.1, batch=2, outer_steps=3)
    dense = audit_trajectory(problem, schedule)
    thin = audit_trajectory(problem, schedule, products=4)
    assert dense.quantities.keys() == thin.quantities.keys()
    for name, values in dense.quantities.items():
        assert np.allclose(thin.quantities[name], values, rtol=1e-7, atol=1e-9), name
    assert dense.first_failure is not None and thin.first_failure is not None
    for name in ("quantity", "iteration", "inner_step", "task"):
        assert dense.first_failure[name] == thin.first_failure[name]
    with pytest.raises(ConflictingArguments, match="pattern"):
        audit_trajectory(problem, schedule, products=4, pattern=lambda w, phi, task: w > 0)
