"""Oracle calls and numbers computed in one outer iteration: Table 2.

phi is empty where n_phi = 0, and then nothing is asked of it: min(1, n_phi) is 1 or 0. Table 2 counts the entries of
matrices; an implementation by products never forms them. Source: the paper, Table 2.
"""

import sympy as sp

from anil_theory.statements.forms.symbols import B, Expr, N, n_phi, n_w

_HAS_PHI: Expr = sp.Min(1, n_phi)

ANIL: dict[str, Expr] = {
    "gradient_w": B * (N + 1),
    "gradient_phi": B * _HAS_PHI,
    "hessian_w": B * N,
    "mixed": B * N * _HAS_PHI,
    "gradient_entries": B * ((N + 1) * n_w + n_phi),
    "second_order_entries": B * N * (n_w**2 + n_w * n_phi),
}
"""With n_phi >= 0; MAML is the case of empty phi."""

MAML = {name: sp.factor(count.subs({n_w: n_w + n_phi, n_phi: 0}, simultaneous=True)) for name, count in ANIL.items()}
"""The same network with every parameter adapted."""

PRINTED_GRADIENT_ENTRIES = B * (N * n_w + n_phi)
"""As Table 2 writes ANIL's gradient entries, without the outer gradient in w."""

PER_TASK = (N + 1, sp.Integer(1) + 0 * N, N)
"""Gradients in w, gradients in phi, and products of either kind, of one task."""


def with_phi(count: Expr) -> Expr:
    """The count where phi is not empty, n_phi >= 1."""
    return count.subs(_HAS_PHI, 1)


TABLE_2: dict[str, Expr] = {
    **{f"anil_{name}": with_phi(count) for name, count in ANIL.items()},
    **{f"maml_{name}": count for name, count in MAML.items()},
}
