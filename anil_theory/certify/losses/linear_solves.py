"""Which linear solves may be differentiated by their rule: those of jnp.linalg.solve.

`lax.custom_linear_solve` takes a product with a matrix and a solver, both written by its caller, and differentiates the
solution as that of the system. That is right when the solver solves it: known for JAX's own, an LU factorisation.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, Literal


def is_library_solve(jaxpr: Jaxpr, equation: Any) -> bool:
    """Whether a `custom_linear_solve` of a jaxpr without calls is that of jnp.linalg.solve, or its transpose.

    By its programs, and by where their constants come from: the factors are those of the matrix that is multiplied.
    """
    lengths, programs = equation.params["const_lengths"], equation.params["jaxprs"]
    right = equation.invars[sum(lengths) :]
    if lengths.matvec != 1 or lengths.solve != 2 or len(right) != 1:
        return False
    matrix = equation.invars[0]
    start = lengths.matvec + lengths.vecmat
    factors, order = equation.invars[start : start + 2]
    makers = {variable: made for made in jaxpr.eqns for variable in made.outvars}
    maker = None if isinstance(factors, Literal) else makers.get(factors)
    if maker is None or maker.primitive.name != "lu" or order is not maker.outvars[2]:
        return False
    if _without_stops(maker.invars[0], makers) is not _without_stops(matrix, makers):
        return False
    return (str(programs.matvec), str(programs.solve)) in _texts(matrix.aval.shape, right[0].aval.shape)


def _without_stops(atom: Any, makers: dict[Any, Any]) -> Any:
    """The variable that stop_gradient was applied to."""
    made = None if isinstance(atom, Literal) else makers.get(atom)
    return _without_stops(made.invars[0], makers) if made is not None and _stops(made) else atom


def _stops(equation: Any) -> bool:
    return equation.primitive.name == "stop_gradient"


@cache
def _texts(matrix: tuple[int, ...], right: tuple[int, ...]) -> set[tuple[str, str]]:
    """The product and the solver of JAX's solve of these shapes, and of the transposed system."""
    arguments = (jax.ShapeDtypeStruct(shape, np.float64) for shape in (matrix, right))
    try:
        traced = jax.make_jaxpr(jnp.linalg.solve)(*arguments).jaxpr
    except (TypeError, ValueError):
        return set()
    solves = [equation for equation in _all_equations(traced) if equation.primitive.name == "custom_linear_solve"]
    programs = [equation.params["jaxprs"] for equation in solves]
    pairs = [((p.matvec, p.solve), (p.vecmat, p.transpose_solve)) for p in programs]
    return {(str(product), str(solver)) for both in pairs for product, solver in both}


def _all_equations(jaxpr: Jaxpr) -> list[Any]:
    equations = list(jaxpr.eqns)
    for equation in jaxpr.eqns:
        if "jaxpr" in equation.params:
            equations += _all_equations(equation.params["jaxpr"].jaxpr)
    return equations
