"""Where each entry of an array goes under a primitive that moves, repeats or adds up entries: JAX itself says it.

The primitive is run once on the positions 0, 1, 2, .. of its operand's entries in place of the entries. What comes out
is a table of positions, from which the rules of both arithmetics take balls or intervals. Integers are exact, and so is
a float64 sum of one integer and zeros. Tables are kept, by equation and indices.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

NOWHERE = -1
"""In a table: no entry of the operand. The number is undefined (an index outside) or 0 (padding of a convolution)."""

_LARGEST_STORE = 4096
_tables: dict[Any, tuple[Any, np.ndarray]] = {}


def _kept(equation: Any, indices: tuple[np.ndarray, ...], table: Callable[[], np.ndarray]) -> np.ndarray:
    key = id(equation), *(index.tobytes() for index in indices)
    if key not in _tables:
        if len(_tables) >= _LARGEST_STORE:
            _tables.clear()
        # The equation is kept with its table, so that no other one can get its identity.
        _tables[key] = equation, table()
    return _tables[key][1]


def _numbered(shape: tuple[int, ...], first: int = 0) -> Any:
    return jnp.arange(first, first + int(np.prod(shape, dtype=int))).reshape(shape)


def gathered(equation: Any, indices: np.ndarray) -> np.ndarray:
    """The table of `gather`: positions in the flat operand, NOWHERE for an index outside that is to be filled."""

    def table() -> np.ndarray:
        p = equation.params
        positions = lax.gather(
            _numbered(equation.invars[0].aval.shape),
            jnp.asarray(indices),
            dimension_numbers=p["dimension_numbers"],
            slice_sizes=p["slice_sizes"],
            mode=p["mode"],
            fill_value=NOWHERE,
        )
        return np.asarray(positions)

    return _kept(equation, (indices,), table)


def updated(equation: Any, *indices: np.ndarray) -> np.ndarray:
    """The table of an update that overwrites: positions in the flat operand followed by the flat update.

    The equation's inputs are (operand, update, index ..) for a window and (operand, indices, update) for a scatter.
    """

    def table() -> np.ndarray:
        operand, second, third = (variable.aval.shape for variable in equation.invars[:3])
        scatter = equation.primitive.name == "scatter"
        size = int(np.prod(operand, dtype=int))
        update = _numbered(third if scatter else second, first=size)
        rest = map(jnp.asarray, indices)
        inputs = (*rest, update) if scatter else (update, *rest)
        return np.asarray(equation.primitive.bind(_numbered(operand), *inputs, **equation.params))

    return _kept(equation, indices, table)


def scattered(equation: Any, indices: np.ndarray) -> np.ndarray:
    """Where each entry of the update of `scatter-add` is added: positions in the flat operand, or NOWHERE."""

    def table() -> np.ndarray:
        numbers, shape = equation.params["dimension_numbers"], equation.invars[0].aval.shape
        window = iter(equation.invars[2].aval.shape[d] for d in numbers.update_window_dims)
        gone = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
        # The gather whose transpose this scatter is reads each entry from where it is added.
        reading = lax.GatherDimensionNumbers(
            offset_dims=numbers.update_window_dims,
            collapsed_slice_dims=numbers.inserted_window_dims,
            start_index_map=numbers.scatter_dims_to_operand_dims,
            operand_batching_dims=numbers.operand_batching_dims,
            start_indices_batching_dims=numbers.scatter_indices_batching_dims,
        )
        positions = lax.gather(
            _numbered(shape),
            jnp.asarray(indices),
            dimension_numbers=reading,
            slice_sizes=tuple(1 if d in gone else next(window) for d in range(len(shape))),
            mode=equation.params["mode"],
            fill_value=NOWHERE,
        )
        return np.asarray(positions)

    return _kept(equation, (indices,), table)


def layers(targets: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(sources, targets) in groups without a repeated target, so that each group can be added in one assignment."""
    flat = targets.reshape(-1)
    sources = np.flatnonzero(flat != NOWHERE)
    order = np.argsort(flat[sources], kind="stable")
    chosen = flat[sources[order]]
    first = np.searchsorted(chosen, chosen)
    rank = np.arange(len(chosen)) - first
    return [(sources[order[rank == r]], chosen[rank == r]) for r in range(int(rank.max(initial=-1)) + 1)]


def windows(equation: Any) -> np.ndarray:
    """The table of `reduce_window_sum`: which entries (last axis, filled up with NOWHERE) each output adds up."""

    def table() -> np.ndarray:
        shape = equation.invars[0].aval.shape
        size = int(np.prod(shape, dtype=int))
        units = jnp.eye(size).reshape(size, *shape)
        share = np.asarray(jax.vmap(lambda unit: equation.primitive.bind(unit, **equation.params))(units))
        parts = share.reshape(size, -1).T != 0
        most = int(parts.sum(axis=1).max(initial=0))
        places = np.full((len(parts), most), NOWHERE)
        for row, part in zip(places, parts, strict=True):
            entries = np.flatnonzero(part)
            row[: len(entries)] = entries
        return places.reshape(*equation.outvars[0].aval.shape, most)

    return _kept(equation, (), table)


def convolved(equation: Any) -> np.ndarray:
    """The table of a convolution: for each output, and each entry of the kernel (last axis), the entry of the input."""

    def table() -> np.ndarray:
        left, right = (variable.aval.shape for variable in equation.invars)
        size = int(np.prod(right, dtype=int))
        units = jnp.eye(size).reshape(size, *right)
        # From 1, since a convolution pads with 0; a sum of one position and of zeros is exact in float64.
        numbered = _numbered(left, first=1).astype(float)
        parameters = equation.params | {"preferred_element_type": None}
        places = jax.vmap(lambda unit: equation.primitive.bind(numbered, unit, **parameters))(units)
        return np.moveaxis(np.asarray(places), 0, -1).astype(int) - 1

    return _kept(equation, (), table)
