"""How far above the largest sampled value the supremum may lie: extrapolation by extreme-value theory.

Model: above a threshold u, the k largest of n i.i.d. samples follow a generalised Pareto distribution with endpoint e,
P(X > x | X > u) = ((e - x)/(e - u))^a, shape -1/a. A smooth function of d random coordinates with an isolated maximum
has a = d/2 there, so shapes below -1/2, where likelihood theory fails, are the rule here and not the exception.

Interval: at the true e the numbers Y_i = log((e - u)/(e - X_i)) are i.i.d. exponential with the unknown rate a. The
coefficient of variation of k exponentials has a distribution without parameters (simulated once per k), so all e at
which it is ordinary form a confidence set that is exact under the model, for every a. The set is an interval:
for e < e', Y(e) is a convex function of Y(e') that vanishes at 0, which makes its Lorenz curve lower and its
coefficient of variation larger. The point estimate is the e at which it equals its median (median-unbiased).

Fit: the Anderson-Darling statistic of exp(-a Y) against the uniform distribution, with both parameters estimated anew
in each sample of a parametric bootstrap.

The model holds in the limit of a high threshold. At one threshold 91 % of accepted intervals covered certified block
constants (293 of 323; 28 of the others lay below), so the interval is the hull of those at k and at k/2, and intervals
without an upper end are refused. At constants that this was not chosen on, 261 of 267 accepted intervals (98 %) meet
the certified enclosure, five lie below it and one above: at least 95.6 % with 95 % confidence. The families, settings
and seeds are in docs/extremes.md; elsewhere nothing is claimed.

Neither a lower nor an upper bound: the result is not an `Estimate`, and no verdict may rest on it.
Source: the model is Pickands (1975); the interval is derived for this project.
"""

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree
from numpy.typing import ArrayLike

from anil_theory._admissible import InvalidParameter, count, one_of, within
from anil_theory._precision import require_float64
from anil_theory.algorithm.unrolled_loop import UnrolledLoop
from anil_theory.constants import WHOLE_SPACE, Region
from anil_theory.estimators.fields import BLOCK_DIRECTIONS, block_masks, live_blocks, meta_field
from anil_theory.estimators.forms import Form, norm_at, start_directions
from anil_theory.estimators.not_finite import NotFinite, explain
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Family, Loss, TaskSet

MIN_TAIL = 20
_NULL_DRAWS = 20_000
_LOG_GAPS = (-600.0, 30.0)
"""Range of log((e - max)/(max - u)) that is searched; beyond its upper end the endpoint counts as infinite."""


@dataclass(frozen=True)
class Extrapolation:
    """An extrapolated supremum, or the reason why there is none.

    value        median-unbiased estimate of the endpoint; None when refused;
    low, high    confidence interval at level `confidence` under the model; low is never below the largest sample.
                 None when refused;
    largest      the largest sample: the only rigorous number here, a lower bound of the supremum;
    shape        of the generalised Pareto fit, -1/a (NaN when no endpoint was found);
    fit_pvalue   of the goodness-of-fit test (NaN when not reached); tail, samples: k and n;
    refused      why nothing is claimed, or "".
    """

    value: float | None
    low: float | None
    high: float | None
    largest: float
    confidence: float
    shape: float
    fit_pvalue: float
    tail: int
    samples: int
    refused: str = ""


def extrapolate_supremum(
    samples: ArrayLike,
    *,
    confidence: float = 0.95,
    tail: int | None = None,
    fit_level: float = 0.01,
    bootstrap: int = 199,
    seed: int = 0,
) -> Extrapolation:
    """The endpoint of the distribution that the samples were drawn from.

    samples      i.i.d. numbers, more than MIN_TAIL of them;
    tail         k, how many of the largest are used; default n/10, between MIN_TAIL and 200;
    fit_level    reject the model when the p-value is below; bootstrap: samples of that test; 0 leaves the test out.

    Refuses (a reason, no value) when the shape says unbounded, when the fit is rejected, when the interval has no
    upper end, when the largest values repeat. Raises InvalidParameter for samples that are too few, not finite or not
    one axis, and for levels outside (0, 1).
    """
    values = np.sort(_one_axis(samples))[::-1]
    confidence = within("confidence", confidence, 1e-6, 1 - 1e-6, "in (0, 1)")
    fit_level = within("fit_level", fit_level, 0.0, 1.0, "in [0, 1]")
    count("bootstrap", bootstrap, minimum=0)
    n = values.size
    k = max(MIN_TAIL, min(200, n // 10)) if tail is None else count("tail", tail, minimum=MIN_TAIL)
    if k >= n:
        raise InvalidParameter("tail", f"below the number of samples, {n}", k)
    rest: dict[str, Any] = {"largest": float(values[0]), "confidence": confidence, "tail": k, "samples": n}
    refuse = partial(Extrapolation, None, None, None, **rest)
    if values[0] == values[1] or values[0] == values[k]:
        return refuse(shape=math.nan, fit_pvalue=math.nan, refused="the largest values repeat: no density to fit")
    scaled, gaps = _endpoint_gaps(values, k, confidence)
    width = values[0] - values[k]
    low, value, high = (float(values[0] + width * gap) for gap in gaps)
    if math.isinf(value):
        reason = "the shape says unbounded: the tail is no lighter than exponential"
        return refuse(shape=math.nan, fit_pvalue=math.nan, refused=reason)
    rate = float(_rates(scaled, np.array([gaps[1]]))[0])
    pvalue = _fit_pvalue(scaled, gaps[1], rate, bootstrap, seed) if bootstrap else math.nan
    if pvalue < fit_level:
        reason = f"the fit is rejected: p-value {pvalue:.3g} of the Anderson-Darling test, level {fit_level:g}"
        return refuse(shape=-1 / rate, fit_pvalue=pvalue, refused=reason)
    # What the lower threshold misses of the tail's form, the higher one sees, with fewer samples.
    half = max(k // 2, MIN_TAIL)
    if values[0] > values[half]:
        _, nearer = _endpoint_gaps(values, half, confidence)
        ends = [float(values[0] + (values[0] - values[half]) * nearer[i]) for i in (0, 2)]
        low, high = min(low, ends[0]), max(high, ends[1])
    if math.isinf(high):  # such samples are far from the limit of a high threshold: their lower end is too high as well
        reason = "the samples do not exclude an unbounded tail"
        return refuse(shape=-1 / rate, fit_pvalue=pvalue, refused=reason)
    return Extrapolation(value, low, high, shape=-1 / rate, fit_pvalue=pvalue, **rest)


def _endpoint_gaps(
    values: Float[np.ndarray, " n"], k: int, confidence: float
) -> tuple[Float[np.ndarray, "1 k"], list[float]]:
    """The k largest in units of their width, (1, k), and the gaps of the interval and its middle: low, value, high."""
    threshold, width = values[k], values[0] - values[k]
    scaled = ((values[:k] - threshold) / width)[None]
    null = _exponential_variation(k)
    beyond = (1 - confidence) / 2
    # Small e, large variation: the upper quantile belongs to the lower end.
    return scaled, [float(_solve(scaled, float(np.quantile(null, q)))[0]) for q in (1 - beyond, 0.5, beyond)]


def _one_axis(samples: ArrayLike) -> Float[np.ndarray, " n"]:
    values = np.asarray(samples, float)
    if values.ndim != 1 or values.size <= MIN_TAIL:
        raise InvalidParameter("samples", f"one axis with more than {MIN_TAIL} numbers", values.shape)
    if not np.isfinite(values).all():
        raise InvalidParameter("samples", "finite", values[~np.isfinite(values)][0])
    return values


def _exponents(scaled: Float[np.ndarray, "rows k"], gap: Float[np.ndarray, " rows"]) -> Float[np.ndarray, "rows k"]:
    """Y_i (..., k) for exceedances in units of the largest and endpoints at 1 + gap; scaled itself at gap = inf."""
    finite = np.where(np.isinf(gap), 1.0, gap)[..., None]
    with np.errstate(divide="ignore"):
        # log((1 + g)/(1 + g - s)) without cancellation where s = 1.
        logs = np.log1p(finite) - np.log((1 - scaled) + finite)
    return np.where(np.isinf(gap)[..., None], scaled, logs)


def _variation(y: Float[np.ndarray, "rows k"]) -> Float[np.ndarray, " rows"]:
    return np.std(y, axis=-1) / np.mean(y, axis=-1)


def _rates(scaled: Float[np.ndarray, "rows k"], gap: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    return 1 / np.mean(_exponents(scaled, gap), axis=-1)


@cache
def _exponential_variation(k: int) -> Float[np.ndarray, " draws"]:
    """The coefficient of variation of k exponentials, simulated."""
    return _variation(np.random.default_rng(k).standard_exponential((_NULL_DRAWS, k)))


def _solve(scaled: Float[np.ndarray, "rows k"], target: float) -> Float[np.ndarray, " rows"]:
    """The gap at which the coefficient of variation of each row, which falls in it, is the target; inf if none."""
    low, high = (np.full(scaled.shape[0], end) for end in _LOG_GAPS)
    for _ in range(60):
        middle = (low + high) / 2
        above = _variation(_exponents(scaled, np.exp(middle))) > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    unbounded = _variation(scaled) >= target
    return np.where(unbounded | (high >= _LOG_GAPS[1]), np.inf, np.exp((low + high) / 2))


def _anderson_darling(u: Float[np.ndarray, "rows k"]) -> Float[np.ndarray, " rows"]:
    """A^2 of each row against the uniform distribution on [0, 1]."""
    u = np.clip(np.sort(u, axis=-1), 1e-300, 1 - 2**-53)
    k = u.shape[-1]
    weights = 2 * np.arange(1, k + 1) - 1
    return -k - np.sum(weights * (np.log(u) + np.log1p(-u[..., ::-1])), axis=-1) / k


def _statistic(scaled: Float[np.ndarray, "rows k"], gap: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    y = _exponents(scaled, gap)
    return _anderson_darling(np.exp(-y / np.mean(y, axis=-1, keepdims=True)))


def _fit_pvalue(scaled: Float[np.ndarray, "1 k"], gap: float, rate: float, bootstrap: int, seed: int) -> float:
    from scipy import stats  # here: its import takes longer than that of the whole package

    observed = _statistic(scaled, np.array([gap]))[0]
    k = scaled.shape[1]
    generator = np.random.default_rng(seed)
    drawn = np.asarray(stats.genpareto.rvs(-1 / rate, size=(bootstrap, k), random_state=generator))
    drawn = drawn / drawn.max(axis=1, keepdims=True)
    refitted = _solve(drawn, float(np.median(_exponential_variation(k))))
    simulated = _statistic(drawn, refitted)
    return float((1 + np.sum(simulated >= observed)) / (1 + bootstrap))


def sample_block_norms(
    family: Family,
    tasks: TaskSet,
    schedule: Schedule,
    *,
    block: str = "ww",
    samples: int = 1000,
    lanczos_steps: int = 38,
    seed: int = 0,
    spread: float = 4.0,
    region: Region = WHOLE_SPACE,
    max_inner_steps: int | None = None,
) -> Float[np.ndarray, " finite"]:
    """Norms of one block of the meta-gradient's Jacobian at i.i.d. random points of random tasks, shape (samples,).

    Points at which the norm is not finite are left out: the result is shorter by as many.

    lanczos_steps   of each norm, which cost as many products with the Hessian and two more;
    spread   how wide the points are, in length scales; region: points outside are moved to its boundary;
    max_inner_steps   compile for this many steps, so that a grid over N and the blocks compiles once.

    Raises InvalidParameter for an unknown block (or one of an empty phi) and tasks that are not float64, and NotFinite
    when no norm is finite.
    """
    one_of("block", block, live_blocks(family.n_phi))
    require_float64("tasks", tasks.data)
    generator = np.random.default_rng(seed)
    n = family.n_w + family.n_phi
    z = family.points(generator, (count("samples", samples),), spread=spread)
    norm = jnp.linalg.norm(z, axis=-1, keepdims=True)
    z = jnp.where(norm > region.radius, z * (region.radius / norm), z)
    normals = jnp.asarray(generator.standard_normal((samples, 2, n)))
    which = jnp.asarray(generator.integers(0, len(tasks), samples))
    every = block_masks(family.n_w, family.n_phi)
    masks = jnp.stack([every[name] for name in BLOCK_DIRECTIONS[block]])
    # The active steps are traced at every length, so that schedules that differ in N share a compilation.
    loop = UnrolledLoop.of_schedule(schedule, max_inner_steps or schedule.inner_steps)
    losses = (tasks.support, tasks.query)
    sizes = (family.n_w, family.n_phi)
    norms = np.asarray(_block_norms(losses, sizes, lanczos_steps, tasks.data, z, normals, which, masks, loop))
    finite = np.isfinite(norms)
    if not finite.any():
        reason = explain(tasks, schedule, family.n_w, block, int(which[0]), z[0])
        raise NotFinite(f"meta_gradient_lipschitz/{block} is finite at no point; {reason}")
    return norms[finite]


@partial(jax.jit, static_argnums=(0, 1, 2))
def _block_norms(
    losses: tuple[Loss, Loss],
    sizes: tuple[int, int],
    lanczos_steps: int,
    data: PyTree,
    z: Float[Array, "samples n"],
    normals: Float[Array, "samples 2 n"],
    which: Int[Array, " samples"],
    masks: Float[Array, "2 n"],
    loop: UnrolledLoop,
) -> Float[Array, " samples"]:
    """The norm at each point, of the task that belongs to it."""
    template = tuple(jnp.zeros(size) for size in sizes)
    field = meta_field(TaskSet(*losses, data), template, loop)
    form = Form(masks)

    def one(z: Float[Array, " n"], normals: Float[Array, "2 n"], index: Int[Array, ""]) -> Float[Array, ""]:
        task = jax.tree.map(lambda leaf: leaf[index], data)
        return norm_at(field, form, z, task, start_directions(form, normals)[1], lanczos_steps).top.value

    return jax.vmap(one)(z, normals, which)
