r"""
An attention head with linear scores
====================================

A task is a set of sequences. Each token :math:`x_j` has the score
:math:`s_j = \varphi^\top x_j`, which is linear; the head reads the pooled token
:math:`\sum_j \mathrm{softmax}(s)_j\, x_j` through ``w``. The scores are shared
and ``w`` is adapted.
"""

# %%
# Losses, start and data
# ----------------------
import jax
import jax.numpy as jnp
import numpy as np

from anil_theory import study_losses

generator = np.random.default_rng(1)
TASKS, SEQUENCES, TOKENS, WIDTH = 3, 8, 5, 3
truth = generator.standard_normal((TASKS, WIDTH))
tokens = generator.standard_normal((2, TASKS, SEQUENCES, TOKENS, WIDTH))
sharpest = np.argmax(tokens[..., 0], axis=-1)
chosen = np.take_along_axis(tokens, sharpest[..., None, None], axis=-2)[..., 0, :]
targets = np.einsum("stnd,td->stn", chosen, truth)
data = {"x": tokens[0], "y": targets[0], "x_query": tokens[1], "y_query": targets[1]}


def predicted(w, phi, x):
    attention = jax.nn.softmax(x @ phi, axis=-1)
    return jnp.einsum("nj,njd->nd", attention, x) @ w


def support(w, phi, task):
    return jnp.mean((predicted(w, phi, task["x"]) - task["y"]) ** 2) / 2 + 0.05 * jnp.sum(w**2)


def query(w, phi, task):
    return jnp.mean((predicted(w, phi, task["x_query"]) - task["y_query"]) ** 2) / 2


w = jnp.zeros(WIDTH)
phi = jnp.array([0.5, 0.0, 0.0])

# %%
# The study
# ---------
# Six parameters are too many for certificates: the constants are estimated, each with
# what a point shows and, where the tail allows it, an extrapolated interval. A CONSISTENT
# that rests on them says so.
study = study_losses((support, query), w, phi, data, inner_steps=3, query_infimum=0.0, name="attention head")
print(study)

# %%
figure = study.plot()
