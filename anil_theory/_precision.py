"""The float64 rule, and rounding slack that is computed from the unit roundoff and never chosen.

Importing `anil_theory` switches JAX to 64-bit: a Lipschitz constant measured in float32 is noise at the distances
at which it is attained. Code that wants a smaller type asks for it by name.
"""

import os
import sys

from anil_theory._admissible import InvalidParameter

UNIT_ROUNDOFF = 2.0**-53


def enable_float64() -> None:
    """Make float64 JAX's default real type, process-wide: at once, or when JAX is imported.

    JAX is not imported for it. Where it is still to come the environment variable that JAX reads is set, which child
    processes inherit.
    """
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", True)
    else:
        os.environ["JAX_ENABLE_X64"] = "True"


def gamma(operations: int) -> float:
    """Higham's gamma_n = n u / (1 - n u): the relative error of n float64 roundings in a row, at most.

    Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, section 3.1. Returns inf once n u >= 1.
    """
    accumulated = operations * UNIT_ROUNDOFF
    return accumulated / (1 - accumulated) if accumulated < 1 else float("inf")


def require_float64(name: str, tree: object) -> None:
    """Raise InvalidParameter when a floating leaf of `tree` is not float64: constants are measured in float64 only."""
    import jax
    import jax.numpy as jnp

    for leaf in jax.tree.leaves(tree):
        dtype = jnp.result_type(leaf)
        if jnp.issubdtype(dtype, jnp.floating) and dtype != jnp.float64:
            raise InvalidParameter(
                name, "float64 throughout (constants and bounds are measured in float64)", dtype.name
            )
