"""Primitives of this package, which stand in a traced program for what a formula in JAX would not say.

smooth_primitive(..)   one smooth function with a derivative that is proved: no rewriting of a program, and no
                       differentiation, looks into its formula. `smooth_functions` has all of them;
free_shift(inputs)     a number on which the program does not depend at all (`losses.shift_invariance` proves it for
                       each), such as the largest entry that logsumexp subtracts and adds again. Its derivative is
                       0, and an enclosure may take any number for it: the interpreters take the middle of a box.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import typeof
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

FORMULAS: dict[str, Callable[[Any], Any]] = {}
"""What each smooth primitive computes, by its name: enclosures interpret this."""


def smooth_primitive(
    name: str, formula: Callable[[Any], Any], derivative: Callable[[Any, Any], Any], *, reduces: bool = False
) -> Callable[[Any], Any]:
    """A function of one array, entry by entry or over its last axis, as a primitive "smooth_" + name.

    formula      the function in JAX;
    derivative   (x, dx) -> its change, linear in dx;
    reduces      whether the last axis is gone from the result.
    """
    primitive = Primitive(f"smooth_{name}")
    primitive.def_impl(formula)
    primitive.def_abstract_eval(lambda x: x.update(shape=x.shape[:-1] if reduces else x.shape, weak_type=False))
    ad.defjvp(primitive, lambda dx, x: derivative(x, dx))
    batching.primitive_batchers[primitive] = lambda args, axes: (
        primitive.bind(jnp.moveaxis(args[0], axes[0], 0)),
        0,
    )
    mlir.register_lowering(primitive, mlir.lower_fun(formula, multiple_results=False))
    FORMULAS[primitive.name] = formula

    def function(x: Any) -> Any:
        return primitive.bind(jnp.asarray(x))

    return function


free_shift_p = Primitive("free_shift")
"""Any operands; `upstream` is the jaxpr of the number that the program had here. It is traced and never compiled."""
free_shift_p.def_abstract_eval(lambda *operands, upstream: upstream.out_avals[0])


def _free_shift_jvp(primals: Any, tangents: Any, *, upstream: Any) -> tuple[Any, Any]:
    out = free_shift_p.bind(*primals, upstream=upstream)
    return out, ad.Zero(typeof(out).to_tangent_aval())


ad.primitive_jvps[free_shift_p] = _free_shift_jvp
