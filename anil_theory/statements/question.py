"""What a plan is asked for: constants, accuracy, dimensions, and which choices are made already."""

from dataclasses import dataclass, replace

from anil_theory._admissible import InvalidParameter, count, one_of, positive
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements.base import Kind
from anil_theory.statements.complexity import Split, maml_constants
from anil_theory.statements.contraction import step_margin
from anil_theory.statements.rates import Weight

OBJECTIVES = ("evaluations", "entries")
"""What a plan's cost counts: oracle calls, or numbers computed (Table 2)."""


@dataclass(frozen=True)
class Question:
    """What is asked: constants, accuracy, dimensions and preferences; `maml` asks it of MAML.

    alpha        the inner step size; None searches it, or takes the paper's: mu/L^2, or inner_total/(N L) in the
                 nonconvex geometry;
    inner_time   the least alpha N of that search; None: the paper's alpha;
    beta_w, beta_phi   outer step sizes; None takes the cheapest by Theorem J (SHARP), and with the other kinds those by
                 `weight`, a rule or a number c (beta = 1/Lam(c));
    batch        B, for kind SHARP; None: the one with the fewest tasks K B;
    population   T, for kind SHARP: the B tasks of a step are drawn without replacement from T; None: independently.

    Raises InvalidParameter for eps <= 0, D0 <= 0, dimensions < 1, an unknown objective, alpha > 1/L in the strongly
    convex geometry, one beta without the other, a batch or a population for another kind, or B > T.
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
    inner_time: float | None = None
    batch: int | None = None
    population: int | None = None

    def __post_init__(self) -> None:
        for name in ("eps", "D0", "inner_total"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        for name in ("alpha", "beta_w", "beta_phi", "inner_time"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, positive(name, getattr(self, name)))
        object.__setattr__(self, "n_w", count("n_w", self.n_w))
        object.__setattr__(self, "n_phi", count("n_phi", self.n_phi))
        one_of("objective", self.objective, OBJECTIVES)
        if not isinstance(self.weight, Weight):
            object.__setattr__(self, "weight", positive("weight", self.weight))
        if self.batch is not None:
            object.__setattr__(self, "batch", count("batch", self.batch, unbounded=True))
            if self.kind is not Kind.SHARP:
                raise InvalidParameter("batch", "left out where the kind is not sharp", self.batch)
        if self.population is not None:
            # Its own check of B <= T.
            drawn = Schedule(1.0, 1, batch=self.batch or 1, population=self.population)
            object.__setattr__(self, "population", drawn.population)
            if self.kind is not Kind.SHARP:
                raise InvalidParameter("population", "left out where the kind is not sharp", self.population)
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

    def at_either_end(self) -> tuple["Question", ...]:
        """The same question at B = 1 and at B = T, where the population is known and B is not; else itself.

        The fewest tasks are at one of the two: K B of any pair is affine in B, so that of the best pair is concave.
        """
        if self.population is None or self.batch is not None or self.beta_w is not None:
            return (self,)
        return tuple(replace(self, batch=B) for B in sorted({1, self.population}))

    def of_maml(self, alpha: float | None = None) -> "Question":
        """The same question to MAML, with an inner step size of its own and the step size rules of one block."""
        constants = maml_constants(self.constants)
        return replace(self, constants=constants, alpha=alpha, beta_w=None, beta_phi=None, maml=True)
