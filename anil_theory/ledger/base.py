"""The ledger holds facts: a fact is a formula with a proof that can be run, and wrong formulas that it must refuse."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class ProofStatus(StrEnum):
    """The outcome of running a proof."""

    PROVED = "PROVED"
    """a symbolic proof, for all values that the assumptions allow"""
    CHECKED = "CHECKED"
    """exact evaluation at stated points only: evidence where the ledger has no proof"""
    FAILED = "FAILED"
    """the formula is wrong, or the proof does not go through"""


@dataclass(frozen=True)
class Proof:
    """The outcome of one proof: `method` says how it was proved, `detail` what was left over when it was not."""

    status: ProofStatus
    method: str
    detail: str = ""

    def __and__(self, other: "Proof") -> "Proof":
        """Both proofs together: the weaker status, the methods one after the other (each once)."""
        order = (ProofStatus.FAILED, ProofStatus.CHECKED, ProofStatus.PROVED)
        status = min(self.status, other.status, key=order.index)
        parts = dict.fromkeys([*self.method.split("; "), *other.method.split("; ")])
        return Proof(status, "; ".join(parts), "; ".join(filter(None, (self.detail, other.detail))))


@dataclass(frozen=True)
class Fact:
    """One step of the derivation.

    name          key, "section/what";
    statement     the claim in words;
    section       of the ledger, a key of `ledger.SECTIONS`: "2", "3.1", "3.2", "3.3", "5" or "6";
    assumptions   what the proof uses, in words, with the norm inequalities behind a scalar recursion;
    claimed       the formula, or several; only the proof gets it;
    prove         claimed -> Proof;
    latex         how the formula is written;
    controls      wrong formulas by the name of the fault; `prove` must refuse each.
    """

    name: str
    statement: str
    section: str
    assumptions: tuple[str, ...]
    claimed: Any
    prove: Callable[[Any], Proof]
    latex: str
    controls: Mapping[str, Any] = field(default_factory=dict)

    def claiming(self, formula: Any) -> "Fact":
        """The same fact with another formula in its place: tests put faults in on purpose with it."""
        return replace(self, claimed=formula)


@dataclass(frozen=True)
class Entry:
    """A fact after its proof was run; the proof took `seconds`."""

    name: str
    statement: str
    latex: str
    section: str
    assumptions: tuple[str, ...]
    method: str
    status: ProofStatus
    seconds: float
    detail: str = ""


def enter(fact: Fact) -> Entry:
    """Run the proof of a fact. A proof that breaks off with an arithmetic or type error counts as FAILED."""
    started = time.perf_counter()
    try:
        proof = fact.prove(fact.claimed)
    except (ArithmeticError, AttributeError, NotImplementedError, TypeError, ValueError) as error:
        proof = Proof(ProofStatus.FAILED, "the proof broke off", f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - started
    return Entry(
        fact.name,
        fact.statement,
        fact.latex,
        fact.section,
        fact.assumptions,
        proof.method,
        proof.status,
        seconds,
        proof.detail,
    )
