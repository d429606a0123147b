"""What a statement is: named claims, each with hypotheses that have a margin and a bound that has a value."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from anil_theory._admissible import InvalidParameter, positive
from anil_theory._display import Displayed, short, table_of
from anil_theory.constants import Constants, Geometry
from anil_theory.errors import AnilTheoryError
from anil_theory.schedule import Schedule


class MissingFact(AnilTheoryError, ValueError):
    """A claim needs a fact about the problem that neither the constants nor the schedule hold, and was not given it."""

    def __init__(self, claim: str, fact: str, meaning: str):
        self.claim, self.fact = claim, fact
        super().__init__(
            f"the claim {claim} needs {fact} ({meaning}): "
            f'take it from STATEMENTS["{claim.split("/")[0]}"].given({fact}=...)'
        )


class NoBound(AnilTheoryError, ArithmeticError):
    """An expression that gave no number >= 0 where it was evaluated, and so bounds nothing there."""


class Kind(StrEnum):
    """What sort of claim it is, and where its constants come from."""

    IDENTITY = "identity"
    """two expressions are equal"""
    EXPLICIT = "explicit"
    """upper bound with the constants of the paper's own route, the triangle inequality throughout"""
    REFINED = "refined"
    """upper bound with the tightened constants (`statements.contraction` says which)"""
    SHARP = "sharp"
    """upper bound that tasks attain, the supremum over all with the constants (`statements.sharp` has the exception);
    of the theorems, the one by the joint form, which is attained in the limits that docs/theorem_bounds.md names"""
    ORDER = "order"
    """the printed order of growth; its hidden factor poly(L, M, rho, tau) is set to 1"""
    DECLARED = "declared"
    """an upper bound that a family of tasks declares by construction"""
    CERTIFIED = "certified"
    """upper bound made of numbers of the problem itself, all of which are enclosed: the constants are not used"""
    ESTIMATED = "estimated"
    """what that bound would be at numbers that are estimates: it bounds nothing, and nothing is judged by it"""
    CONJECTURED = "conjectured"
    """an upper bound that somebody proposes, without a proof"""


@dataclass(frozen=True)
class Hypothesis:
    """One condition of a statement, evaluated: it holds when `margin` >= 0, and fails by -margin otherwise.

    `margin` is in the units that `condition` is written in.
    """

    condition: str
    margin: float

    @property
    def holds(self) -> bool:
        return self.margin >= 0

    def __str__(self) -> str:
        return f"{self.condition}: " + ("holds" if self.holds else f"fails by {-self.margin:.3g}")


@dataclass(frozen=True, repr=False)
class Bound(Displayed):
    """The value of a bound at given constants and schedule.

    value     the number; inf when it exceeds float64;
    log10     its decimal logarithm, finite also where `value` overflows;
    rounding  an upper bound on the error of `value` from rounding, absolute;
    note      why the value is infinite, or what else a reader should know.
    """

    value: float
    log10: float
    rounding: float = 0.0
    note: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.value) or self.value < 0:
            raise NoBound(f"a bound must be a number >= 0; got {self.value!r}")
        if math.isnan(self.rounding) or self.rounding < 0:
            raise NoBound(f"the rounding of a bound must be a number >= 0; got {self.rounding!r}")

    def times(self, factor: float, note: str = "") -> "Bound":
        """The bound times a factor > 0, its rounding with it; `note` is put before the note."""
        positive("factor", factor)
        notes = "; ".join(filter(None, (note, self.note)))
        return Bound(self.value * factor, self.log10 + math.log10(factor), self.rounding * factor, notes)

    def _shown(self) -> dict[str, Any]:
        shown = {"value": short(self.value)}
        if math.isinf(self.value):
            shown["log10"] = short(self.log10)
        return shown | ({"note": self.note} if self.note else {})


@dataclass(frozen=True)
class _OneStepSize:
    """The hypotheses of a claim where alpha is one number, and elsewhere that it is not."""

    of_claim: Callable[[Constants, Schedule], tuple[Hypothesis, ...]]

    def __call__(self, constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
        low, high = schedule.alpha_range
        if low == high:
            return self.of_claim(constants, schedule)
        condition = f"one inner step size alpha for all of w (here from {low:g} to {high:g}, as in Meta-SGD)"
        return (Hypothesis(condition, low - high),)


@dataclass(frozen=True, repr=False)
class Claim(Displayed):
    """One inequality or identity: what is bounded, by what, under which hypotheses.

    quantity    the key under which estimators report the measured side, for example "meta_gradient_lipschitz/ww";
    block       the part of the statement that it is: "ww", "wphi", "phiw", "phiphi", or a name of its own;
    evaluate    (constants, schedule) -> Bound; raises MissingFact where the claim was not given a fact that it needs;
    hypotheses  (constants, schedule) -> the evaluated conditions. A claim that is not about the constants alone has one
                more: a single inner step size. It comes alone when it fails, the others need the number alpha;
    latex       the formula, for reports.
    """

    statement: str
    block: str
    kind: Kind
    quantity: str
    evaluate: Callable[[Constants, Schedule], Bound]
    hypotheses: Callable[[Constants, Schedule], tuple[Hypothesis, ...]]
    latex: str

    def __post_init__(self) -> None:
        if self.kind is not Kind.DECLARED and not isinstance(self.hypotheses, _OneStepSize):
            object.__setattr__(self, "hypotheses", _OneStepSize(self.hypotheses))

    @property
    def name(self) -> str:
        return f"{self.statement}/{self.block}/{self.kind.value}"

    def _shown(self) -> dict[str, Any]:
        return {"name": self.name, "bounds": self.quantity}

    def _repr_html_(self) -> str:
        return table_of("Claim", {**self._shown(), "formula": f"${self.latex}$"}, longest=len(self.latex) + 2)


ANIL = "anil"
"""The paper that this package is about: Ji, Lee, Liang, Poor 2020."""


@dataclass(frozen=True, repr=False)
class Statement(Displayed):
    """One numbered result of a paper.

    title      what it says, in a line;   source: where its paper has it. Reports list both;
    geometry   the one it speaks about, None for both;
    facts      what its bounds need beside constants and schedule: the initial gap, dimensions;
    optional   further facts, without which the bounds are those of the general case;
    build      (**facts) -> its claims; None where there are no such facts;
    paper      the key of the paper in PAPERS: `verify --paper` selects by it.

    The claims of a statement that needs facts can be listed, and their hypotheses checked, without them.
    """

    name: str
    title: str
    source: str
    geometry: Geometry | None
    claims: tuple[Claim, ...]
    facts: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    build: Callable[..., tuple[Claim, ...]] | None = None
    paper: str = ANIL

    def given(self, **facts: float) -> "Statement":
        """The same statement with its claims at the given facts, for example `given(D0=0.3)`.

        Raises InvalidParameter for a fact that the statement does not ask for, one that is left out, and as its claims
        do for values that are not admissible.
        """
        if set(facts) - set(self.optional) != set(self.facts) or self.build is None:
            allowed = f"exactly {', '.join(self.facts) or 'none'}"
            if self.optional:
                allowed += f", with or without {', '.join(self.optional)}"
            raise InvalidParameter("facts", allowed, ", ".join(facts) or "none")
        return replace(self, claims=self.build(**facts))

    def select(self, kind: Kind, block: str | None = None) -> tuple[Claim, ...]:
        """The claims of one kind, and of one block if `block` is given."""
        return tuple(c for c in self.claims if c.kind is kind and block in (None, c.block))

    def _shown(self) -> dict[str, Any]:
        return {"name": self.name, "source": self.source, "title": self.title, "claims": len(self.claims)}

    def _repr_html_(self) -> str:
        formulas = {claim.name: f"${claim.latex}$" for claim in self.claims}
        longest = max(map(len, formulas.values()), default=0)
        return table_of(f"{self.name}: {self.source}. {self.title}", formulas, longest=longest)
