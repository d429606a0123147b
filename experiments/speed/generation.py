"""What drawing tasks costs: 1,000 tasks of dimension 50 + 50 of the separable family.

Claim: after compilation, the draw takes less than 1 s of wall time.

Beside it, and without a claim, ratios of times measured side by side: the draw over the generation of its Haar
rotations alone, 2 x 1000 of size 50 x 50, by QR factorisation of normal matrices. `numpy` is a batched `np.linalg.qr`
with the signs corrected, `scipy` is `ortho_group.rvs`. The family uses Householder reflections instead (see `_haar`).
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from measure import Claim, Outcome, options, publish, side_by_side
from scipy.stats import ortho_group

from anil_theory import Constants, SeparableFamily, enable_float64

NAMES = ("family", "numpy", "scipy")


def rotations_by_qr(count: int, dimension: int) -> np.ndarray:
    """Haar rotations (count, dimension, dimension): Q of normal matrices, its columns signed by the diagonal of R."""
    normal = np.random.default_rng(0).standard_normal((count, dimension, dimension))
    q, r = np.linalg.qr(normal)
    return q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]


def generation(num_tasks: int, dimension: int, rounds: int) -> dict[str, Any]:
    """Median seconds of the draw and of both QR generations, and ratios of the draw to them."""
    family = SeparableFamily(Constants(mu=0.5, L=2.0, rho=1.0, tau=0.7, M=1.0), dimension, dimension)
    key = jax.random.key(0)
    actions = {
        "family": lambda: jax.block_until_ready(family.sample(key, num_tasks).data),
        "numpy": lambda: rotations_by_qr(2 * num_tasks, dimension),
        "scipy": lambda: ortho_group.rvs(dimension, size=2 * num_tasks, random_state=0),
    }
    timed = side_by_side(actions, rounds)
    return {
        "seconds": {name: timed.median(name) for name in NAMES},
        "ratio": {name: timed.ratio("family", name) for name in NAMES[1:]},
        "rounds": timed.seconds,
    }


def outcome(tiny: bool) -> Outcome:
    """The measurement, as claims and lines of the table."""
    found = generation(5, 3, 2) if tiny else generation(1000, 50, 9)
    lines = ["drawing tasks / rotations alone by QR"]
    lines += [f"  over {name}: {ratio:.2f}" for name, ratio in found["ratio"].items()]
    claims = [Claim("drawing 1,000 tasks of 50 + 50, after compilation", found["seconds"]["family"], 1, "s")]
    return Outcome(claims, lines, found)


def draw(numbers: dict[str, Any], figure: Figure) -> None:
    """Seconds of the three."""
    axes = figure.subplots()
    axes.barh(NAMES, [numbers["seconds"][name] for name in NAMES])
    axes.axvline(1, color="black", linestyle="--", label="claim")
    axes.set(xlabel="wall time [s]")
    axes.legend()


def main() -> None:
    """Measure, print, write."""
    enable_float64()
    given = options(__doc__, "a few tasks of dimension 3 + 3").parse_args()
    started = datetime.now(UTC)
    found = outcome(given.tiny)
    publish("generation", found, partial(draw, found.numbers), given, started)


if __name__ == "__main__":
    main()
