"""Hypothesis profiles and the one place where the tests make float64 the default."""

from hypothesis import settings

from anil_theory._precision import enable_float64

enable_float64()

# derandomize: the examples are a function of the test, so a failure is seen again. Nothing here is timed.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=100, database=None)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2000)
settings.load_profile("default")
