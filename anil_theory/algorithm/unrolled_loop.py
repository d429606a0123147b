"""The unrolled inner loop as one thing: its step sizes, its length, how much of it runs, and whether it is a constant.

Everything that runs or differentiates an inner loop takes this noun. It is a pytree: alpha and the number of active
steps are traced, so that one compilation serves all their values; the length and the order are part of the program.
"""

from functools import partial
from typing import TypedDict

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from anil_theory._admissible import ConflictingArguments, InvalidParameter, count
from anil_theory.schedule import Schedule


class UnrolledLoop(eqx.Module):
    """N steps w_{m+1} = w_m - alpha D_w L_S(w_m, phi), as a program.

    alpha         inner step size: a number, a traced scalar, or a pytree prefix of w (see `step_sizes`);
    inner_steps   the length of the compiled loop, a Python integer >= 1;
    active_steps  optional traced integer in 0..inner_steps: the steps that are run. The others are skipped at run time,
                  so that one compilation serves every smaller N. None runs all of them;
    first_order   treat the inner gradient as constant when the loop is differentiated (FO-ANIL);
    discard       compute the steps beyond the active ones and discard them: they cost their time, and reverse mode
                  through the loop is traced in half of the time that it takes through a branch.

    Raises InvalidParameter for inner_steps < 1. Whether alpha fits w is seen where there is a w.
    """

    alpha: PyTree
    inner_steps: int = eqx.field(static=True, converter=partial(count, "inner_steps"))
    active_steps: Array | None = None
    first_order: bool = eqx.field(default=False, static=True)
    discard: bool = eqx.field(default=False, static=True)

    @classmethod
    def of_schedule(cls, schedule: Schedule, max_inner_steps: int | None = None) -> "UnrolledLoop":
        """The loop of a schedule, with traced step sizes.

        max_inner_steps   compile for this many steps (at least N) and run N of them; None compiles for N alone.
        """
        if max_inner_steps is None:
            length, active = schedule.inner_steps, None
        else:
            length = max(schedule.inner_steps, count("max_inner_steps", max_inner_steps))
            active = jnp.asarray(schedule.inner_steps)
        return cls(jax.tree.map(jnp.asarray, schedule.alpha), length, active)


class LoopKeywords(TypedDict, total=False):
    """The fields of an UnrolledLoop as keyword arguments of a call that makes its own."""

    alpha: PyTree
    inner_steps: int
    active_steps: Array | None
    first_order: bool
    discard: bool


def given_loop(loop: UnrolledLoop | None, keywords: LoopKeywords) -> UnrolledLoop:
    """The loop of a call: the one that was passed, or the one that the keywords make.

    Raises ConflictingArguments for both at once, and InvalidParameter for keywords without alpha or inner_steps.
    """
    if loop is None:
        for name in ("alpha", "inner_steps"):
            if name not in keywords:
                raise InvalidParameter(name, "a number, unless a loop is passed", None)
        return UnrolledLoop(**keywords)
    if keywords:
        names = ", ".join(keywords)
        raise ConflictingArguments("loop", f"pass a loop or keywords and not both: a loop came with {names}", loop)
    return loop
