"""Draws figure2_nonconvex.png from the records of `anil-theory bench`."""

from anil_theory.report import bench_runs, plot_training
from anil_theory.report.paper_figure import redraw

if __name__ == "__main__":
    redraw(
        __file__,
        "results/bench/records",
        lambda records: plot_training(bench_runs(records), "nonconvex"),
        command="anil-theory bench",
    )
