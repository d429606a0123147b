"""Draws block_constants.png from the records of `experiments/block_constants.toml`."""

from anil_theory.report import all_rows, plot_blocks
from anil_theory.report.paper_figure import redraw

if __name__ == "__main__":
    redraw(
        __file__,
        "results/block_constants/records",
        lambda records: plot_blocks(all_rows(records)),
        command="anil-theory run experiments/block_constants",
    )
