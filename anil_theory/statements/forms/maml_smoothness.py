"""The smoothness of MAML at a point, from the size G of the gradient of its one loss l = L_S = L_D there.

Source: Fallah, Mokhtari, Ozdaglar 2019 (one step, alpha <= 1/L); Ji, Yang, Liang 2020 (N steps, the form; derived
here), whose (rho/L) A^(2N-1) (A^N - 1) G is written through S_N = (A^N - 1)/(alpha L), A = 1 + alpha L. With r = 1 -
alpha mu in place of A it is the convex form. The flat form compares with one Hessian: sum_{m<N} sum_{m<=j<N} r^j = S_N
+ r sum_{m<N} r^(N-1-m) S_m (the ledger proves it) is how far the iterates are from the last one.
"""

import sympy as sp

from anil_theory.constants import Geometry
from anil_theory.statements.forms.block_constants import CONTRACTION_FACTOR, partial_sum
from anil_theory.statements.forms.formula import Formula
from anil_theory.statements.forms.names import MAML
from anil_theory.statements.forms.symbols import Expr, L, N, S, alpha, m, r, rho

G = sp.Symbol("G", nonnegative=True)
"""||D l(w)||."""

h_1: Expr = sp.Symbol("h_1", nonnegative=True)
h_2: Expr = sp.Symbol("h_2", nonnegative=True)
"""max h (1 - alpha h)^N and max h (1 - alpha h)^(2 N) over mu <= h <= L: what one quadratic does."""

ONE_STEP = 4 * L + 2 * rho * alpha * G
MULTI_STEP = r ** (2 * N) * L + rho * alpha * r ** (2 * N - 1) * S[N] * G
"""With r = A, or r = 1 - alpha mu."""

APART = S[N] + r * sp.Sum(r ** (N - 1 - m) * S[m], (m, 0, N - 1))
"""The sum over m of |w_m - w_N|, at most, in units of alpha G."""

APART_PLAIN = sp.Sum(r**m * partial_sum(N - m), (m, 0, N - 1))
"""The same as it is derived: w_m and w_N are r^m + .. + r^(N-1) = r^m S_(N-m) apart."""

FLAT = h_2 + alpha**2 * rho * G * r ** (N - 1) * APART * (L * r**N + h_1) + rho * alpha * r ** (2 * N - 1) * S[N] * G

_LEFT = r"\|\nabla^{2} l(w_N(w))\|"
_SIZE = r"G = \|\nabla l(w)\|"
_QUADRATIC = r"{h}_{p} = \max_{\mu \le h \le L} h (1 - \alpha h)^{p N}"


def formulas() -> dict[str, Formula]:
    """The formulas of the claims, by their names."""
    expanding = (r, CONTRACTION_FACTOR[Geometry.NONCONVEX])
    contracting = (r, CONTRACTION_FACTOR[Geometry.STRONGLY_CONVEX])
    sums = (S[m], partial_sum(m))
    at_end = (S[N], partial_sum(N))
    flat = sp.Min(MULTI_STEP, FLAT, evaluate=False)
    remarks = (_SIZE, _QUADRATIC)
    return {
        f"{MAML['one step']}/ww/explicit": Formula(_LEFT, r"\le", ONE_STEP, (), (_SIZE,)),
        f"{MAML['steps']}/ww/sharp": Formula(_LEFT, r"\le", MULTI_STEP, (expanding, at_end), (_SIZE,)),
        f"{MAML['convex']}/ww/explicit": Formula(_LEFT, r"\le", MULTI_STEP, (contracting, at_end), (_SIZE,)),
        f"{MAML['convex']}/ww/refined": Formula(_LEFT, r"\le", flat, (contracting, sums), remarks),
    }
