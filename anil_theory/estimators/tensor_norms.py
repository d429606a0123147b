"""Spectral norms of third-order tensors: max |T(u, v, x)| over unit vectors, by alternating maximisation.

Each of the three vectors is the best one given the two others, so the value never falls, and what is returned is the
value at unit vectors: a lower bound of the norm, and the norm itself unless every start ends at a lesser local maximum.
"""

import numpy as np

STARTS, SWEEPS = 12, 40


def spectral_norms(tensors: np.ndarray, *, starts: int = STARTS, sweeps: int = SWEEPS, seed: int = 0) -> np.ndarray:
    """The norms of tensors of shape (S, a, b, c), shape (S,)."""
    S, _, b, c = tensors.shape
    generator = np.random.default_rng(seed)
    v, x = (generator.standard_normal((starts, size)) for size in (b, c))
    # The unit vectors are among the starts: the extremes of structured tensors are often there.
    v[: min(b, starts)], x[: min(c, starts)] = np.eye(b)[:starts], np.eye(c)[:starts]
    v, x = (np.broadcast_to(_unit(y), (S, *y.shape)) for y in (v, x))
    value = np.zeros((S, starts))
    by_u = tensors
    by_v = np.swapaxes(tensors, 1, 2)
    by_x = np.moveaxis(tensors, 3, 1)
    for _ in range(sweeps):
        u = _unit(_contract(by_u, v, x))
        v = _unit(_contract(by_v, u, x))
        moved = _contract(by_x, u, v)
        value = np.linalg.norm(moved, axis=-1)
        x = _unit(moved)
    return value.max(axis=1, initial=0.0)


def _contract(tensors: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(S, starts, a) from tensors (S, a, b, c) and vectors (S, starts, b), (S, starts, c)."""
    S, a, b, c = tensors.shape
    outer = (first[..., :, None] * second[..., None, :]).reshape(S, first.shape[1], b * c)
    return outer @ np.swapaxes(tensors.reshape(S, a, b * c), 1, 2)


def _unit(vectors: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norm > 0, norm, 1.0)
