"""Draws compiler_cost.png from the records of experiments/compiler_cost.py."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from anil_theory.record import RecordStore


def main() -> None:
    """Operations per inner step against the entries of Table 2: one point per pair of dimensions and method."""
    folder = Path("results/compiler_cost")
    rows = [record.measurements for record in RecordStore(folder)] if folder.is_dir() else []
    if not rows:
        sys.exit(f"no records in {folder}: run python experiments/compiler_cost.py first")
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for method, marker in (("anil", "o"), ("maml", "s")):
        entries = [row[method]["entries_per_step"] for row in rows]
        axes.loglog(entries, [row[method]["flops_per_step"] for row in rows], marker, label=method.upper(), alpha=0.7)
    ends = sorted(row[method]["entries_per_step"] for row in rows for method in ("anil", "maml"))[:: 2 * len(rows) - 1]
    for factor, style in ((2, "k:"), (10, "k--")):
        axes.loglog(ends, [factor * end for end in ends], style, lw=1, label=f"{factor} per entry")
    axes.set(xlabel="second-order entries of Table 2 per inner step", ylabel="operations per inner step (XLA)")
    axes.legend()
    target = Path(__file__).with_suffix(".png")
    figure.savefig(target, dpi=150)
    print(target.name)


if __name__ == "__main__":
    main()
