"""What each plot function is called with in the tests: small rows of the shape that the commands keep."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from anil_theory import report


@dataclass(frozen=True)
class Example:
    """A call of a plot function.

    draw        the function, with `axes` still to come;
    panels      how many axes it draws into;
    nothing     the same function with nothing to draw.
    """

    draw: Callable[..., Figure | None]
    panels: int
    nothing: Callable[[], Figure | None] = field(kw_only=True)


def block_row(N: int, value: float, *, block: str = "ww", check: str = "blocks", **changes: Any) -> dict[str, Any]:
    """A row of `verify` that says that `value` was measured and that it is the refined bound."""
    constants = {"mu": 0.1, "L": 1.0, "rho": 1.0, "tau": 0.5, "M": 1.0}
    return {
        "check": check,
        "geometry": "strongly-convex",
        "regime": "alpha = mu/L^2",
        "block": block,
        "measured": value,
        "bounds": {"refined": value, "explicit": 2 * value, "order": 3.0},
        "tightness": 1.0 if value else math.nan,
        "outcome": "CONSISTENT",
        "cell": {"constants": constants, "schedule": {"alpha": 0.1, "inner_steps": N}},
        **changes,
    }


def block_rows() -> list[dict[str, Any]]:
    """All four blocks, two regimes, many N, one of them with an infinite bound."""
    rows = []
    for N in (1, 2, 3, 5, 9, 10, 20, 30, 100, 300, 1000):
        for block in ("ww", "wphi", "phiw", "phiphi"):
            rows.append(block_row(N, 1.02**N, block=block, sampled=0.5 * 1.02**N))
        rows.append(block_row(N, 1.02**N, check="attained"))
        bounds = {"refined": math.inf if N == 9 else 1.1**N}
        rows.append(block_row(N, 1.0, geometry="nonconvex", regime="alpha fixed", bounds=bounds))
    return rows


def certificate_rows() -> list[dict[str, Any]]:
    """Closed and open certificates of two blocks in two geometries."""
    base = {"region": "the ball of radius 2", "lower": 0.98, "upper": 1.0, "bounds": {"refined": 2.0, "explicit": 4.5}}
    places = [(g, b, N) for g in ("strongly-convex", "nonconvex") for b in ("ww", "phiphi") for N in (1, 10)]
    rows = [base | {"geometry": g, "block": b, "N": N} for g, b, N in places]
    return [*rows, rows[0] | {"N": 30, "upper": math.inf, "bounds": {"refined": math.inf}}]


def convergence_curves() -> list[dict[str, Any]]:
    """Two geometries, two blocks; at the first K the band of two standard errors reaches below 0."""
    lists = {"K": [5, 50, 500], "measured": [0.1, 0.02, 0.003], "stderr": [0.08, 0.001, 1e-4], "bound": [3.0, 1.0, 0.5]}
    places = [(g, b, N) for g in ("strongly-convex", "nonconvex") for b in ("w", "phi") for N in (1, 10)]
    return [lists | {"geometry": g, "block": b, "N": N} for g, b, N in places]


def floor_curves() -> list[dict[str, Any]]:
    """Two geometries, two blocks with the same bound."""
    lists = {"B": [2, 4, 8, 16, 32], "measured": [8.0, 4.0, 2.0, 1.0, 0.5], "stderr": [0.1] * 5, "bound": [9.0] * 5}
    about = {"N": 5, "slope": "slope -1.00 [-1.12, -0.88]"}
    return [lists | about | {"geometry": g, "block": b} for g in ("strongly-convex", "nonconvex") for b in ("w", "phi")]


def cost_curves() -> list[dict[str, Any]]:
    """Ten labels in one geometry, more than there are colours; eps never reached in the other."""
    lists = {"N": [1, 3, 10, 30], "iterations": [600, 500, 900, None], "calls": [1e4, 2e4, 9e4, math.inf]}
    some = [lists | {"geometry": "nonconvex", "label": f"ANIL, c = {c}", "predicted": [1e7] * 4} for c in range(10)]
    none = {"N": [1, 3], "iterations": [None, None], "calls": [None, None], "predicted": [math.inf, math.inf]}
    return [*some, none | {"geometry": "strongly-convex", "label": "ANIL, alpha = mu/L^2"}]


def tightness_rows() -> list[dict[str, Any]]:
    """All four blocks in two geometries."""
    reached = {"scalar": 1.5, "tensors": 1.8, "realised": 1.8, "family": 1.0, "bounds": {"refined": 2.0, "sharp": 1.8}}
    places = [(g, b, N) for g in ("nonconvex", "strongly-convex") for b in report_blocks() for N in (1, 3, 10)]
    return [reached | {"geometry": g, "block": b, "N": N} for g, b, N in places]


def report_blocks() -> tuple[str, ...]:
    """The blocks of the meta-gradient's Lipschitz constant."""
    return ("ww", "wphi", "phiw", "phiphi")


def curvature_points() -> list[dict[str, Any]]:
    """Two geometries on one data set; predictions of the statement for N = 10 are 10^40."""
    found = []
    for geometry in ("strongly-convex", "nonconvex"):
        for N in (1, 10):
            for iteration in (0, 50, 100):
                log = {"local": 1.0, "statement": 40.0 if N == 10 else None}
                predicted = dict.fromkeys(("ww", "cross", "phiphi"), log)
                blocks = {"ww": 0.5 * N, "cross": 0.8 * N, "phiphi": 1.5 * N}
                about = {"geometry": geometry, "dataset": "glyphs", "N": N, "iteration": iteration}
                found.append(about | {"blocks": blocks, "predicted": predicted})
    return found


def training_runs() -> list[dict[str, Any]]:
    """Two data sets, one with a dollar in its name; a run that diverged."""
    found = []
    for dataset in ("glyphs", "a$b"):
        for N in (1, 3, 30):
            for seed in (0, 1):
                loss = [1.6 / (1 + k / 20) + 0.01 * N for k in range(60)]
                status = "diverged" if (N, seed) == (30, 1) else "ok"
                about = {"dataset": dataset, "geometry": "nonconvex", "N": N, "seed": seed, "status": status}
                found.append(about | {"loss": loss, "seconds": [0.01 * N] * 60})
    return found


def traced_bounds(mu: float | None = 0.1) -> dict[str, Any]:
    """Bounds of all four blocks at all N up to 100, with a turning point and functions that reach them."""
    steps = [1, 3, 10, 30, 100]
    kinds = {"explicit": 2.0, "refined": 1.2, "sharp": 1.0, "order": 5.0}
    curves = {b: {kind: [factor * 1.02**N for N in steps] for kind, factor in kinds.items()} for b in report_blocks()}
    turning = {b: {kind: [30.0, 1.2 * 1.02**30] for kind in kinds} for b in report_blocks()}
    reached = {b: [1.02**N for N in steps] for b in report_blocks()}
    return {
        "geometry": "strongly-convex",
        "regime": "alpha = mu/L^2",
        "constants": {"mu": mu, "L": 1.0, "rho": 1.0, "tau": 0.5, "M": 1.0},
        "size": mu,
        "N": steps,
        "curves": curves,
        "turning": turning,
        "reached": {"N": steps, **reached},
    }


def maps() -> list[dict[str, Any]]:
    """Traced bounds of four mu, and of a nonconvex setting, which has no place on the map."""
    return [traced_bounds(mu) for mu in (0.02, 0.1, 0.3, 0.5, None)]


def hypergradient_rows() -> list[dict[str, Any]]:
    """Rows of both statements at two mu/L, from both starts; one measured value is below its rounding."""
    rows = []
    for mu in (0.1, 0.3):
        for statement, block in HYPERGRADIENTS:
            for N in (1, 4, 20):
                kind = "explicit" if "cg" in block or "started" in block else "sharp"
                measured = 0.0 if N == 20 else 0.1 * (1 - mu) ** N
                cell = {"constants": {"mu": mu, "L": 1.0}, "schedule": {"inner_steps": N}, "family": "separable"}
                row = {"statement": statement, "block": block, "measured": measured, "cell": cell}
                slow = N if statement == "unrolled" else 4
                rows.append(row | {"bounds": {kind: slow * (1 - mu) ** N}, "verdicts": [{"slack": 1e-12}]})
    return rows


HYPERGRADIENTS = [("unrolled", "solved"), ("unrolled", "started")]
HYPERGRADIENTS += [("implicit", f"{solver} {start}") for solver in ("neumann", "cg") for start in ("solved", "started")]


def saturation() -> list[dict[str, Any]]:
    """Two mu; one of the fits is not resolved."""
    steps = [1, 5, 10, 50, 100, 500]
    found = []
    for mu in (0.1, 0.2):
        one: dict[str, Any] = {"constants": {"mu": mu}, "alpha": mu, "N": steps, "longest": 1 / mu**2}
        for part in ("w", "phi"):
            seeds = [[0.4 + 0.01 * seed + 0.3 * math.exp(-N / 20) for N in steps] for seed in range(3)]
            ends = {"low": 50.0, "high": 70.0, "level": 0.95}
            fit = {"level": 0.41, "drop": 0.3, "length": 20.0, "length_interval": ends, "point": 60.0}
            fit |= {"point_interval": ends, "resolved": (mu, part) != (0.2, "w")}
            one[part] = {"curves": seeds, "fit": fit}
        found.append(one)
    return found


def compiler_rows() -> list[dict[str, Any]]:
    """Operations of both methods for nine pairs of dimensions."""
    found = []
    for n_w in (8, 32, 128):
        for n_phi in (8, 32, 128):
            anil = {"entries_per_step": n_w * (n_w + n_phi), "flops_per_step": 5.0 * n_w * (n_w + n_phi)}
            maml = {"entries_per_step": (n_w + n_phi) ** 2, "flops_per_step": 7.0 * (n_w + n_phi) ** 2}
            found.append({"n_w": n_w, "n_phi": n_phi, "anil": anil, "maml": maml})
    return found


def finding() -> dict[str, Any]:
    """Three panels with every style of curve, logarithmic and not."""
    curves = [
        {"label": "attained", "x": [1, 10, 100], "y": [1.0, 2.0, 4.0], "style": "points"},
        {"label": "explicit", "x": [1, 10, 100], "y": [1.0, 2.0, 4.0], "style": "dashed"},
        {"label": "refined", "x": [1, 10, 100], "y": [1.0, 2.0, 4.0], "style": "dashed"},
        {"label": "order", "x": [1, 10, 100], "y": [1e-9, 1.0, 1e9], "style": "line"},
    ]
    axes = {"title": "growth in N", "x_label": "N", "y_label": "constant", "curves": curves}
    scales = [(True, True), (False, True), (True, False)]
    panels = [axes | {"log_x": log_x, "log_y": log_y} for log_x, log_y in scales]
    return {
        "title": "A title of a finding that is longer than the line of a page of the report has room for, by far",
        "panels": panels,
    }


EXAMPLES = {
    "plot_blocks": Example(
        lambda axes=None: report.plot_blocks(block_rows(), axes=axes),
        8,
        nothing=lambda: report.plot_blocks([block_row(1, 1.0, check="identity")]),
    ),
    "plot_tightness": Example(
        lambda axes=None: report.plot_tightness(block_rows(), axes=axes),
        2,
        nothing=lambda: report.plot_tightness([block_row(1, 1.0, check="identity")]),
    ),
    "plot_certificates": Example(
        lambda axes=None: report.plot_certificates(certificate_rows(), axes=axes),
        4,
        nothing=lambda: report.plot_certificates([]),
    ),
    "plot_convergence": Example(
        lambda axes=None: report.plot_convergence(convergence_curves(), axes=axes),
        4,
        nothing=lambda: report.plot_convergence([]),
    ),
    "plot_floor": Example(
        lambda axes=None: report.plot_floor(floor_curves(), axes=axes),
        2,
        nothing=lambda: report.plot_floor([]),
    ),
    "plot_cost": Example(
        lambda axes=None: report.plot_cost(cost_curves(), axes=axes),
        4,
        nothing=lambda: report.plot_cost([]),
    ),
    "plot_reached": Example(
        lambda axes=None: report.plot_reached(tightness_rows(), axes=axes),
        6,
        nothing=lambda: report.plot_reached([]),
    ),
    "plot_curvature": Example(
        lambda axes=None: report.plot_curvature(curvature_points(), ("strongly-convex", "nonconvex"), axes=axes),
        6,
        nothing=lambda: report.plot_curvature(curvature_points(), ("maml",)),
    ),
    "plot_training": Example(
        lambda axes=None: report.plot_training(training_runs(), "nonconvex", axes=axes),
        4,
        nothing=lambda: report.plot_training(training_runs(), "maml"),
    ),
    "plot_share_map": Example(
        lambda axes=None: report.plot_share_map(maps(), axes=axes),
        6,
        nothing=lambda: report.plot_share_map([traced_bounds(), traced_bounds(None)]),
    ),
    "plot_shares": Example(
        lambda axes=None: report.plot_shares(block_rows(), axes=axes),
        1,
        nothing=lambda: report.plot_shares([block_row(1, 0.0)]),
    ),
    "plot_saturation": Example(
        lambda axes=None: report.plot_saturation(saturation(), axes=axes),
        4,
        nothing=lambda: report.plot_saturation([]),
    ),
    "plot_hypergradients": Example(
        lambda axes=None: report.plot_hypergradients(hypergradient_rows(), axes=axes),
        4,
        nothing=lambda: report.plot_hypergradients(block_rows()),
    ),
    "plot_savings": Example(
        lambda axes=None: report.plot_savings(compiler_rows(), axes=axes),
        1,
        nothing=lambda: report.plot_savings([]),
    ),
    "plot_operations": Example(
        lambda axes=None: report.plot_operations(compiler_rows(), axes=axes),
        1,
        nothing=lambda: report.plot_operations([]),
    ),
    "plot_finding": Example(
        lambda axes=None: report.plot_finding(finding(), axes=axes),
        3,
        nothing=lambda: report.plot_finding({"title": "none", "panels": ()}),
    ),
}
"""A call of every plot function, by its name. A test finds those that are missing."""
