"""The constants L, M, L - mu, rho and tau of a family, measured from below against what it declares.

Each is the supremum of a multilinear form (see `forms`):

    L        D^2 f [u, v],    u, v in z,              f = L_S and f = L_D;
    M        D L_D [u],       u in z;
    L - mu   L - x^T (D_w^2 L_S) x,  x in w: L minus the smallest curvature (at most 2L in the nonconvex geometry);
    rho      D^3 L_S [d, x, y],  d in z,  x, y in w;
    tau      D^3 L_S [d, x, y],  d in z,  x in w,  y in phi.

Source of the definitions: Assumptions 1, 2 and Definition 2 of the paper. Direction LOWER: an audit can show that a
declaration is false, never that it is true.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from anil_theory._admissible import count
from anil_theory._precision import gamma, require_float64
from anil_theory.constants import Region
from anil_theory.estimators.base import COUNTED, Direction, Estimate, Witness, counted_roundings
from anil_theory.estimators.fields import block_masks, loss_field
from anil_theory.estimators.forms import Form, Search, ascend, start_directions
from anil_theory.estimators.measurement import Effort, Found, Measurement, keyed
from anil_theory.estimators.not_finite import explain, left_out
from anil_theory.problem import Domain, Problem
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Loss, TaskSet

CURVATURE_RANGE = "L - mu"
"""The name of L minus the smallest curvature: a supremum, which mu itself is not."""

_FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "L_support": ("support", ("z", "z")),
    "L_query": ("query", ("z", "z")),
    "M": ("query", ("z",)),
    CURVATURE_RANGE: ("support", ("w", "w")),
    "rho": ("support", ("z", "w", "w")),
    "tau": ("support", ("z", "w", "phi")),
}


def audit_constants(
    family: Domain,
    tasks: TaskSet,
    *,
    seed: int = 0,
    starts: int = 16,
    iterations: int = 60,
    region: Region | None = None,
) -> dict[str, Estimate]:
    """Lower estimates of L, M, rho, tau and L - mu, over all the given tasks.

    starts, iterations   how many ascents per task and constant, and how long each is;
    region               the ball the points are kept in; default: the one where the family's constants hold.

    Returns {name: Estimate} with names "L - mu", "L", "rho", "tau", "M" ("tau" left out when phi is empty).
    Raises InvalidParameter for tasks that are not float64 and for starts or iterations below 1, and NotFinite for a
    constant that is finite at no start; starts where it is not are left out and counted.
    """
    require_float64("tasks", tasks.data)
    count("starts", starts)
    count("iterations", iterations)
    region = family.constants.region if region is None else region
    generator = np.random.default_rng(seed)
    L = family.constants.L
    starting = family.points(generator, (len(tasks), starts))
    searches = _search(
        (tasks.support, tasks.query),
        (family.n_w, family.n_phi),
        jnp.asarray(iterations),
        tasks.data,
        starting,
        jnp.asarray(generator.standard_normal((len(tasks), starts, 3, family.n_w + family.n_phi))),
        jnp.asarray(L),
        jnp.asarray(family.length_scale),
        jnp.asarray(region.radius),
    )
    relative = gamma(counted_roundings(family.n_w + family.n_phi))
    best: dict[str, Estimate] = {}
    for name, search in searches.items():
        constant, loss = name.split("_")[0], _FORMS[name][0]
        values = np.asarray(search.value)
        explain_first = partial(explain, tasks, None, family.n_w, constant)
        dropped, reason = left_out(values, np.asarray(starting), explain_first, f"constants/{constant}")
        task, start = np.unravel_index(np.argmax(values), values.shape)
        value = float(values[task, start])
        # The Rayleigh quotient is -x^T H x; with L it is a number >= 0, which a bound can bound.
        value = value + L if constant == CURVATURE_RANGE else value
        directions = np.asarray(search.directions)[task, start]
        points = {"z": np.asarray(search.point)[task, start].tolist(), "directions": directions.tolist(), "loss": loss}
        estimate = Estimate(
            f"constants/{constant}",
            value,
            Direction.LOWER,
            method="ascent",
            rounding=relative * (abs(value) + (L if constant == CURVATURE_RANGE else 0)),
            rounding_kind=COUNTED,
            samples=values.size,
            seed=seed,
            dropped=dropped,
            first_dropped=reason,
            witness=Witness(points, int(task)),
        )
        if constant not in best or best[constant].value < value:
            best[constant] = estimate
    return best


@partial(jax.jit, static_argnums=(0, 1))
def _search(
    losses: tuple[Loss, Loss],
    sizes: tuple[int, int],
    iterations: Array,
    data: PyTree,
    z: Array,
    normals: Array,
    L: Array,
    length_scale: Array,
    radius: Array,
) -> dict[str, Search]:
    template = (jnp.zeros(sizes[0]), jnp.zeros(sizes[1]))
    fields = {"support": loss_field(losses[0], template), "query": loss_field(losses[1], template)}
    masks = block_masks(*sizes)
    searches = {}
    for name, (loss, blocks) in _FORMS.items():
        if name == "tau" and sizes[1] == 0:
            continue
        stacked = jnp.stack([masks[b] for b in blocks])
        form = Form(stacked, sign=-1.0, tied=True, shift=L) if name == CURVATURE_RANGE else Form(stacked)

        def climb(z: Array, data: PyTree, normals: Array, form: Form = form, field=fields[loss]) -> Search:
            directions = start_directions(form, normals[: form.masks.shape[0]])
            options = {"iterations": iterations, "first_step": length_scale / 4, "radius": radius}
            return ascend(field, form, z, data, directions, **options)

        searches[name] = jax.vmap(jax.vmap(climb, in_axes=(0, None, 0)))(z, data, normals)
    return searches


def _measured_constants(problem: Problem, schedule: Schedule, effort: Effort) -> Found:
    return keyed(audit_constants(problem, problem.tasks, seed=effort.seed))


MEASUREMENT = Measurement(
    name="constants",
    quantities=tuple(f"constants/{name}" for name in (CURVATURE_RANGE, "L", "rho", "tau", "M")),
    direction=Direction.LOWER,
    measure=_measured_constants,
    depends_on=("constants", "shape"),
)
