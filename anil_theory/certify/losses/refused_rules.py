"""Losses that no certificate is given for, whatever their primitives: derivative rules that are a claim of the user's.

A `custom_vjp` rule is code that stands in the place of a derivative, and nothing proves that it is one. Where it is
not, the meta-gradient that the product computes is not the derivative that a certificate speaks of.
"""

import jax
import numpy as np
from jaxtyping import PyTree

from anil_theory.algorithm.custom_rules import custom_vjp_rules
from anil_theory.certify.enclosures.refusals import NoEnclosure
from anil_theory.tasks.base import Losses


def refuse_custom_vjp(losses: Losses, data: PyTree, n_w: int, n_phi: int) -> None:
    """Raise NoEnclosure, naming the loss and the function, when a loss of one task calls a `custom_vjp` function."""
    w, phi = (jax.ShapeDtypeStruct((size,), np.float64) for size in (n_w, n_phi))
    for name, loss in zip(("support", "query"), losses, strict=True):
        rules = custom_vjp_rules(jax.make_jaxpr(loss)(w, phi, data))
        if rules:
            raise NoEnclosure(
                f"the {name} loss calls a custom_vjp function ({', '.join(rules)}): nothing proves that its rule is "
                "the derivative, so there is no certificate; write it without the rule"
            )
