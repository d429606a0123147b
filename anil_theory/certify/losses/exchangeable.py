"""A loss of one task as an exchangeable program: equations over flat lists of numbers, plain JSON.

Every traced primitive becomes one of a few operations that docs/proofs.md describes. Whatever only moves entries about
(reshape, transpose, slices, gathers by known indices) becomes "take", a list of positions, found by running the
primitive itself on positions. What touches integers and Booleans of the data only is carried out here, since it is
exact; floating arithmetic on the data stays in the program, since it rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal
from jaxtyping import PyTree

from anil_theory._scan_layout import scan_layout
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.certify.losses.expansions import Expansions, Traced
from anil_theory.certify.losses.fixed_numbers import without_fixed_numbers
from anil_theory.certify.program.library_functions import is_log_add_exp
from anil_theory.tasks.base import Loss

FUNCTIONS = ("add", "sub", "mul", "div", "neg", "exp", "log", "sqrt", "sin", "cos", "tanh", "logistic", "atan", "erf")
"""Primitives that are operations of the form under their own names."""

REDUCTIONS = {"reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min", "reduce_and": "and", "reduce_or": "or"}

MOVES = (
    "reshape", "squeeze", "expand_dims", "broadcast_in_dim", "transpose", "rev", "slice", "concatenate", "pad",
    "gather", "dynamic_slice", "dynamic_update_slice", "split", "unstack", "stack", "copy", "copy_p",
    "optimization_barrier", "select_n",
)  # fmt: skip
"""Primitives that move entries about once their indices and predicates are known."""

EXACT = (*MOVES, "iota", "lt", "le", "gt", "ge", "eq", "ne", "not", "and", "or", "xor", "is_finite", "stop_gradient")
"""Primitives that are exact on known numbers, floats included."""

CALLS = ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call")


@dataclass(frozen=True)
class _Missing:
    """An array that the form cannot say, and why: an error only where the loss depends on it."""

    reason: str


def loss_program(loss: Loss, data: PyTree, n_w: int, n_phi: int) -> dict[str, Any]:
    """The program of `loss(w, phi, data)` for w of shape (n_w,) and phi of shape (n_phi,), data taken as exact.

    Raises NoEnclosure, naming it, for a primitive that has no place in the form.
    """
    at = (jax.ShapeDtypeStruct((n_w,), np.float64), jax.ShapeDtypeStruct((n_phi,), np.float64))
    traced = jax.make_jaxpr(lambda w, phi: loss(w, phi, data))(*at)
    writer = _Writer()
    (output,) = writer.run(traced, [Traced(0, (n_w,)), Traced(1, (n_phi,))])
    equations, result = _alive(writer.equations, writer.listed(output).index)
    equations = without_fixed_numbers(equations, (n_w, n_phi), result)
    return {"inputs": {"w": n_w, "phi": n_phi}, "equations": equations, "result": result}


class _Writer:
    """Equations in the order of the trace; known arrays are written when an equation needs them."""

    def __init__(self) -> None:
        self.equations: list[dict[str, Any]] = []

    def emit(self, operation: str, inputs: Sequence[Traced], shape: tuple[int, ...], **rest: Any) -> Traced:
        self.equations.append({"op": operation, "in": [x.index for x in inputs], **rest})
        return Traced(len(self.equations) + 1, shape)

    def listed(self, value: Any) -> Traced:
        """A value as a list of the program."""
        if isinstance(value, Traced):
            return value
        if isinstance(value, _Missing):
            raise NoEnclosure(value.reason)
        known = np.asarray(value)
        # A condition is a number: it holds where that is positive, and does not where it is negative.
        numbers = np.where(known, 1, -1) if known.dtype.kind == "b" else known
        if not np.all(np.isfinite(numbers)):
            raise NoEnclosure(f"an infinite or undefined number in a loss has no enclosure: {numbers.tolist()}")
        return self.emit("const", [], known.shape, values=numbers.reshape(-1).tolist())

    def run(self, closed: ClosedJaxpr, inputs: list[Any]) -> list[Any]:
        """The results of a closed jaxpr."""
        jaxpr = closed.jaxpr
        values: dict[Any, Any] = dict(zip(jaxpr.constvars, map(np.asarray, closed.consts), strict=True))
        values.update(zip(jaxpr.invars, inputs, strict=True))
        for equation in jaxpr.eqns:
            arguments = [np.asarray(x.val) if isinstance(x, Literal) else values[x] for x in equation.invars]
            try:
                results = self.equation(equation, arguments)
            except NoEnclosure as error:
                results = [_Missing(str(error))] * len(equation.outvars)
            values.update(zip(equation.outvars, results, strict=True))
        return [np.asarray(x.val) if isinstance(x, Literal) else values[x] for x in jaxpr.outvars]

    def equation(self, equation: Any, inputs: list[Any]) -> list[Any]:
        """Write one equation."""
        name, out = equation.primitive.name, equation.outvars[0].aval
        missing = [x.reason for x in inputs if isinstance(x, _Missing)]
        if missing and name not in (*CALLS, "scan", "cond", "stop_gradient"):
            raise NoEnclosure(missing[0])
        if all(isinstance(x, np.ndarray) for x in inputs) and self._exact(name, inputs, out):
            results = equation.primitive.bind(*inputs, **equation.params)
            return [np.asarray(x) for x in (results if equation.primitive.multiple_results else [results])]
        if name in CALLS:
            return self.call(equation, inputs)
        if name == "scan":
            return self.scan(equation, inputs)
        if name == "cond":
            if not isinstance(inputs[0], np.ndarray):
                raise NoEnclosure("cond on a predicate that depends on w or phi has no place in a proof")
            branches = equation.params["branches"]
            return self.run(branches[int(np.clip(inputs[0], 0, len(branches) - 1))], inputs[1:])
        if name in MOVES and (name != "select_n" or isinstance(inputs[0], np.ndarray)):
            return self.move(equation, inputs)
        if name == "reduce_sum" or name in REDUCTIONS:
            return [self.reduce(name, inputs[0], equation.params["axes"])]
        if name == "cumsum":
            return [self.running_sum(inputs[0], equation.params["axis"], equation.params["reverse"])]
        if name == "dot_general":
            return [self.dot(equation, *inputs)]
        if name == "stop_gradient":
            # A number on which a loss that is differentiated rightly does not depend: the reader has to prove it.
            return [self.emit("free", [], out.shape, size=max(_size(out.shape), 1))]
        return [self.elementwise(name, equation, inputs)]

    @staticmethod
    def _exact(name: str, inputs: list[np.ndarray], out: Any) -> bool:
        whole = all(x.dtype.kind in "iub" for x in inputs)
        if name == "convert_element_type":
            return whole or out.dtype == inputs[0].dtype or (out.dtype.kind == "f" and out.dtype.itemsize >= 8)
        return name in EXACT or (whole and out.dtype.kind in "iub" and name not in (*CALLS, "scan", "cond", "while"))

    def elementwise(self, name: str, equation: Any, inputs: list[Any]) -> Traced:
        """A function of single numbers."""
        shape = equation.outvars[0].aval.shape
        if name in ("max", "min"):
            # Without entries a maximum starts at -inf, which changes nothing.
            idle = -np.inf if name == "max" else np.inf
            kept = [x for x in inputs if not (isinstance(x, np.ndarray) and np.all(x == idle))]
            if len(kept) == 1 and kept[0].shape == shape:
                return self.listed(kept[0])
        lists = [self._spread(self.listed(x), shape) for x in inputs]
        if name == "convert_element_type":
            target, source = equation.outvars[0].aval.dtype, equation.invars[0].aval.dtype
            if source.kind == target.kind == "f" and target.itemsize >= 8:
                return lists[0]
            if source.kind != "b" or target.kind != "f":
                raise NoEnclosure(f"convert_element_type from {source} to {target} has no place in a proof")
            return Expansions(self, shape).number(*lists)
        return self.function(name, lists, shape, equation.params)

    def function(self, name: str, lists: Sequence[Traced], shape: tuple[int, ...], params: dict[str, Any]) -> Traced:
        """A function of single numbers of the same shape, written out where it is none of the form."""
        if name in FUNCTIONS or name == "add_any":
            return self.emit(name.removesuffix("_any"), lists, shape)
        if name == "select_n" and len(lists) == 3:
            which, no, yes = lists
            return self.emit("select", [which, yes, no], shape)
        written = Expansions(self, shape)
        if name == "integer_pow":
            return written.power(lists[0], int(params["y"]))
        if not hasattr(Expansions, f"{name}_"):
            raise NoEnclosure(f"the primitive {name!r} has no place in a proof")
        return getattr(written, f"{name}_")(*lists)

    def _spread(self, x: Traced, shape: tuple[int, ...]) -> Traced:
        """Axes of length 1 repeated; a single number serves any shape as it is."""
        if x.size == 1 or x.shape == shape:
            return x
        return self._taken([x], np.broadcast_to(np.arange(x.size).reshape(x.shape), shape))

    def call(self, equation: Any, inputs: list[Any]) -> list[Any]:
        """A function within the loss; of a custom derivative the function itself is what is written."""
        body = next(equation.params[n] for n in ("jaxpr", "call_jaxpr", "fun_jaxpr") if n in equation.params)
        closed = body if hasattr(body, "consts") else ClosedJaxpr(body, ())
        if is_log_add_exp(equation):
            # Its own program has a branch at a = b, where the function has none.
            return [self.elementwise("logaddexp", equation, inputs)]
        return self.run(closed, inputs)

    def scan(self, equation: Any, inputs: list[Any]) -> list[Any]:
        """Write a scan, unrolled."""
        p, layout = equation.params, scan_layout(equation)
        first, second = layout.constants, layout.constants + layout.carry
        carry, collected = inputs[first:second], []
        for i in range(p["length"]):
            at = p["length"] - 1 - i if p["reverse"] else i
            slices = [self._row(x, at) for x in inputs[second:]]
            results = self.run(p["jaxpr"], [*inputs[:first], *carry, *slices])
            carry = results[: layout.carry]
            collected.append(results[layout.carry :])
        rows = collected[::-1] if p["reverse"] else collected
        stacked = [self._joined(list(column)) for column in zip(*rows, strict=True)] if rows else []
        return [*carry, *stacked]

    def _row(self, value: Any, at: int) -> Any:
        if isinstance(value, np.ndarray):
            return value[at]
        if isinstance(value, _Missing):
            return value
        return self._taken([value], np.arange(value.size).reshape(value.shape)[at])

    def _joined(self, parts: list[Any]) -> Any:
        if all(isinstance(part, np.ndarray) for part in parts):
            return np.stack(parts)
        lists = [self.listed(part) for part in parts]
        return self._taken(lists, np.arange(sum(x.size for x in lists)).reshape(len(lists), *lists[0].shape))

    def _taken(self, inputs: list[Traced], positions: np.ndarray) -> Traced:
        flat = positions.reshape(-1)
        if len(inputs) == 1 and np.array_equal(flat, np.arange(inputs[0].size)):
            return Traced(inputs[0].index, positions.shape)
        return self.emit("take", inputs, positions.shape, index=flat.tolist())

    def move(self, equation: Any, inputs: list[Any]) -> list[Any]:
        """Run a primitive on positions instead of numbers."""
        kinds = {
            x.aval.dtype.kind for x, operand in zip(equation.invars, inputs, strict=True) if isinstance(operand, Traced)
        }
        first = int(equation.primitive.name == "select_n")
        numbers = [i for i, x in enumerate(equation.invars) if i >= first and x.aval.dtype.kind in kinds]
        lists = [self.listed(inputs[i]) for i in numbers]
        starts = np.cumsum([0, *(x.size for x in lists)])
        arguments = list(inputs)
        for i, x, start in zip(numbers, lists, starts[:-1], strict=True):
            arguments[i] = jnp.arange(start, start + x.size, dtype=np.int64).reshape(x.shape)
        if any(isinstance(x, Traced) for x in arguments):
            raise NoEnclosure(f"{equation.primitive.name} by indices that depend on w or phi has no place in a proof")
        params = dict(equation.params)
        if "fill_value" in params:
            params["fill_value"] = -1
        results = equation.primitive.bind(*map(jnp.asarray, arguments), **params)
        out = []
        for result in results if equation.primitive.multiple_results else [results]:
            positions = np.asarray(result)
            if np.any((positions < 0) | (positions >= starts[-1])):
                raise NoEnclosure(f"{equation.primitive.name} by an index out of bounds has no place in a proof")
            out.append(self._taken(lists, positions))
        return out

    def reduce(self, name: str, value: Any, axes: Sequence[int]) -> Traced:
        """Sums and the like over groups: the axes are moved last."""
        x = self.listed(value)
        kept = [i for i in range(len(x.shape)) if i not in axes]
        shape, size = tuple(x.shape[i] for i in kept), _size([x.shape[i] for i in axes])
        if not size:
            raise NoEnclosure(f"{name} over nothing has no place in a proof")
        positions = np.arange(x.size).reshape(x.shape).transpose(*kept, *axes).reshape(*shape, size)
        if name == "reduce_sum":
            return self.emit("sum", [self._taken([x], positions)], shape, size=size)
        total = self._taken([x], positions[..., 0])
        for i in range(1, size):
            total = self.function(REDUCTIONS[name], [total, self._taken([x], positions[..., i])], shape, {})
        return total

    def running_sum(self, value: Any, axis: int, reverse: bool) -> Traced:
        """Every partial sum as a sum over the whole axis, with zeros for what it leaves out."""
        x, zero = self.listed(value), self.listed(np.zeros(()))
        last = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1)
        n = last.shape[-1]
        used = np.tri(n, dtype=bool).T if reverse else np.tri(n, dtype=bool)
        positions = np.moveaxis(np.where(used, last[..., None, :], x.size), -2, axis)
        return self.emit("sum", [self._taken([x, zero], positions)], x.shape, size=n)

    def dot(self, equation: Any, a: Any, b: Any) -> Traced:
        """Write a product of matrices as sums of products."""
        (over_a, over_b), (batch_a, batch_b) = equation.params["dimension_numbers"]
        lists, arranged = [self.listed(a), self.listed(b)], []
        for x, over, batch in zip(lists, (over_a, over_b), (batch_a, batch_b), strict=True):
            free = [i for i in range(len(x.shape)) if i not in (*over, *batch)]
            sizes = [_size([x.shape[i] for i in axes]) for axes in (batch, free, over)]
            arranged.append(np.arange(x.size).reshape(x.shape).transpose(*batch, *free, *over).reshape(sizes))
        left, right = np.broadcast_arrays(arranged[0][:, :, None], arranged[1][:, None])
        products = self.emit("mul", [self._taken([lists[0]], left), self._taken([lists[1]], right)], left.shape)
        shape = equation.outvars[0].aval.shape
        if left.shape[-1] == 1:
            return Traced(products.index, shape)
        return self.emit("sum", [products], shape, size=left.shape[-1])


def _alive(equations: list[dict[str, Any]], result: int) -> tuple[list[dict[str, Any]], int]:
    """The equations on which a result depends, renumbered; 0 and 1 are w and phi."""
    needed = {result}
    for index in range(len(equations) + 1, 1, -1):
        if index in needed:
            needed.update(equations[index - 2]["in"])
    place = {index: i for i, index in enumerate(sorted({0, 1} | needed))}
    kept = [
        equation | {"in": [place[i] for i in equation["in"]]}
        for index, equation in enumerate(equations, start=2)
        if index in needed
    ]
    return kept, place[result]


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=int))
