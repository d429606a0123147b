"""A bound, a family and a measurement from outside: in `verify`, in the report, in the conformance suite, broken."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory import Constants, InvalidParameter, Schedule
from anil_theory._registry import PLUGINS, NameTaken, NotOfTheKind
from anil_theory.checks import MEASUREMENTS, Unmeasured, check_by, measurements_of
from anil_theory.cli import app
from anil_theory.estimators import Effort
from anil_theory.extend import PluginFailed, load_installed, load_plugin
from anil_theory.provenance import provenance
from anil_theory.record import RecordStore
from anil_theory.statements import STATEMENTS
from anil_theory.tasks import FAMILIES
from anil_theory.testing import conforms_family, conforms_measurement, conforms_statement

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
PLUGIN = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
EXTREMAL = ["conjecture", "--family", "extremal", "--mu", "0.2", "--inner-steps", "1"]
"""The cheapest run: one number at one point."""


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    plugins = dict(PLUGINS)
    with STATEMENTS.restored(), FAMILIES.restored(), MEASUREMENTS.restored():
        yield
    PLUGINS.clear()
    PLUGINS.update(plugins)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "conjecture.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


def verify(*arguments: str, out: Path) -> Any:
    return CliRunner().invoke(app, ["verify", *arguments, "--out", str(out)], catch_exceptions=False)


def error_of(result: Any) -> str:
    """The one line of an error that is misuse."""
    assert result.exit_code == 2, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.strip()]
    assert line.startswith("error: ") and "Traceback" not in result.output
    return line


def test_the_plug_in_of_the_page_has_at_most_thirty_lines() -> None:
    assert len(PLUGIN.splitlines()) <= 30 and max(map(len, PLUGIN.splitlines())) <= 120


def test_the_page_runs(plugin: Path) -> None:
    """All of its Python after the plug-in, in the plug-in's own names; the search of the example is left to others."""
    module = load_plugin(plugin)
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[1:]:
        exec(code.replace('rows = check("prop2"', 'rows = (check, "prop2"'), module.__dict__)


def test_a_conjecture_is_refuted_in_a_process_of_its_own_and_stands_in_the_report(plugin: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "anil_theory", "verify", *EXTREMAL, "--plugin", str(plugin), "--json"]
    done = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["statement"], row["block"], row["outcome"]) == ("conjecture", "ww", "REFUTED")
    assert row["tightness"] == pytest.approx(1 / 0.9) and "ball arithmetic" in row["verdicts"][0]["replayed"]
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| conjecture (attained) |" in report and "REFUTED" in report
    (record,) = RecordStore(tmp_path / "records")
    assert record.provenance["plugins"] != "none"


def test_a_conjecture_that_holds_is_refuted_when_it_is_broken(plugin: Path, tmp_path: Path) -> None:
    plugin.write_text(PLUGIN.replace("times(0.9)", "times(1.0)"), encoding="utf-8")
    holding = verify(*EXTREMAL, "--plugin", str(plugin), out=tmp_path / "holding")
    assert holding.exit_code == 0 and "CONSISTENT" in holding.stdout, holding.output
    broken = verify(*EXTREMAL, "--plugin", str(plugin), "--break", "ww", out=tmp_path / "broken")
    assert broken.exit_code == 1 and "1 of 1 rows with a halved bound are refuted" in " ".join(broken.stdout.split())


def test_a_measurement_of_a_family_of_ones_own_judges_a_claim_of_ones_own(plugin: Path) -> None:
    load_plugin(plugin)
    problem = FAMILIES["bowls"].smallest().problem(tasks=2)
    given: dict[str, Any] = {"effort": Effort(), "problem": problem, "schedule": Schedule(0.5, 1)}
    (row,) = check_by(STATEMENTS["conjecture"], MEASUREMENTS["slope"], **given)
    assert (row.block, row.check, row.outcome) == ("slope", "slope", "CONSISTENT") and 0.9 < row.measured <= 1
    assert "bowls 1+1" in row.setting
    (row,) = check_by(STATEMENTS["conjecture"], MEASUREMENTS["slope"], broken="slope", **given)
    assert row.outcome == "REFUTED"


@pytest.mark.slow
def test_the_command_of_the_page_shows_all_three(plugin: Path, tmp_path: Path) -> None:
    (command,) = re.findall(r"^    anil-theory (verify .*)$", PAGE, re.MULTILINE)
    arguments = command.replace("conjecture.py", str(plugin)).split()
    result = CliRunner().invoke(app, [*arguments, "--json", "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 1, result.output
    rows = json.loads(result.stdout)["rows"]
    found = {(row["cell"]["family"], row["check"], row["block"]): row["outcome"] for row in rows}
    assert found[("extremal", "attained", "ww")] == "REFUTED"
    assert found[("bowls", "blocks", "ww")] == "REFUTED", "the worst instance known is another family's"
    assert found[("bowls", "slope", "slope")] == "CONSISTENT"
    broken = CliRunner().invoke(app, [*arguments, "--break", "slope", "--json", "--out", str(tmp_path)])
    rows = json.loads(broken.stdout)["rows"]
    assert {row["outcome"] for row in rows if row["block"] == "slope"} == {"REFUTED"}


def test_the_plug_in_passes_the_conformance_suite(plugin: Path) -> None:
    module = load_plugin(plugin)
    conforms_statement(STATEMENTS["conjecture"])
    conforms_family(module.Bowls)
    conforms_measurement(MEASUREMENTS["slope"])


def test_an_edited_plug_in_replaces_the_old_and_makes_other_records(plugin: Path, tmp_path: Path) -> None:
    arguments = [*EXTREMAL, "--plugin", str(plugin)]
    assert verify(*arguments, out=tmp_path).exit_code == 1
    before = provenance()["plugins"]
    again = verify(*arguments, "--resume", out=tmp_path)
    assert "1 from an earlier run" in again.stdout
    plugin.write_text(PLUGIN.replace("times(0.9)", "times(1.0)"), encoding="utf-8")
    edited = verify(*arguments, "--resume", out=tmp_path)
    assert edited.exit_code == 0 and "1 of other plugins" in edited.stdout, edited.output
    assert provenance()["plugins"] != before


def offered(folder: Path, group: str, target: str, code: str, module: str = "offering_plugin") -> None:
    """An installed package `offering` with one module and one entry point."""
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    info = folder / "offering-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\nthing = {target}\n", encoding="utf-8")


@pytest.fixture
def installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages that entry points are looked for in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    load_installed.cache_clear()
    yield folder
    load_installed.cache_clear()
    sys.modules.pop("offering_plugin", None)


@pytest.mark.parametrize("group", ["statements", "families", "measurements"])
def test_a_module_is_offered_by_an_entry_point_of_any_group(installing: Path, group: str) -> None:
    offered(installing, f"anil_theory.{group}", "offering_plugin", PLUGIN)
    load_installed()
    assert "conjecture" in STATEMENTS and "bowls" in FAMILIES and "slope" in MEASUREMENTS
    assert "offering 1.0" in STATEMENTS.origin("conjecture") and provenance()["plugins"] != "none"


def test_verify_knows_what_an_entry_point_offers(installing: Path, tmp_path: Path) -> None:
    offered(installing, "anil_theory.statements", "offering_plugin", PLUGIN)
    result = verify(*EXTREMAL, out=tmp_path / "out")
    assert result.exit_code == 1 and "REFUTED" in result.stdout
    assert "conjecture" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_an_object_is_offered_by_an_entry_point(installing: Path) -> None:
    code = "from anil_theory import SeparableFamily\nclass Own(SeparableFamily):\n    name = 'own'\n"
    offered(installing, "anil_theory.families", "offering_plugin:Own", code)
    load_installed()
    assert FAMILIES["own"].__name__ == "Own"


def test_an_entry_point_that_fails_names_itself_its_package_and_the_line(installing: Path, tmp_path: Path) -> None:
    offered(installing, "anil_theory.families", "offering_plugin", "x = 1\ny = undefined\n")
    line = error_of(verify("prop1", out=tmp_path / "out"))
    assert "entry point thing of offering 1.0" in line and "offering_plugin.py, line 2" in line and "undefined" in line


def test_an_entry_point_of_the_wrong_kind_is_refused(installing: Path, tmp_path: Path) -> None:
    offered(installing, "anil_theory.families", "offering_plugin:x", "x = 1\n")
    line = error_of(verify("prop1", out=tmp_path / "out"))
    assert "a family must be a class derived from Family" in line and "1 of type int" in line and "offering 1.0" in line


HEAD = "from anil_theory.extend import *\nfrom anil_theory import *\n"
FAULTS = {
    "undefined name": ("x = undefined\n", ["line 3", "NameError", "undefined"]),
    "syntax": ("def f(:\n", ["line 3", "SyntaxError"]),
    "missing module": ("import not_there_at_all\n", ["line 3", "not_there_at_all"]),
    "failure in a function": ("def f():\n    return 1 / 0\nf()\n", ["line 4", "ZeroDivisionError"]),
    "exit": ("raise SystemExit(0)\n", ["line 3", "SystemExit"]),
    "not a statement": ("statement(lambda: 3)\n", ["a statement must be a Statement", "3 of type int"]),
    "not a family": ("family(dict)\n", ["a family must be a class derived from Family", "dict"]),
    "abstract family": (
        "class Half(Family):\n    name = 'half'\n    def sample(self, key, num_tasks): ...\nfamily(Half)\n",
        ["family Half", "must define query_infimum"],
    ),
    "not a measurement": ("measurement(3)\n", ["a measurement must be a Measurement", "3 of type int"]),
    "unknown part": (
        "measurement(name='m', quantities=('q',), depends_on=('moon',))(print)\n",
        ["measurement 'm'", "moon", "inner_steps"],
    ),
    "name taken": ("statement(Statement('prop2', 't', 's', None, ()))\n", ["'prop2' is taken by anil_theory"]),
    "no name": ("statement(Statement('a b', 't', 's', None, ()))\n", ["the name of a statement", "'a b'"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_plug_in_is_one_line_and_registers_nothing(fault: str, plugin: Path, tmp_path: Path) -> None:
    code, words = FAULTS[fault]
    before = (list(STATEMENTS), list(FAMILIES), list(MEASUREMENTS))
    plugin.write_text(HEAD + code, encoding="utf-8")
    line = error_of(verify("prop1", "--plugin", str(plugin), out=tmp_path))
    assert str(plugin) in line and all(word in line for word in words), line
    assert (list(STATEMENTS), list(FAMILIES), list(MEASUREMENTS)) == before


def test_two_plug_ins_with_one_name_are_refused_with_both_origins(plugin: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(PLUGIN, encoding="utf-8")
    line = error_of(verify(*EXTREMAL, "--plugin", str(plugin), "--plugin", str(other), out=tmp_path))
    assert "'conjecture' is taken by plug-in" in line and str(plugin) in line and str(other) in line


def test_what_a_plug_in_prints_is_not_among_the_results(plugin: Path, tmp_path: Path) -> None:
    plugin.write_text("print('loading')\n", encoding="utf-8")
    result = verify("prop1", "--mu", "0.3", "--inner-steps", "1", "--json", "--plugin", str(plugin), out=tmp_path)
    assert result.exit_code == 0 and json.loads(result.stdout)["rows"] and "loading" in result.stderr


def test_a_plug_in_that_is_not_there_is_named(tmp_path: Path) -> None:
    line = error_of(verify("prop1", "--plugin", str(tmp_path / "none.py"), out=tmp_path))
    assert "none.py cannot be read: No such file" in line


def test_a_statement_that_nothing_measures_is_named_with_its_quantity(plugin: Path, tmp_path: Path) -> None:
    plugin.write_text(PLUGIN.replace('quantity="query_slope")', 'quantity="query_height")'), encoding="utf-8")
    line = error_of(verify(*EXTREMAL, "--plugin", str(plugin), out=tmp_path))
    assert "statement 'conjecture' bounds 'query_height', which nothing measures" in line
    with pytest.raises(Unmeasured):
        measurements_of(STATEMENTS["conjecture"])
    with pytest.raises(AssertionError, match="query_height"):
        conforms_statement(STATEMENTS["conjecture"])


def test_constants_for_a_family_that_has_its_own_are_refused(plugin: Path, tmp_path: Path) -> None:
    arguments = ["conjecture", "--family", "bowls", "--plugin", str(plugin)]
    line = error_of(verify(*arguments, "--mu", "0.2", out=tmp_path))
    assert "mu must be left out: bowls has constants of its own" in line
    line = error_of(verify("prop3", *arguments[1:], "--inner-steps", "1", out=tmp_path))
    assert "the grid has no cell: " in line


def test_the_same_file_twice_is_one_plug_in(plugin: Path) -> None:
    assert load_plugin(plugin) is load_plugin(plugin)
    with pytest.raises(NameTaken):
        STATEMENTS.register(type(STATEMENTS["prop2"])("prop2", "t", "s", None, ()))
    with pytest.raises(NotOfTheKind):
        FAMILIES.register(FAMILIES["bowls"].smallest())  # pyright: ignore[reportArgumentType]
    with pytest.raises(PluginFailed):
        load_plugin(plugin.with_suffix(".txt"))
    with pytest.raises(InvalidParameter):
        FAMILIES["separable"].at(Constants(0.5, 1.0, 0.0, 1.0, 1.0), Schedule(0.1, 1))
