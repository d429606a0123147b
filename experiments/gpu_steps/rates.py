"""What the card can do: rates of matrix products and convolutions in three precisions, and of copying memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.gpu_steps.card import Card
from experiments.gpu_steps.expected import BANDWIDTH, COMPILE, RATES
from experiments.gpu_steps.our_side import PRECISIONS, products_in
from experiments.gpu_steps.pieces import Clock, Piece, Plain, repeat

ROUNDS = 10


def rate_pieces(card: Card) -> list[Piece]:
    """Products, convolutions of the network's second layer, and a copy; float32, TF32, bfloat16."""
    side, images, numbers = (64, 1, 2**16) if card.toy else (8192, 1600, 2**28)
    of_a_product = 2.0 * side**3
    of_a_convolution = 2.0 * images * 16 * 16 * 9 * 64 * 64
    found = []
    for precision in PRECISIONS:
        for name, operations, make in (
            ("matrix product", of_a_product, _product(side)),
            ("convolution", of_a_convolution, _convolution(images)),
        ):
            expected = COMPILE["small"] + (ROUNDS + 1) * operations / RATES[precision]
            found.append(Piece(f"{name}, {precision}", expected, _measured(make, precision, operations)))
    expected = COMPILE["small"] + (ROUNDS + 1) * 8 * numbers / BANDWIDTH
    return [*found, Piece("copy", expected, lambda clock: _copy(numbers, clock))]


def _product(side: int) -> Callable[[Any], tuple[Any, ...]]:
    def arguments(dtype: Any) -> tuple[Any, ...]:
        a, b = (jax.random.normal(jax.random.key(i), (side, side), jnp.float32) for i in range(2))
        return jnp.matmul, a.astype(dtype), b.astype(dtype)

    return arguments


def _convolution(images: int) -> Callable[[Any], tuple[Any, ...]]:
    def arguments(dtype: Any) -> tuple[Any, ...]:
        from anil_theory.neural.convolution import direct

        x = jax.random.normal(jax.random.key(0), (images, 16, 16, 64), jnp.float32).astype(dtype)
        kernel = jax.random.normal(jax.random.key(1), (3, 3, 64, 64), jnp.float32).astype(dtype)
        return direct, x, kernel

    return arguments


def _measured(make: Callable[[Any], tuple[Any, ...]], precision: str, operations: float) -> Callable[[Clock], Plain]:
    def measure(clock: Clock) -> Plain:
        with products_in(precision):
            function, *arguments = make(jnp.bfloat16 if precision == "bfloat16" else jnp.float32)
            compiled = jax.jit(function)
            timed = repeat(lambda: jax.block_until_ready(compiled(*arguments)), clock, rounds=ROUNDS)
        return timed | {"operations": operations, "rate": operations / timed["seconds"]}

    return measure


def _copy(numbers: int, clock: Clock) -> Plain:
    """Bytes read and written by adding one to every number."""
    x = jnp.zeros(numbers, jnp.float32)
    add = jax.jit(lambda x: x + 1)
    timed = repeat(lambda: jax.block_until_ready(add(x)), clock, rounds=ROUNDS)
    return timed | {"bytes": 8 * numbers, "rate": 8 * numbers / timed["seconds"]}
