"""Theorem I: the inequality of Theorem J with the population's own numbers in place of its worst case.

Claim: let all iterates, and the segments between them, lie in a set, and there

    D^2 L_meta <= lam on the steps:  v^T D^(1/2) D^2 L_meta D^(1/2) v <= lam |v|^2,   D = diag(beta_w I, beta_phi I)
    mean over tasks of [beta_w |g_w|^2 + beta_phi |g_phi|^2] <= V.

For batches of B tasks drawn independently, lam (1 - 1/B) < 2 and D0 >= L_meta(z_0) - inf L_meta,

    (1/K) sum_{k<K} [beta_w E||D_w L_meta||^2 + beta_phi E||D_phi L_meta||^2]
        <= (2 D0/K + lam V/B)/(2 - lam (1 - 1/B)),

and each block alone is at most this over its own beta. The proof is that of Theorem J, which uses no more of the tasks
than these two suprema: of the Hessian of the mean, not of each task, and negative curvature does not count. Only
`lam` and V of the whole set are used, so the bound is as good as they are: with enclosures it is proved, with estimates
from below it is an estimate, and no verdict may be CONFIRMED by it.

Steps of one length: with lam_1 and V_1 at beta = 1, those of `joint_plans` with Lam = lam_1 and V_1 lam_1 in place of
V_1 bring both blocks to eps.

Source: derived for this project; docs/theorem_bounds.md.
"""

import math
from dataclasses import dataclass

from anil_theory._admissible import InvalidParameter, count, nonnegative, one_of, positive
from anil_theory.constants import Knowledge
from anil_theory.schedule import NO_NOISE, Schedule
from anil_theory.statements.base import Bound, Hypothesis
from anil_theory.statements.generated import formulas
from anil_theory.statements.rates import ROWS, betas_of

ROUNDINGS = 20
"""Roundings of the closed form, at most, before the loss of digits in 2 - lam (1 - 1/B)."""


@dataclass(frozen=True)
class PopulationNumbers:
    """What Theorem I needs of a population over a set, in the norm of the steps (`per_step` has those of beta = 1).

    curvature       lam >= 0, the largest eigenvalue of D^(1/2) D^2 L_meta D^(1/2);
    second_moment   V >= 0, the largest mean of beta_w |g_w|^2 + beta_phi |g_phi|^2;
    D0              >= L_meta(z_0) - inf L_meta;
    known           CERTIFIED where all three are enclosures from above, ESTIMATED where one is not.
    """

    curvature: float
    second_moment: float
    D0: float
    known: Knowledge

    def __post_init__(self) -> None:
        for name in ("curvature", "second_moment", "D0"):
            object.__setattr__(self, name, nonnegative(name, getattr(self, name)))


@dataclass(frozen=True)
class PopulationRate:
    """The rows of Theorem I at one schedule, from numbers in the norm of its steps."""

    numbers: PopulationNumbers
    schedule: Schedule
    phi: bool = True

    @property
    def kept(self) -> float:
        """2 - lam (1 - 1/B)."""
        return formulas.kept_of_population(B=self.schedule.effective_batch, lambda_I=self.numbers.curvature)

    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """lam (1 - 1/B) < 2. That the iterates stay in the set is for who measures or encloses it."""
        margin = self.kept
        return (Hypothesis("lam (1 - 1/B) < 2", margin if margin > 0 else min(margin, -1e-300)),)

    def bound(self, row: str) -> Bound:
        """A right-hand side, inf where 2 - lam (1 - 1/B) <= 0."""
        one_of("row", row, ROWS)
        beta_w, beta_phi = betas_of(self.schedule, self.phi)
        if row == "phi" and not self.phi:
            raise InvalidParameter("row", "'weighted' or 'w' where phi is empty", row)
        if self.kept <= 0:
            return Bound(math.inf, math.inf, 0.0, "lam (1 - 1/B) is not below 2")
        value = formulas.population_rate(
            # Both may be integers beyond float64: fewer steps and a smaller batch have a larger bound.
            B=min(self.schedule.effective_batch, NO_NOISE),
            D_0=self.numbers.D0,
            K=min(self.schedule.outer_steps, int(NO_NOISE)),
            V=self.numbers.second_moment,
            beta_phi=beta_phi,
            beta_w=beta_w,
            c_I=self.kept,
            lambda_I=self.numbers.curvature,
        )[row]
        cancelled = 1 + 2 / self.kept
        rounding = ROUNDINGS * cancelled * 2.0**-53 * value
        log10 = math.log10(value) if value > 0 else -math.inf
        return Bound(value, log10, rounding, f"of the population; {self.numbers.known.value}")


def population_steps(
    curvature: float, second_moment: float, D0: float, eps: float, batch: int = 1, longest: float = math.inf
) -> tuple[float, int]:
    """(beta, K): steps of one length and how many, with which Theorem I brings both blocks to eps.

    curvature, second_moment   lam_1 and V_1, those at beta_w = beta_phi = 1;
    longest   a length that the steps do not exceed: beyond it they would leave the set that lam_1 is of.

    beta = 1/q, K = 2 D0 q/eps, q = lam_1 (1 - 1/B) + lam_1 V_1/(eps B): the smallest K for this B; K B is smallest at
    B = 1. Shorter steps serve too: 2 D0/K <= 2 eps beta - eps q beta^2, which is positive below 2/q.
    """
    eps = positive("eps", eps)
    B = count("batch", batch)
    lam = positive("curvature", curvature)
    q = lam * (1 - 1 / B) + lam * nonnegative("second_moment", second_moment) / (eps * B)
    if q == 0:
        # Without noise and at B = 1 the descent lemma allows beta = 1/lam.
        q = lam
    beta = 1 / q if math.isinf(longest) else min(1 / q, positive("longest", longest))
    room = beta * (2 - q * beta) * eps
    K = max(1, math.ceil(2 * nonnegative("D0", D0) / room * (1 + 1e-12)))
    return beta, K
