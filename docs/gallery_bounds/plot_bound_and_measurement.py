"""
A bound and its measurement
===========================

Proposition 2 bounds how fast the meta-gradient of a task moves. Here is its bound of one block against the number of
inner steps, with what samples of random tasks reach of it, and what the task reaches that was made to attain it.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from anil_theory import (
    STATEMENTS,
    Constants,
    ExtremalFamily,
    Kind,
    Schedule,
    SeparableFamily,
    measure_attained,
    task_losses,
)

constants = Constants(mu=0.5, L=1.0, rho=1.0, tau=0.5, M=1.0)
inner_steps = [1, 2, 3, 5, 8, 12]
schedules = [Schedule.paper(constants, N) for N in inner_steps]

# %%
# The claimed side needs constants and a schedule, and nothing else.

(claim,) = STATEMENTS["prop2"].select(Kind.SHARP, "ww")
bounds = [claim.evaluate(constants, schedule).value for schedule in schedules]

# %%
# The measured side draws four tasks with exactly these constants. The norm of ``D_w^2 L_meta`` at a point is a lower
# estimate of the constant; here is the largest over 64 points for each task.

family = SeparableFamily(constants, n_w=2, n_phi=2)
tasks = family.sample(jax.random.key(0), num_tasks=4)
points = jax.random.normal(jax.random.key(1), (64, 2, 2))


def largest_norm(schedule):
    """The largest norm of the block ww over the points and the tasks."""

    def hessian(point):
        def losses(w):
            return task_losses(tasks, w, point[1], alpha=schedule.alpha, inner_steps=schedule.inner_steps)

        return jax.hessian(losses)(point[0])

    blocks = jax.jit(jax.vmap(hessian))(points)
    return float(jnp.linalg.norm(blocks, ord=2, axis=(-2, -1)).max())


sampled = [largest_norm(schedule) for schedule in schedules]

# %%
# The extremal task attains the bound at every N, up to rounding: the constant cannot be improved.

attained = []
for schedule in schedules:
    extremal = ExtremalFamily(constants, schedule, max_inner_steps=max(inner_steps))
    attained.append(measure_attained(extremal)["ww"].value)

print("attained/bound - 1, largest:", np.abs(np.divide(attained, bounds) - 1).max())

# %%
# Both sides in one picture.

figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
axes.plot(inner_steps, bounds, "--", label="bound")
axes.plot(inner_steps, attained, "*", markersize=9, label="extremal task")
axes.plot(inner_steps, sampled, "o", label="largest of the samples")
axes.set(xlabel="inner steps N", ylabel="constant of the block ww", ylim=(0, None))
axes.legend()
plt.show()
