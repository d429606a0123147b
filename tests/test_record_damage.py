"""record.py: edits and damage that leave a record well formed are found out by its digest."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from anil_theory.record import OtherSchema, Record, RecordStore, UnreadableRecord
from tests.test_record import OLD, records


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path / "records")


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda text: text.replace("REFUTED", "CONFIRMED"), "damaged or edited"),
        (lambda text: re.sub(r'"verdicts": \[.*?\n \]', '"verdicts": []', text, flags=re.DOTALL), "damaged or edited"),
        (lambda text: text.replace('"slack": 0.5', '"slack": 1e999'), "1e999 is beyond float64"),
        (lambda text: text.replace('"slack": 0.5', '"slack": 0.5, "slack": 0.5'), "'slack' is there twice"),
        (lambda text: text.replace('"slack": 0.5', '"slack": 0.25'), "damaged or edited"),
        (lambda text: text.replace("2 cells", "3 cells"), "damaged or edited"),
    ],
    ids=["verdict", "no verdicts", "beyond float64", "twice", "number", "provenance"],
)
def test_an_edit_that_leaves_a_record_well_formed_is_found_out(store: RecordStore, edit: Any, why: str) -> None:
    record = Record({"seed": 0}, [{"outcome": "REFUTED", "slack": 0.5}], provenance={"note": "2 cells"})
    path = store.folder / f"{store.put(record)}.json"
    text = path.read_text()
    assert edit(text) != text
    path.write_text(edit(text))
    with pytest.raises(UnreadableRecord, match=re.escape(why)):
        list(store)


@given(records, records)
def test_the_digest_tells_records_apart(one: Record, other: Record) -> None:
    assert (one.digest == other.digest) == (repr(one) == repr(other))


def test_a_record_of_another_schema_is_not_called_damaged(store: RecordStore) -> None:
    path = store.folder / f"{store.put(OLD)}.json"
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 1'))
    with pytest.raises(OtherSchema, match="schema 1; this version reads 2"):
        list(store)
    # A number that only looks like one is damage.
    path.write_text(path.read_text().replace('"schema": 1', '"schema": true'))
    with pytest.raises(UnreadableRecord) as caught:
        list(store)
    assert not isinstance(caught.value, OtherSchema)
