"""The neural side, the block estimators and the bench command import and run without flint, sympy and matplotlib."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HOOK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocked())
"""
BLOCKED = ("flint", "sympy", "matplotlib")

MODULES = """
import pkgutil
from importlib import import_module
import anil_theory.estimators, anil_theory.neural, anil_theory.studies.bench.study, anil_theory.cli
for package in (anil_theory.estimators, anil_theory.neural):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        import_module(module.name)
"""

ESTIMATORS = """
import jax
from anil_theory import Budget, Constants, Schedule, SeparableFamily, measure_block_lipschitz
family = SeparableFamily(Constants(mu=0.5, L=2.0, rho=1.0, tau=0.7, M=1.0), 1, 1)
budget = Budget(pairs=2, points=1, lanczos_steps=1, starts=1, iterations=1)
found = measure_block_lipschitz(family, family.sample(jax.random.key(0), 1), Schedule(0.1, 1), budget=budget)
assert all(one.value > 0 for methods in found.values() for one in methods.values())
"""

CERTIFICATES = "import anil_theory.certify"


def run_lean(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HOOK.format(blocked=BLOCKED) + program]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("program", [MODULES, ESTIMATORS], ids=["imports", "block estimators"])
def test_it_runs_without_what_only_proofs_and_pictures_need(program: str) -> None:
    done = run_lean(program)
    assert done.returncode == 0, done.stderr


def test_the_hook_blocks() -> None:
    done = run_lean(CERTIFICATES)
    assert done.returncode != 0 and "flint is blocked" in done.stderr
