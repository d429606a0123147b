"""Draws figure2_nonconvex.png from the records of `anil-theory bench`."""

import sys
from pathlib import Path

from anil_theory.record import RecordStore
from anil_theory.report.neural_plots import bench_runs, plot_training


def main() -> None:
    """Read the records, draw the figure beside this script."""
    folder = Path("results/bench/records")
    target = Path(__file__).with_suffix(".png")
    runs = bench_runs(list(RecordStore(folder))) if folder.is_dir() else []
    if not plot_training(runs, "nonconvex", target):
        sys.exit(f"no runs of this geometry in {folder}: run anil-theory bench first")
    print(target.name)


if __name__ == "__main__":
    main()
