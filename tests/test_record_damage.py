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


DAMAGED = {
    "a tag with 400 digits": '{"$float": "' + "1" * 400 + '"}',
    "a tag with a number": '{"$float": ' + "1" * 400 + "}",
    "a tag with a float": '{"$float": 0.5}',
    "a tag with another case": '{"$float": "NaN"}',
    "a tag in a tag": '{"$float": {"$float": "nan"}}',
    "a tag with a list": '{"$float": ["nan"]}',
    "a tag with nothing": '{"$float": null}',
    "a tag with a neighbour": '{"$float": "nan", "more": 1}',
    "an integer of 400 digits": "1" * 400,
    "an integer of 5000 digits": "1" * 5000,
    "minus infinity": "-1e400",
    "no JSON": "Infinity",
    "half a character": '"\\ud800"',
    "a bad escape": '"\\x00"',
    "a raw control character": '"\x00"',
    "100,000 lists": "[" * 100_000 + "]" * 100_000,
    "900 lists": "[" * 900 + "]" * 900,
    "an end": "",
}


@pytest.mark.parametrize("place", ['"slack": 0.5', '"status": "complete"', '"schema": 2', '"reason": ""', '"seed": 0'])
@pytest.mark.parametrize("damage", DAMAGED)
def test_broken_encodings_are_unreadable_and_nothing_else(store: RecordStore, place: str, damage: str) -> None:
    record = Record({"seed": 0}, [{"outcome": "REFUTED", "slack": 0.5}])
    path = store.folder / f"{store.put(record)}.json"
    text = path.read_text()
    assert text.count(place) == 1
    path.write_text(text.replace(place, f"{place.split(':')[0]}: {DAMAGED[damage]}"))
    with pytest.raises(UnreadableRecord) as caught:
        list(store)
    message = str(caught.value)
    assert path.name in message and "delete it" in message and len(message) < 2000


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[]", b"null", b'{"$float": "nan"}', b"\x00" * 64]
)
def test_a_file_that_holds_something_else_is_unreadable(store: RecordStore, content: bytes) -> None:
    (store.folder / f"{store.put(Record({'seed': 0}))}.json").write_bytes(content)
    with pytest.raises(UnreadableRecord):
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
