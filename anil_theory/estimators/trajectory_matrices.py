"""What is measured along a run, from second derivatives as matrices: exact up to rounding, for small points."""

import numpy as np

from anil_theory.estimators.kinks import block_norms
from anil_theory.estimators.trajectory import Local, Trajectory


def measured_by_matrices(local: Local, trajectory: Trajectory, n_w: int) -> dict[str, np.ndarray]:
    """{quantity: (K, B, places)}: places are inner steps 0..N, or moves m -> m + 1 and last the outer move."""
    z = trajectory.points
    inner = local.hessian[:, :, :-1]
    eigenvalues = np.linalg.eigvalsh(inner[..., :n_w, :n_w])
    smooth = block_norms(inner)
    smooth[:, :, -1] = np.maximum(smooth[:, :, -1], block_norms(local.query_hessian))
    # Moves: w_m -> w_{m+1}, and from the start of this outer step to that of the next.
    here = np.r_[: z.shape[2] - 2, 0]
    there = np.r_[1 : z.shape[2] - 1, z.shape[2] - 1]
    distance = np.linalg.norm(z[:, :, there] - z[:, :, here], axis=-1)
    curved = local.hessian[:, :, there] - local.hessian[:, :, here]
    slope = np.linalg.norm(local.gradient[:, :, there] - local.gradient[:, :, here], axis=-1)
    return {
        "norm": np.linalg.norm(z[:, :, :-1], axis=-1),
        "smoothness": smooth,
        "gradient_quotient": quotient(slope, distance),
        "query_gradient": np.linalg.norm(local.query_gradient, axis=-1)[..., None],
        "rho_quotient": quotient(block_norms(curved[..., :n_w, :n_w]), distance),
        "tau_quotient": quotient(block_norms(curved[..., n_w:, :n_w]), distance),
        "curvature_min": eigenvalues[..., 0],
        "curvature_max": eigenvalues[..., -1],
    }


def quotient(change: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """change/distance; NaN where the points are too near for a difference to mean anything."""
    near = distance < np.sqrt(np.finfo(float).eps)
    return np.where(near, np.nan, change / np.where(near, 1.0, distance))
