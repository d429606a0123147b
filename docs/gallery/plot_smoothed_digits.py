r"""
Logistic regression with label smoothing on digits
==================================================

Each task tells two digits of scikit-learn's data set apart, by logistic regression
on two shared features :math:`\tanh(\varphi x)` of the 64 pixels. Labels are smoothed:
a target is 0.95 or 0.05. Without smoothing the query loss has no minimiser on separable
data; with it the minimiser is finite.
"""

# %%
# Losses, start and data
# ----------------------
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

from anil_theory import study_losses

SHOTS, FEATURES, SMOOTHING = 10, 2, 0.1
PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7))
pixels, labels = load_digits(return_X_y=True)
pixels = pixels / 16 / 8
chosen = [[np.flatnonzero(labels == digit)[: 2 * SHOTS] for digit in pair] for pair in PAIRS]
support_set = np.array([np.concatenate([each[:SHOTS] for each in pair]) for pair in chosen])
query_set = np.array([np.concatenate([each[SHOTS:] for each in pair]) for pair in chosen])
is_second = np.tile(np.repeat([0.0, 1.0], SHOTS), (len(PAIRS), 1))
data = {"x": pixels[support_set], "x_query": pixels[query_set], "y": is_second}


def cross_entropy(w, phi, x, y):
    logits = jnp.tanh(x @ phi.T) @ w["weights"] + w["bias"]
    smoothed = optax.smooth_labels(jnp.stack([1 - y, y], axis=-1), SMOOTHING)[:, 1]
    return jnp.mean(jnp.logaddexp(0.0, logits) - smoothed * logits)


def support(w, phi, task):
    ridge = 0.05 * (jnp.sum(w["weights"] ** 2) + w["bias"] ** 2)
    return cross_entropy(w, phi, task["x"], task["y"]) + ridge


def query(w, phi, task):
    return cross_entropy(w, phi, task["x_query"], task["y"])


w = {"weights": jnp.zeros(FEATURES), "bias": jnp.array(0.0)}
phi = np.random.default_rng(2).standard_normal((FEATURES, 64))

# %%
# The study
# ---------
# 131 parameters: second derivatives are products here, no matrix is formed.
study = study_losses((support, query), w, phi, data, inner_steps=3, query_infimum=0.0, name="smoothed digits")
print(study)

# %%
figure = study.plot()
