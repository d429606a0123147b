"""
What an estimate can say
========================

A verdict depends on the direction of the estimate: a search can refute a bound and never confirm it, a certificate can
confirm it and never refute it. Here one bound meets estimates of all four directions and of every size.
"""

import matplotlib.pyplot as plt
import numpy as np

from anil_theory import STATEMENTS, Constants, Direction, Estimate, Kind, Outcome, Schedule, judge

constants = Constants(mu=0.5, L=1.0, rho=1.0, tau=0.5, M=1.0)
schedule = Schedule.paper(constants, inner_steps=5)
(claim,) = STATEMENTS["prop2"].select(Kind.EXPLICIT, "phiphi")
bound = claim.evaluate(constants, schedule).value

# %%
# The estimates have a rounding of 2 % of the bound, and the mean a standard error of 3 %.

shares = np.linspace(0.5, 1.5, 201)


def outcome(direction, share):
    """The outcome for an estimate that is `share` times the bound."""
    estimate = Estimate(
        claim.quantity,
        share * bound,
        direction,
        method="example",
        rounding=0.02 * bound,
        stderr=0.03 * bound if direction is Direction.MEAN else 0.0,
    )
    return judge(claim, constants, schedule, estimate).outcome


outcomes = {direction: [outcome(direction, share) for share in shares] for direction in Direction}

# %%
# Only a certificate and an exact value confirm, only what is a value of the quantity refutes, and what is within the
# slack of the bound decides nothing.

colours = {
    Outcome.CONFIRMED: "#0072B2",
    Outcome.CONSISTENT: "#56B4E9",
    Outcome.INCONCLUSIVE: "#BBBBBB",
    Outcome.REFUTED: "#D55E00",
}
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
for row, found in enumerate(outcomes.values()):
    axes.bar(shares, 0.8, width=shares[1] - shares[0], bottom=row - 0.4, color=[colours[each] for each in found])
axes.axvline(1, color="black", linestyle=":")
axes.set_yticks(range(len(outcomes)), [direction.value for direction in outcomes])
axes.set(xlabel="estimate / bound", xlim=(0.5, 1.5))
for name, colour in colours.items():
    axes.bar(0, 0, color=colour, label=name.value)
figure.legend(loc="outside upper center", ncols=len(colours), fontsize="small")
plt.show()
