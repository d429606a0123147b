"""The derivatives of one task's losses as programs of z = (w, phi), each traced once and enclosed over many boxes.

    slope    D_w L_S;                    query    D L_D;
    curved   D_z D_w L_S: the rows of (H, C^T), H = D_w^2 L_S and C = D_phi D_w L_S;
    bend     D^2 Phi, the Hessian of the exact bilevel objective, wherever w = w*(phi):
             E^T [D^2 L_D - sum_i x_i D^2 (D_w L_S)_i] E,  x = H^(-1) D_w L_D,  E = (-H^(-1) C^T, I);
    turn     how that moves along (w*(phi), phi): its derivative in z, along E;
    drift    the derivative in w of the implicit hypergradient D_phi L_D - C H^(-1) D_w L_D.

`bend` is the formula of the proof of statement E (docs/next_statements.md). H is eliminated without pivoting, so that
an enclosure is infinite where a pivot may be 0.

Nothing is taken on trust: losses with derivative rules of their own are refused (`losses.own_derivatives`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array, PyTree

from anil_theory.certify.enclosures.branches import recorded
from anil_theory.certify.enclosures.refusals import NoEnclosure, Undecided
from anil_theory.certify.intervals.interpreter import run_intervals
from anil_theory.certify.intervals.outward import Intervals
from anil_theory.certify.intervals.values import interval_program
from anil_theory.certify.losses.flat import flat_program
from anil_theory.certify.losses.own_derivatives import hides_dependence, with_own_derivative
from anil_theory.certify.losses.plain import plain_losses
from anil_theory.certify.losses.refused_rules import refuse_custom_vjp
from anil_theory.certify.search.work import cost_of_a_box
from anil_theory.tasks.base import Losses

BITS = 80
"""The precision of the numbers that depend on data alone."""


class Enclosed(NamedTuple):
    """A program over n boxes: its values (n, ..), and where a branch of it was undecided (n,)."""

    values: Intervals
    undecided: np.ndarray


class TaskPrograms:
    """The programs of one task, traced when they are first asked for.

    Raises NoEnclosure for losses that call custom derivative rules or hide a dependence, and (`over`), naming it, for a
    primitive without a rule in interval arithmetic.
    """

    def __init__(self, losses: Losses, data: PyTree, n_w: int, n_phi: int):
        self.n_w = n_w
        self.n_phi = n_phi
        self.n = n_w + n_phi
        refuse_custom_vjp(losses, data, n_w, n_phi)
        at = jax.ShapeDtypeStruct((self.n,), np.float64)
        plain = plain_losses(losses, data, jnp.zeros(n_w), jnp.zeros(n_phi))
        for name, loss in zip(Losses._fields, plain, strict=True):
            if hides_dependence(lambda z, loss=loss: loss(z[:n_w], z[n_w:], data), self.n):
                raise NoEnclosure(f"the {name} loss hides a dependence from differentiation (stop_gradient, a solver)")
        self._support, self._query = (
            with_own_derivative(lambda z, loss=loss: loss(z[:n_w], z[n_w:], data), at) for loss in plain
        )
        self._traced: dict[str, ClosedJaxpr] = {}
        self._converted: dict[str, ClosedJaxpr] = {}

    def over(self, name: str, boxes: Intervals) -> Enclosed:
        """A program over boxes (n, n_w + n_phi)."""
        if name not in self._converted:
            self._converted[name] = interval_program(self.program(name))
        number = len(boxes.lo)
        program = self._converted[name]
        with np.errstate(all="ignore"), recorded(number) as branches:
            try:
                (values,) = run_intervals(program, [boxes])
            except Undecided:
                unknown = np.full((number, *program.out_avals[0].shape), np.nan)
                return Enclosed(Intervals(unknown, unknown), np.ones(number, bool))
        assert isinstance(values, Intervals)
        whole = values.rearranged(lambda e: np.broadcast_to(e, (number, *e.shape[1:])))
        return Enclosed(whole, branches.undecided)

    def cost(self, *names: str) -> int:
        """The operations that one box takes."""
        return cost_of_a_box(*map(self.program, names))

    def program(self, name: str) -> ClosedJaxpr:
        """The flat program, its constants in balls."""
        if name not in self._traced:
            at = jax.ShapeDtypeStruct((self.n,), np.float64)
            function: Callable[[Array], Array] = getattr(self, f"_{name}_of")
            self._traced[name] = flat_program(jax.make_jaxpr(function)(at), BITS)
        return self._traced[name]

    def _slope_of(self, z: Array) -> Array:
        return jax.grad(self._support)(z)[: self.n_w]

    def _curved_of(self, z: Array) -> Array:
        return jax.jacfwd(self._slope_of)(z)

    def _query_of(self, z: Array) -> Array:
        return jax.grad(self._query)(z)

    def _lifted(self, z: Array) -> Array:
        """E = (-H^(-1) C^T, I)."""
        curved = self._curved_of(z)
        moves = -solved(curved[:, : self.n_w], curved[:, self.n_w :])
        return jnp.concatenate([moves, jnp.eye(self.n_phi)])

    def _bend_of(self, z: Array) -> Array:
        curved = self._curved_of(z)
        x = solved(curved[:, : self.n_w], self._query_of(z)[: self.n_w, None])[:, 0]
        inner = jax.jacfwd(self._query_of)(z) - jax.jacfwd(lambda y: x @ self._curved_of(y))(z)
        lifted = self._lifted(z)
        return lifted.T @ inner @ lifted

    def _drift_of(self, z: Array) -> Array:
        def implicit(z: Array) -> Array:
            curved, query = self._curved_of(z), self._query_of(z)
            x = solved(curved[:, : self.n_w], query[: self.n_w, None])[:, 0]
            return query[self.n_w :] - curved[:, self.n_w :].T @ x

        return jax.jacfwd(implicit)(z)[:, : self.n_w]

    def _turn_of(self, z: Array) -> Array:
        return jax.jacfwd(self._bend_of)(z) @ self._lifted(z)


def solved(matrix: Any, right: Any) -> Array:
    """X with matrix X = right, by elimination without pivoting: for small definite matrices, and to be traced."""
    n = matrix.shape[0]
    rows = [matrix[i] for i in range(n)]
    rights = [right[i] for i in range(n)]
    for i in range(n):
        for below in range(i + 1, n):
            factor = rows[below][i] / rows[i][i]
            rows[below] = rows[below] - factor * rows[i]
            rights[below] = rights[below] - factor * rights[i]
    solution: dict[int, Array] = {}
    for i in reversed(range(n)):
        rest = rights[i]
        for j in solution:
            rest = rest - rows[i][j] * solution[j]
        solution[i] = rest / rows[i][i]
    return jnp.stack([solution[i] for i in range(n)])
