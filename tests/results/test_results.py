"""Results read back: rows, tables, labelled arrays, LaTeX; what is missing, damaged or of another version is not."""

import csv
import io
import json
import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anil_theory import InvalidParameter, load_results
from anil_theory.cli import app
from anil_theory.record import OtherSchema, Record, UnreadableRecord, key
from anil_theory.results.latex_tables import escaped
from anil_theory.results.tables import library
from anil_theory.study.complete import OUTCOMES
from anil_theory.verdict import Outcome
from tests.results.small_results import block_record, counted_record, keep

NS = (1, 3, 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records = [block_record(N, block=block) for N in NS for block in ("ww", "phiphi")]
    # Blocks of one setting are rows of one record.
    merged = [
        Record(a.cell, [*a.verdicts, *b.verdicts], provenance=a.provenance)
        for a, b in zip(records[::2], records[1::2], strict=True)
    ]
    return keep(tmp_path / "run", *merged, counted_record())


def test_rows_are_flat_and_hold_setting_bounds_and_rounding(folder: Path) -> None:
    results = load_results(folder)
    rows = results.rows(statement="prop2")
    assert len(rows) == 6 and len(results.rows()) == 18
    row = next(row for row in rows if row["N"] == 3 and row["block"] == "ww")
    assert row["mu"] == 0.1 and row["alpha"] == pytest.approx(0.1) and row["rounding"] == 1e-12
    assert row["measured"] == pytest.approx(0.9 * row["sharp"]) and row["study"] == "verify"
    assert all(value is None or isinstance(value, (str, int, float)) for row in rows for value in row.values())
    assert repr(results).startswith("Results(folder=") and "4 records: " in repr(results)
    assert "CONSISTENT 6" in results._repr_html_()


def test_results_are_found_in_a_run_its_records_and_above(folder: Path) -> None:
    numbers = {len(load_results(place).rows()) for place in (folder, folder / "records", folder.parent)}
    assert numbers == {18}


def test_an_unknown_study_or_statement_is_named(folder: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"statement must be one of those in the results: prop2, table2"):
        load_results(folder).rows(statement="thm1")
    with pytest.raises(InvalidParameter, match=r"study must be one of those in the results: verify"):
        load_results(folder).rows(study="rates")


def test_a_data_frame_and_arrays_have_the_axes_as_coordinates(folder: Path) -> None:
    pytest.importorskip("xarray")
    results = load_results(folder)
    assert results.to_pandas(statement="prop2").shape[0] == 6
    arrays = results.to_xarray("prop2")
    assert set(arrays.sizes) == {"block", "N"} and list(arrays["N"].values) == list(NS)
    point = arrays["sharp"].sel(N=3, block="ww").item()
    assert point == next(r["sharp"] for r in results.rows() if r.get("block") == "ww" and r["N"] == 3)
    assert arrays.attrs["mu"] == 0.1, "what all rows share is no axis"
    with pytest.raises(InvalidParameter, match="statement must be one of prop2, table2"):
        results.to_xarray()
    with pytest.raises(InvalidParameter, match="axes must be names of columns that tell the rows apart"):
        results.to_xarray("prop2", axes=["N"])
    with pytest.raises(InvalidParameter, match="axes must be columns of the rows"):
        results.to_xarray("prop2", axes=["nothing"])


def test_nothing_assumed_of_the_curvature_is_zero_on_the_axis_of_mu() -> None:
    pytest.importorskip("xarray")
    from anil_theory.results.tables import labelled_arrays

    rows = [{"statement": "s", "block": "ww", "mu": mu, "N": N, "measured": 1.0} for mu in (None, 0.5) for N in (1, 2)]
    arrays = labelled_arrays(rows[:3])
    assert list(arrays["mu"].values) == [0.0, 0.5] and math.isnan(arrays["measured"].sel(mu=0.5, N=2).item())


def test_csv_is_read_back_exactly_and_parquet_too(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    results = load_results(folder)
    for kind in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
        results.write(kind, folder / f"rows.{kind}")
    rows = list(csv.DictReader(io.StringIO((folder / "rows.csv").read_text())))
    assert [float(r["measured"]) for r in rows] == [r["measured"] for r in results.rows()]
    frame = pandas.read_parquet(folder / "rows.parquet")
    assert list(frame["measured"]) == [r["measured"] for r in results.rows()]


def test_latex_has_both_tables_and_every_statement(folder: Path) -> None:
    text = load_results(folder).to_latex()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3 == text.count(r"\toprule")
    assert r"gradient w & 6 & $B \left(N + 1\right)$ & 6 & $B \left(N + 1\right)$ & confirmed \\" in text
    assert r"$L_{\phi\phi}$ & $N=10$, dim 2+2" not in text.split(r"\caption")[0]
    assert "REFUTED" not in text and r"\label{tab:prop2}" in text
    for table in re.findall(r"\\begin{tabular}{(\w+)}(.*?)\\end{tabular}", text, flags=re.DOTALL):
        columns, body = table
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(lines) > 1 and all(len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1 for line in lines)


def test_words_from_outside_are_escaped_in_latex() -> None:
    assert escaped(r"50% of a_b & \x{$}") == r"50\% of a\_b \& \textbackslash{}x\{\$\}"


def test_missing_records_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InvalidParameter, match=r"anil-theory verify --out FOLDER"):
            load_results(place)
    assert list(tmp_path.iterdir()) == [], "reading makes no folder"


def _edited(folder: Path, old: str, new: str) -> Path:
    path = sorted((folder / "records").glob("*.json"))[0]
    path.write_text(path.read_text().replace(old, new))
    return path


def test_records_of_another_version_are_refused_and_never_read_as_ours(folder: Path) -> None:
    path = _edited(folder, '"schema": 2', '"schema": 1')
    with pytest.raises(OtherSchema, match=rf"{path.name}.*schema 1; this version reads 2"):
        load_results(folder)
    result = CliRunner().invoke(app, ["report", str(folder)])
    assert result.exit_code == 3 and path.name in " ".join(result.output.split()).replace(" ", "")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "verdicts[0] has no member 'statement'"),
        ({"outcome": "REFUTED"}, "verdicts[0] has no member 'statement'"),
    ],
)
def test_a_record_with_a_fitting_digest_and_without_a_member_is_damaged(folder: Path, row: dict, why: str) -> None:
    record = block_record(7)
    keep(folder, Record(record.cell, [row]))
    with pytest.raises(UnreadableRecord, match=re.escape(why)) as caught:
        load_results(folder)
    assert caught.value.path.name == f"{key(record.cell)}.json"


def test_an_outcome_that_is_none_is_damage(folder: Path) -> None:
    record = block_record(7)
    keep(folder, Record(record.cell, [dict(record.verdicts[0]) | {"outcome": "FINE"}]))
    with pytest.raises(UnreadableRecord, match="has the outcome 'FINE', which is none"):
        load_results(folder)
    assert set(OUTCOMES) == {outcome.value for outcome in Outcome}


def test_a_missing_library_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'anil_theory\[tables\]'"):
        library("no_such_library_of_tables")


def test_export_writes_files_and_says_where(folder: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(folder), "--latex", "--csv"])
    assert result.exit_code == 0 and (folder / "tables.tex").is_file() and (folder / "rows.csv").is_file()
    shown = CliRunner().invoke(app, ["export", str(folder), "--csv", "--statement", "prop2", "--out", "-"])
    assert shown.exit_code == 0 and len(shown.stdout.splitlines()) == 7


@pytest.mark.parametrize("arguments", [[], ["--csv", "--latex", "--out", "x"], ["--parquet", "--out", "-"]])
def test_misuse_of_export_is_status_2(folder: Path, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["export", str(folder), *arguments]).exit_code == 2


def test_json_of_compare_is_whole(folder: Path) -> None:
    result = CliRunner().invoke(app, ["compare", str(folder), str(folder), "--json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["same"] == 18
