"""The user's choices: step sizes, inner steps, batch and outer steps."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from anil_theory._admissible import InvalidParameter, count, positive
from anil_theory._display import Displayed
from anil_theory.constants import Constants, Geometry

MOST_INNER_STEPS = 10**8
"""The bounds are sums over the inner steps, held in memory as arrays of this length."""

NO_NOISE = 1e300
"""A batch so large that its noise is below every bound: what stands for an infinite one."""


def sampling_factor(batch: int, population: int | None) -> float:
    """f: 1 for independent draws, (T - B)/(T - 1) for B of T without replacement."""
    if population is None:
        return 1.0
    return (population - batch) / max(population - 1, 1)


def effective_batch(batch: int, population: int | None) -> float:
    """B/f, or NO_NOISE where f is 0. That of independent draws is B itself, which may be beyond float64."""
    factor = sampling_factor(batch, population)
    if factor == 1:
        return batch
    return batch / factor if factor else NO_NOISE


@dataclass(frozen=True, repr=False)
class Schedule(Displayed):
    """Step sizes and counts of one run of Algorithm 1.

    alpha        inner step size (> 0), or a pytree prefix of w with one for each part of w (Meta-SGD). The statements
                 of the paper are about one number: they are NOT_APPLICABLE to a tree with different entries;
    inner_steps  N >= 1;
    beta_w, beta_phi  outer step sizes (> 0), or None where only the meta-gradient is studied;
    batch        B >= 1 tasks per outer step;
    outer_steps  K >= 1;
    population   T, where the B tasks of a step are drawn without replacement from T fixed ones, B <= T (at B = T a step
                 is exact gradient descent); None where they are drawn independently, as in the paper;
    lam          > 0, the weight of iMAML, whose inner problem is L_S + lam/2 |w - w_0|^2; None: there is no such term.

    A schedule is valid on its own terms here; whether it fits given constants (alpha <= 1/L in the strongly convex
    geometry) is a hypothesis of each statement, and an error in the constructors `strongly_convex` and `nonconvex`.
    """

    alpha: Any
    inner_steps: int
    beta_w: float | None = None
    beta_phi: float | None = None
    batch: int = 1
    outer_steps: int = 1
    population: int | None = None
    lam: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", _step_sizes(self.alpha))
        object.__setattr__(self, "inner_steps", _steps(self.inner_steps))
        for name in ("beta_w", "beta_phi", "lam"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, positive(name, value))
        object.__setattr__(self, "batch", count("batch", self.batch, unbounded=True))
        object.__setattr__(self, "outer_steps", count("outer_steps", self.outer_steps, unbounded=True))
        if self.population is not None:
            object.__setattr__(self, "population", count("population", self.population))
            if self.batch > self.population:
                allowed = f"at most T = {self.population}, of which it is drawn without replacement"
                raise InvalidParameter("batch", allowed, self.batch)

    @classmethod
    def strongly_convex(cls, constants: Constants, inner_steps: int, alpha: float | None = None, **rest) -> Self:
        """The strongly convex schedule: the paper's alpha = mu/L^2, or any alpha in (0, 1/L].

        Raises InvalidParameter when mu is unknown or alpha > 1/L.
        """
        if constants.mu is None:
            raise InvalidParameter("mu", "known (> 0) for a strongly convex schedule", None)
        # Two divisions: mu / L**2 can round above 1/L when mu = L.
        alpha = constants.mu / constants.L / constants.L if alpha is None else positive("alpha", alpha)
        if alpha > 1 / constants.L:
            allowed = f"in (0, 1/L] = (0, {1 / constants.L:g}] in the strongly convex geometry"
            raise InvalidParameter("alpha", allowed, alpha)
        return cls(alpha, inner_steps, **rest)

    @classmethod
    def nonconvex(cls, constants: Constants, inner_steps: int, c: float = 0.7, **rest) -> Self:
        """The nonconvex schedule alpha = c/(N L), which keeps (1 + alpha L)^N below e^c (c > 0)."""
        steps = _steps(inner_steps)
        return cls(positive("c", c) / (steps * constants.L), steps, **rest)

    @classmethod
    def paper(cls, constants: Constants, inner_steps: int, *, c: float = 0.7, **rest) -> Self:
        """The step size of the proposition that covers these constants: mu/L^2 (2) or c/(N L) (3)."""
        if constants.geometry is Geometry.STRONGLY_CONVEX:
            return cls.strongly_convex(constants, inner_steps, **rest)
        return cls.nonconvex(constants, inner_steps, c, **rest)

    @property
    def one_alpha(self) -> float:
        """The inner step size. Raises InvalidParameter when parts of w have step sizes of their own."""
        if isinstance(self.alpha, float):
            return self.alpha
        raise InvalidParameter("alpha", "one number, which this needs, and not one for each part of w", self.alpha)

    @property
    def proximal_weight(self) -> float:
        """lam of iMAML. Raises InvalidParameter when there is none."""
        if self.lam is None:
            raise InvalidParameter("lam", "the weight of iMAML's proximal term, a finite number > 0", None)
        return self.lam

    @property
    def alpha_range(self) -> tuple[float, float]:
        """The smallest and the largest inner step size of an entry of w."""
        entries = _entries(self.alpha)
        return float(entries.min()), float(entries.max())

    @property
    def sampling_factor(self) -> float:
        """What the variance of a batch's mean is multiplied by: 1, or (T - B)/(T - 1) without replacement."""
        return sampling_factor(self.batch, self.population)

    @property
    def effective_batch(self) -> float:
        """B over the sampling factor: the batch of independent draws with the same noise; huge where there is none."""
        return effective_batch(self.batch, self.population)

    def total_step(self, L: float) -> float:
        """c = alpha N L, the number that decides whether (1 + alpha L)^N stays bounded."""
        return self.one_alpha * self.inner_steps * L

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Schedule) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        """What decides equality: arrays by their shape and their entries."""
        sizes = tuple((np.shape(leaf), tuple(np.ravel(leaf).tolist())) for leaf in _leaves(self.alpha))
        rest = tuple(getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "alpha")
        return _structure(self.alpha), sizes, *rest

    def _shown(self) -> dict[str, Any]:
        optional = {"beta_w": None, "beta_phi": None, "batch": 1, "outer_steps": 1, "population": None, "lam": None}
        chosen = {name: getattr(self, name) for name, default in optional.items() if getattr(self, name) != default}
        return {"alpha": self.alpha, "inner_steps": self.inner_steps, **chosen}


def _is_number(alpha: Any) -> bool:
    """Whether one number serves all of w: then nothing here needs JAX, whose import takes longer than most bounds."""
    return isinstance(alpha, (int, float, np.number))


def _leaves(alpha: Any) -> list[Any]:
    if _is_number(alpha):
        return [alpha]
    import jax

    return jax.tree.leaves(alpha)


def _structure(alpha: Any) -> Any:
    if _is_number(alpha):
        return None
    import jax

    return jax.tree.structure(alpha)


def _entries(alpha: Any) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(leaf, float)) for leaf in _leaves(alpha)])


def _step_sizes(alpha: Any) -> Any:
    """A number as a positive float, a tree with float64 leaves; a tree of equal entries is their number."""
    if np.ndim(alpha) == 0 and not isinstance(alpha, (dict, list, tuple)) and _leaves(alpha) == [alpha]:
        return positive("alpha", alpha)
    import jax

    allowed = "a finite number > 0, or a pytree of finite numbers (a prefix of w)"
    try:
        tree = jax.tree.map(lambda leaf: np.array(leaf, np.float64), alpha)
        entries = _entries(tree)
    except (TypeError, ValueError) as error:
        raise InvalidParameter("alpha", allowed, alpha) from error
    if entries.size == 0 or not np.isfinite(entries).all():
        raise InvalidParameter("alpha", allowed, alpha)
    if entries.min() == entries.max():
        return positive("alpha", entries[0])
    for leaf in _leaves(tree):
        leaf.setflags(write=False)
    return tree


def _steps(inner_steps: int) -> int:
    steps = count("inner_steps", inner_steps)
    if steps > MOST_INNER_STEPS:
        raise InvalidParameter("inner_steps", f"an integer in 1..{MOST_INNER_STEPS}", inner_steps)
    return steps
