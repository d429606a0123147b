"""Declared constants: what may be declared, which are contradicted by a point, and which no certificate reaches."""

from collections.abc import Mapping

from anil_theory._admissible import InvalidParameter, nonnegative, positive
from anil_theory.constants import Constants
from anil_theory.own_losses.auditing import NAMES, AuditedConstant

TOLERANCE = 1e-9
"""A point contradicts a declaration, or a certificate misses it, by more than this share of it."""


def admitted_declarations(declared: Mapping[str, float] | Constants | None) -> dict[str, float]:
    """What the user declares, by name. Raises InvalidParameter for other names, and for values that are no constant."""
    if declared is None:
        return {}
    if isinstance(declared, Constants):
        declared = {name: value for name in NAMES if (value := getattr(declared, name)) is not None}
    if not isinstance(declared, Mapping):
        raise InvalidParameter("constants", "a mapping from mu, L, rho, tau or M to numbers, or Constants", declared)
    for name in declared:
        if name not in NAMES:
            raise InvalidParameter("constants", "named mu, L, rho, tau or M", name)
    zero_allowed = ("rho", "tau")
    admitted = {name: (nonnegative if name in zero_allowed else positive)(name, x) for name, x in declared.items()}
    if "mu" in admitted and "L" in admitted and admitted["mu"] > admitted["L"]:
        raise InvalidParameter("mu", f"in (0, L] = (0, {admitted['L']:g}]", admitted["mu"])
    return admitted


def doubts(audited: Mapping[str, AuditedConstant]) -> str:
    """Why the declared constants are not proved, in words; "" where every one of them is certified, or none declared.

    What rests on them is no guarantee then: it holds if they do.
    """
    contradicted = []
    unproved = []
    for name, each in audited.items():
        if each.declared is None:
            continue
        lowest = name == "mu"
        if _misses(each.extreme, each.declared, lowest=lowest):
            sign = "<=" if lowest else ">="
            contradicted.append(f"{name} = {each.declared:g} is false, a point shows {sign} {each.extreme:.4g}")
        elif each.certified is None:
            unproved.append(f"{name} = {each.declared:g} has no certificate")
        elif _misses(each.certified, each.declared, lowest=lowest):
            unproved.append(f"the certificate of {name} = {each.declared:g} reaches only {each.certified:.4g}")
    if not contradicted and not unproved:
        return ""
    start = "it rests on declared constants that are contradicted" if contradicted else "as declared, not proved"
    return f"{start}: {'; '.join((*contradicted, *unproved))}"


def _misses(known: float, declared: float, *, lowest: bool) -> bool:
    """Whether what is known of a constant lies beyond its declaration."""
    slack = TOLERANCE * abs(declared)
    return known < declared - slack if lowest else known > declared + slack
