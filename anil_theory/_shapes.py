"""Shape aliases (jaxtyping) and the glossary of the letters used in them and throughout the package.

w, phi      the two blocks of parameters: adapted in the inner loop, and shared; z = (w, phi) is both, flattened
n_w, n_phi  their dimensions; n = n_w + n_phi in flat points; k = max(n_w, n_phi) coordinates of the separable family
N           inner steps (`inner_steps`); K outer steps (`outer_steps`); B tasks per outer step (`batch`)
T, S        tasks in a population; starting points of a search
alpha       inner step size; beta_w, beta_phi outer step sizes
mu L rho tau M   the constants of the assumptions (`constants.Constants`)
H_m, C_m    D_w^2 L_S and D_phi D_w L_S at the m-th inner iterate
"""

from jaxtyping import Array, Float, Int, PyTree

Scalar = Float[Array, ""]
Point = Float[Array, " n"]
Points = Float[Array, "T S n"]
Index = Int[Array, ""]

__all__ = ["Array", "Float", "Index", "Int", "Point", "Points", "PyTree", "Scalar"]
