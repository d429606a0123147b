"""Draws figure1_strongly_convex.png from the records of `anil-theory bench`."""

from anil_theory.report import bench_runs, plot_training
from anil_theory.report.paper_figure import redraw

if __name__ == "__main__":
    redraw(
        __file__,
        "results/bench/records",
        lambda records: plot_training(bench_runs(records), "strongly-convex"),
        command="anil-theory bench",
    )
