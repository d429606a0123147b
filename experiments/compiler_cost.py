"""XLA's own count of one meta-gradient, ANIL beside MAML, against the growth that Table 2 gives.

A second count, independent of our counters: the floating point operations of the compiled meta-gradient of a loss with
dense second derivatives. Table 2 charges ANIL n_w^2 + n_w n_phi entries of second derivatives per inner step and MAML
(n_w + n_phi)^2; the operations per inner step divided by those entries must stay between two constants over all
dimensions, and the operations must be affine in N. Prints a table and writes one record per pair of
dimensions; `anil-theory figures compiler_cost anil_against_maml` draws them.

Run: python experiments/compiler_cost.py [--out FOLDER]
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory._precision import enable_float64
from anil_theory.algorithm.oracle_count import as_maml, xla_cost
from anil_theory.provenance import provenance
from anil_theory.record import Record, RecordStore, Status
from anil_theory.statements.complexity import anil_count, maml_count
from anil_theory.tasks.base import TaskSet

SIZES = (8, 16, 32, 64, 128)
INNER_STEPS = (2, 4, 8)


class DenseTask(NamedTuple):
    """Curvature H in w, coupling C and curvature G in phi, every entry nonzero."""

    H: Array
    C: Array
    G: Array


def dense_loss(w: Array, phi: Array, data: DenseTask) -> Array:
    """A quadratic whose Hessian is dense in every block: a Hessian-vector product touches every entry of it."""
    return 0.5 * w @ (data.H @ w) + phi @ (data.C @ w) + 0.5 * phi @ (data.G @ phi)


def dense_task(n_w: int, n_phi: int) -> tuple[TaskSet, Array, Array]:
    """One task with normal symmetric curvatures, and a start."""
    generator = np.random.default_rng(0)
    square = lambda n: (lambda a: (a + a.T) / n)(generator.standard_normal((n, n)))  # noqa: E731
    H, C, G = square(n_w)[None], generator.standard_normal((1, n_phi, n_w)), square(n_phi)[None]
    data = DenseTask(jnp.asarray(H), jnp.asarray(C), jnp.asarray(G))
    return TaskSet(dense_loss, dense_loss, data), jnp.ones(n_w), jnp.ones(n_phi)


def measure(n_w: int, n_phi: int) -> dict[str, Any]:
    """Operations of ANIL and MAML at each N, their growth per inner step, and the entries of Table 2 per inner step."""
    anil = dense_task(n_w, n_phi)
    found: dict[str, Any] = {"n_w": n_w, "n_phi": n_phi}
    for method, start, count in (("anil", anil, anil_count), ("maml", as_maml(*anil), maml_count)):
        costs = [xla_cost(*start, alpha=0.1, inner_steps=N) for N in INNER_STEPS]
        flops = [cost.flops for cost in costs]
        slope, intercept = np.polyfit(INNER_STEPS, flops, 1)
        off = float(np.max(np.abs(slope * np.array(INNER_STEPS) + intercept - flops)) / flops[-1])
        entries = count(2, 1, n_w, n_phi).second_order_entries - count(1, 1, n_w, n_phi).second_order_entries
        found[method] = {
            "flops": flops,
            "bytes": [cost.bytes for cost in costs],
            "flops_per_step": float(slope),
            "off_the_line": off,
            "entries_per_step": entries,
            "ratio": float(slope) / entries,
        }
    return found


def exponents(rows: list[dict[str, Any]], method: str, what: str) -> tuple[float, float]:
    """Exponents of the measured operations in n_w and n_phi at the largest sizes (the other dimension smallest)."""
    value = {(row["n_w"], row["n_phi"]): row[method][what] for row in rows}
    (low, high), small = SIZES[-2:], SIZES[0]
    slope = lambda a, b: float(np.log(value[b] / value[a]) / np.log(high / low))  # noqa: E731
    return slope((low, small), (high, small)), slope((small, low), (small, high))


def main() -> None:
    """Measure every pair of dimensions, print the table, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/compiler_cost"), help="folder of the records")
    out = parser.parse_args().out
    enable_float64()
    store = RecordStore(out)
    print(f"{'n_w':>4} {'n_phi':>5} | {'ANIL flop/step':>14} {'entries':>8} {'ratio':>6} |", end="")
    print(f" {'MAML flop/step':>14} {'entries':>8} {'ratio':>6} | off the line in N")
    rows = []
    for n_w, n_phi in product(SIZES, SIZES):
        row = measure(n_w, n_phi)
        rows.append(row)
        cell = {"experiment": "compiler_cost", "n_w": n_w, "n_phi": n_phi, "inner_steps": list(INNER_STEPS)}
        store.put(Record(cell=cell, measurements=row, provenance=provenance(), status=Status.COMPLETE))
        a, m = row["anil"], row["maml"]
        line = f"{n_w:4} {n_phi:5} | {a['flops_per_step']:14.0f} {a['entries_per_step']:8} {a['ratio']:6.2f} |"
        line += f" {m['flops_per_step']:14.0f} {m['entries_per_step']:8} {m['ratio']:6.2f}"
        print(f"{line} | {max(a['off_the_line'], m['off_the_line']):.1e}", flush=True)
    for method in ("anil", "maml"):
        ratios = [row[method]["ratio"] for row in rows]
        measured, table = (exponents(rows, method, what) for what in ("flops_per_step", "entries_per_step"))
        print(
            f"{method.upper()}: operations per inner step / entries of Table 2 between {min(ratios):.2f} and "
            f"{max(ratios):.2f}; exponent in n_w {measured[0]:.2f} (Table 2: {table[0]:.2f}), "
            f"in n_phi {measured[1]:.2f} (Table 2: {table[1]:.2f})"
        )


if __name__ == "__main__":
    main()
