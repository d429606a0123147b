"""What `anil-theory advise` can be asked for."""

from dataclasses import dataclass
from typing import ClassVar

from anil_theory._admissible import seed as admissible_seed
from anil_theory._options import Options, option, required
from anil_theory.constants import Constants


@dataclass(frozen=True, kw_only=True)
class AdviceSettings(Options):
    """Settings that Theorem 1 or 2 guarantees to reach eps, their cost, MAML's, and what would change them."""

    command: ClassVar[str] = "advise"
    # Without --run nothing is measured: there is nothing to keep, and a start stays as short as that of JAX.
    records: ClassVar[bool] = False
    plugins: ClassVar[bool] = False

    L: float = required("Smoothness.", flag="--L")
    rho: float = required("Lipschitz constant of D_w^2 L_S.")
    tau: float = required("Lipschitz constant of D_phi D_w L_S.")
    M: float = required("Lipschitz constant of L_D.", flag="--M")
    eps: float = required("Accuracy: the squared norm that both blocks shall fall below.")
    mu: float | None = option(None, "Strong convexity in w; left out: nonconvex.")
    n_w: int = option(1, "Dimension of w.")
    n_phi: int = option(1, "Dimension of phi.")
    D0: float = option(1.0, "Initial gap L_meta(z_0) - inf L_meta, or more.", flag="--D0")
    objective: str = option("evaluations", "What to minimise: evaluations or entries.")
    alpha: float | None = option(None, "Inner step size; searched, if left out.")
    beta_w: float | None = option(None, "Outer step size of w; the cheapest, if left out.")
    beta_phi: float | None = option(None, "Outer step size of phi; the cheapest, if left out.")
    inner_steps: int | None = option(None, "N; searched, if left out.")
    adaptation: float = option(0.01, "The least alpha N L that is searched: the bounds favour no inner loop at all.")
    batch: int | None = option(None, "B; the one with the fewest tasks, if left out (kind sharp only).")
    population: int | None = option(None, "T: draw B of T tasks without replacement; independent if left out.")
    kind: str = option("sharp", "Which theorem: sharp (Theorem J), refined or explicit.")
    curvature: float | None = option(None, "Of a population: the largest eigenvalue of D^2 L_meta (Theorem I).")
    second_moment: float | None = option(None, "Of a population: the largest mean squared gradient of a task.")
    run: bool = option(False, "Also run the settings on a random population with these constants.")
    seed: int = option(0, "Seed of that population and its runs.")

    def __post_init__(self) -> None:
        admissible_seed("seed", self.seed)
        if self.run:
            # JAX and the families: a start without --run loads neither. Raises InvalidParameter where the family of the
            # run admits no such constants or dimensions.
            from anil_theory.tasks import SeparableFamily

            constants = Constants(self.mu, self.L, self.rho, self.tau, self.M)
            SeparableFamily(constants, self.n_w, self.n_phi)
