"""The rounding error of a measured number, from the program that computed it: what every rounding does to the result.

    value = f(x) + sum_i (D f in the result of operation i) r_i + O(u^2),    |r_i| <= the bound of `local_rounding`

One pass of reverse mode through the program gives sum_i |D f in i| |r_i| at the point, loops and their steps included.
The derivatives are those of the program itself: a contraction damps the errors made before it, a sum that cancels
keeps those of its terms. Claim: to first order in the unit roundoff this bounds the error, in any order of additions,
with f(x) in exact arithmetic at exact inputs. The terms of higher order are left to a factor of 2, which is no proof; a
test compares the result with ball arithmetic on a sum of 20,000 terms that cancel, on loops and on searches.

Where a primitive has no rule, or a derivative is not finite at the point, the rounding is a heuristic and says so.
Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, sections 3.4 and 26.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal, Var
from jaxtyping import Array, PyTree

from anil_theory._precision import gamma
from anil_theory._scan_layout import scan_layout
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.estimators.base import Estimate, counted_roundings
from anil_theory.estimators.fields import meta_field
from anil_theory.estimators.local_rounding import RULES, NoRule, floats
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet

HIGHER_ORDERS = 2.0
"""Times the first order. In every case of the tests the first order alone suffices."""

FIRST_ORDER = "first-order bound, doubled"

PLACES_OF_PAIRS, PLACES_OF_SEARCHES = 4, 8
"""Roundings that one call computes, or a multiple: those of all blocks and methods of one setting."""


@dataclass(frozen=True)
class Rounding:
    """The rounding of one number. `kind` is FIRST_ORDER, or begins with "heuristic" and says why."""

    error: float
    kind: str = FIRST_ORDER


def with_rounding(function: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    """The function that returns the value of a scalar function and the bound of its error; jit and vmap apply to it.

    Raises NoRule, naming it, when a primitive's rounding is not known.
    """

    def paired(*args: Any) -> tuple[Array, Array]:
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), args)
        program = jax.make_jaxpr(function)(*shapes)
        inputs = [jnp.asarray(leaf) for leaf in jax.tree.leaves(args)]

        def tapped(tap: Array) -> Array:
            (out,) = _run(program, inputs, tap)
            return out

        value, error = jax.value_and_grad(tapped)(jnp.zeros((), jnp.float64))
        return value, HIGHER_ORDERS * error

    return paired


@jax.custom_vjp
def _tap(result: Array, bound: Array, tap: Array) -> Array:
    """`result`; the derivative in `tap` sums up |derivative in result| times the bound of its rounding."""
    return result


def _tap_forwards(result: Array, bound: Array, tap: Array) -> tuple[Array, Array]:
    return result, bound


def _tap_backwards(bound: Array, slope: Array) -> tuple[Array, Array, Array]:
    # An operation that the result does not depend on adds nothing, even when its rounding is unbounded.
    effect = jnp.where(slope == 0, 0.0, jnp.abs(slope).astype(jnp.float64) * bound)
    return slope, jnp.zeros_like(bound), jnp.sum(effect)


_tap.defvjp(_tap_forwards, _tap_backwards)


def _run(closed: ClosedJaxpr, inputs: list[Array], tap: Array) -> list[Array]:
    """Interpret a closed jaxpr with a tap behind every operation that rounds."""
    jaxpr = closed.jaxpr
    known: dict[Any, Array] = dict(zip(jaxpr.constvars, map(jnp.asarray, closed.consts), strict=True))
    known.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Literal | Var) -> Array:
        return jnp.asarray(atom.val, getattr(atom.aval, "dtype", None)) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        name, values = equation.primitive.name, list(map(read, equation.invars))
        rule = CONTROL.get(name, _operation)
        results = rule(equation, values, tap)
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _operation(equation: JaxprEqn, values: list[Array], tap: Array) -> list[Array]:
    out = equation.primitive.bind(*values, **equation.params)
    results = list(out) if equation.primitive.multiple_results else [out]
    if not any(map(floats, results)):
        return results
    name = equation.primitive.name
    if name not in RULES:
        raise NoRule(name)
    bounds = [
        RULES[name](equation, list(map(jax.lax.stop_gradient, values)), jax.lax.stop_gradient(result))
        for result in results
    ]
    return [
        result if bound is None else _tap(result, bound, tap) for result, bound in zip(results, bounds, strict=True)
    ]


def _call(equation: JaxprEqn, values: list[Array], tap: Array) -> list[Array]:
    names = ("jaxpr", "call_jaxpr", "fun_jaxpr")
    inner = next(equation.params[name] for name in names if name in equation.params)
    return _run(inner if hasattr(inner, "consts") else ClosedJaxpr(inner, ()), values, tap)


def _scan(equation: JaxprEqn, values: list[Array], tap: Array) -> list[Array]:
    p = equation.params
    layout = scan_layout(equation)
    first, second = layout.constants, layout.constants + layout.carry

    def body(carry: list[Array], rows: list[Array]) -> tuple[list[Array], list[Array]]:
        out = _run(p["jaxpr"], [*values[:first], *carry, *rows], tap)
        return out[: layout.carry], out[layout.carry :]

    options: dict[str, Any] = {"length": p["length"], "reverse": p["reverse"]}
    carry, stacked = jax.lax.scan(body, values[first:second], values[second:], **options)
    return [*carry, *stacked]


def _cond(equation: JaxprEqn, values: list[Array], tap: Array) -> list[Array]:
    branches = [lambda operands, b=branch: _run(b, operands, tap) for branch in equation.params["branches"]]
    return jax.lax.switch(values[0], branches, values[1:])


CONTROL: dict[str, Callable[[JaxprEqn, list[Array], Array], list[Array]]] = {
    **dict.fromkeys(("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"), _call),
    **dict.fromkeys(("custom_jvp_call", "custom_vjp_call"), _call),
    "scan": _scan,
    "cond": _cond,
}


def rounding_at(function: Callable[..., tuple[Array, Array]], *args: Any, value: float, operations: int) -> Rounding:
    """The rounding of `value`, which `function` (made by `with_rounding`) computes again at the same inputs.

    operations   what is counted instead where a primitive has no rule or a derivative is not finite.
    """
    try:
        again, error = function(*args)
    except NoRule as missing:
        return heuristic(value, operations, f"the primitive {str(missing)!r} has no rule")
    return judged(value, float(again), float(error), operations)


def judged(value: float, again: float, error: float, operations: int) -> Rounding:
    """The rounding of `value`, given the same number computed again with a bound of its error."""
    total = error + abs(value - again)
    if not math.isfinite(total):
        return heuristic(value, operations, "a derivative of the program is not finite at the point")
    return Rounding(total)


def heuristic(value: float, operations: int, reason: str) -> Rounding:
    """`operations` roundings in a row, relative to the value: no bound where terms cancel."""
    error = gamma(operations) * abs(value)
    return Rounding(min(error, float(np.finfo(float).max)), f"heuristic, {operations} roundings of the value: {reason}")


@partial(jax.jit, static_argnums=(0, 1, 2))
def _forms(
    losses: tuple[Loss, Loss],
    sizes: tuple[int, int],
    pairs: bool,
    data: PyTree,
    tasks: Array,
    points: Array,
    directions: Array,
    loop: UnrolledLoop,
) -> tuple[Array, Array]:
    population = TaskSet(*losses, data)
    template = (jnp.zeros(sizes[0]), jnp.zeros(sizes[1]))

    def quotient(points: Array, mask: Array, data: PyTree, loop: UnrolledLoop) -> Array:
        here, there = jax.vmap(meta_field(population, template, loop), in_axes=(0, None))(points, data)
        change = mask[0] * (here - there)
        move = points[0] - points[1]
        return jnp.sqrt((change @ change) / (move @ move))

    def rayleigh(points: Array, directions: Array, data: PyTree, loop: UnrolledLoop) -> Array:
        u, v = directions
        field = meta_field(population, template, loop)
        _, curved = jax.jvp(lambda z: field(z, data), (points[0],), (v,))
        return u @ curved / jnp.sqrt((u @ u) * (v @ v))

    function = with_rounding(quotient if pairs else rayleigh)
    of_tasks = jax.tree.map(lambda leaf: leaf[tasks], data)
    return jax.vmap(function, in_axes=(0, 0, 0, None))(points, directions, of_tasks, loop)


def mark_roundings(
    estimates: dict[str, dict[str, Estimate]],
    tasks: TaskSet,
    schedule: Schedule,
    n_w: int,
    max_inner_steps: int | None = None,
) -> dict[str, dict[str, Estimate]]:
    """The same block estimates with the rounding at the points of their witnesses, all computed in two calls.

    The number that is measured is that of `certify.replay_witness`: directions count as they are, not as unit vectors.
    """
    loop = dataclasses.replace(UnrolledLoop.of_schedule(schedule, max_inner_steps), discard=True)
    marked = {block: dict(by_method) for block, by_method in estimates.items()}
    flat = [
        (block, method, e) for block, by_method in estimates.items() for method, e in by_method.items() if e.witness
    ]
    for pairs in (True, False):
        rows = [row for row in flat if (row[1] == "pairs") == pairs]
        if not rows:
            continue
        points, directions = map(np.array, zip(*(_places(*row, n_w) for row in rows), strict=True))
        n = points.shape[-1]
        # One shape for all, so that nothing is compiled anew where a block has no estimate.
        places = PLACES_OF_PAIRS if pairs else PLACES_OF_SEARCHES
        index = np.resize(np.arange(len(rows)), places * math.ceil(len(rows) / places))
        owners = np.array([e.witness.task for _, _, e in rows if e.witness])
        operations = counted_roundings(n, schedule.inner_steps)
        try:
            forms = _forms(
                (tasks.support, tasks.query),
                (n_w, n - n_w),
                pairs,
                tasks.data,
                jnp.asarray(owners[index]),
                jnp.asarray(points[index]),
                jnp.asarray(directions[index]),
                loop,
            )
            again, errors = map(np.asarray, forms)
            roundings = [
                judged(e.value, float(again[i]), float(errors[i]), operations) for i, (*_, e) in enumerate(rows)
            ]
        except NoRule as missing:
            reason = f"the primitive {str(missing)!r} has no rule"
            roundings = [heuristic(e.value, operations, reason) for *_, e in rows]
        for (block, method, estimate), rounding in zip(rows, roundings, strict=True):
            marked[block][method] = dataclasses.replace(estimate, rounding=rounding.error, rounding_kind=rounding.kind)
    return marked


def _places(block: str, method: str, estimate: Estimate, n_w: int) -> tuple[np.ndarray, np.ndarray]:
    """Two points and two directions (or masks) of a witness, (2, n) each."""
    assert estimate.witness is not None
    at = {name: np.asarray(value, float) for name, value in estimate.witness.points.items()}
    if method == "pairs":
        points = np.stack([at["z1"], at["z2"]])
        in_w = np.arange(points.shape[1]) < n_w
        mask = (in_w if block.startswith("w") else ~in_w).astype(float)
        return points, np.stack([mask, mask])
    return np.stack([at["z"], at["z"]]), np.stack([at["u"], at["v"]])
