"""A plan: everything one needs to run ANIL or MAML to eps-accuracy at a given N, and the N at which that is cheapest.

Claim: `plan` satisfies every hypothesis of Theorem 1 or 2 and brings both right-hand sides to at most eps;
`recommended_plan` has the smallest total cost among the N it looked at (all N up to EVERY, then a grid that is refined
around its best point: the cost falls and then rises in the strongly convex geometry and rises in the nonconvex one, up
to the rounding of K and B to integers). Kind: upper bounds. Source: `statements.rates`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from anil_theory._admissible import InvalidParameter, count, one_of, positive
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.complexity import Demand, OracleCount, Split, anil_count, demand, maml_constants, maml_count
from anil_theory.statements.contraction import step_margin
from anil_theory.statements.rates import Ingredients, Terms, Weight, ingredients

OBJECTIVES = ("evaluations", "entries")
"""What a plan's cost counts: oracle calls, or numbers computed (Table 2)."""

EVERY = 128
"""Up to here `cheapest_count` looks at every N."""

BETA_TOLERANCE = 1e-12
"""A given beta may exceed 1/Lam by this fraction: it is a float that was printed and typed in again."""


@dataclass(frozen=True)
class Question:
    """What is asked: constants, accuracy, dimensions and preferences; `maml` asks it of MAML.

    alpha   the inner step size; None takes the paper's: mu/L^2, or inner_total/(N L) in the nonconvex geometry;
    beta_w, beta_phi   outer step sizes; None takes them by `weight`, a rule or a number c (beta = 1/Lam(c)).

    Raises InvalidParameter for eps <= 0, D0 <= 0, dimensions < 1, an unknown objective, alpha > 1/L in the strongly
    convex geometry, or one beta without the other.
    """

    constants: Constants
    eps: float
    D0: float = 1.0
    n_w: int = 1
    n_phi: int = 1
    objective: str = "evaluations"
    alpha: float | None = None
    inner_total: float = 0.7
    beta_w: float | None = None
    beta_phi: float | None = None
    weight: Weight | float = Weight.BALANCED
    split: Split = Split.EVEN
    kind: Kind = Kind.REFINED
    maml: bool = False

    def __post_init__(self) -> None:
        for name in ("eps", "D0", "inner_total"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        for name in ("alpha", "beta_w", "beta_phi"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, positive(name, getattr(self, name)))
        object.__setattr__(self, "n_w", count("n_w", self.n_w))
        object.__setattr__(self, "n_phi", count("n_phi", self.n_phi))
        one_of("objective", self.objective, OBJECTIVES)
        if not isinstance(self.weight, Weight):
            object.__setattr__(self, "weight", positive("weight", self.weight))
        L = self.constants.L
        if self.alpha is not None and self.geometry is Geometry.STRONGLY_CONVEX and step_margin(self.alpha, L) < 0:
            raise InvalidParameter("alpha", f"in (0, 1/L] = (0, {1 / L:g}] in the strongly convex geometry", self.alpha)
        if not self.maml and (self.beta_w is None) != (self.beta_phi is None):
            missing = "beta_w" if self.beta_w is None else "beta_phi"
            raise InvalidParameter(missing, "a finite number > 0 where the other outer step size is one", None)

    @property
    def geometry(self) -> Geometry:
        return self.constants.geometry

    def inner_step(self, inner_steps: int) -> float:
        """The inner step size of a loop of N steps."""
        if self.alpha is not None:
            return self.alpha
        if self.constants.mu is None:
            return Schedule.nonconvex(self.constants, inner_steps, self.inner_total).alpha
        return Schedule.strongly_convex(self.constants, inner_steps).alpha

    def of_maml(self, alpha: float | None = None) -> "Question":
        """The same question to MAML, with an inner step size of its own and the step size rules of one block."""
        constants = maml_constants(self.constants)
        return replace(self, constants=constants, alpha=alpha, beta_w=None, beta_phi=None, maml=True)


@dataclass(frozen=True)
class Plan:
    """One answer: the schedule (with K and B), the weight c of the proof, and the counts of an outer iteration."""

    question: Question
    schedule: Schedule
    c: float
    ingredients: Ingredients
    rows: dict[str, Terms]
    per_iteration: OracleCount

    @property
    def total(self) -> OracleCount:
        """The counts of the whole run."""
        return self.per_iteration.times(self.schedule.outer_steps)

    @property
    def cost(self) -> int:
        """The total in the units of the objective."""
        return getattr(self.total, self.question.objective)


def plan(question: Question, inner_steps: int) -> Plan:
    """The plan at N. Raises InvalidParameter for a beta beyond its limit there, with the limit."""
    q, N = question, count("inner_steps", inner_steps)
    schedule = Schedule(q.inner_step(N), N)
    sizes = ingredients(q.constants, schedule, q.geometry, q.kind, phi=not q.maml)
    if q.beta_w is None:
        c, beta_w, beta_phi = sizes.steps(q.weight)
    else:
        beta_w, beta_phi = q.beta_w, q.beta_phi or q.beta_w
        c = sizes.weight(beta_w, beta_phi) if isinstance(q.weight, Weight) else q.weight
        for name, beta, lam in zip(("beta_w", "beta_phi"), (beta_w, beta_phi), sizes.smoothness(c), strict=True):
            if float(lam * beta) > 1 + BETA_TOLERANCE:
                raise InvalidParameter(name, f"in (0, 1/Lam] = (0, {float(1 / lam):.6g}] at N = {N}, c = {c:.6g}", beta)
    names = ("w",) if q.maml else ("w", "phi")
    rows = {name: sizes.terms(name, beta_w, beta_phi, c, q.D0) for name in names}
    need: Demand = demand(tuple(rows.values()), q.eps, q.split)
    schedule = Schedule(schedule.one_alpha, N, beta_w, None if q.maml else beta_phi, need.batch, need.outer_steps)
    counted = (maml_count if q.maml else anil_count)(N, need.batch, q.n_w, q.n_phi)
    return Plan(q, schedule, c, sizes, rows, counted)


def cheapest_count(cost: Callable[[int], float], most: int, every: int = EVERY) -> int:
    """The N in 1..most with the smallest cost, the smaller among equals; `cost` falls and then rises beyond `every`.

    All N up to `every` are looked at, so no assumption is made there. Beyond, a geometric grid brackets the best point,
    and finer grids follow until every N of the bracket was looked at.
    """
    seen: dict[int, float] = {}

    def at(N: int) -> float:
        if N not in seen:
            seen[N] = cost(N)
        return seen[N]

    candidates = list(range(1, min(most, every) + 1))
    if most > every:
        points = math.ceil(8 * math.log2(most / every)) + 1
        candidates += sorted({min(most, round(every * (most / every) ** (i / points))) for i in range(points + 1)})
    while True:
        best = min(candidates, key=lambda N: (at(N), N))
        place = sorted(set(candidates)).index(best)
        ordered = sorted(set(candidates))
        low, high = ordered[max(place - 1, 0)], ordered[min(place + 1, len(ordered) - 1)]
        if high - low <= 2:
            return min(seen, key=lambda N: (seen[N], N))
        step = max(1, (high - low) // 32)
        candidates = sorted({*range(low, high + 1, step), best, high, max(best - 1, low), min(best + 1, high)})


def recommended_plan(question: Question, most: int = 4096, every: int = EVERY) -> Plan:
    """The cheapest plan over N = 1..most. A given beta leaves out the N at which it exceeds its limit.

    every   up to here all N are looked at (`cheapest_count`).

    Raises InvalidParameter when that leaves nothing.
    """
    most = count("most", most)
    plans: dict[int, Plan] = {}
    refusal: list[InvalidParameter] = []

    def cost(N: int) -> float | int:
        try:
            plans[N] = plan(question, N)
        except InvalidParameter as error:
            refusal.append(error)
            return math.inf
        return plans[N].cost

    best = cheapest_count(cost, most, every)
    if best not in plans:
        raise refusal[0]
    return plans[best]
