"""What a run of Algorithm 1 returns: exact quantities at recorded steps, averages over all steps, a status per seed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from jaxtyping import PyTree

from anil_theory.schedule import Schedule

AVERAGES = ("batch", "every", "sampled")
"""How the average over all steps is estimated: see `outer_loop`."""


class RunStatus(StrEnum):
    """How one seed ended."""

    RAN = "ran"
    """all K steps, finite"""
    CONVERGED = "converged"
    """all K steps, and the averages of both squared block norms over them are below eps"""
    DIVERGED = "diverged"
    """an iterate was not finite or beyond the limit; the seed stayed at the one before"""


@dataclass(frozen=True, eq=False)
class OuterRun:
    """S seeds of Algorithm 1. Arrays are numpy, seeds first; recorded steps are shared by the seeds.

    steps         (R,) recorded steps k, from 0 to K;
    squared_w, squared_phi   (S, R) exact ||D_w L_meta(z_k)||^2 and ||D_phi L_meta(z_k)||^2 there;
    loss          (S, R) exact L_meta(z_k);
    running_w, running_phi   (S, R) the average of the squared norms over steps 0..k-1, estimated as `average` says; at
                  k = 0, where there is none, the exact value at z_0. A seed that diverged has the average over the
                  steps that it took, and NaN when it took none;
    drawn_step    (S,) one uniform step in 0..K-1 per seed;  drawn_w, drawn_phi  (S,) exact squared norms there;
    final_w, final_phi       the last iterate, leaves with a leading axis S;
    lowest, highest          (w, phi) with leaves as those: of each entry, over the iterates z_0 .. z_{K-1} from which a
                  step was taken;
    diverged_at   (S,) index k >= 1 of the first iterate that was not finite or beyond the limit, or -1;
    status        one RunStatus per seed;
    thinning_stderr          {"w", "phi"}: standard error that thinning adds to the mean over seeds of the last running
                  average ("sampled" only, else 0). From differences of neighbouring strata, which overestimates it in
                  expectation when the curve has a slope (W. G. Cochran, Sampling Techniques, section 5A.12).
    """

    schedule: Schedule
    seed: int
    average: str
    steps: np.ndarray
    squared_w: np.ndarray
    squared_phi: np.ndarray
    loss: np.ndarray
    running_w: np.ndarray
    running_phi: np.ndarray
    drawn_step: np.ndarray
    drawn_w: np.ndarray
    drawn_phi: np.ndarray
    final_w: PyTree
    final_phi: PyTree
    lowest: tuple[PyTree, PyTree]
    highest: tuple[PyTree, PyTree]
    diverged_at: np.ndarray
    status: tuple[RunStatus, ...]
    thinning_stderr: dict[str, float]

    @property
    def diverged(self) -> np.ndarray:
        """(S,) which seeds diverged."""
        return self.diverged_at >= 0


def assemble_run(
    raw: dict[str, Any],
    schedule: Schedule,
    seed: int,
    average: str,
    steps: np.ndarray,
    drawn_step: np.ndarray,
    eps: float | None,
) -> OuterRun:
    """Assemble a run from what the compiled loop returns."""
    squares = raw["squares"]
    K = schedule.outer_steps
    # A seed whose iterate d >= 1 was the first bad one took the steps 0..d-2.
    done = np.where(raw["diverged_at"] < 0, K, raw["diverged_at"] - 1)[:, None]
    if average == "sampled":
        running, errors = _stratified(squares, steps, K, done)
    else:
        taken = np.minimum(steps[None, :], done)[..., None]
        # The average of no step is NaN and not 0: a seed that breaks in its first step has none.
        running = np.where(taken > 0, raw["sums"] / np.maximum(taken, 1), np.nan)
        running = np.where((steps == 0)[None, :, None], squares, running)
        errors = np.zeros(2)
    diverged = raw["diverged_at"] >= 0
    below = np.all(running[:, -1] < (-np.inf if eps is None else eps), axis=1)
    status = tuple(map(_status, diverged.tolist(), below.tolist()))
    return OuterRun(
        schedule=schedule,
        seed=seed,
        average=average,
        steps=steps,
        squared_w=squares[..., 0],
        squared_phi=squares[..., 1],
        loss=raw["loss"],
        running_w=running[..., 0],
        running_phi=running[..., 1],
        drawn_step=drawn_step,
        drawn_w=raw["drawn"][:, 0],
        drawn_phi=raw["drawn"][:, 1],
        final_w=raw["final"][0],
        final_phi=raw["final"][1],
        lowest=raw["lowest"],
        highest=raw["highest"],
        diverged_at=raw["diverged_at"],
        status=status,
        thinning_stderr={"w": float(errors[0]), "phi": float(errors[1])},
    )


def _status(diverged: bool, below: bool) -> RunStatus:
    if diverged:
        return RunStatus.DIVERGED
    return RunStatus.CONVERGED if below else RunStatus.RAN


def _stratified(squares: np.ndarray, steps: np.ndarray, K: int, done: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Running averages from one draw per stratum, (S, R + 2, 2), and the standard error of the last one, (2,).

    Before step K the running average is over the strata passed so far (its last one in full). Strata whose draw is
    not among the `done` steps of a seed, (S, 1), are left out of its average, which is NaN when none is left.
    """
    R = len(steps) - 2
    sizes = np.diff(np.linspace(0, K, R + 1).round())
    values = squares[:, 1:-1]
    weights = np.where(steps[None, 1:-1] < done, sizes, 0.0)
    counted = np.cumsum(weights, axis=1)[..., None]
    sums = np.cumsum(np.where(weights[..., None] > 0, values * weights[..., None], 0.0), axis=1)
    sums = np.where(counted > 0, sums / np.maximum(counted, 1), np.nan)
    running = np.concatenate([squares[:, :1], sums, sums[:, -1:]], axis=1)
    curve = values.mean(axis=0)
    share = sizes / K
    if R < 2 or K == R:  # one stratum says nothing about its own spread; strata of one step have none
        return running, np.full(2, 0.0 if K == R else np.inf)
    pairs = np.arange(0, R - 1, 2)
    squared = ((share[pairs, None] * share[pairs + 1, None]) * (curve[pairs] - curve[pairs + 1]) ** 2).sum(axis=0)
    if R % 2:  # the last of an odd number is paired with the one before it
        squared = squared + share[-1] ** 2 * (curve[-1] - curve[-2]) ** 2 / 2
    return running, np.sqrt(squared)
