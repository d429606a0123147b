"""Finding 4: the assumptions along a real training run of a softmax head and of a ReLU two-layer head.

Which of A1, A2 and Definition 2 fails first, where, and by how much (`estimators.trajectory_audit`), and what the
softmax head has on the whole space (`estimators.ball_growth`). Source: theory, section 3.3.
"""

import math

import jax
import numpy as np

from anil_theory.audit.base import Curve, Finding, Panel, verdict
from anil_theory.estimators.ball_growth import growth_with_radius
from anil_theory.estimators.base import leading_kind
from anil_theory.estimators.trajectory_audit import RADIUS, SOFTMAX_HEAD, TrajectoryAudit, audit_trajectory
from anil_theory.tasks.softmax_head import SoftmaxHeadFamily

QUOTIENTS = {"gradient_quotient": "D L_S", "rho_quotient": "D_w^2 L_S", "tau_quotient": "D_phi D_w L_S"}
RADII = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
GROWING = {"query_gradient": "M", "support_smoothness": "L"}
"""What is found on a ball, and the constant that it is a lower bound of."""


def run(*, seed: int = 0, quick: bool = False) -> Finding:
    """Train both heads and compare what is met on the way with what is declared. `quick` takes fewer outer steps."""
    steps = 30 if quick else 60
    softmax, relu = (audit_trajectory(head, seed=seed, steps=steps) for head in ("softmax", "relu"))
    growth, declared = _on_balls(seed, points=100 if quick else 300)
    powers = {name: _power(RADII[2:], growth[name][2:]) for name in GROWING}
    slopes = {name: _power(*_nearest(relu, name)) for name in QUOTIENTS}
    curvature = min(softmax.quantities["curvature_min"])
    share, worst = _largest_share(softmax)
    return Finding(
        name="training_trajectory",
        title="Assumptions 1, 2 and Definition 2 along the training of two heads",
        printed="A1, A2 and (strongly convex geometry) Definition 2, with constants that hold wherever the iterates "
        "go.",
        shown=(
            f"L2-regularised softmax head on tanh features, {softmax.steps} outer steps: "
            + _softmax(softmax, share, worst),
            f"Its Definition 2 holds everywhere: mu = {softmax.declared['curvature_min']:g} is the weight of the L2 "
            f"term, and the smallest curvature met is {curvature:.6g}. On the whole space it is A1 that fails: the "
            f"largest |D L_D| and |D^2 L_S| found on balls of radius {RADII[0]:g} to {RADII[-1]:g} rise from "
            + " and from ".join(f"{growth[n][0]:.2g} to {growth[n][-1]:.3g}" for n in GROWING)
            + ", like R^"
            + " and R^".join(f"{powers[n]:.2f}" for n in GROWING)
            + " (at phi = 0, D_phi L_D is linear in w and D_phi^2 L_S quadratic): no M and no L holds there, while on "
            "each ball the declared ones do.",
            f"ReLU two-layer head, {relu.steps} outer steps: {_relu(relu)}",
            "Across that kink, difference quotients grow like distance^p as the two points close in, p = "
            + ", ".join(f"{slopes[n]:.2f} ({symbol})" for n, symbol in QUOTIENTS.items())
            + ": there is no rho, no tau, and, in a two-layer head, no L either, since D_w L_S jumps with the "
            "activation that w itself moves.",
        ),
        stays="Neither run contradicts the paper, whose theorems speak of losses that satisfy the assumptions. A "
        "softmax head satisfies them on every ball, with constants that can be written down, and the theorems apply "
        "for as long as the iterates stay in it; an L2 term on phi too would keep them there. A "
        "network with ReLU satisfies them on the pieces between kinks, and with tanh or another smooth activation "
        "in place of ReLU on every ball.",
        verdict=verdict(
            softmax.first_failure is not None and softmax.first_failure["quantity"] == "norm",
            share < 1,
            math.isclose(curvature, softmax.declared["curvature_min"], rel_tol=1e-9),
            all(abs(powers[n] - p) < 0.35 for n, p in zip(GROWING, (1, 2), strict=True)),
            all(growth[n][i] <= declared[n][i] for n in GROWING for i in range(len(RADII))),
            relu.first_failure is not None and relu.first_failure["unbounded"],
            bool(relu.shrinking["kink"]),
            all(abs(slope + 1) < 0.05 for slope in slopes.values()),
        ),
        numbers={
            **{head.head: _numbers(head) for head in (softmax, relu)},
            "largest_share": {"quantity": worst, "share": share},
            "growth": {"radii": list(RADII), "found": growth, "declared": declared, "powers": powers},
            "slopes": slopes,
            "shrinking": relu.shrinking,
        },
        panels=(_shares(softmax, "softmax head"), _balls(growth, declared), _shares(relu, "ReLU head"), _kink(relu)),
        settings={"seed": seed, "quick": quick, "steps": steps},
        rounding_kind=leading_kind((softmax.rounding_kind, relu.rounding_kind)),
    )


def _on_balls(seed: int, points: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Found and declared, by radius, for the softmax head of the training run."""
    families = [SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=radius) for radius in RADII]
    tasks = families[0].sample(jax.random.key(seed), 8)
    found = growth_with_radius(families[0], tasks, RADII, points=points, seed=seed)
    return found, {name: [getattr(f.constants, symbol) for f in families] for name, symbol in GROWING.items()}


def _largest_share(result: TrajectoryAudit) -> tuple[float, str]:
    """The largest measured/declared of L, rho, tau and M over the whole run, and the quantity that has it."""
    names = ("smoothness", "query_gradient", *QUOTIENTS)
    return max((float(np.nanmax(result.quantities[n])) / result.declared[n], n) for n in names)


def _where(failure: dict) -> str:
    inner = failure["inner_step"]
    return f"outer step {failure['iteration']}" + ("" if inner is None else f", inner step {inner}")


def _softmax(result: TrajectoryAudit, share: float, worst: str) -> str:
    """The first failure of the softmax run in words."""
    failure = result.first_failure
    if failure is None:
        return "nothing declared was seen to fail."
    if failure["quantity"] != "norm":
        return (
            f"the first to fail is {failure['assumption']}, at {_where(failure)}: {failure['value']:.3g} measured, "
            f"{failure['declared']:.3g} declared."
        )
    last = result.quantities["norm"][-1]
    here = SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=RADIUS).constants
    there = SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=max(result.quantities["norm"])).constants
    return (
        f"what fails first is not a constant but its region. The constants of A1 and A2 are declared on |z| <= "
        f"{RADIUS:g} (a choice: training starts at half of it); at {_where(failure)} the norm is "
        f"{failure['value']:.4g}, {100 * (failure['ratio'] - 1):.1f} % beyond, and {last:.3g} at the last outer "
        f"step, still growing. Nothing declared is exceeded on the run, inside or outside: the largest share is "
        f"{share:.2f}, of {worst.replace('_', ' ')}. A ball that holds the run has L = {there.L:.3g} and M = "
        f"{there.M:.3g} in place of {here.L:.3g} and {here.M:.3g}."
    )


def _relu(result: TrajectoryAudit) -> str:
    """The first failure of the ReLU run in words."""
    failure = result.first_failure
    if failure is None:
        return "no kink was crossed, and nothing declared was seen to fail."
    if not failure["unbounded"]:
        return f"the first to fail is {failure['assumption']}, at {_where(failure)}."
    share, worst = _largest_share(result)
    return (
        f"the first to fail is {failure['assumption']}, at {_where(failure)}, and A2 with it: the step crosses a "
        f"kink, and the quotient there has no bound ({failure['value']:.2g} at a distance of "
        f"{result.shrinking['distance'][-1]:g}, {failure['declared']:.3g} declared between kinks). The iterates alone "
        f"do not show it: between consecutive ones at most {share:.2f} of what is declared is met "
        f"({worst.replace('_', ' ')}), and automatic differentiation sees no kinks."
    )


def _numbers(result: TrajectoryAudit) -> dict:
    return {"first_failure": result.first_failure, "failures": result.failures, "declared": result.declared}


def _nearest(result: TrajectoryAudit, name: str) -> tuple[list[float], list[float]]:
    """Quotients over the distances at which the jump has long drowned the smooth part."""
    return result.shrinking["distance"][3:], result.shrinking[name][3:]


def _power(x: tuple[float, ...] | list[float], y: list[float]) -> float:
    """The exponent p of y ~ x^p, by least squares on logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _balls(growth: dict[str, list[float]], declared: dict[str, list[float]]) -> Panel:
    labels = {"query_gradient": "|D L_D|", "support_smoothness": "|D^2 L_S|"}
    curves = [Curve(f"{labels[n]}, found", list(RADII), growth[n], "points") for n in GROWING]
    curves += [Curve(f"{symbol}, declared", list(RADII), declared[n], "dashed") for n, symbol in GROWING.items()]
    return Panel("softmax head: no M and no L on the whole space", "radius of the ball", "constant", tuple(curves))


def _shares(result: TrajectoryAudit, title: str) -> Panel:
    """Measured over declared, for every quantity with a declared upper bound: above 1 the assumption fails."""
    curves = []
    for name, declared in result.declared.items():
        if name != "curvature_min":
            x, y = _finite(result.quantities[name], declared)
            curves.append(Curve(name.replace("_", " "), x, y, "line"))
    last = float(len(result.quantities["norm"]) - 1)
    curves.append(Curve("declared", [0.0, last], [1.0, 1.0], "dashed"))
    return Panel(f"{title}: measured / declared", "outer step", "share", tuple(curves), log_x=False)


def _finite(values: list[float], declared: float) -> tuple[list[float], list[float]]:
    """The steps and shares that a logarithmic axis can show."""
    kept = [(float(k), v / declared) for k, v in enumerate(values) if math.isfinite(v) and v > 0]
    return [k for k, _ in kept], [share for _, share in kept]


def _kink(result: TrajectoryAudit) -> Panel:
    distance = list(result.shrinking["distance"])
    curves = tuple(
        Curve(f"of {symbol}", distance, list(result.shrinking[n]), "points") for n, symbol in QUOTIENTS.items()
    )
    return Panel(
        "ReLU head: quotients across the first kink", "distance of the two points", "difference quotient", curves
    )
