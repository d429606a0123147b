"""The float64 rule, and rounding slack that is computed from the unit roundoff and never chosen.

A Lipschitz constant measured in float32 is noise at the distances at which it is attained, so everything that measures
needs JAX's 64-bit types. Importing the package does not switch them on: the switch is global, and changes the random
numbers and the integer types of all other code in the process. The commands switch it on; a program does so by
`enable_float64()`, or by `with float64():` for a part of it. What measures calls `need_float64()`, which switches
where nobody has, and warns. docs/precision.md says why it is so.
"""

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from anil_theory._admissible import InvalidParameter
from anil_theory.errors import AnilTheoryError

UNIT_ROUNDOFF = 2.0**-53

_SWITCH = threading.Lock()

_NOT_THE_USER = ("anil_theory", "equinox", "jaxtyping", "beartype", "dataclasses", "functools", "abc")
"""Whose frames lie between the line of a program that measures and the warning about it."""


class Float64Enabled(UserWarning):
    """JAX was switched to 64-bit types for the whole process, since something was to be measured."""


class SinglePrecision(AnilTheoryError, RuntimeError):
    """Something was to be measured where a context keeps JAX at 32-bit types."""


def enable_float64() -> None:
    """Make float64 JAX's default real type, process-wide: at once, or when JAX is imported.

    JAX is not imported for it. Where it is still to come the environment variable that JAX reads is set, which child
    processes inherit. Random numbers and the types of integers change with it: call it before arrays are made.
    """
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", True)
    else:
        os.environ["JAX_ENABLE_X64"] = "True"


@contextmanager
def float64() -> Iterator[None]:
    """Make float64 JAX's default real type inside the `with` statement, and in this thread alone.

    Make inside it the arrays that are measured, and turn results into NumPy's before they leave it: outside, JAX
    computes with a float64 array in a mixture of types.
    """
    import jax

    with jax.enable_x64(True):
        yield


def need_float64() -> None:
    """Switch JAX to 64-bit types where nobody has yet, with a Float64Enabled warning at the line that needs them.

    Raises SinglePrecision inside a context that holds JAX at 32 bits.
    """
    import jax

    if jax.config.read("jax_enable_x64"):
        return
    with _SWITCH:
        if not _switched_on_for_the_process():
            # First the warning: where warnings are errors, nothing is switched.
            warnings.warn(
                "anil_theory measures in float64 and has switched JAX to 64-bit types, for the whole process. "
                "Arrays that were made before keep their types; random numbers and the types of integers change. "
                "Call anil_theory.enable_float64() at the start to have it so from there on, "
                "or measure inside `with anil_theory.float64():` to leave other code as it is",
                Float64Enabled,
                stacklevel=_depth_of_the_user(),
            )
            enable_float64()
    if not jax.config.read("jax_enable_x64"):
        raise SinglePrecision("constants are measured in float64, and a context keeps JAX at 32-bit types here")


def _switched_on_for_the_process() -> bool:
    """Whether JAX has 64-bit types where no context says otherwise: a new thread is in none."""
    import jax

    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(jax.config.read("jax_enable_x64")))
    thread.start()
    thread.join()
    return seen[0]


def _depth_of_the_user() -> int:
    """The `stacklevel`, seen from the caller, of the innermost frame that is not this package's or a wrapper of it."""
    depth = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _NOT_THE_USER:
        depth += 1
        frame = frame.f_back
    return depth if frame is not None else 2


def gamma(operations: int) -> float:
    """Higham's gamma_n = n u / (1 - n u): the relative error of n float64 roundings in a row, at most.

    Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, section 3.1. Returns inf once n u >= 1.
    """
    accumulated = operations * UNIT_ROUNDOFF
    return accumulated / (1 - accumulated) if accumulated < 1 else float("inf")


def require_float64(name: str, tree: object) -> None:
    """Raise InvalidParameter when a floating leaf of `tree` is not float64: constants are measured in float64 only.

    JAX is switched to 64-bit types where it is not, as by `need_float64`.
    """
    import jax
    import jax.numpy as jnp

    need_float64()

    for leaf in jax.tree.leaves(tree):
        dtype = jnp.result_type(leaf)
        if jnp.issubdtype(dtype, jnp.floating) and dtype != jnp.float64:
            raise InvalidParameter(
                name, "float64 throughout (constants and bounds are measured in float64)", dtype.name
            )
