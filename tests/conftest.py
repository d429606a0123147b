"""Hypothesis profiles, float64, and the run-time check of shapes and types in the measured side."""

from hypothesis import settings
from jaxtyping import install_import_hook

# Before the first import of the package: from here on a wrong shape or type in these folders is an error.
CHECKED = ["anil_theory.tasks", "anil_theory.algorithm", "anil_theory.estimators"]
install_import_hook(CHECKED, "beartype.beartype")

from anil_theory._precision import enable_float64  # noqa: E402

enable_float64()

# derandomize: the examples are a function of the test, so a failure is seen again. Nothing here is timed.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=100, database=None)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2000)
settings.load_profile("default")
