"""Statement B: descent with a biased gradient, and the floor that first-order ANIL cannot go below.

Claim: let a step follow D L_meta(z_k) + b_k + noise at beta = 1/Lam, ||D^2 L_meta|| <= Lam, |b_k| <= b, and let the
noise have mean 0 and second moment at most s^2. Then (`biased_descent`)

    (1/K) sum_{k<K} E||D L_meta(z_k)||^2 <= 2 Lam D0/K + b^2 + s^2.

For runs of first-order ANIL at any steps beta_w, beta_phi > 0 it reads, with |.| the norm sqrt(beta_w |x|^2 + beta_phi
|y|^2), lam the curvature along a step (Theorem J), Lambda >= lam, F the tasks' mean of (D_w L_D, D_phi L_D)(w_N), and
|D L_meta - Lambda F| <= b,

    (1/K) sum_{k<K} E|D L_meta(z_k)|^2 <= 2 Lambda D0/K + b^2 + Lambda^2 max(beta_w, beta_phi) M^2/B.

Proof: in coordinates in which both steps are 1, the descent lemma is -<D, F> + Lambda (|F|^2 + noise)/2, which is
(-|D|^2 + |D - Lambda F|^2 + Lambda^2 noise)/2 over Lambda, exactly. No step is too long; at Lambda = 1 and one block it
is the line above.

Kind: upper bounds. EXPLICIT takes Lambda = lam, b_w and b_phi of statement A, and |F - Lambda F| apart from them.
REFINED bounds |D - Lambda F| itself (the products of statement A stay within Z = max |zeta^N - Lambda| of Lambda times
the identity, zeta in the disk) and takes the best Lambda. It is attained for rho = 0 and an empty phi
(`tasks.first_order_floor`), as K -> infinity, where lam is at most half of (1 - alpha mu)^N + (1 - alpha L)^N
(nonconvex: -L for mu). Regime: that of statement A; independent batches, or those of statement H. Units: as in `rates`.
Errors: MissingFact without D0 and n_phi. Source: A. Fallah, A. Mokhtari, A. Ozdaglar 2019 (FO-MAML does not reach every
eps); derived here, docs/next_statements.md.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from anil_theory._admissible import count, nonnegative, positive
from anil_theory._precision import gamma
from anil_theory.constants import Constants, Geometry
from anil_theory.schedule import Schedule
from anil_theory.statements import prop2_strongly_convex, prop3_nonconvex
from anil_theory.statements.base import Bound, Claim, Hypothesis, Kind, MissingFact, Statement
from anil_theory.statements.contraction import Blocks, contraction_factor, roundings
from anil_theory.statements.first_order_bias import SEARCH_ERROR, dropped_phi, largest_displacement
from anil_theory.statements.forms.names import FIRST_ORDER_DESCENT
from anil_theory.statements.generated import formulas
from anil_theory.statements.generated.latex import CLAIMS
from anil_theory.statements.joint import Form
from anil_theory.statements.joint_rates import curvature_of_a_step
from anil_theory.statements.rate_claims import GAP
from anil_theory.statements.rates import FURTHER_ROUNDINGS, betas_of
from anil_theory.statements.scaled import RoundingRange, Scaled, scaled

QUANTITY = "first_order_average/weighted"
"""The mean over the steps of a run of first-order ANIL of E[beta_w ||D_w L_meta||^2 + beta_phi ||D_phi L_meta||^2]."""


def biased_descent(Lam: float, D0: float, outer_steps: int, *, bias: float, second_moment: float) -> float:
    """2 Lam D0/K + b^2 + s^2, at beta = 1/Lam.

    Lam             > 0;   D0   L_meta(z_0) - inf L_meta, >= 0;
    bias            b >= 0, a bound of the error of the mean gradient;
    second_moment   s^2 >= 0: sigma^2/B, times (T - B)/(T - 1) without replacement.

    Raises InvalidParameter for other numbers. At b = 0 it exceeds `joint_rates.one_block` by s^2/K.
    """
    K = count("outer_steps", outer_steps)
    noise = nonnegative("second_moment", second_moment)
    # Lam stands for lam = 1 in the norm of the steps: the whole is Lam times the bound there.
    decay = formulas.biased_descent(
        B=scaled(1.0),
        D_0=scaled(positive("Lam", Lam) * nonnegative("D0", D0)),
        K=K,
        Lambda=scaled(1.0),
        b=scaled(nonnegative("bias", bias)),
        s=scaled(math.sqrt(noise)),
    )
    return float(decay)


LARGEST_EXPONENT = 300.0
"""N log r up to which r^N is looked at in float64."""

FARTHEST = 1e100
"""Lambda up to which differences from it are."""

SCANNED = 48
"""Values of Lambda that are tried."""


class Loop(NamedTuple):
    """What a step meets: the contraction factor r, lam, and how far w_N moves with phi (s_N)."""

    r: float
    curvature: Scaled
    moved: Scaled


@dataclass(frozen=True)
class FirstOrderRun:
    """The right-hand side at one setting. `phi` is false where phi is empty (MAML)."""

    geometry: Geometry
    kind: Kind
    constants: Constants
    schedule: Schedule
    D0: float
    phi: bool

    def bound(self) -> Bound:
        """The bound of the weighted row, with its rounding."""
        N = self.schedule.inner_steps
        r = contraction_factor(self.constants, self.schedule, self.geometry)
        operations = roundings(N) + FURTHER_ROUNDINGS
        here = self.loop(r)
        factor = self.best_factor(here)
        used = here.curvature * factor
        note = f"Lambda = {float(used):.6g}, D0 = {self.D0:.6g}"
        bound = RoundingRange.of(lambda r: self.value(self.loop(r), factor), r).bound(operations, note)
        if math.isinf(bound.value):
            return bound
        # Differences such as 1 - Lambda are rounded as what they are made of, and Z is searched for.
        made_of = scaled(max(r, 1.0)) ** N + used + 1.0
        differences = float(made_of * made_of * self.second_moment()) * gamma(operations)
        further = SEARCH_ERROR * 2 * bound.value + differences
        return replace(bound, rounding=bound.rounding + further)

    def loop(self, r: float) -> Loop:
        """What a step meets if the contraction factor is r."""
        form = Form.of(self.constants, self.schedule, self.geometry, r)
        unit = replace(self.constants, M=1.0)
        moved = dropped_phi(self.geometry, unit, self.schedule, r) if self.phi else scaled(0.0)
        return Loop(r, curvature_of_a_step(form, self.schedule, phi=self.phi), moved)

    def best_factor(self, loop: Loop) -> float:
        """By how much Lambda is above lam: EXPLICIT not at all, REFINED so that the bound is small, by a scan.

        Every factor >= 1 is valid. Beyond 2 r^N both the bias and the rest grow.
        """
        N, lam = self.schedule.inner_steps, loop.curvature
        farthest = float(scaled(loop.r) ** N * 2.0 / lam) if lam else 1.0
        if self.kind is Kind.EXPLICIT or not 1 < farthest < math.inf:
            return 1.0
        factors = [1.0, *np.geomspace(1.0, farthest, SCANNED)[1:].tolist()]
        if self._in_range(loop.r):
            # The middle of what the loop does to a vector where the Hessians commute.
            middle = (loop.r**N + max(self._lowest(), 0.0) ** N) / 2
            factors.append(max(1.0, middle / float(lam)))
        return min(factors, key=lambda factor: self.value(loop, factor))

    def value(self, loop: Loop, factor: float) -> Scaled:
        """The bound at Lambda = factor * lam."""
        used = loop.curvature * factor
        return formulas.biased_descent(
            B=scaled(self.schedule.effective_batch),
            D_0=scaled(self.D0),
            K=self.schedule.outer_steps,
            Lambda=used,
            b=self.bias(loop, used),
            s=self.second_moment().sqrt(),
        )

    def second_moment(self) -> Scaled:
        """s^2: the square of a query's gradient in the norm of the steps, at most."""
        return scaled(self.constants.M) ** 2 * max(betas_of(self.schedule, self.phi))

    def bias(self, loop: Loop, used: Scaled) -> Scaled:
        """b, in the norm of the steps: how far D L_meta is from Lambda = `used` times F, at most."""
        beta_w, beta_phi = betas_of(self.schedule, self.phi)
        moved = loop.moved
        # Far away 1 does not show beside it.
        left = used if used > FARTHEST else scaled(abs(1 - float(used)))
        if self.kind is Kind.EXPLICIT:
            carried = self.carried(loop.r, scaled(1.0))
            apart = (carried * carried * beta_w + moved * moved * beta_phi).sqrt()
            return apart * self.constants.M + self.second_moment().sqrt() * left
        # A quadratic form in the sizes of the query's two gradients: its maximum is that of a matrix of two rows.
        carried = self.carried(loop.r, used)
        mixed = moved * left * beta_phi
        direct = left * left * beta_phi if self.phi else scaled(0.0)
        of_w = carried * carried * beta_w + moved * moved * beta_phi
        return Blocks(ww=of_w, wphi=mixed, phiw=mixed, phiphi=direct).smoothness().sqrt() * self.constants.M

    def carried(self, r: float, target: Scaled) -> Scaled:
        """Z: how far the products of the inner loop are from the identity times `target`, at most."""
        N = self.schedule.inner_steps
        if not self._in_range(r) or target > FARTHEST:
            # The triangle inequality, in which the smaller term does not show.
            return scaled(r) ** N + target
        if self.constants.rho == 0:
            # The Hessians commute, and zeta is real.
            low = self._lowest()
            ends = [r**N, low**N, *([0.0] if low < 0 else [])]
            return scaled(max(abs(end - float(target)) for end in ends))
        return scaled(largest_displacement(self._lowest(), r, N, float(target)))

    def _lowest(self) -> float:
        """1 - alpha L; strongly convex it is at least 0."""
        low = formulas.contracting(alpha=self.schedule.one_alpha, mu=self.constants.L)
        return max(low, 0.0) if self.geometry is Geometry.STRONGLY_CONVEX else low

    def _in_range(self, r: float) -> bool:
        return self.schedule.inner_steps * math.log(max(r, 1.0)) < LARGEST_EXPONENT


def _claims(geometry: Geometry, D0: float | None = None, n_phi: float | None = None) -> tuple[Claim, ...]:
    gap = nonnegative("D0", 0.0 if D0 is None else D0)
    phi = n_phi is None or count("n_phi", n_phi, 0) > 0
    return tuple(_claim(geometry, kind, gap, D0 is not None, phi) for kind in (Kind.EXPLICIT, Kind.REFINED))


def _claim(geometry: Geometry, kind: Kind, D0: float, known: bool, phi: bool) -> Claim:
    statement = FIRST_ORDER_DESCENT[geometry]
    name = f"{statement}/weighted/{kind.value}"
    inner = INNER[geometry]

    def evaluate(constants: Constants, schedule: Schedule) -> Bound:
        if not known:
            raise MissingFact(name, "D0", GAP)
        return FirstOrderRun(geometry, kind, constants, schedule, D0, phi).bound()

    def hypotheses(constants: Constants, schedule: Schedule) -> tuple[Hypothesis, ...]:
        steps = (("w", schedule.beta_w), ("phi", schedule.beta_phi))[: 1 + phi]
        missing = [Hypothesis(f"beta_{name} is given", -math.inf) for name, beta in steps if beta is None]
        return *inner(constants, schedule), *missing

    return Claim(statement, "weighted", kind, QUANTITY, evaluate, hypotheses, CLAIMS[name])


def _statement(geometry: Geometry) -> Statement:
    return Statement(
        name=FIRST_ORDER_DESCENT[geometry],
        title=f"Runs of first-order ANIL, {geometry.value.replace('-', ' ')} inner loss",
        source="first-order MAML of Fallah, Mokhtari, Ozdaglar 2019; derived here (statement B)",
        geometry=geometry,
        claims=_claims(geometry),
        facts=("D0", "n_phi"),
        build=partial(_claims, geometry),
        paper="fo-maml",
    )


INNER = {
    Geometry.STRONGLY_CONVEX: prop2_strongly_convex.STATEMENT.select(Kind.EXPLICIT, "ww")[0].hypotheses,
    Geometry.NONCONVEX: prop3_nonconvex.STATEMENT.select(Kind.EXPLICIT, "ww")[0].hypotheses,
}
"""What statement A needs."""

CONVEX = _statement(Geometry.STRONGLY_CONVEX)
NONCONVEX = _statement(Geometry.NONCONVEX)
