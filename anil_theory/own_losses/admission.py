"""The door for a user's own losses and data: what can be studied gets in; an error names the loss, the line and why.

Nothing is measured here. A loss that gets through is traced by JAX, computes in float64, can be differentiated three
times, and is finite at the start in every task, with its gradient and its second derivative along one direction.
"""

import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Var
from jax.tree_util import keystr
from jaxtyping import Array, Float, PyTree

from anil_theory._admissible import InvalidParameter, count
from anil_theory._registry import ExtensionError
from anil_theory.certify.program.source_lines import user_line
from anil_theory.errors import AnilTheoryError, EmptyPopulation
from anil_theory.estimators.fields import loss_field
from anil_theory.own_losses.linear_algebra import warn_of_lapack
from anil_theory.problem import Loss, TaskSet
from anil_theory.problem.centred import CentredLoss
from anil_theory.problem.flat import FlatLoss, Layout
from anil_theory.problem.padding import stacked
from anil_theory.problem.task_set import lists_tasks

KINKED = {"abs", "ceil", "clamp", "cummax", "cummin", "floor", "max", "min", "reduce_max", "reduce_min"}
KINKED |= {"round", "select_n", "sign", "sort", "top_k", "argmax", "argmin", "rem"}
"""Primitives that may have a kink or a jump where the parameters decide. Some smooth functions use them too."""
NARROW = ("float32", "float16", "bfloat16")
_ORDERS = ("first", "second", "third")
_LIBRARIES = (os.path.dirname(str(jax.__file__)) + os.sep, os.path.dirname(os.path.dirname(__file__)) + os.sep)


class UnusableLoss(ExtensionError):
    """A loss that cannot be studied: the message names the loss, the place and what to do."""


class NotDifferentiable(UnusableLoss):
    """A loss that JAX cannot differentiate as often as the assumptions ask: A1 and A2 speak of third derivatives."""


@dataclass(frozen=True, eq=False)
class Admitted:
    """Losses that can be studied, over flat points z relative to the start: z = 0 is where runs start.

    tasks          the population, data in float64;
    n_w, n_phi     dimensions;
    start          the start in the user's own coordinates, flat;
    kinked         for each loss the primitives that may have a kink, each with its line;
    notes          what was changed on the way in, in words.
    """

    tasks: TaskSet
    n_w: int
    n_phi: int
    start: Float[np.ndarray, " n"]
    kinked: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]


def admit(support: Loss, query: Loss, w: PyTree, phi: PyTree, data: PyTree, *, pad: bool = False) -> Admitted:
    """The losses and their data, ready to be studied.

    pad   whether tasks of unequal sizes are padded: `data` is a list with one tree per task, and the losses get a
          `Padded(examples, mask)`.

    Raises InvalidParameter for parameters and data, naming the leaf, and UnusableLoss for a loss: one that is no
    function, that JAX cannot trace, that returns no real scalar, that computes in less than float64, that cannot be
    differentiated, or that is not finite at the start.
    """
    layout_w = Layout.of("w", w)
    layout_phi = Layout.of("phi", phi)
    count("n_w", layout_w.size)
    wide, notes = _wide_data(data, pad=pad)
    centre = np.asarray(jnp.concatenate([layout_w.flat(w), layout_phi.flat(phi)]))
    losses = {}
    kinked = {}
    for name, loss in (("support", support), ("query", query)):
        if not callable(loss):
            raise UnusableLoss(f"the {name} loss must be a function loss(w, phi, data) -> scalar; got {loss!r}")
        flat = FlatLoss(loss, layout_w, layout_phi)
        losses[name] = CentredLoss.about(flat, centre)
        kinked[name] = _admit_program(name, losses[name], layout_w.size, layout_phi.size, wide)
    tasks = TaskSet(losses["support"], losses["query"], wide)
    _require_finite(tasks, layout_w.size, layout_phi.size, [*_entries("w", w), *_entries("phi", phi)])
    return Admitted(tasks, layout_w.size, layout_phi.size, centre, kinked, notes)


def _wide_data(data: PyTree, *, pad: bool) -> tuple[PyTree, tuple[str, ...]]:
    """The data with a leading axis over tasks and with floats of 64 bits, which hold those of 32 exactly."""
    if isinstance(data, TaskSet):
        data = data.data
    if lists_tasks(data):
        data = stacked(data, pad=pad)
    elif pad:
        raise InvalidParameter("pad", "False unless data are a list with one tree per task", pad)
    sizes: dict[str, Any] = {}
    narrow = []
    leaves, structure = jax.tree.flatten(data)
    wide = []
    for (path, _), leaf in zip(jax.tree.leaves_with_path(data), leaves, strict=True):
        name = f"data{keystr(path)}"
        key = jnp.issubdtype(getattr(leaf, "dtype", np.float64), jax.dtypes.extended)
        array = leaf if key else np.asarray(leaf)
        if not key and array.dtype.kind not in "biufc":
            raise InvalidParameter(name, "an array of numbers with a leading axis over tasks", leaf)
        if not key and array.dtype.name in NARROW:
            narrow.append(name)
            array = array.astype(np.float64)
        if not key and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidParameter(name, "finite", array[~np.isfinite(array)][0])
        sizes[name] = np.shape(leaf)[0] if np.ndim(leaf) else "none"
        wide.append(array if key else jnp.asarray(array))
    if len(set(sizes.values())) > 1 or "none" in sizes.values():
        shown = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        unequal = "tasks of unequal sizes come as a list with one tree per task, with pad=True"
        allowed = f"a tree whose leaves share one leading axis, over the tasks ({unequal})"
        raise InvalidParameter("data", allowed, shown)
    if set(sizes.values()) <= {0}:
        raise EmptyPopulation("the data hold no task: they need a leading axis of length 1 or more")
    notes = (f"{', '.join(narrow)}: converted to float64, which is exact",) if narrow else ()
    return jax.tree.unflatten(structure, wide), notes


def _admit_program(name: str, loss: Callable[..., Array], n_w: int, n_phi: int, data: PyTree) -> tuple[str, ...]:
    """Trace the loss and its derivatives; the primitives that may have a kink."""
    task = jax.tree.map(lambda leaf: leaf[0], data)
    w = jnp.zeros(n_w)
    phi = jnp.zeros(n_phi)
    try:
        program, out = jax.make_jaxpr(loss, return_shape=True)(w, phi, task)
    except Exception as error:
        raise UnusableLoss(_untraceable(name, error)) from error
    if not hasattr(out, "shape") or out.shape != () or not jnp.issubdtype(out.dtype, jnp.floating):
        raise UnusableLoss(f"the {name} loss must return one real scalar; it returns {_described(out)}")
    for equation in _equations(program.jaxpr):
        for variable in equation.outvars:
            dtype = getattr(getattr(variable, "aval", None), "dtype", None)
            if dtype is not None and str(dtype) in NARROW:
                what = f"{equation.primitive.name!r} gives {dtype}{user_line(equation)}"
                raise UnusableLoss(
                    f"the {name} loss mixes types: {what}, and constants are measured in float64. "
                    "Leave the conversion out; parameters and data arrive in float64"
                )
    warn_of_lapack(name, _equations(program.jaxpr))
    _require_derivatives(name, loss, (w, phi), task)
    return _kinked(program.jaxpr, n_w_and_phi=2)


def _require_derivatives(name: str, loss: Loss, at: tuple[Array, Array], task: PyTree) -> None:
    """Trace the derivatives of orders 1 to 3."""
    z = jnp.concatenate(at)
    field = partial(_slope, loss, at)
    for order in _ORDERS:
        try:
            jax.make_jaxpr(lambda z, field=field: field(z, task))(z)
        except AnilTheoryError:
            raise
        except Exception as error:
            raise NotDifferentiable(
                f"JAX has no {order} derivative of the {name} loss{_line_of(error)}: {_first_line(error)}"
            ) from error
        field = partial(_along, field)


def _slope(loss: Loss, at: tuple[Array, Array], z: Array, task: PyTree) -> Array:
    return loss_field(loss, at)(z, task)


def _along(field: Callable[[Array, PyTree], Array], z: Array, task: PyTree) -> Array:
    return jax.jvp(lambda z: field(z, task), (z,), (jnp.ones_like(z),))[1]


def _entries(name: str, tree: PyTree) -> Iterator[str]:
    """The name of the leaf that each entry of a flat vector comes from."""
    for path, leaf in jax.tree.leaves_with_path(tree):
        yield from [f"{name}{keystr(path)}"] * np.size(leaf)


def _require_finite(tasks: TaskSet, n_w: int, n_phi: int, entries: list[str]) -> None:
    """Refuse a loss whose value, gradient or second derivative is not finite at the start of a task."""
    derivatives = _at_the_start((tasks.support, tasks.query), (n_w, n_phi), tasks.data)
    for name, (value, slope, curved) in zip(("support", "query"), derivatives, strict=True):
        for what, numbers in (("value", value[:, None]), ("gradient", slope), ("second derivative", curved)):
            bad = np.argwhere(~np.isfinite(np.asarray(numbers)))
            if len(bad):
                task, entry = (int(i) for i in bad[0])
                leaf = "" if what == "value" else f" with respect to {entries[entry]}"
                number = np.asarray(numbers)[task, entry]
                raise UnusableLoss(f"the {what} of the {name} loss{leaf} is {number} at the start, in task {task}")


@partial(jax.jit, static_argnums=(0, 1))
def _at_the_start(losses: tuple[Loss, Loss], sizes: tuple[int, int], data: PyTree) -> list[tuple[Array, ...]]:
    """For both losses, in every task: the value, the gradient, and its derivative along (1, .., 1)."""
    at = (jnp.zeros(sizes[0]), jnp.zeros(sizes[1]))
    z = jnp.zeros(sum(sizes))

    def of_task(loss: Loss, task: PyTree) -> tuple[Array, Array, Array]:
        field = partial(_slope, loss, at)
        return loss(*at, task), field(z, task), _along(field, z, task)

    return [jax.vmap(partial(of_task, loss))(data) for loss in losses]


def _equations(jaxpr: Any) -> Iterator[Any]:
    """Every equation of a program and of the programs inside it."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in _inside(equation):
            yield from _equations(inner)


def _inside(equation: Any) -> Iterator[Any]:
    """The programs that an equation calls."""
    for value in equation.params.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, ClosedJaxpr):
                yield each.jaxpr
            elif isinstance(each, Jaxpr):
                yield each


def _kinked(jaxpr: Any, *, n_w_and_phi: int) -> tuple[str, ...]:
    """The primitives with a possible kink, with their lines, that parameters reach."""
    moving = set(jaxpr.invars[:n_w_and_phi])
    kinks = []
    for equation in jaxpr.eqns:
        if not any(isinstance(variable, Var) and variable in moving for variable in equation.invars):
            continue
        moving.update(equation.outvars)
        inside = [each for inner in _inside(equation) for each in _equations(inner)]
        for each in (equation, *inside):
            if each.primitive.name in KINKED:
                kinks.append(f"`{each.primitive.name}`{user_line(each) or user_line(equation)}")
    return tuple(dict.fromkeys(kinks))


def _untraceable(name: str, error: Exception) -> str:
    """One sentence on what JAX cannot trace in a loss, with the remedy."""
    where = _line_of(error)
    tracing = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError)
    if isinstance(error, (*tracing, jax.errors.TracerIntegerConversionError, jax.errors.NonConcreteBooleanIndexError)):
        return (
            f"the {name} loss cannot be compiled by JAX{where}: it asks for the value of a number that is only known "
            "when it runs. Write branches with jnp.where and numpy calls with jax.numpy"
        )
    return f"the {name} loss fails{where}: {type(error).__name__}: {_first_line(error)}"


def _line_of(error: BaseException) -> str:
    """ " (FILE:LINE)" of the innermost frame that is neither JAX's nor this package's; "" where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_LIBRARIES)]
    written = [frame for frame in own if "site-packages" not in frame.filename]
    for frame in reversed(written or own):
        return f" ({os.path.basename(frame.filename)}:{frame.lineno})"
    return ""


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def _described(out: Any) -> str:
    if hasattr(out, "shape"):
        return f"{out.dtype} of shape {out.shape}"
    return repr(jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", out))[:200]
