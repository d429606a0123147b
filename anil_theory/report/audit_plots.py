"""Plots of the assumption audit along a training run: local quantities beside what is declared, and the kink."""

from pathlib import Path
from typing import Any

PANELS = {
    "norm": (("norm",), r"$\|z\|$ and the radius of the region"),
    "L": (("smoothness", "gradient_quotient"), r"$L$: $\|D^2 L_S\|$, $\|D^2 L_D\|$, quotients of $D L_S$"),
    "rho": (("rho_quotient",), r"$\rho$: quotients of $D_w^2 L_S$"),
    "tau": (("tau_quotient",), r"$\tau$: quotients of $D_\varphi D_w L_S$"),
    "M": (("query_gradient",), r"$M$: $\|D L_D(w_N, \varphi)\|$"),
    "mu": (("curvature_min", "curvature_max"), r"eigenvalues of $D_w^2 L_S$"),
}
NAMES = {"softmax": "softmax head with L2", "relu": "ReLU two-layer head"}
QUOTIENTS = {
    "gradient_quotient": r"$D L_S$",
    "rho_quotient": r"$D_w^2 L_S$",
    "tau_quotient": r"$D_\varphi D_w L_S$",
}


def describe_failure(failure: dict[str, Any] | None) -> str:
    """The first failure in one line."""
    if failure is None:
        return "no declared assumption was seen to fail"
    inner = failure["inner_step"]
    where = f"outer step {failure['iteration']}" + ("" if inner is None else f", inner step {inner}")
    amount = f"{failure['value']:.3g} against {failure['declared']:.3g}"
    tail = " and without bound: a kink is crossed" if failure["unbounded"] else ""
    return f"first to fail: {failure['assumption']}, at {where} ({amount}{tail})"


def plot_trajectory_audit(result: Any, path: Path) -> bool:
    """One panel per assumption (declared value dashed, first failure dotted), and quotients over shrinking distances.

    result   a TrajectoryAudit. Returns True; the file at `path` is written.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(17, 7.2), layout="constrained")
    for axis, (names, title) in zip(axes.flat, PANELS.values(), strict=False):
        _draw_quantities(axis, result, names)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("outer step $k$")
    _draw_shrinking(axes.flat[6], result)
    axes.flat[6].legend(fontsize=8, frameon=False)
    axes.flat[7].axis("off")
    failure = describe_failure(result.first_failure)
    figure.suptitle(f"{NAMES.get(result.head, result.head)}, seed {result.seed}: {failure}", fontsize=12)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True


def _draw_quantities(axis: Any, result: Any, names: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        values = result.quantities[name]
        axis.plot(range(len(values)), values, color=f"C{index}", lw=1.5, label=name.replace("_", " "))
        bound = result.declared.get(name)
        if bound is not None:
            axis.axhline(bound, color="0.3", ls="--", lw=1.2, label="declared" if index == 0 else None)
        failure = result.failures.get(name)
        if failure is not None:
            axis.axvline(failure["iteration"], color="C3", ls=":", lw=1.4, label="fails" if index == 0 else None)
    if min(min(result.quantities[name]) for name in names) > 0:
        axis.set_yscale("log")
    axis.grid(alpha=0.25)
    axis.legend(fontsize=8, frameon=False)


def _draw_shrinking(axis: Any, result: Any) -> None:
    shrinking = result.shrinking
    for index, (name, label) in enumerate(QUOTIENTS.items()):
        axis.plot(
            shrinking["distance"], shrinking[name], "os^"[index] + "-", ms=4, lw=1.3, label=f"quotient of {label}"
        )
        if name in result.declared:
            axis.axhline(result.declared[name], color=f"C{index}", ls="--", lw=1.0)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.invert_xaxis()
    axis.grid(alpha=0.25)
    axis.set_xlabel("distance of the two points")
    where = "across the first kink" if shrinking["kink"] else "inside the first inner step"
    axis.set_title(f"difference quotients {where}", fontsize=10)
