"""Draws cost_to_accuracy.png from the records of `anil-theory rates`."""

import sys
from pathlib import Path

from anil_theory.record import RecordStore
from anil_theory.report.rate_plots import plot_cost


def main() -> None:
    """Read the records, draw the figure beside this script."""
    folder = Path("results/rates/records")
    target = Path(__file__).with_suffix(".png")
    studies = [r.measurements for r in RecordStore(folder)] if folder.is_dir() else []
    curves = [curve for study in studies if study["study"] == "cost" for curve in study["curves"]]
    curves.sort(key=lambda curve: curve["label"])
    if not plot_cost(curves, target):
        sys.exit(f"no cost curves in {folder}: run anil-theory rates first")
    print(target.name)


if __name__ == "__main__":
    main()
