"""
A figure for a paper
====================

How many gradients does eps-accuracy cost, by Theorem 1, and how does that depend on the number of inner steps? The
figure has the width of a column, 8 pt letters at that size, and is saved as a vector PDF.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from anil_theory import Constants
from anil_theory.report import save_figure
from anil_theory.report.house_style import COLOURS, MARKERS, SINGLE, STYLE
from anil_theory.statements.plans import Question, plan, recommended_plan

constants = Constants(mu=0.3, L=1.0, rho=1.0, tau=0.5, M=1.0)
inner_steps = [1, 2, 3, 4, 5, 7, 10, 14, 20, 30]

# %%
# A plan satisfies every hypothesis of the theorem and brings both right-hand sides to eps. Its cost is a count.

plans = {}
for alpha in (0.09, 0.3, 1.0):
    question = Question(constants, eps=0.01, alpha=alpha)
    plans[alpha] = [plan(question, N) for N in inner_steps]
    best = recommended_plan(question, most=30)
    print(f"alpha = {alpha:g}: fewest oracle calls at N = {best.schedule.inner_steps}, {best.cost:.3g} of them")

# %%
# Counted in oracle calls, each of which an inner step costs too, one step is best here. In outer iterations a long loop
# costs more as well, at each of these step sizes.

plt.rcParams.update(STYLE)
figure, axes = plt.subplots(figsize=(SINGLE, 2.3), layout="constrained")
for index, (alpha, of_alpha) in enumerate(plans.items()):
    steps = [each.schedule.outer_steps for each in of_alpha]
    label = rf"$\alpha = {alpha:g}$"
    axes.plot(inner_steps, steps, marker=MARKERS[index], color=COLOURS[index], label=label)
axes.set(xscale="log", yscale="log", xlabel="inner steps $N$", ylabel="outer iterations $K$ by the bound")
axes.legend()
with tempfile.TemporaryDirectory() as folder:
    save_figure(figure, Path(folder) / "cost.pdf")
plt.show()
