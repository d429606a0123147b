"""What a measurement is: the quantities, their direction, what it needs of a problem, and the function that measures.

Measurements are registered, like statements and families. A claim is paired with every measurement of its quantity.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

from anil_theory._admissible import count
from anil_theory._admissible import seed as admissible_seed
from anil_theory._precision import need_float64
from anil_theory._registry import NotOfTheKind
from anil_theory.estimators.base import Direction, Estimate
from anil_theory.estimators.budget import Budget
from anil_theory.estimators.facts import fact
from anil_theory.problem import Problem
from anil_theory.schedule import Schedule

OF_ALGORITHM_1 = ("constants", "alpha", "inner_steps", "batch", "population", "outer_steps", "beta", "shape")
FIELDS = (*OF_ALGORITHM_1, "lam")
"""What a setting has: constants, the parts of a schedule, and the dimensions; lam is the weight of iMAML."""

OF_THE_INNER_LOOP = ("constants", "alpha", "inner_steps", "shape")


@dataclass(frozen=True)
class Effort:
    """How hard to measure.

    seed             of searches and runs;
    seeds            runs of Algorithm 1, at least 2;
    budget           of searches;
    max_inner_steps  compile for this many inner steps and run N of them, so that a grid over N compiles once.
    """

    seed: int = 0
    seeds: int = 32
    budget: Budget = field(default_factory=Budget)
    max_inner_steps: int | None = None

    def __post_init__(self) -> None:
        admissible_seed("seed", self.seed)
        count("seeds", self.seeds, minimum=2)
        if self.max_inner_steps is not None:
            count("max_inner_steps", self.max_inner_steps)


@dataclass(frozen=True)
class Finding:
    """Estimates of one quantity, and a remark on them.

    facts   where a bound depends on the point: for each estimate the facts at its own point, by name. Each estimate is
            then judged by the claims there, and a row shows the one that is nearest to its bound.

    There is no estimate where a run ended without one (it diverged); the remark then says so.
    """

    estimates: tuple[Estimate, ...] = ()
    remark: str = ""
    facts: tuple[Mapping[str, float], ...] = ()

    def by_point(self) -> "list[Finding]":
        """One finding for each estimate that has facts of its own; otherwise this one alone."""
        if not self.facts:
            return [self]
        pairs = zip(self.estimates, self.facts, strict=True)
        return [Finding((estimate,), self.remark, (facts,)) for estimate, facts in pairs]


Found = Mapping[str, Finding | Estimate | Sequence[Estimate]]
"""What a measurement's function returns: by quantity, one estimate, several, or a Finding."""


class Case(NamedTuple):
    """What is measured, and with which step size and how many inner steps."""

    problem: Problem
    schedule: Schedule


MOST_TOGETHER = 4
"""Cases of one call. A group is what is waited for when a run is stopped, and fewer cases are filled up to it."""


def always(problem: Problem, schedule: Schedule) -> str:
    """No reason against any problem."""
    return ""


@dataclass(frozen=True)
class Measurement:
    """One way to measure some quantities of a problem.

    name         how reports call it: the "check" of a row;
    quantities   the keys of claims that it serves, as in `Claim.quantity`; one that ends with "/" is a prefix;
    direction    on which side of the truth its estimates lie;
    measure      `measure(problem, schedule, effort)` -> estimates by quantity;
    refusal      `refusal(problem, schedule)` -> why it cannot be made there; empty where it can;
    depends_on   the parts of a setting (FIELDS) that the result depends on: a grid repeats it for these alone;
    needs_phi    whether it needs a phi that is not empty;
    of_witness   whether it measures a problem where that attains its constant. Such problems are left to such
                 measurements, and no other problem is;
    costly       whether `verify --quick` without names leaves its statements out;
    units        facts that the estimates are per unit of, for example {"D0": 1.0}: claims are evaluated there;
    facts        `facts(problem, schedule, effort)` -> facts that this measurement finds out about the problem, by name:
                 claims are evaluated at them. None: it finds none;
    together     `together(cases, effort)` -> for each case a function that returns, or raises, what `measure` would.
                 All cases have one compiled shape and one N. None: they are measured one by one.
    """

    name: str
    quantities: tuple[str, ...]
    direction: Direction
    measure: Callable[[Problem, Schedule, Effort], Found]
    refusal: Callable[[Problem, Schedule], str] = always
    depends_on: tuple[str, ...] = OF_THE_INNER_LOOP
    needs_phi: bool = False
    of_witness: bool = False
    costly: bool = False
    units: Mapping[str, float] = field(default_factory=dict)
    facts: Callable[[Problem, Schedule, Effort], Mapping[str, float]] | None = None
    together: Callable[[Sequence[Case], Effort], Sequence[Callable[[], Found]]] | None = None

    def __post_init__(self) -> None:
        texts = isinstance(self.quantities, tuple) and all(isinstance(q, str) and q for q in self.quantities)
        if not texts or not self.quantities:
            raise NotOfTheKind(
                f"measurement {self.name!r} must have quantities, a tuple of names; got {self.quantities!r}"
            )
        if not isinstance(self.direction, Direction):
            raise NotOfTheKind(f"measurement {self.name!r} must have a Direction; got {self.direction!r}")
        if not callable(self.measure):
            raise NotOfTheKind(f"measurement {self.name!r} must have a function that measures; got {self.measure!r}")
        unknown = [name for name in self.depends_on if name not in FIELDS]
        if unknown:
            allowed = ", ".join(FIELDS)
            raise NotOfTheKind(f"measurement {self.name!r} depends on {', '.join(unknown)}; allowed are {allowed}")

    @property
    def runs_outer_loop(self) -> bool:
        """Whether B, K and beta belong to its settings."""
        return "outer_steps" in self.depends_on

    def measures(self, quantity: str) -> bool:
        """Whether it serves claims about this quantity."""
        return any(quantity.startswith(q) if q.endswith("/") else quantity == q for q in self.quantities)

    def why_not(self, problem: Problem, schedule: Schedule) -> str:
        """Why it cannot be made of this problem at this schedule; empty where it can."""
        if self.of_witness and problem.attaining_point is None:
            return f"{problem.name} names no point where a constant is attained"
        if not self.of_witness and problem.attaining_point is not None:
            return f"{problem.name} is made to attain a constant, and measured where it does"
        if self.needs_phi and problem.n_phi == 0:
            return "phi is empty"
        return self.refusal(problem, schedule)

    def facts_of(
        self, names: Sequence[str], problem: Problem, schedule: Schedule, effort: Effort
    ) -> dict[str, float | int]:
        """The facts of these names: the units of the measurement, what it finds out, or `estimators.fact`.

        Raises UnknownFact and NotFinite as that does, and NotFinite where the measurement finds no number.
        """
        own: dict[str, float | int] = {**self.units}
        if self.facts is not None and any(name not in own for name in names):
            own = {**self.facts(problem, schedule, effort), **own}
        return {name: own[name] if name in own else fact(problem, name, schedule) for name in names}

    def run(self, problem: Problem, schedule: Schedule, effort: Effort) -> dict[str, Finding]:
        """The findings by quantity.

        Raises NotOfTheKind when the function returns something else than it promised: another quantity, another
        direction, or no estimates.
        """
        need_float64()
        return self._admitted(self.measure(problem, schedule, effort))

    def run_together(self, cases: Sequence[Case], effort: Effort) -> list[Callable[[], dict[str, Finding]]]:
        """For each case a function that returns, or raises, what `run` would; the first that is called measures all.

        Where measuring them in one call fails, each is measured alone, so that the error is that of its own case.
        """
        need_float64()
        if self.together is None:
            return [partial(self.run, case.problem, case.schedule, effort) for case in cases]
        group = _Group(self, cases, effort)
        return [partial(group.finding, index) for index in range(len(cases))]

    def _admitted(self, returned: Any) -> dict[str, Finding]:
        if not isinstance(returned, Mapping):
            raise NotOfTheKind(f"measurement {self.name!r} must return a mapping from quantities; got {returned!r}")
        return {quantity: self._checked(quantity, value) for quantity, value in returned.items()}

    def _checked(self, quantity: str, value: Any) -> Finding:
        if not self.measures(quantity):
            promised = ", ".join(self.quantities)
            raise NotOfTheKind(f"measurement {self.name!r} measures {promised}; it returned {quantity!r}")
        remark = value.remark if isinstance(value, Finding) else ""
        facts = value.facts if isinstance(value, Finding) else ()
        offered = value.estimates if isinstance(value, Finding) else value
        estimates = (offered,) if isinstance(offered, Estimate) else offered
        if not isinstance(estimates, Iterable):
            raise NotOfTheKind(f"measurement {self.name!r} must return Estimates of {quantity!r}; got {offered!r}")
        estimates = tuple(estimates)
        for estimate in estimates:
            if not isinstance(estimate, Estimate) or estimate.quantity != quantity:
                raise NotOfTheKind(f"measurement {self.name!r} must return Estimates of {quantity!r}; got {estimate!r}")
            if estimate.direction is not self.direction:
                directions = f"{self.direction.value} estimates; it returned one that is {estimate.direction.value}"
                raise NotOfTheKind(f"measurement {self.name!r} promises {directions}")
        if len(facts) not in (0, len(estimates)):
            counts = f"{len(facts)} for {len(estimates)} estimates"
            raise NotOfTheKind(f"measurement {self.name!r} must return facts for each estimate, or none; got {counts}")
        return Finding(estimates, remark, facts)


class _Group:
    """Cases that are measured in one call, when the first of them is asked for; it belongs to one thread."""

    def __init__(self, measurement: Measurement, cases: Sequence[Case], effort: Effort):
        self.measurement, self.cases, self.effort = measurement, cases, effort

    @cached_property
    def _found(self) -> Sequence[Callable[[], Found]] | None:
        """None where the call failed: whatever went wrong, the error that counts is that of a case measured alone."""
        assert self.measurement.together is not None
        try:
            return self.measurement.together(self.cases, self.effort)
        except Exception:
            return None

    def finding(self, index: int) -> dict[str, Finding]:
        """What was found of one case."""
        if self._found is None:
            case = self.cases[index]
            return self.measurement.run(case.problem, case.schedule, self.effort)
        return self.measurement._admitted(self._found[index]())


def keyed(estimates_of: Mapping[str, Any]) -> dict[str, Any]:
    """Estimates by block, or lists of them, as estimates by quantity."""
    by_quantity = {}
    for value in estimates_of.values():
        estimates = list(value.values()) if isinstance(value, Mapping) else [value]
        by_quantity[estimates[0].quantity] = estimates
    return by_quantity
