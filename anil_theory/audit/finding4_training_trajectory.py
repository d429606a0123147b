"""Finding 4: the assumptions along the training of a softmax head and of a ReLU two-layer head.

The run shows which of A1, A2 and Definition 2 fails first, where, and by how much (`estimators.audit_trajectory`), and
how the constants of the softmax head grow on balls (`estimators.growth_with_radius`). Both heads are trained on the
same kind of few-shot tasks. The softmax head is L2-regularised and strongly convex; its constants hold on a ball, which
training may leave. The constants of the ReLU head hold between kinks, which training crosses.

Source of the assumptions: the paper, Assumptions 1 and 2 and Definition 2.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from anil_theory.audit.base import Curve, Finding, Panel, verdict, worded
from anil_theory.estimators import TrajectoryAudit, audit_trajectory, growth_with_radius
from anil_theory.estimators.base import leading_kind
from anil_theory.estimators.trajectory_audit import CONSTANT_OF
from anil_theory.problem import Problem, TaskSet
from anil_theory.schedule import Schedule
from anil_theory.tasks import SoftmaxHeadFamily, TwoLayerHeadFamily, relu_head
from anil_theory.tasks.few_shot import BoundedFamily

SOFTMAX_HEAD: dict[str, Any] = {"classes": 3, "inputs": 4, "width": 3, "shots": 3, "regularisation": 0.1}
RADIUS = 2.0
"""The radius of the softmax head's region: a choice, and twice the norm that training starts from."""
RELU_SIZES = {"width": 3, "hidden": 4, "radius": 4.0}
CLASSES = 3
TASKS = 8
INNER_STEPS = 5

QUOTIENTS = {"gradient_quotient": "D L_S", "rho_quotient": "D_w^2 L_S", "tau_quotient": "D_phi D_w L_S"}
RADII = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
GROWING = {"query_gradient": "M", "support_smoothness": "L"}
"""What is measured on a ball, and the constant that it is a lower bound of."""


def softmax_problem(seed: int) -> Problem:
    """The softmax head on random tasks; training starts at half the radius of its region."""
    family = SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=RADIUS)
    return Problem(
        name="softmax",
        constants=family.constants,
        n_w=family.n_w,
        n_phi=family.n_phi,
        draw=lambda: family.sample(jax.random.key(seed), TASKS),
        sampler=family.points,
        start=_start(family, seed),
        length_scale=family.length_scale,
    )


def relu_problem(seed: int) -> Problem:
    """The ReLU head on random tasks, with its constants between kinks; training starts at half the radius."""
    family = TwoLayerHeadFamily(classes=CLASSES, inputs=4, shots=3, **RELU_SIZES)

    def draw() -> TaskSet:
        smooth = family.sample(jax.random.key(seed), TASKS)
        return TaskSet(relu_head.support_loss, relu_head.query_loss, smooth.data)

    return Problem(
        name="relu",
        constants=relu_head.piecewise_constants(**RELU_SIZES),
        n_w=family.n_w,
        n_phi=family.n_phi,
        draw=draw,
        sampler=family.points,
        start=_start(family, seed),
        length_scale=family.length_scale,
    )


def relu_signs(w: Array, phi: Array, task: Any) -> Array:
    """The signs of the pre-activations on the support set: a kink is where one changes."""
    return relu_head.preactivations(w, phi, task.support_inputs, CLASSES) > 0


def train_softmax(seed: int, steps: int) -> TrajectoryAudit:
    """Train at the largest inner step size of the strongly convex geometry."""
    problem = softmax_problem(seed)
    return audit_trajectory(problem, _schedule(1 / problem.constants.L, steps), seed=seed)


def train_relu(seed: int, steps: int) -> TrajectoryAudit:
    """Train and look for the first kink."""
    return audit_trajectory(relu_problem(seed), _schedule(0.1, steps), seed=seed, pattern=relu_signs)


def run(*, seed: int = 0, quick: bool = False) -> Finding:
    """Train both heads and compare what is met on the way with what is declared. `quick` takes fewer outer steps."""
    steps = 30 if quick else 60
    softmax = train_softmax(seed, steps)
    relu = train_relu(seed, steps)
    growth, declared = _on_balls(seed, points=100 if quick else 300)
    powers = {name: _power(RADII[2:], growth[name][2:]) for name in GROWING}
    # Beyond the third distance the jump has long drowned the smooth part.
    distances = relu.shrinking["distance"][3:]
    slopes = {name: _power(distances, relu.shrinking[name][3:]) for name in QUOTIENTS}
    curvature = min(softmax.quantities["curvature_min"])
    largest = _largest_share(softmax)
    return worded(
        "4",
        name="training_trajectory",
        verdict=verdict(
            softmax.first_failure is not None and softmax.first_failure["quantity"] == "norm",
            largest["share"] < 1,
            math.isclose(curvature, softmax.declared["curvature_min"], rel_tol=1e-9),
            all(abs(powers[n] - p) < 0.35 for n, p in zip(GROWING, (1, 2), strict=True)),
            all(growth[n][i] <= declared[n][i] for n in GROWING for i in range(len(RADII))),
            relu.first_failure is not None and relu.first_failure["unbounded"],
            bool(relu.shrinking["kink"]),
            all(abs(slope + 1) < 0.05 for slope in slopes.values()),
        ),
        numbers={
            "steps": steps,
            "softmax": _numbers(softmax),
            "softmax_outcome": _outcome(softmax),
            "region": _region(softmax),
            "smallest_curvature": curvature,
            "largest_share": largest,
            "relu": _numbers(relu),
            "relu_outcome": _outcome(relu),
            "relu_largest_share": _largest_share(relu),
            "nearest": relu.shrinking["distance"][-1],
            "growth": {"radii": list(RADII), "found": growth, "declared": declared, "powers": powers},
            "slopes": slopes,
            "shrinking": relu.shrinking,
        },
        panels=(_shares(softmax, "softmax head"), _balls(growth, declared), _shares(relu, "ReLU head"), _kink(relu)),
        settings={"seed": seed, "quick": quick, "steps": steps},
        rounding_kind=leading_kind((softmax.rounding_kind, relu.rounding_kind)),
    )


def _start(family: BoundedFamily, seed: int) -> Array:
    """A point in a random direction, at half the radius of the family's ball."""
    direction = np.random.default_rng(seed).standard_normal(family.n_w + family.n_phi)
    return jnp.asarray(direction * (family.radius / (2 * np.linalg.norm(direction))))


def _schedule(alpha: float, steps: int) -> Schedule:
    return Schedule(alpha, INNER_STEPS, beta_w=1.0, beta_phi=1.0, batch=2, outer_steps=steps)


def _on_balls(seed: int, points: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Measured and declared, by radius, for the softmax head of the training run."""
    families = [SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=radius) for radius in RADII]
    tasks = families[0].sample(jax.random.key(seed), TASKS)
    growth = growth_with_radius(families[0], tasks, RADII, points=points, seed=seed)
    return growth, {name: [getattr(f.constants, symbol) for f in families] for name, symbol in GROWING.items()}


def _outcome(result: TrajectoryAudit) -> str:
    """Which sentence of the template says what failed first: none, region, kink, inner or outer.

    region   the iterates leave the region, no constant fails at all, and the norm is largest at the end.
    """
    failure = result.first_failure
    norms = result.quantities["norm"]
    if failure is None:
        return "none"
    if set(result.failures) == {"norm"} and norms[-1] == max(norms):
        return "region"
    if failure["unbounded"]:
        return "kink"
    return "outer" if failure["inner_step"] is None else "inner"


def _region(result: TrajectoryAudit) -> dict[str, float]:
    """The ball of the softmax head, how far the run leaves it, and the constants of the ball that holds the run."""
    largest = max(result.quantities["norm"])
    here = SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=RADIUS).constants
    there = SoftmaxHeadFamily(**SOFTMAX_HEAD, radius=largest).constants
    failure = result.failures.get("norm")
    return {
        "radius": RADIUS,
        "beyond": 0.0 if failure is None else failure["ratio"] - 1,
        "last_norm": result.quantities["norm"][-1],
        "L": here.L,
        "M": here.M,
        "L_of_run": there.L,
        "M_of_run": there.M,
    }


def _largest_share(result: TrajectoryAudit) -> dict[str, Any]:
    """The largest measured/declared of L, rho, tau and M over the whole run, with its quantity and constant."""
    names = ("smoothness", "query_gradient", *QUOTIENTS)
    shares = {name: float(np.nanmax(result.quantities[name])) / result.declared[name] for name in names}
    quantity = max(names, key=lambda name: shares[name])
    return {"quantity": quantity, "constant": CONSTANT_OF[quantity], "share": shares[quantity]}


def _numbers(result: TrajectoryAudit) -> dict[str, Any]:
    return {"first_failure": result.first_failure, "failures": result.failures, "declared": result.declared}


def _power(x: tuple[float, ...] | list[float], y: list[float]) -> float:
    """The exponent p of y ~ x^p, by least squares on logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _balls(growth: dict[str, list[float]], declared: dict[str, list[float]]) -> Panel:
    labels = {"query_gradient": "|D L_D|", "support_smoothness": "|D^2 L_S|"}
    curves = [Curve(f"{labels[n]}, measured", list(RADII), growth[n], "points") for n in GROWING]
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
