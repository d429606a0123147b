"""The architecture, held by the imports: two sides that meet in the verdict, and imports that only go downwards."""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import anil_theory
from tests.import_graph import ImportGraph

ROOT = Path(__file__).parents[1]
PACKAGE = "anil_theory"

MEASURED = {"problem", "tasks", "algorithm", "estimators", "certify"}
CLAIMED = {"statements", "ledger"}

ORDER = tuple(
    [
        "_version",
        "errors",
        "_admissible",
        "_options",
        "_memory",
        "_atomic",
        "_plain",
        "_printable",
        "_display",
        "_console",
        "_precision",
        "_compile_cache",
        "_scan_layout",
        "_registry",
        "constants",
        "schedule",
        "checker",
        "problem",
        "tasks",
        "algorithm",
        "estimators",
        "certify",
        "neural",
        "statements",
        "ledger",
        "advice",
        "verdict",
        "falsifier",
        "checks",
        "extend",
        "testing",
        "provenance",
        "record",
        "study",
        "report",
        "own_losses",
        "audit",
        "experiments",
        "studies",
        "results",
        "cli",
        "__main__",
    ]
)
"""The nouns of the package, the lowest first: a module imports from its own noun and from those before it."""

MEETING = ORDER[ORDER.index("verdict") :]
"""What may see both sides."""

FOLDERS_OF_CERTIFY = {
    "enclosures": set(),
    "program": set(),
    "search": set(),
    "balls": {"enclosures", "program"},
    "intervals": {"enclosures", "program"},
    "losses": {"enclosures", "program", "balls", "intervals"},
}
"""What each folder of `certify` may import of `certify` beside itself: neither arithmetic sees the other one."""

FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}
MAX_LINES = 350
READ_BY_FIGURES = {"record", "report"}


def noun(module: str) -> str:
    """`anil_theory.tasks.base` -> `tasks`; the package itself -> ``."""
    return module.removeprefix(PACKAGE).lstrip(".").split(".")[0]


def sides_that_meet(graph: ImportGraph) -> list[str]:
    """Modules of one side that reach the other, and modules below the verdict that reach both, directly or not."""
    found = []
    for module in graph.modules:
        if noun(module) in ("", *MEETING):
            continue
        sees = {noun(other): path for other, path in graph.reachable(module).items()}
        own = {noun(module)}
        if (MEASURED & (own | sees.keys())) and (CLAIMED & (own | sees.keys())):
            across = sorted((MEASURED | CLAIMED) & (sees.keys() - own))
            found.append(f"{module} sees both sides: " + "; ".join(" -> ".join(sees[name]) for name in across))
    return found


def upward_imports(graph: ImportGraph) -> list[str]:
    """Imports of a noun that comes later in ORDER, and nouns that have no place in ORDER."""
    unplaced = {noun(module) for module in graph.modules} - {"", *ORDER}
    found = [f"{name} has no place in ORDER" for name in sorted(unplaced)]
    for module, imported in graph.edges():
        low, high = noun(module), noun(imported)
        if low == "" or low in unplaced or high in unplaced:
            continue
        if high == "" or ORDER.index(high) > ORDER.index(low):
            found.append(f"{module} imports {imported}, which comes after it")
    return found


def crossing_folders(graph: ImportGraph) -> list[str]:
    """Imports from a folder of `certify` of a part of `certify` that FOLDERS_OF_CERTIFY does not give it."""
    above = f"{PACKAGE}.certify"
    found = []
    for module, imported in graph.edges():
        folder = folder_of_certify(module)
        if folder not in FOLDERS_OF_CERTIFY or not f"{imported}.".startswith(f"{above}."):
            continue
        if folder_of_certify(imported) not in {folder, *FOLDERS_OF_CERTIFY[folder]}:
            found.append(f"{module} imports {imported}, which {folder} may not see")
    return found


def folder_of_certify(module: str) -> str:
    """`anil_theory.certify.balls.values` -> `balls`; "" for a module outside `certify` and for `certify` itself."""
    parts = module.split(".")
    return parts[2] if parts[:2] == [PACKAGE, "certify"] and len(parts) > 2 else ""


def bad_files(root: Path) -> list[str]:
    """Python files that are too long or named after nothing."""
    found = []
    for folder in (PACKAGE, "tests", "experiments", "paper_figures"):
        for path in sorted((root / folder).rglob("*.py")):
            here = path.relative_to(root)
            lines = len(path.read_text(encoding="utf-8").splitlines())
            # What a program wrote is as long as its table.
            if lines > MAX_LINES and here.parent.name != "generated":
                found.append(f"{here} has {lines} lines, more than {MAX_LINES}")
            if FORBIDDEN_NAMES & {part.removesuffix(".py").strip("_") for part in here.parts}:
                found.append(f"{here} is not named after what it holds")
    return found


def namesakes(root: Path) -> list[str]:
    """Files of tests with one name in two folders: pytest imports a file by its name alone and refuses the second."""
    seen: dict[str, Path] = {}
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        here = path.relative_to(root)
        first = seen.setdefault(path.name, here)
        if first != here:
            found.append(f"{here} has the name of {first}")
    return found


def computing_figures(root: Path) -> list[str]:
    """Imports by paper_figures of anything of ours but records and reports."""
    graph = ImportGraph(root, "paper_figures")
    ours = (PACKAGE, "experiments", "tests")
    return [
        f"{module} imports {imported}"
        for module, imported in graph.outside(ours)
        if not (imported.startswith(f"{PACKAGE}.") and noun(imported) in READ_BY_FIGURES)
    ]


def violations(root: Path) -> list[str]:
    """Every way in which the tree at `root` departs from the architecture."""
    graph = ImportGraph(root, PACKAGE)
    return [
        *sides_that_meet(graph),
        *upward_imports(graph),
        *crossing_folders(graph),
        *graph.cycles(),
        *bad_files(root),
        *namesakes(root),
        *computing_figures(root),
    ]


def test_the_package_keeps_its_architecture() -> None:
    assert len(ImportGraph(ROOT, PACKAGE).modules) > 15, "the package was not found"
    assert violations(ROOT) == []


def test_each_folder_of_certify_has_its_place() -> None:
    folders = {path.parent.name for path in (ROOT / PACKAGE / "certify").glob("*/__init__.py")}
    assert folders == FOLDERS_OF_CERTIFY.keys()


SOUND = {
    "anil_theory/__init__.py": "from anil_theory.verdict import judge",
    "anil_theory/constants.py": "",
    "anil_theory/tasks/__init__.py": "from anil_theory.tasks.base import Family",
    "anil_theory/tasks/base.py": "from anil_theory.constants import Constants",
    "anil_theory/estimators/__init__.py": "",
    "anil_theory/estimators/base.py": "from anil_theory import constants\nfrom ..tasks import base",
    "anil_theory/statements/__init__.py": "from . import base",
    "anil_theory/statements/base.py": "import anil_theory.constants",
    "anil_theory/verdict.py": "from anil_theory.statements.base import Claim\nimport anil_theory.estimators.base",
    "anil_theory/record.py": "import json",
    "anil_theory/certify/__init__.py": "from anil_theory.certify.balls import values",
    "anil_theory/certify/proof.py": "from anil_theory.certify.losses import plain\nimport anil_theory.certify.search",
    "anil_theory/certify/enclosures/__init__.py": "",
    "anil_theory/certify/balls/__init__.py": "",
    "anil_theory/certify/balls/values.py": "from anil_theory.certify import enclosures",
    "anil_theory/certify/intervals/__init__.py": "from anil_theory.certify.enclosures import refusals",
    "anil_theory/certify/losses/__init__.py": "",
    "anil_theory/certify/losses/plain.py": "import anil_theory.certify.balls\nimport anil_theory.certify.intervals",
    "anil_theory/certify/search/__init__.py": "",
    "tests/statements/test_base.py": "",
    "paper_figures/figure.py": "import matplotlib\nfrom anil_theory.record import RecordStore",
}


def write(root: Path, tree: dict[str, str]) -> Path:
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_sound_tree_passes(tmp_path: Path) -> None:
    assert violations(write(tmp_path, SOUND)) == []


FAULTS = {
    "direct": ("tasks/base.py", "from anil_theory.statements.base import Claim", "sees both sides"),
    "other way": ("statements/base.py", "import anil_theory.estimators.base as e", "sees both sides"),
    "relative": ("statements/base.py", "from ..tasks import base", "sees both sides"),
    "in a function": ("statements/base.py", "def f():\n    from anil_theory import tasks", "sees both sides"),
    "for types only": ("statements/base.py", "if TYPE_CHECKING:\n    from anil_theory import tasks", "sees both sides"),
    "by name": ("statements/base.py", "import_module('anil_theory.tasks.base')", "sees both sides"),
    "through a third module": ("constants.py", "import anil_theory.statements.base", "tasks.base -> anil_theory.const"),
    "through the verdict": ("tasks/base.py", "from anil_theory.verdict import judge", "sees both sides"),
    "through the package": ("statements/base.py", "from anil_theory import judge", "comes after it"),
    "upwards": ("verdict.py", "import anil_theory.record", "anil_theory.record, which comes after it"),
    "balls see intervals": ("certify/balls/rules.py", "from ..intervals import Intervals", "balls may not see"),
    "intervals see balls": ("certify/intervals/rules.py", "import anil_theory.certify.balls.values", "may not see"),
    "search sees losses": ("certify/search/boxes.py", "from anil_theory.certify.losses import plain", "may not see"),
    "folder sees a proof": ("certify/losses/flat.py", "from anil_theory.certify import proof", "losses may not see"),
    "folder sees all": ("certify/balls/rules.py", "from anil_theory.certify import NoEnclosure", "balls may not see"),
    "checker sees balls": ("checker/check.py", "from anil_theory.certify import balls", "which comes after it"),
    "unplaced noun": ("novelty.py", "", "novelty has no place in ORDER"),
    "cycle": ("tasks/other.py", "import anil_theory.tasks.third", "cycle"),
    "long file": ("record.py", "\n" * 351, "351 lines"),
    "nameless file": ("tasks/utils.py", "", "not named after what it holds"),
    "nameless folder": ("tasks/_helpers/base.py", "", "not named after what it holds"),
    "namesake": ("../tests/tasks/test_base.py", "", "has the name of tests/statements/test_base.py"),
    "figure computes": ("../paper_figures/figure.py", "from anil_theory import verdict", "figure imports anil_theory"),
    "figure runs": ("../paper_figures/figure.py", "import experiments.speed", "figure imports experiments.speed"),
    "figure imports all": ("../paper_figures/figure.py", "import anil_theory", "figure imports anil_theory"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(tmp_path: Path, fault: str) -> None:
    name, text, message = FAULTS[fault]
    write(tmp_path, SOUND)
    write(tmp_path / "anil_theory", {name: text, "tasks/third.py": "import anil_theory.tasks.other"})
    if fault != "cycle":
        (tmp_path / "anil_theory/tasks/third.py").unlink()
    assert any(message in violation for violation in violations(tmp_path)), violations(tmp_path)


def hidden_modules(package: ModuleType) -> list[str]:
    """Modules below a package that cannot be reached as its attributes, since something else has their name there."""
    found = []
    for info in pkgutil.iter_modules(package.__path__):
        name = f"{package.__name__}.{info.name}"
        if info.name == "__main__":
            continue
        module = importlib.import_module(name)
        if getattr(package, info.name) is not module:
            found.append(name)
        if info.ispkg:
            found += hidden_modules(module)
    return found


def test_no_function_hides_a_module_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hidden_modules(anil_theory) == []
    monkeypatch.setattr(anil_theory.algorithm, "step_sizes", print)
    assert hidden_modules(anil_theory) == ["anil_theory.algorithm.step_sizes"]
