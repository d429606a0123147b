"""One configuration of ours, compiled once: iterations that can be timed, XLA's counts of operations, bytes, memory."""

from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp

from anil_theory.neural.program import Program
from anil_theory.neural.settings import Settings
from experiments.speed.plain_program import PlainProgram

PRECISIONS = ("float32", "tensorfloat32", "bfloat16")
"""How products of float32 numbers are made; "bfloat16" is the type of the body's arithmetic, the rest is TF32."""


def products_in(precision: str) -> AbstractContextManager[Any]:
    """Inside, products of float32 numbers are made in this precision, when traced and when run."""
    return jax.default_matmul_precision("float32" if precision == "float32" else "tensorfloat32")


class _Lean(Program):
    """Compiles what is asked for and nothing else."""

    def _warm_up(self) -> float:
        return 0.0


class _LeanPlain(PlainProgram):
    def _warm_up(self) -> float:
        return 0.0


class OurSide:
    """`Settings.dispatch_size` outer steps in one dispatch of the package's program, compiled when this is made.

    memory       bytes that the executable plans: arguments, results and temporaries;
    operations, traffic   XLA's count of operations and bytes; it counts the body of a loop once, so these are of one
                 outer step with one inner step, there and back.
    """

    def __init__(self, settings: Settings, data: Any, precision: str, *, plain: bool = False):
        self.precision, self.count = precision, settings.dispatch_size
        self.program = (_LeanPlain if plain else _Lean)(settings, data)
        self.state = self.program.initial_state(0)
        self.key = jax.random.key(0)
        with products_in(precision):
            lowered = self.program._scan.lower(self.state, *self._arguments(1), self.count)
            self.compiled = lowered.compile()
        memory = self.compiled.memory_analysis()
        parts = ("argument", "output", "temp")
        self.memory = sum(getattr(memory, f"{part}_size_in_bytes") for part in parts) if memory is not None else 0
        counts = self.compiled.cost_analysis() or {}
        counts = counts[0] if isinstance(counts, (list, tuple)) else counts
        self.operations = float(counts.get("flops", 0.0))
        self.traffic = float(counts.get("bytes accessed", 0.0))

    def _arguments(self, inner_steps: int) -> tuple[Any, ...]:
        first, active = jnp.asarray(0, jnp.int32), jnp.asarray(inner_steps, jnp.int32)
        return self.key, first, self.program.splits["train"], active

    def run(self, inner_steps: int) -> float:
        """One dispatch; waits for it. The last loss, so that what ran can be judged."""
        self.state, readings = self.compiled(self.state, *self._arguments(inner_steps))
        jax.block_until_ready(self.state)
        return float(readings[-1, 0])
