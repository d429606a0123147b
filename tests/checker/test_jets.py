"""Derivatives over boxes: those of autodiff at points, enclosures over boxes, and no kink is passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anil_theory.algorithm import inner_loop
from anil_theory.certify.certificate import BoxRegion
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.losses.exchangeable import loss_program
from anil_theory.certify.proof import Proof
from anil_theory.checker import check_file
from anil_theory.checker.jets import Packing
from anil_theory.checker.norms import at_most
from anil_theory.checker.problem import Objective
from anil_theory.schedule import Schedule
from anil_theory.tasks import SoftmaxHeadFamily
from anil_theory.tasks.base import Losses


def one_box(losses: Losses, lower: list[float], upper: list[float], bound: float, tmp_path: Path) -> bool:
    """Whether a bound of ww, stated for a whole box, is found VALID."""
    z, n_w = np.array(lower), 1
    blocks = {"ww": {"upper": bound, "tree": ".", "cuts": [], "bounds": [bound]}}
    hessian = jax.hessian(lambda z: meta(losses, z, n_w, Schedule(0.1, 1)))(jnp.asarray(z))
    entry = float(hessian[0, 0])
    margin = 1e-10 * abs(entry)
    blocks["ww"]["witness"] = {"z": lower, "lower": 0.0, "block": [[[entry - margin, entry + margin]]]}
    proof = Proof()
    proof.add(losses, (), Schedule(0.1, 1), BoxRegion(tuple(lower), tuple(upper)), n_w=n_w, blocks=blocks)
    return check_file(proof.write(tmp_path / "proof")).valid


def meta(losses: Losses, z: Any, n_w: int, schedule: Schedule) -> Any:
    final = inner_loop(losses.support, z[:n_w], z[n_w:], (), alpha=schedule.alpha, inner_steps=schedule.inner_steps)
    return losses.query(final.final, z[n_w:], ())


@pytest.mark.parametrize("kink", [jax.nn.relu, jnp.abs, lambda x: jnp.where(x > 0, x * x, 0.0)])
def test_a_kink_within_a_box_is_never_valid(kink: Any, tmp_path: Path) -> None:
    """JAX's Hessian is small almost everywhere; the gradient jumps, or its derivative does."""
    losses = Losses(lambda w, phi, data: w @ w / 2, lambda w, phi, data: kink(w[0]) + phi @ phi)
    assert one_box(losses, [0.25, 0.25], [0.5, 0.5], 2.0, tmp_path)
    assert not one_box(losses, [-0.5, -0.5], [0.25, 0.25], 2.0, tmp_path)


SMOOTH: dict[str, Callable] = {
    "tanh": lambda w, phi: jnp.sum(jnp.tanh(w) * jnp.tanh(phi[0])),
    "softmax": lambda w, phi: -jnp.log(jax.nn.softmax(jnp.concatenate([w, phi]))[0]),
    "log_softmax": lambda w, phi: -jax.nn.log_softmax(jnp.concatenate([w * phi[0], phi]))[1],
    "logsumexp": lambda w, phi: jax.nn.logsumexp(jnp.concatenate([w, 2 * phi])),
    "softplus": lambda w, phi: jnp.sum(jax.nn.softplus(w * phi[0])) + jax.nn.silu(phi[0]),
    "gelu": lambda w, phi: jnp.sum(jax.nn.gelu(w, approximate=False)) * phi[0],
    "powers": lambda w, phi: jnp.sum((2 + w) ** 1.5) / (3 + phi[0]) ** 2 + jnp.prod(1 + w) + (1.5 + phi[0]) ** -0.3,
    "waves": lambda w, phi: jnp.sum(jnp.sin(w) * jnp.cos(phi[0])) + jnp.arctan(w[0]) + jnp.sinh(phi[0]),
    "gather": lambda w, phi: jnp.sum(jnp.cumsum(w)[jnp.array([1, 0, 1])] ** 2) * phi[0] + jnp.flip(w)[0] ** 3,
    "scan": lambda w, phi: jax.lax.scan(lambda c, x: (jnp.tanh(c + x), c), phi[0], w)[0],
    "max": lambda w, phi: jnp.max(jnp.array([w[0] + 5, w[1] ** 2, phi[0]])) ** 2,
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_those_of_autodiff(name: str) -> None:
    """Two programs that share nothing: JAX's and the checker's, through N = 2 inner steps, up to the third order."""
    function = SMOOTH[name]

    def loss(w: Any, phi: Any, data: Any) -> Any:
        return function(w, phi) + w @ w / 2

    losses, schedule = Losses(loss, loss), Schedule(0.1, 2)
    program = loss_program(loss, (), 2, 1)
    objective = Objective({"n_w": 2, "n_phi": 1, "alpha": 0.1, "inner_steps": 2, "support": program, "query": program})
    packing = Packing([(3, 0, 0), (2, 1, 0), (1, 1, 1), (0, 0, 3), (0, 2, 1)], 2)
    z = np.array([0.3, -0.2, 0.4])
    found = objective.derivatives(packing, [flint.arb(x) for x in z])
    tensors = [lambda z: meta(losses, z, 2, schedule)]
    for _ in range(3):
        tensors.append(jax.jacfwd(tensors[-1]))
    exact = [np.asarray(tensor(jnp.asarray(z))) for tensor in tensors]
    for monomial, value in found.items():
        index = tuple(i for i, k in enumerate(monomial) for _ in range(k))
        assert float(value) == pytest.approx(exact[len(index)][index], rel=1e-9, abs=1e-11)


def test_a_loss_that_depends_on_what_stop_gradient_holds_is_refused() -> None:
    with pytest.raises(NoEnclosure, match="stop_gradient"):
        loss_program(lambda w, phi, data: jax.lax.stop_gradient(w[0]) * phi[0], (), 1, 1)


def test_enclosures_over_boxes_hold_random_points() -> None:
    family = SoftmaxHeadFamily(classes=2, inputs=1, width=1, shots=1, radius=1.0)
    tasks = family.sample(jax.random.key(0), 1)
    programs = [loss_program(loss, tasks.task(0), 2, 1) for loss in tasks.losses]
    text = {"n_w": 2, "n_phi": 1, "alpha": 0.5, "inner_steps": 2, "support": programs[0], "query": programs[1]}
    objective, packing = Objective(text), Packing([(2, 1, 0), (1, 1, 1), (0, 0, 3)], 2)
    box = [flint.arb(x, 0.1) for x in (0.2, -0.3, 0.4)]
    over = objective.derivatives(packing, box)
    generator = np.random.default_rng(0)
    for _ in range(50):
        z = [flint.arb(float(x) + u) for x, u in zip((0.2, -0.3, 0.4), generator.uniform(-0.1, 0.1, 3), strict=True)]
        here = objective.derivatives(packing, z)
        assert all(over[m].overlaps(here[m]) and over[m].contains(here[m].mid()) for m in over)


def test_norms_are_judged_from_both_sides() -> None:
    generator = np.random.default_rng(1)
    for rows, columns in [(1, 1), (2, 2), (1, 3), (3, 2), (3, 3)]:
        for _ in range(20):
            middle = generator.standard_normal((rows, columns))
            norm = float(np.linalg.norm(middle, 2))
            matrix = [[flint.arb(float(x)) for x in row] for row in middle]
            assert at_most(matrix, norm * (1 + 1e-9)) is True and at_most(matrix, norm * (1 - 1e-9)) is False
            wide = [[flint.arb(float(x), 1e-3) for x in row] for row in middle]
            assert at_most(wide, norm) is not True and at_most(wide, norm - 0.02) is not True
