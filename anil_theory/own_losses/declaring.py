"""What declared constants rest on: which of them a point contradicts, and which no certificate reaches."""

from collections.abc import Mapping

from anil_theory.own_losses.auditing import AuditedConstant

TOLERANCE = 1e-9
"""A point contradicts a declaration, or a certificate misses it, by more than this share of it."""


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
