"""Hypothesis profiles, float64, and the run-time check of shapes and types in the measured side."""

import os
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from hypothesis import Phase, settings
from jaxtyping import install_import_hook

# Before the first import of the package: from here on a wrong shape or type in these folders is an error.
CHECKED = ["anil_theory.tasks", "anil_theory.algorithm", "anil_theory.estimators"]
install_import_hook(CHECKED, "beartype.beartype")

from anil_theory._precision import enable_float64  # noqa: E402

enable_float64()

# The commands that tests run as processes leave the user's cache folder alone.
os.environ["ANIL_THEORY_COMPILE_CACHE"] = "off"

# derandomize: the examples are a function of the test, so a failure is seen again. Nothing here is timed.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=100, database=None)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2000)
without_shrinking = tuple(phase for phase in Phase if phase is not Phase.shrink)
settings.register_profile("no-shrinking", settings.get_profile("default"), phases=without_shrinking)
settings.load_profile("default")


def pytest_configure(config: pytest.Config) -> None:
    """Nearly all the time goes into the compiler, so XLA optimises less; the nightly run compiles as commands do."""
    if config.getoption("hypothesis_profile", default=None) != "nightly":
        jax.config.update("jax_disable_most_optimizations", True)
        # The processes that tests start compile in the same way, so that their numbers are the same to the last bit.
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"


MOST_MAPS = 20_000
"""Every compiled program holds memory maps, of which Linux gives a process 65,530: beyond, XLA crashes."""


@pytest.fixture(autouse=True, scope="module")
def few_memory_maps() -> Iterator[None]:
    """Forget compiled programs after a module where they are many."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
