"""What a scan's shapes say of its layout, in whatever way the JAX at hand stores it."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from anil_theory.certify.scan_layout import ScanLayout, scan_layout


def scan_of(function: Any, *arguments: Any) -> Any:
    return next(e for e in jax.make_jaxpr(function)(*arguments).eqns if e.primitive.name == "scan")


@pytest.mark.parametrize(
    ("constants", "carry", "rows", "outputs"), [(0, 1, 1, 1), (2, 3, 1, 0), (1, 2, 2, 3), (3, 1, 0, 2)]
)
def test_the_layout_is_the_one_that_was_written(constants: int, carry: int, rows: int, outputs: int) -> None:
    def run(held: list[Any], start: list[Any], each: list[Any]) -> Any:
        def body(state: list[Any], row: Any) -> Any:
            total = sum(map(jnp.sum, [*held, *(row or [])]), jnp.zeros(()))
            return [x + total for x in state], [jnp.stack([x[0], total]) for x in [state[0]] * outputs]

        return jax.lax.scan(body, start, each or None, length=2)

    # Rows of length 2 with members of shape (2,), so that no size tells a row from its members.
    held, start, each = [jnp.ones(2)] * constants, [jnp.ones(2)] * carry, [jnp.ones((2, 2))] * rows
    held, start, each = ([x * (i + 1) for i, x in enumerate(group)] for group in (held, start, each))
    assert scan_layout(scan_of(run, held, start, each)) == ScanLayout(constants, carry)
