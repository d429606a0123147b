"""What the package exports it imports on first use, and matplotlib only when something is drawn; never pyplot."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from anil_theory import report

ROOT = Path(__file__).parents[2]

IMPORTS = """
import pkgutil, sys
from importlib import import_module
import anil_theory.report
assert "rich" not in sys.modules and "jax" not in sys.modules, "the package alone imports none of its modules"
for module in pkgutil.iter_modules(anil_theory.report.__path__):
    if module.name != "panels":
        import_module(f"anil_theory.report.{module.name}")
assert "matplotlib" not in sys.modules, "before anything is drawn"
from tests.report.figure_examples import EXAMPLES
for example in EXAMPLES.values():
    assert example.nothing() is None
    assert example.draw() is not None
assert "matplotlib.pyplot" not in sys.modules
"""


def imports_for_types() -> dict[str, str]:
    """Name to module, as the type checker reads them."""
    tree = ast.parse(Path(report.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    statements = [one for block in blocks for one in block.body if isinstance(one, ast.ImportFrom)]
    return {
        alias.name: str(one.module).removeprefix("anil_theory.report.") for one in statements for alias in one.names
    }


def test_one_table_names_the_module_of_every_name() -> None:
    assert imports_for_types() == report._MODULES
    assert sorted(report._MODULES) == sorted(report.__all__)


@pytest.mark.parametrize("name", report.__all__)
def test_a_name_is_that_of_its_module(name: str) -> None:
    module = import_module(f"anil_theory.report.{report._MODULES[name]}")
    assert getattr(report, name) is getattr(module, name)
    assert name in dir(report)


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'plot_nothing'"):
        _ = report.plot_nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_matplotlib_is_imported_when_something_is_drawn_and_pyplot_never() -> None:
    # The examples import matplotlib themselves: what is asserted before them is what counts.
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
