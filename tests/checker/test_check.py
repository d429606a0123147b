"""Proofs that the search writes are VALID, damaged and false ones are not, and the checker shares nothing with it."""

import ast
import gzip
import io
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anil_theory.certify.proof import Proof
from anil_theory.checker import check_file
from anil_theory.checker.__main__ import main
from anil_theory.checker.problem import Damaged
from anil_theory.cli import app
from anil_theory.studies.certify.cells import BoxCell
from tests.checker.written_proofs import document_of, rewritten
from tests.import_graph import ImportGraph

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / "anil_theory" / "checker"


def test_what_the_search_writes_is_valid_and_says_the_certified_bounds(written: Path) -> None:
    report = check_file(written)
    assert report.valid and report.boxes > 20
    blocks = document_of(written)["problems"][0]["blocks"]
    assert set(blocks) == {"ww", "wphi", "phiphi"}
    assert all(repr(text["upper"]) in report.words for text in blocks.values())


@pytest.mark.parametrize("name", ["linear-body", "softmax-head"])
def test_families_round_trip(name: str, tmp_path: Path) -> None:
    proof, cell = Proof(), BoxCell(family=name, inner_steps=1, gap=0.3)
    cell.certificates(cell.draw(), proof=proof)
    assert check_file(proof.write(tmp_path / "proof")).valid


@pytest.mark.parametrize(
    "text",
    [
        *(b'{"format": "anil-theory proof 1", "problems": [{}]}', b'{"format": "anil-theory proof 1", "format": 1}'),
        *(b"", b"{}", b"[1]", b"[" * 100_000, b'{"format": "anil-theory proof 1"}', b"\xff\xfe", b"nan"),
    ],
)
def test_files_that_are_no_proofs_are_damaged(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(text))
    with pytest.raises(Damaged):
        check_file(path)
    path.write_bytes(text)
    with pytest.raises(Damaged):
        check_file(path)


def test_a_cut_off_file_and_wrong_types_are_damaged(written: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(written.read_bytes()[:-200])
    with pytest.raises(Damaged):
        check_file(short)
    for name, value in [
        *(("alpha", "1e999999999"), ("alpha", float("inf")), ("inner_steps", -1), ("inner_steps", True)),
        *(("n_w", None), ("n_w", 0), ("n_phi", 2), ("blocks", {}), ("blocks", {"wphi2": {}}), ("region", {})),
        ("region", {"lower": [-1.0, float("nan")], "upper": [0.5, 1.0]}),
        ("region", {"lower": [-1.0, -0.5], "upper": [0.5, 1.0], "radius": "1"}),
    ]:
        document = document_of(written)
        document["problems"][0][name] = value
        with pytest.raises(Damaged):
            check_file(rewritten(tmp_path / "wrong", document))


def test_a_constant_that_grows_without_end_is_damaged(written: Path, tmp_path: Path) -> None:
    """Thirty squares of 3 would be a number of a billion digits."""
    document = document_of(written)
    squares = [{"op": "mul", "in": [i, i]} for i in range(2, 32)]
    document["problems"][0]["query"] |= {
        "equations": [{"op": "const", "in": [], "values": [3.0]}, *squares],
        "result": 32,
    }
    with pytest.raises(Damaged, match="bits"):
        check_file(rewritten(tmp_path / "growing", document))


def test_the_checker_imports_flint_and_the_standard_library_only() -> None:
    for path in CHECKER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2
                names = [] if node.level else [str(node.module)]
            assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "flint"}, path
    graph = ImportGraph(ROOT, "anil_theory")
    users = {module for module, other in graph.edges() if other.startswith("anil_theory.checker")}
    assert users <= {"anil_theory.checker", *(m for m in graph.modules if m.startswith("anil_theory.checker."))}


def test_the_checker_is_small() -> None:
    """Lines of code: blank lines, comments, docstrings, and the command line of `__main__` aside."""
    idle = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    total = 0
    for path in CHECKER.glob("[!_]*.py"):
        source = path.read_text(encoding="utf-8")
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        lines = {line for t in tokens if t.type not in idle for line in range(t.start[0], t.end[0] + 1)}
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        total += len(lines)
    assert 200 < total < 500


def test_the_command_runs_without_jax_and_ends_with_its_statuses(written: Path, tmp_path: Path) -> None:
    script = "import sys, runpy; sys.argv = sys.argv[1:]; sys.modules['jax'] = None; sys.modules['numpy'] = None\n"
    script += f"sys.path.insert(0, ''); runpy.run_path({str(CHECKER)!r}, run_name='__main__')"

    def status(path: Path) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", script, "check", str(path), "--workers", "2"], capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    code, words = status(written)
    assert code == 0 and words.startswith("VALID")
    document = document_of(written)
    document["problems"][0]["blocks"]["ww"]["bounds"][0] = 0.0
    code, words = status(rewritten(tmp_path / "forged", document))
    assert code == 4 and words.startswith("INVALID") and "box" in words
    (tmp_path / "absent").unlink(missing_ok=True)
    assert status(tmp_path / "absent")[0] == 2
    damaged = {"text": b"no proof", "short": written.read_bytes()[:-200], "bits": gzip.compress(b"{]")}
    damaged["flipped"] = written.read_bytes()[:-6] + b"\0" + written.read_bytes()[-5:]
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        code, words = status(tmp_path / name)
        assert code == 3 and words.startswith("error: ") and words.count("\n") == 1, name


@pytest.mark.parametrize(("ends", "status"), [(0, 0), (2, 2), (3, 3), (4, 4), (130, 130), (1, 3), (-9, 3)])
def test_the_command_never_ends_with_the_status_of_a_refutation(
    ends: int, status: int, monkeypatch: pytest.MonkeyPatch, written: Path
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command: subprocess.CompletedProcess(command, ends))
    assert CliRunner().invoke(app, ["check", str(written)]).exit_code == status


def test_a_failure_inside_is_one_line_and_status_3(
    monkeypatch: pytest.MonkeyPatch, written: Path, capsys: pytest.CaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("anil_theory.checker.check.check_file", fails)
    monkeypatch.setattr(sys, "argv", ["check", str(written)])
    assert main() == 3
    assert capsys.readouterr().err.count("\n") == 1
