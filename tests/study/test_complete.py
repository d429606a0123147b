"""A record that lacks what the reports read is damaged, named with its file and its member, for every study."""

from pathlib import Path

import pytest

from anil_theory.record import Record, RecordStore, UnreadableRecord
from anil_theory.studies import STUDIES, settings_of
from anil_theory.study import Job, Result, run_jobs
from anil_theory.study.complete import what_is_missing


def whole(study: str) -> Record:
    """A record with every member that the study's reports read."""
    settings = settings_of(study)
    row = dict.fromkeys(settings.row_members, 0) | {"outcome": "CONSISTENT"}
    return Record({"study": study}, [row], dict.fromkeys(settings.measured, 0))


@pytest.mark.parametrize("study", STUDIES)
def test_every_member_is_missed(study: str) -> None:
    settings = settings_of(study)
    record = whole(study)
    assert what_is_missing(record, settings) == ""
    for name in settings.row_members:
        row = {member: value for member, value in record.verdicts[0].items() if member != name}
        assert what_is_missing(Record(record.cell, [row], record.measurements), settings) == (
            f"verdicts[0] has no member {name!r}"
        )
    for name in settings.measured:
        rest = {member: value for member, value in record.measurements.items() if member != name}
        assert what_is_missing(Record(record.cell, record.verdicts, rest), settings) == (
            f"measurements has no member {name!r}"
        )


def test_resuming_from_an_empty_verdict_names_file_and_member(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    job = Job({"number": 1}, lambda hand: Result(verdicts=[{"outcome": "CONSISTENT"}]))
    run_jobs([job], store)
    (record,) = store
    store.put(Record(record.cell, [{}], record.measurements, record.provenance))
    summary = run_jobs([job], store, resume=True)
    assert isinstance(summary.failure, UnreadableRecord)
    message = f"{record.key}.json is not a readable record (verdicts[0] has no member 'outcome')"
    assert message in str(summary.failure)


def test_a_folder_in_the_place_of_a_record_is_named_and_no_temporary_file(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    record = Record({"number": 1})
    store.path_of(record.key).mkdir()
    with pytest.raises(OSError) as caught:
        store.put(record)
    assert caught.value.filename == str(store.path_of(record.key)) and ".writing-" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [f"{record.key}.json"]
