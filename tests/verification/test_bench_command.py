"""The bench command: records, figures and verdicts from a tiny run; resumption; errors with exit status 2."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.neural.data.archive import save_archive
from anil_theory.record import RecordStore
from tests.neural.tiny_images import tiny_dataset

SMALL = ["--ways", "3", "--shots", "2", "--queries", "2", "--tasks", "2", "--iterations", "4", "--width", "2"]
SMALL += ["--eval-tasks", "2", "--seeds", "2", "--blocks", "1", "--inner-steps", "1", "2"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    save_archive(path, tiny_dataset())
    return str(path)


def bench(*arguments: str):
    return CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)


def test_a_tiny_run_gives_records_figures_and_verdicts_and_resumes(archive: str, tmp_path: Path) -> None:
    arguments = ["--dataset", archive, *SMALL, "--geometry", "nonconvex", "--out", str(tmp_path), "--json"]
    first = bench(*arguments)
    assert first.exit_code == 0, first.output
    report = json.loads(first.stdout)
    assert len(report["runs"]) == 4 == len(RecordStore(tmp_path / "records"))
    assert all(len(run["loss"]) == len(run["seconds"]) == 4 for run in report["runs"])
    assert {verdict["geometry"] for verdict in report["verdicts"]} == {"nonconvex"}
    assert (tmp_path / "figure2_nonconvex.png").stat().st_size > 0
    again = json.loads(bench(*arguments, "--resume").stdout)
    assert again["runs"] == report["runs"], "the times would differ had anything run again"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--ways", "9"], "ways"),
        (["--geometry", "flat"], "geometry"),
        (["--inner-steps", "0"], "inner_steps"),
        (["--outer-lr", "0.1", "0.1", "0.1"], "outer-lr"),
        (["--chunk", "5"], "chunk"),
        (["--dataset", "imagenet"], "dataset"),
    ],
)
def test_bad_input_is_named_and_exits_2(archive: str, tmp_path: Path, arguments: list[str], word: str) -> None:
    result = bench("--dataset", archive, *SMALL, *arguments, "--out", str(tmp_path))
    assert result.exit_code == 2 and word in result.output
