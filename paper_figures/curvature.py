"""Draws curvature.png, Hessian blocks along training beside predictions, from the records of `anil-theory bench`."""

from anil_theory.report import curvature_points, plot_curvature
from anil_theory.report.paper_figure import redraw

if __name__ == "__main__":
    redraw(
        __file__,
        "results/bench/records",
        lambda records: plot_curvature(curvature_points(records), ("strongly-convex", "nonconvex")),
        command="anil-theory bench --curvature 3",
    )
