"""Theorems 1 and 2 with explicit constants: the smoothness weights, the noise, the three rows, and Table 1's terms;
Theorem J and Theorem I.

Source: derived for this project. The ledger proves each of these (`ledger.descent`).
"""

import sympy as sp

from anil_theory.statements.forms.symbols import (
    D0,
    B,
    Expr,
    K,
    L_phiphi,
    L_ww,
    L_x,
    Lambda_phi,
    Lambda_w,
    V,
    beta_phi,
    beta_w,
    c,
    c_I,
    c_phi,
    c_w,
    lambda_I,
    sigma_phi,
    sigma_w,
)

WEIGHTED_SMOOTHNESS = {"w": L_ww + c * L_x, "phi": L_phiphi + L_x / c}
"""Lam_w and Lam_phi of the weight c > 0."""

BEST_WEIGHT = beta_phi * sigma_phi / (beta_w * sigma_w)
"""The c at which all rows are smallest for given steps, where it is admissible."""

DECAY = 2 * D0
NOISE = {"w": Lambda_w * beta_w**2 * sigma_w**2, "phi": Lambda_phi * beta_phi**2 * sigma_phi**2}
"""The weighted row is DECAY/K + (sum of NOISE)/B."""

OVER = {"weighted": sp.Integer(1), "w": beta_w, "phi": beta_phi}
"""A block alone is at most the weighted row over its own step."""


def terms(row: str) -> dict[str, Expr]:
    """One right-hand side, taken apart: decay/K + (noise_w + noise_phi)/B."""
    return {
        "decay": DECAY / OVER[row],
        "noise_w": NOISE["w"] / OVER[row],
        "noise_phi": NOISE["phi"] / OVER[row],
    }


def bound(row: str) -> Expr:
    """One right-hand side."""
    return (DECAY / K + (NOISE["w"] + NOISE["phi"]) / B) / OVER[row]


TABLE_1 = {
    "w_decay": 2 * Lambda_w * D0,
    "w_noise": sigma_w**2 + Lambda_w / Lambda_phi * sigma_phi**2,
    "phi_decay": 2 * Lambda_phi * D0,
    "phi_noise": sigma_phi**2 + Lambda_phi / Lambda_w * sigma_w**2,
}
"""The terms of both rates at beta = 1/Lam, by the names of Table 1's rows."""

KEPT = {"w": 2 - Lambda_w * beta_w * (1 - 1 / B), "phi": 2 - Lambda_phi * beta_phi * (1 - 1 / B)}
"""c_w and c_phi of Theorem J: twice the descent less what the mean of a step takes back."""

JOINT_OVER = {"weighted": sp.Min(c_w, c_phi), "w": c_w * beta_w, "phi": c_phi * beta_phi}
"""The weighted row and each block alone are at most 2 D0/K + V/B over this."""


def joint_bound(row: str) -> Expr:
    """One right-hand side of Theorem J."""
    return (DECAY / K + V / B) / JOINT_OVER[row]


POPULATION_KEPT = 2 - lambda_I * (1 - 1 / B)
"""c_I of Theorem I."""


def population_bound(row: str) -> Expr:
    """One right-hand side of Theorem I."""
    return (DECAY / K + lambda_I * V / B) / (c_I * OVER[row])
