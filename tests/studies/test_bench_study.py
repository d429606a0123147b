"""The bench command: records, figures and verdicts from a tiny run; resumption; errors with exit status 2."""

import io
import json
from pathlib import Path

import jax
import pytest
from rich.console import Console
from typer.testing import CliRunner

from anil_theory.cli import app
from anil_theory.errors import MemoryTooSmall
from anil_theory.neural.data.archive import save_archive
from anil_theory.neural.settings import Settings
from anil_theory.record import RecordStore
from anil_theory.studies.bench.runs import memory_advice
from anil_theory.studies.bench.settings import BenchSettings
from anil_theory.studies.bench.study import BenchStudy
from anil_theory.study import RunSettings, conduct
from tests.neural.pickles import calling
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
    arguments += ["--curvature", "1"]
    first = bench(*arguments)
    assert first.exit_code == 0, first.output
    report = json.loads(first.stdout)
    assert len(report["runs"]) == 4 == len(RecordStore(tmp_path / "records"))
    assert all(len(run["loss"]) == len(run["seconds"]) == 4 for run in report["runs"])
    assert {verdict["geometry"] for verdict in report["verdicts"]} == {"nonconvex"}
    for figure in ("figure2_nonconvex.png", "curvature_nonconvex.png"):
        assert (tmp_path / figure).stat().st_size > 0
    assert "Hessian blocks, measured" in " ".join(first.stderr.split()) and "refutes nothing" in first.stderr
    for run in report["runs"]:
        looks = run["probes"]
        assert [look["iteration"] for look in looks] == ([4] if run["seed"] == 0 else [])
        for look in looks:
            assert set(look["predicted"]) == {"ww", "cross", "phiphi"} == look["blocks"].keys() - {"change"}
            assert look["constants"]["rho"] > 0 and look["constants"]["tau"] > 0
    outcomes = {v["outcome"] for record in RecordStore(tmp_path / "records") for v in record.verdicts}
    assert outcomes <= {"CONSISTENT", "INCONCLUSIVE"} and outcomes
    again = json.loads(bench(*arguments, "--resume").stdout)
    assert again["runs"] == report["runs"], "the times would differ had anything run again"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--dataset", "fc100"], "data must be the folder"),
        (["--dataset", "fc100", "--data", "nowhere"], "no such folder"),
        (["--dataset", "nothing.npz"], "nothing.npz"),
        (["--shots", "5"], "shots"),
        (["--curvature", "-1"], "curvature"),
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


def test_a_hostile_pickle_ends_the_command_by_name(tmp_path: Path) -> None:
    for name in ("FC100_train.pickle", "FC100_val.pickle", "FC100_test.pickle"):
        (tmp_path / name).write_bytes(calling("posix", "system", f"touch {tmp_path / 'mark'}"))
    result = bench("--dataset", "fc100", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert result.exit_code == 2 and "posix.system" in result.output and not (tmp_path / "mark").exists()


@pytest.mark.parametrize("error", [jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 GiB"), MemoryError()])
def test_out_of_memory_suggests_the_flags(error: Exception) -> None:
    with (
        pytest.raises(MemoryTooSmall, match=r"a --chunk smaller than 1 .*--width and fewer --tasks"),
        memory_advice(Settings()),
    ):
        raise error
    with pytest.raises(jax.errors.JaxRuntimeError), memory_advice(Settings()):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")


@pytest.mark.slow
def test_a_run_that_diverges_is_a_record_with_its_iteration(archive: str, tmp_path: Path) -> None:
    wild = ["--optimizer", "sgd", "--outer-lr", "1e8", "--geometry", "strongly-convex", "--curvature", "2"]
    result = bench("--dataset", archive, *SMALL, *wild, "--out", str(tmp_path))
    assert result.exit_code == 0 and "diverged" in result.output
    for record in RecordStore(tmp_path / "records"):
        at = record.measurements["diverged_at"]
        assert record.status == "diverged" and 0 <= at < 4 and f"at iteration {at}" in record.reason
        assert len(record.measurements["loss"]) == at + 1 and record.measurements["test"] is None
        # The start is measured, the end was not reached.
        assert [look["iteration"] for look in record.measurements["probes"]] == (
            [0] if record.cell["seed"] == 0 else []
        )


def test_a_run_that_is_told_to_stop_ends_as_ctrl_c_does(archive: str, tmp_path: Path) -> None:
    records = tmp_path / "records"

    def after_the_first_run() -> bool:
        return records.exists() and len(RecordStore(records)) == 1

    # Long enough that the second run is at work when the question is asked, several times a second.
    settings = Settings(width=2, blocks=1, tasks=2, iterations=1500, eval_tasks=2, ways=2, shots=1, queries=1)
    plan = BenchSettings(archive, geometry=("strongly-convex",), inner_steps=(1, 2), seeds=1, training=settings)
    how, console = RunSettings(out=tmp_path), Console(file=io.StringIO())
    code, report = conduct(BenchStudy(plan), how, console=console, stop=after_the_first_run)
    assert code == 130 and len(report["runs"]) == 1 and len(RecordStore(records)) == 1
