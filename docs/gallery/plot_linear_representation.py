r"""
A linear representation
=======================

The model of Collins, Mokhtari, Oh and Shakkottai, "MAML and ANIL provably learn
representations" (2022): :math:`y = x^\top B_* w_*` with a representation
:math:`B_*` that all tasks share, and heads :math:`w_*` of their own. The product
of ``phi`` = B and ``w`` makes the loss a polynomial of degree four: no constant
holds on the whole space, and all of them do on a ball.
"""

# %%
# Losses, start and data
# ----------------------
import jax.numpy as jnp
import numpy as np

from anil_theory import study_losses

generator = np.random.default_rng(3)
TASKS, SHOTS, INPUTS, RANK = 4, 12, 4, 2
representation, _ = np.linalg.qr(generator.standard_normal((INPUTS, RANK)))
heads = generator.standard_normal((TASKS, RANK))
x = generator.standard_normal((2, TASKS, SHOTS, INPUTS))
y = np.einsum("stni,ir,tr->stn", x, representation, heads)
data = {"x": x[0], "y": y[0], "x_query": x[1], "y_query": y[1]}


def squared_error(w, phi, x, y):
    return jnp.mean((x @ phi @ w - y) ** 2) / 2


def support(w, phi, task):
    return squared_error(w, phi, task["x"], task["y"])


def query(w, phi, task):
    return squared_error(w, phi, task["x_query"], task["y_query"])


w = jnp.full(RANK, 0.1)
phi, _ = np.linalg.qr(generator.standard_normal((INPUTS, RANK)))

# %%
# The study
# ---------
# The support loss is not regularised: it is strongly convex in ``w`` where B has full
# rank. The ball that the run needs holds points where it has not, so that the audit finds
# no mu, and Proposition 3 is the one that is judged. A smaller ``region`` keeps the rank.
study = study_losses((support, query), w, phi, data, inner_steps=3, query_infimum=0.0, name="linear representation")
print(study)

# %%
# How far the representation is from the true one, at the start: the sine of the largest angle.
complement = np.eye(INPUTS) - representation @ representation.T
print(f"sine of the largest angle at the start: {np.linalg.norm(complement @ phi, 2):.3f}")
figure = study.plot()
