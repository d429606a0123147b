"""Draws block_constants.png from the records of `experiments/block_constants.py`."""

import sys
from pathlib import Path

from anil_theory.record import RecordStore
from anil_theory.report import all_rows, plot_blocks


def main() -> None:
    """Read the records, draw the figure beside this script."""
    folder = Path("results/block_constants")
    target = Path(__file__).with_suffix(".png")
    if not folder.is_dir() or not plot_blocks(all_rows(RecordStore(folder)), target):
        sys.exit(f"no block constants in {folder}: run experiments/block_constants.py first")
    print(target.name)


if __name__ == "__main__":
    main()
