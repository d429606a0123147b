"""Each script of `paper_figures/` draws its png from records, and where there are none says what writes them."""

import runpy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from anil_theory._plain import to_plain
from anil_theory.record import Record, RecordStore
from tests.report.figure_examples import block_rows, cost_curves, curvature_points, tightness_rows, training_runs

SCRIPTS = sorted((Path(__file__).parents[1] / "paper_figures").glob("*.py"))


def bench_records() -> list[Record]:
    """Runs of both geometries, one of them with measured curvature."""
    records = []
    for geometry in ("strongly-convex", "nonconvex"):
        for run in training_runs():
            cell = {"study": "bench", "dataset": run["dataset"], "settings": {"geometry": geometry}}
            cell |= {"inner_steps": run["N"], "seed": run["seed"]}
            mine = [point for point in curvature_points() if point["geometry"] == geometry and point["N"] == run["N"]]
            measured = {"loss": run["loss"], "seconds": run["seconds"], "probes": mine}
            records.append(Record(cell=cell, measurements=to_plain(measured)))
    return records


def block_records() -> list[Record]:
    """A record for each row."""
    return [Record(cell=row.pop("cell") | {"place": i}, verdicts=[row]) for i, row in enumerate(block_rows())]


def rate_records() -> list[Record]:
    """The cost study beside another."""
    cost = {"study": "cost", "curves": cost_curves()}
    return [Record(cell={"n": n}, measurements=to_plain(one)) for n, one in enumerate((cost, {"study": "floor"}))]


def tightness_records() -> list[Record]:
    """Rows of sound bounds, and a record of a broken one, which the figure leaves out."""
    sound = Record(cell={"broken": None}, measurements={"rows": tightness_rows()})
    return [sound, Record(cell={"broken": "sharp"}, measurements={})]


def compiler_records() -> list[Record]:
    """Two pairs of dimensions."""
    sizes = [{"entries_per_step": n, "flops_per_step": 3.0 * n} for n in (10, 1000)]
    return [Record(cell={"n": n}, measurements={"anil": one, "maml": one}) for n, one in enumerate(sizes)]


RECORDS: dict[str, tuple[str, Any, str]] = {
    "block_constants": ("results/block_constants/records", block_records, "experiments/block_constants"),
    "compiler_cost": ("results/compiler_cost", compiler_records, "experiments/compiler_cost.py"),
    "cost_to_accuracy": ("results/rates/records", rate_records, "anil-theory rates"),
    "curvature": ("results/bench/records", bench_records, "anil-theory bench --curvature 3"),
    "figure1_strongly_convex": ("results/bench/records", bench_records, "anil-theory bench"),
    "figure2_nonconvex": ("results/bench/records", bench_records, "anil-theory bench"),
    "tightness": ("results/tightness/records", tightness_records, "anil-theory tightness"),
}
"""Of each script the folder that it reads, what may lie there, and what writes it."""


def run_copy(script: Path, folder: Path) -> Path:
    """Run a copy of the script, so that the picture in the repository stays; where the picture of the copy is."""
    copy = folder / script.name
    shutil.copy(script, copy)
    runpy.run_path(str(copy), run_name="__main__")
    return copy.with_suffix(".png")


def keep(folder: str, records: Sequence[Record]) -> None:
    store = RecordStore(Path(folder))
    for record in records:
        store.put(record)


def test_every_script_has_records_here() -> None:
    assert [script.stem for script in SCRIPTS] == sorted(RECORDS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_draws_its_picture_beside_itself(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    place, records, command = RECORDS[script.stem]
    with pytest.raises(SystemExit, match=f"nothing to draw in {place}: run .*{command} first"):
        run_copy(script, tmp_path)
    keep(place, records())
    picture = run_copy(script, tmp_path)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"{script.stem}.png\n"
