"""The names of statements that the table and the claims share; sympy is not needed to know them."""

from anil_theory.constants import Geometry

FIRST_ORDER = {Geometry.STRONGLY_CONVEX: "fo_bias_convex", Geometry.NONCONVEX: "fo_bias_nonconvex"}
"""The bias of first-order ANIL."""

FIRST_ORDER_DESCENT = {Geometry.STRONGLY_CONVEX: "fo_descent_convex", Geometry.NONCONVEX: "fo_descent_nonconvex"}
"""Runs of first-order ANIL."""

MAML = {"one step": "maml_one_step", "steps": "maml_steps", "convex": "maml_steps_convex"}
"""The smoothness of MAML at a point."""
JOINT_FORM = {Geometry.STRONGLY_CONVEX: "joint_form_convex", Geometry.NONCONVEX: "joint_form_nonconvex"}
"""The joint form of the smoothness, and that of the gradient."""
