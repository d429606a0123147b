"""Heads and models of the zoo of losses: attention, convolution, normalisation, recurrence, likelihoods, data."""

from typing import Any

import jax
import jax.numpy as jnp


def _squares(prediction: Any, w: Any, data: Any) -> Any:
    return 0.5 * jnp.mean((prediction - data["y"]) ** 2) + 0.05 * w @ w


def dot_product_attention(w: Any, phi: Any, data: Any) -> Any:
    """Three tokens, keys scaled by phi, values by w."""
    tokens = data["x"].reshape(1, 3, 1, 1)
    out = jax.nn.dot_product_attention(w[0] * tokens, phi[0] * tokens, w[1] * tokens)
    return _squares(out.reshape(3), w, data)


def written_attention(w: Any, phi: Any, data: Any) -> Any:
    """The same, written with einsum and the raw softmax."""
    scores = jnp.einsum("i,j->ij", w[0] * data["x"], phi[0] * data["x"])
    weights = jnp.exp(scores) / jnp.sum(jnp.exp(scores), axis=1, keepdims=True)
    return _squares(weights @ (w[1] * data["x"]), w, data)


def convolution(w: Any, phi: Any, data: Any) -> Any:
    """A 2 x 2 kernel over the picture, tanh, mean over one axis."""
    kernel = jnp.stack([w[0], w[1], phi[0], 0.5 * phi[0]]).reshape(1, 1, 2, 2)
    out = jax.lax.conv(data["grid"].reshape(1, 1, 3, 3), kernel, (1, 1), "SAME")
    return _squares(jnp.tanh(out)[0, 0].mean(axis=0), w, data)


def strided_convolution(w: Any, phi: Any, data: Any) -> Any:
    """A one-dimensional convolution of stride 2 behind another one."""
    first = jnp.convolve(data["x"], jnp.stack([phi[0], 1.0]), mode="full")
    out = jax.lax.conv_general_dilated(jnp.sin(first)[None, None], w[None, None], (2,), [(1, 1)])
    return jnp.mean((out - 0.3) ** 2) + 0.05 * w @ w


def average_pooling(w: Any, phi: Any, data: Any) -> Any:
    """Means over windows."""
    pooled = jax.lax.reduce_window(jnp.tanh(phi[0] * data["grid"]), 0.0, jax.lax.add, (2, 2), (1, 1), "VALID") / 4
    return jnp.mean((w[0] * pooled + w[1] - 0.2) ** 2) + 0.05 * w @ w


def layer_normalisation(w: Any, phi: Any, data: Any) -> Any:
    """Over three features of which one depends on phi."""
    features = jnp.stack([phi[0] * data["x"][0], data["x"][1], data["x"][2]])
    normed = (features - features.mean()) / jnp.sqrt(features.var() + 0.1)
    return _squares(w[0] * normed + w[1], w, data)


def batch_normalisation(w: Any, phi: Any, data: Any) -> Any:
    """Over three examples, behind tanh."""
    features = jnp.tanh(phi[0] * data["x"])
    normed = (features - features.mean()) * jax.lax.rsqrt(features.var() + 0.1)
    return _squares(w[0] * normed + w[1], w, data)


def bilinear(w: Any, phi: Any, data: Any) -> Any:
    """einsum of two vectors with the picture as the matrix."""
    left = jnp.concatenate([w, phi])
    return (jnp.einsum("i,ij,j->", left, data["grid"], left) - 0.5) ** 2 + 0.05 * w @ w


def recurrent(w: Any, phi: Any, data: Any) -> Any:
    """An Elman network, scanned over the examples."""

    def step(state: Any, x: Any) -> tuple[Any, Any]:
        state = jnp.tanh(w[0] * state + phi[0] * x)
        return state, state

    return _squares(w[1] * jax.lax.scan(step, jnp.zeros(()), data["x"])[1], w, data)


def gated_recurrent(w: Any, phi: Any, data: Any) -> Any:
    """A gated unit with one state."""

    def step(state: Any, x: Any) -> tuple[Any, Any]:
        gate = jax.nn.sigmoid(w[0] * x + phi[0] * state)
        state = (1 - gate) * state + gate * jnp.tanh(w[1] * x)
        return state, state

    return _squares(jax.lax.scan(step, jnp.zeros(()), data["x"])[1], w, data)


def fori_loop(w: Any, phi: Any, data: Any) -> Any:
    """Three steps of Newton's method for a square root."""
    start = 1.0 + 0.1 * phi[0]
    root = jax.lax.fori_loop(0, 3, lambda i, r: 0.5 * (r + (1.5 + 0.2 * phi[0]) / r), start)
    return _squares(w[0] * root * data["x"] + w[1], w, data)


def bounded_while(w: Any, phi: Any, data: Any) -> Any:
    """A loop with a bound that data decide; it has only a forward derivative, and so it acts on data."""
    steps = jax.lax.while_loop(lambda s: s[0] < data["counts"][2], lambda s: (s[0] + 1, s[1] * 0.5), (0, data["x"]))
    return _squares(w[0] * jnp.sin(phi[0] * steps[1]) + w[1], w, data)


def embedding(w: Any, phi: Any, data: Any) -> Any:
    """A table of three rows, looked up at integer labels."""
    table = jnp.concatenate([w, phi])
    return _squares(jnp.tanh(table[data["labels"]]) * table[0], w, data)


def categories(w: Any, phi: Any, data: Any) -> Any:
    """Sums within groups: a scatter."""
    sums = jax.ops.segment_sum(jnp.tanh(phi[0] * data["x"]), data["labels"] // 2, num_segments=2)
    return (w @ sums - 0.4) ** 2 + 0.05 * w @ w


def masked_mean(w: Any, phi: Any, data: Any) -> Any:
    """Examples that a Boolean mask of the data leaves."""
    errors = (w[0] * jnp.tanh(phi[0] * data["x"]) + w[1] - data["y"]) ** 2
    return jnp.sum(jnp.where(data["mask"], errors, 0.0)) / jnp.sum(data["mask"]) + 0.05 * w @ w


def median_of_data(w: Any, phi: Any, data: Any) -> Any:
    """Centred and scaled by order statistics of the data."""
    x = (data["x"] - jnp.median(data["x"])) / (jnp.quantile(data["x"], 0.75) - jnp.quantile(data["x"], 0.25))
    return _squares(w[0] * jnp.tanh(phi[0] * x) + w[1], w, data)


def sorted_data(w: Any, phi: Any, data: Any) -> Any:
    """The cumulative distribution at sorted data."""
    x = jnp.sort(data["x"])[jnp.argsort(data["y"])]
    return _squares(w[0] * jnp.cumsum(jnp.sin(phi[0] * x)) + w[1], w, data)


def cond_on_data(w: Any, phi: Any, data: Any) -> Any:
    """A branch that data decide."""
    signed = jax.lax.cond(data["x"].mean() > 0, lambda: phi[0], lambda: -phi[0])
    return _squares(w[0] * jnp.tanh(signed * data["x"]) + w[1], w, data)


def cond_on_parameters(w: Any, phi: Any, data: Any) -> Any:
    """A branch that every point of the box decides alike."""
    scale = jax.lax.cond(phi[0] > -2.0, lambda t: t, lambda t: -t, phi[0])
    return _squares(w[0] * jnp.tanh(scale * data["x"]) + w[1], w, data)


def poisson(w: Any, phi: Any, data: Any) -> Any:
    """Counts with a logarithmic link; the factorials depend on data only."""
    eta = w[0] * phi[0] * data["x"] + w[1]
    terms = jnp.exp(eta) - data["counts"] * eta + jax.scipy.special.gammaln(data["counts"] + 1.0)
    return jnp.mean(terms) + 0.05 * w @ w


def negative_binomial(w: Any, phi: Any, data: Any) -> Any:
    """Counts whose dispersion is a parameter: the gamma function and its derivatives."""
    r, rate = 2.0 + phi[0], jnp.exp(0.5 * (w[0] * data["x"] + w[1]))
    log_binomial = (
        jax.scipy.special.gammaln(data["counts"] + r)
        - jax.scipy.special.gammaln(r)
        - jax.scipy.special.gammaln(data["counts"] + 1.0)
    )
    log_share = jnp.log(rate) - jnp.log(r + rate)
    terms = log_binomial + r * (jnp.log(r) - jnp.log(r + rate)) + data["counts"] * log_share
    return -jnp.mean(terms) + 0.05 * w @ w


def gaussian_likelihood(w: Any, phi: Any, data: Any) -> Any:
    """Mean and logarithm of the variance."""
    residual = data["y"] - w[0] * data["x"] - w[1]
    return jnp.mean(0.5 * phi[0] + 0.5 * residual**2 * jnp.exp(-phi[0])) + 0.05 * w @ w


def student_likelihood(w: Any, phi: Any, data: Any) -> Any:
    """Four degrees of freedom."""
    residual = data["y"] - w[0] * jnp.tanh(phi[0] * data["x"]) - w[1]
    return jnp.mean(2.5 * jnp.log1p(residual**2 / 4)) + 0.05 * w @ w


def cauchy_link(w: Any, phi: Any, data: Any) -> Any:
    """Probabilities by the arc tangent."""
    share = jnp.arctan(w[0] * phi[0] * data["x"] + w[1]) / jnp.pi + 0.5
    return -jnp.mean(jnp.log(jnp.where(data["signs"] > 0, share, 1 - share))) + 0.05 * w @ w


def probit(w: Any, phi: Any, data: Any) -> Any:
    """Probabilities by the normal distribution function."""
    score = data["signs"] * (w[0] * jnp.tanh(phi[0] * data["x"]) + w[1])
    return -jnp.mean(jnp.log(0.5 * (1 + jax.lax.erf(score / jnp.sqrt(2.0))))) + 0.05 * w @ w


def log_normal_tail(w: Any, phi: Any, data: Any) -> Any:
    """norm.logcdf, which switches to an asymptotic series in the tail."""
    score = data["signs"] * (w[0] * jnp.tanh(phi[0] * data["x"]) + w[1])
    return -jnp.mean(jax.scipy.stats.norm.logcdf(score)) + 0.05 * w @ w


def mixture(w: Any, phi: Any, data: Any) -> Any:
    """Two Gaussians of which the means are parameters: logsumexp."""
    means = jnp.stack([w[0], w[1]])
    exponents = -0.5 * (data["x"][:, None] - means) ** 2 + jnp.stack([phi[0], 0.0])
    return -jnp.mean(jax.nn.logsumexp(exponents, axis=1)) + 0.05 * w @ w


def prototypes(w: Any, phi: Any, data: Any) -> Any:
    """Squared distances to two prototypes as logits."""
    features = jnp.tanh(phi[0] * data["x"])
    distances = (features[:, None] - w[None, :]) ** 2
    labels = data["mask"].astype(int)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(-distances), labels[:, None], axis=1))


def ridge(w: Any, phi: Any, data: Any) -> Any:
    """A ridge regression solved in closed form on features of phi."""
    features = jnp.stack([jnp.tanh(phi[0] * data["x"]), jnp.ones(3)], axis=1)
    solution = jnp.linalg.solve(features.T @ features + jnp.eye(2), features.T @ data["y"])
    return _squares(features @ (solution + w), w, data)


def cholesky_likelihood(w: Any, phi: Any, data: Any) -> Any:
    """A Gaussian process of two points."""
    kernel = jnp.exp(-0.5 * (data["x"][:2, None] - data["x"][None, :2]) ** 2 * (1.5 + phi[0])) + jnp.eye(2)
    factor = jnp.linalg.cholesky(kernel)
    white = jax.scipy.linalg.solve_triangular(factor, data["y"][:2] - w, lower=True)
    return 0.5 * white @ white + jnp.sum(jnp.log(jnp.diag(factor)))


def log_determinant(w: Any, phi: Any, data: Any) -> Any:
    """slogdet of a diagonally dominant matrix."""
    matrix = 3.0 * jnp.eye(2) + jnp.stack([jnp.stack([w[0], phi[0]]), jnp.stack([0.5 * phi[0], w[1]])])
    return -jnp.linalg.slogdet(matrix)[1] + 0.5 * w @ w


def real_power(w: Any, phi: Any, data: Any) -> Any:
    """Powers that are not integers, of positive numbers; a power that is an integer written as a float."""
    return jnp.mean((1.5 + w[0] * jnp.tanh(phi[0] * data["x"])) ** 2.5 + (w[1] - data["y"]) ** 2.0)


def cube_root(w: Any, phi: Any, data: Any) -> Any:
    """cbrt of a positive number, and a remainder of data."""
    root = jnp.cbrt(2.0 + w[0] * jnp.tanh(phi[0] * data["x"]))
    return jnp.mean((root * (1 + data["positive"] % 0.5) - w[1]) ** 2) + 0.05 * w @ w


def dropout(w: Any, phi: Any, data: Any) -> Any:
    """A mask that a fixed key draws."""
    kept = jax.random.bernoulli(jax.random.key(3), 0.6, (3,))
    return _squares(w[0] * jnp.where(kept, jnp.tanh(phi[0] * data["x"]) / 0.6, 0.0) + w[1], w, data)


def noise(w: Any, phi: Any, data: Any) -> Any:
    """Inputs with noise that a fixed key draws."""
    x = data["x"] + 0.1 * jax.random.normal(jax.random.key(5), (3,))
    return _squares(w[0] * jnp.tanh(phi[0] * x) + w[1], w, data)


def fourier(w: Any, phi: Any, data: Any) -> Any:
    """A spectrum: complex numbers."""
    spectrum = jnp.fft.rfft(jnp.tanh(phi[0] * data["x"]))
    return jnp.sum(jnp.abs(w[0] * spectrum - 0.5) ** 2) + (w[1] - 0.2) ** 2


def largest_feature(w: Any, phi: Any, data: Any) -> Any:
    """Max pooling over features."""
    return (jnp.max(phi[0] * data["x"]) * w[0] + w[1] - 1.0) ** 2


def absolute_error(w: Any, phi: Any, data: Any) -> Any:
    """L1."""
    return jnp.mean(jnp.abs(w[0] * phi[0] * data["x"] + w[1] - data["y"])) + 0.05 * w @ w


def two_layers(w: Any, phi: Any, data: Any) -> Any:
    """A tanh layer under a sine layer."""
    hidden = jnp.sin(w[0] * jnp.tanh(phi[0] * data["x"]) + 0.5)
    return _squares(w[1] * hidden, w, data)


def gumbel_softmax(w: Any, phi: Any, data: Any) -> Any:
    """-log of the raw softmax."""
    return -jnp.log(jax.nn.softmax(data["x"] * w[0] * phi[0])[0]) + 0.05 * w @ w


SMOOTH_HEADS = (
    dot_product_attention, written_attention, convolution, strided_convolution, average_pooling,
    layer_normalisation, batch_normalisation, bilinear, recurrent, gated_recurrent, fori_loop, bounded_while,
    embedding, categories, masked_mean, median_of_data, sorted_data, cond_on_data, cond_on_parameters, poisson,
    negative_binomial, gaussian_likelihood, student_likelihood, cauchy_link, probit, log_normal_tail, mixture,
    prototypes, ridge, cholesky_likelihood, log_determinant, real_power, cube_root, dropout, noise, fourier,
    two_layers, gumbel_softmax,
)  # fmt: skip
KINKED_HEADS = (largest_feature, absolute_error)
