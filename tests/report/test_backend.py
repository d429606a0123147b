"""Plot functions leave a user's backend, pyplot and settings as they are: a notebook goes on to show its figures."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

WITH_PYPLOT = """
import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt
from tests.report.figure_examples import EXAMPLES
plt.rcParams["lines.linewidth"] = 7.5
mine = plt.figure(); axes = mine.subplots()
before = (matplotlib.get_backend(), plt.get_fignums(), dict(matplotlib.rcParams), plt.isinteractive())
for name, example in EXAMPLES.items():
    figure = example.draw()
    assert figure is not None and figure is not mine, name
    assert plt.gcf() is mine and plt.gca() is axes, name
    now = (matplotlib.get_backend(), plt.get_fignums(), dict(matplotlib.rcParams), plt.isinteractive())
    assert now == before, name
print(len(EXAMPLES), matplotlib.get_backend())
"""

WITHOUT_PYPLOT = """
import sys
import matplotlib
from tests.report.figure_examples import EXAMPLES
from anil_theory.report import save_figure
from pathlib import Path
for name, example in EXAMPLES.items():
    figure = example.draw()
    assert "matplotlib.pyplot" not in sys.modules, name
    assert matplotlib.rcParams._get_backend_or_none() is None, f"{name} chose a backend"
save_figure(figure, Path(sys.argv[1]) / "figure.pdf")
assert matplotlib.rcParams._get_backend_or_none() is None, "saving chose a backend"
print(len(EXAMPLES))
"""


@pytest.mark.parametrize("script", [WITH_PYPLOT, WITHOUT_PYPLOT], ids=["pyplot in use", "pyplot never imported"])
def test_no_plot_function_switches_the_backend_or_touches_pyplot(script: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] in (["svg"], [])
    assert int(done.stdout.split()[0]) > 10
