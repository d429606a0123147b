"""The smoothness of MAML at a point, as other papers bound it, for comparison with L_ww.

G is E||D f_i(w)||. Source: Fallah, Mokhtari, Ozdaglar 2019 (one step, alpha <= 1/L); Ji, Yang, Liang 2020 (N steps, the
form; derived here), whose (rho/L) A^(2N-1) (A^N - 1) G is written through S_N = (A^N - 1)/(alpha L), A = 1 + alpha L.
"""

import sympy as sp

from anil_theory.statements.forms.symbols import L, N, S, alpha, r, rho

G = sp.Symbol("G", nonnegative=True)

ONE_STEP = 4 * L + 2 * rho * alpha * G
MULTI_STEP = r ** (2 * N) * L + rho * alpha * r ** (2 * N - 1) * S[N] * G
"""With r = A."""
