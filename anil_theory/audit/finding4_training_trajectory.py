"""Finding 4: the assumptions along a real training run of a softmax head and of a ReLU two-layer head.

Which of A1, A2 and Definition 2 fails first, where, and by how much (`estimators.trajectory_audit`). Source: theory,
section 3.3.
"""

import math

import numpy as np

from anil_theory.audit.base import Curve, Finding, Panel, verdict
from anil_theory.estimators.trajectory_audit import TrajectoryAudit, audit_trajectory

QUOTIENTS = ("gradient_quotient", "rho_quotient", "tau_quotient")
"""Of D L_S, D_w^2 L_S and D_phi D_w L_S."""


def run(*, seed: int = 0, quick: bool = False) -> Finding:
    """Train both heads and compare what is met on the way with what is declared. `quick` takes fewer outer steps."""
    steps = 30 if quick else 60
    softmax, relu = (audit_trajectory(head, seed=seed, steps=steps) for head in ("softmax", "relu"))
    slopes = {name: _slope(relu, name) for name in QUOTIENTS}
    crossed = bool(relu.shrinking["kink"])
    shown = (
        _sentence("L2-regularised softmax head on smooth bounded features", softmax),
        _sentence("ReLU two-layer head", relu),
        "Across the first kink that the ReLU run crosses, difference quotients grow like distance^p as two points "
        "close in, p = "
        + ", ".join(f"{slopes[n]:.2f} ({n.split('_')[0]})" for n in QUOTIENTS)
        + " for D L_S, D_w^2 L_S and "
        "D_phi D_w L_S: there is no rho, no tau, and in a two-layer head no L either, since D_w L_S jumps with the "
        "activation that w itself moves.",
    )
    return Finding(
        name="training_trajectory",
        title="Assumptions 1, 2 and Definition 2 along the training of two heads",
        printed="A1, A2 and (strongly convex geometry) Definition 2 on the whole space.",
        shown=shown,
        stays="Neither run contradicts the paper, whose theorems speak of losses that satisfy the assumptions. A "
        "softmax head satisfies them on a ball with constants that can be written down, and the theorems apply as "
        "long as the iterates stay there: an L2 term on phi, or a projection, would see to it. For ReLU they are a "
        "model of the smooth pieces between kinks.",
        verdict=verdict(
            softmax.first_failure is None or softmax.first_failure["quantity"] == "norm",
            relu.first_failure is not None and relu.first_failure["unbounded"],
            crossed,
            all(abs(slope + 1) < 0.1 for slope in slopes.values()),
        ),
        numbers={
            **{head.head: _numbers(head) for head in (softmax, relu)},
            "slopes": slopes,
            "shrinking": relu.shrinking,
        },
        panels=(
            _norms(softmax),
            *(_shares(head, title) for head, title in ((softmax, "softmax head"), (relu, "ReLU head"))),
            Panel(
                "ReLU: quotients across the first kink",
                "distance of the two points",
                "difference quotient",
                tuple(
                    Curve(n.split("_")[0], *_finite(relu.shrinking["distance"], relu.shrinking[n]), "points")
                    for n in QUOTIENTS
                ),
            ),
        ),
        settings={"seed": seed, "quick": quick, "steps": steps},
    )


def _sentence(name: str, result: TrajectoryAudit) -> str:
    """The first failure of a run in words."""
    failure = result.first_failure
    if failure is None:
        return f"{name}, {result.steps} outer steps: nothing declared was seen to fail."
    inner = failure["inner_step"]
    where = f"outer step {failure['iteration']}" + ("" if inner is None else f", inner step {inner}")
    amount = f"measured {failure['value']:.3g}, where {failure['declared']:.3g} is declared"
    tail = " (across a kink: without bound as the points close in)" if failure["unbounded"] else ""
    return f"{name}: the first to fail is {failure['assumption']}, at {where}: {amount}{tail}."


def _numbers(result: TrajectoryAudit) -> dict:
    return {"first_failure": result.first_failure, "failures": result.failures, "declared": result.declared}


def _norms(result: TrajectoryAudit) -> Panel:
    norm = result.quantities["norm"]
    steps = list(map(float, range(len(norm))))
    radius = result.declared["norm"]
    curves = (
        Curve("|z|", steps, list(norm), "points"),
        Curve("radius of the region", [steps[0], steps[-1]], [radius, radius], "dashed"),
    )
    return Panel("softmax head: leaving the region", "outer step", "|z|", curves, log_x=False, log_y=False)


def _shares(result: TrajectoryAudit, title: str) -> Panel:
    """Measured over declared, for every quantity with a declared upper bound: above 1 the assumption fails."""
    curves = []
    for name, declared in result.declared.items():
        if name == "curvature_min" or declared <= 0:
            continue
        share = [value / declared for value in result.quantities[name]]
        x, y = _finite(list(map(float, range(len(share)))), share)
        curves.append(Curve(name.replace("_", " "), x, y, "line"))
    last = float(len(result.quantities["norm"]) - 1)
    curves.append(Curve("declared", [0.0, last], [1.0, 1.0], "dashed"))
    return Panel(f"{title}: measured / declared", "outer step", "share", tuple(curves), log_x=False)


def _finite(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    """The points that a logarithmic axis can show."""
    kept = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(b) and b > 0]
    return [a for a, _ in kept], [b for _, b in kept]


def _slope(result: TrajectoryAudit, name: str) -> float:
    """Exponent of the quotient in the distance, over the smallest distances that rounding does not reach."""
    x, y = _finite(result.shrinking["distance"], result.shrinking[name])
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
