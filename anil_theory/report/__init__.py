"""Records into what people read: a terminal table, a Markdown report, plots. Nothing is computed here.

A plot function takes what it draws, draws it into `axes` of yours or into a new figure, and returns the matplotlib
Figure, or None where there is nothing to draw. None of them writes a file; `save_figure` does. The names are imported
on first use, and matplotlib when something is drawn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anil_theory.report.audit_figures import plot_finding
    from anil_theory.report.certify_plots import plot_certificates
    from anil_theory.report.cost_plot import plot_cost
    from anil_theory.report.curvature_plot import curvature_points, plot_curvature
    from anil_theory.report.files import save_figure
    from anil_theory.report.hypergradient_plot import plot_hypergradients
    from anil_theory.report.markdown import write_markdown
    from anil_theory.report.neural_plots import bench_runs, plot_training
    from anil_theory.report.operations_plot import plot_operations
    from anil_theory.report.plots import plot_blocks, plot_tightness
    from anil_theory.report.rate_plots import plot_convergence, plot_floor
    from anil_theory.report.rows import all_rows, tightest_rows
    from anil_theory.report.saturation_plot import plot_saturation
    from anil_theory.report.savings_plot import plot_savings
    from anil_theory.report.share_map import plot_share_map
    from anil_theory.report.shares_plot import plot_shares
    from anil_theory.report.terminal import print_rows, print_summary
    from anil_theory.report.tightness_plot import plot_reached

__all__ = [
    "all_rows",
    "bench_runs",
    "curvature_points",
    "plot_blocks",
    "plot_certificates",
    "plot_convergence",
    "plot_cost",
    "plot_curvature",
    "plot_finding",
    "plot_floor",
    "plot_hypergradients",
    "plot_operations",
    "plot_reached",
    "plot_saturation",
    "plot_savings",
    "plot_share_map",
    "plot_shares",
    "plot_tightness",
    "plot_training",
    "print_rows",
    "print_summary",
    "save_figure",
    "tightest_rows",
    "write_markdown",
]

_MODULES = {
    "all_rows": "rows",
    "bench_runs": "neural_plots",
    "curvature_points": "curvature_plot",
    "plot_blocks": "plots",
    "plot_certificates": "certify_plots",
    "plot_convergence": "rate_plots",
    "plot_cost": "cost_plot",
    "plot_curvature": "curvature_plot",
    "plot_finding": "audit_figures",
    "plot_floor": "rate_plots",
    "plot_hypergradients": "hypergradient_plot",
    "plot_operations": "operations_plot",
    "plot_reached": "tightness_plot",
    "plot_saturation": "saturation_plot",
    "plot_savings": "savings_plot",
    "plot_share_map": "share_map",
    "plot_shares": "shares_plot",
    "plot_tightness": "plots",
    "plot_training": "neural_plots",
    "print_rows": "terminal",
    "print_summary": "terminal",
    "save_figure": "files",
    "tightest_rows": "rows",
    "write_markdown": "markdown",
}
"""The module that each name comes from. A test holds it equal to `__all__` and to the imports for types."""


def __getattr__(name: str) -> Any:
    """A name of this package, imported when it is first asked for (PEP 562)."""
    if name in _MODULES:
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
