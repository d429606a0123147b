"""Draws curvature.png, Hessian blocks along training beside predictions, from the records of `anil-theory bench`."""

import sys
from pathlib import Path

from anil_theory.record import RecordStore
from anil_theory.report.curvature_plot import curvature_points, plot_curvature


def main() -> None:
    """Read the records, draw the figure beside this script."""
    folder = Path("results/bench/records")
    target = Path(__file__).with_suffix(".png")
    points = curvature_points(list(RecordStore(folder))) if folder.is_dir() else []
    if not plot_curvature(points, ("strongly-convex", "nonconvex"), target):
        sys.exit(f"no measured points in {folder}: run anil-theory bench --curvature 3 first")
    print(target.name)


if __name__ == "__main__":
    main()
