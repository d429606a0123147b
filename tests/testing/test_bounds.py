"""A bound of one's own against losses that satisfy the assumptions, in five lines of somebody else's project."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory.constants import Constants, Region
from anil_theory.schedule import Schedule
from anil_theory.statements import STATEMENTS, Bound, Kind
from anil_theory.testing import conforms_bound, reached, strategies
from anil_theory.testing.bounds import BLOCKS

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
OWN_BOUND, REFUSED, OWN_LOSSES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

CONSTANTS = Constants(None, 1.0, 1.0, 0.5, 1.0)
SCHEDULE = Schedule(0.5, 2)


def sharp(constants: Constants, schedule: Schedule, block: str) -> Bound:
    statement = STATEMENTS["prop3" if constants.mu is None else "prop2"]
    return statement.select(Kind.SHARP, block)[0].evaluate(constants, schedule)


@settings(max_examples=40)
@given(strategies.settings(), st.sampled_from(BLOCKS))
def test_a_proved_bound_conforms_and_is_nearly_reached(setting: tuple[Constants, Schedule], block: str) -> None:
    conforms_bound(lambda constants, schedule: sharp(constants, schedule, block), *setting, block=block)
    constants, schedule = setting
    if constants.rho > 0 and constants.tau > 0 and (constants.mu is None or constants.mu <= 0.9 * constants.L):
        assert reached(constants, schedule, block) >= 0.98 * sharp(constants, schedule, block).value


@pytest.mark.parametrize("block", BLOCKS)
def test_a_bound_that_is_a_little_too_small_fails(block: str) -> None:
    bound = sharp(CONSTANTS, SCHEDULE, block).value
    with pytest.raises(AssertionError, match=rf"the bound on {block} is .*, and losses with these constants reach"):
        conforms_bound(lambda constants, schedule: 0.99 * bound, CONSTANTS, SCHEDULE, block=block)
    with pytest.raises(AssertionError, match=f"the bound on {block} is NaN"):
        conforms_bound(lambda constants, schedule: math.nan, CONSTANTS, SCHEDULE, block=block)


def test_nothing_is_known_near_a_constant_hessian_and_a_ball_is_refused() -> None:
    assert reached(Constants(1.0, 1.0, 1.0, 0.5, 1.0), SCHEDULE) == 0.0
    with pytest.raises(InvalidParameter, match="block"):
        reached(CONSTANTS, SCHEDULE, "phi")
    with pytest.raises(InvalidParameter, match="the whole space"):
        reached(Constants(None, 1.0, 1.0, 0.5, 1.0, region=Region(1.0)), SCHEDULE)


QUICK = """
from hypothesis import Phase, settings
settings.register_profile("quick", phases=[phase for phase in Phase if phase is not Phase.explain], derandomize=True)
settings.load_profile("quick")
"""


def own_project(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """pytest in a project that knows nothing of this one; failures are not explained, which takes longest."""
    (folder / "conftest.py").write_text(QUICK, encoding="utf-8")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    (folder / "test_mine.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def code_lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def test_five_lines_of_another_project_refute_a_bound_at_readable_numbers(tmp_path: Path) -> None:
    assert code_lines(OWN_BOUND) == 5
    done = own_project(tmp_path, OWN_BOUND)
    assert done.returncode == 1, done.stdout + done.stderr
    shown = re.sub(r"\nE +", " ", done.stdout)
    assert "1 failed" in shown and "warning" not in shown
    assert "test_my_bound( setting=(Constants(mu=None, L=1.0, rho=1.0, tau=0.0, M=1.0, " in shown
    assert "Schedule(alpha=1.0, inner_steps=1, " in shown
    (promised,) = re.findall(r"AssertionError: (the bound on ww is .*)", PAGE)
    assert promised in done.stdout


@pytest.mark.slow
def test_the_other_examples_of_the_page_pass_in_another_project(tmp_path: Path) -> None:
    done = own_project(tmp_path, f"import anil_theory\nanil_theory.enable_float64()\n{REFUSED}\n{OWN_LOSSES}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout and "warning" not in done.stdout


def test_without_hypothesis_the_strategies_name_the_extra_and_the_suites_work(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["hypothesis"] = None
from anil_theory.errors import MissingLibrary
from anil_theory.testing import conforms_statement
from anil_theory.statements import STATEMENTS
conforms_statement(STATEMENTS["prop2"])
try:
    from anil_theory.testing import strategies
except MissingLibrary as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pip install 'anil_theory[testing]'" in done.stdout


def test_the_extra_is_in_the_project_file() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'testing = ["hypothesis' in project
