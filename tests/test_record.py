"""record.py: what is put is what is got; a crash, a full disk or a second writer leaves whole records only."""

import dataclasses
import errno
import fcntl
import json
import math
import multiprocessing
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anil_theory._admissible import InvalidParameter
from anil_theory._atomic import WRITING
from anil_theory.constants import Constants
from anil_theory.provenance import PACKAGES
from anil_theory.record import Record, RecordStore, Status, UnreadableRecord, key, provenance, to_plain

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
members = st.dictionaries(st.text(max_size=5), plain, max_size=4)
records = st.builds(
    Record,
    cell=members,
    verdicts=st.lists(members, max_size=2),
    measurements=members,
    provenance=members,
    status=st.sampled_from(Status),
    reason=st.text(max_size=5),
)
OLD, NEW = Record({"seed": 0}, reason="old"), Record({"seed": 0}, reason="new")


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    return RecordStore(tmp_path / "records")


def files(store: RecordStore) -> list[str]:
    return sorted(os.listdir(store.folder))


@given(records)
def test_json_round_trip_is_strict_and_exact(record: Record) -> None:
    text = record.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    again = Record.from_json(text)
    # repr compares NaN with NaN, -0.0 with 0.0 and 1 with 1.0 as they are written
    assert repr(again) == repr(record) and again.key == record.key


@given(records)
def test_the_store_gives_back_what_was_put(tmp_path_factory: pytest.TempPathFactory, record: Record) -> None:
    store = RecordStore(tmp_path_factory.mktemp("store"))
    name = store.put(record)
    assert name == record.key and name in store and store.keys() == (name,) and len(store) == 1
    assert repr(store.get(name)) == repr(record) == repr(next(iter(store)))


@given(members, st.randoms())
def test_the_key_depends_on_the_cell_alone_and_not_on_the_order_of_its_members(
    cell: dict[str, Any], random: Any
) -> None:
    names = list(cell)
    random.shuffle(names)
    assert key(cell) == key({name: cell[name] for name in names}) == Record(cell, reason="any").key
    assert len(key(cell)) == 16 and key({**cell, "another member": 0}) != key(cell)


def test_the_key_is_stable_and_sees_numbers_and_not_their_types() -> None:
    assert key({"alpha": 0.1, "inner_steps": 3}) == "2d71643781566f7a"
    assert key({"x": 1}) == key({"x": 1.0}) == key({"x": np.int32(1)}) == key({"x": jnp.float32(1)})
    assert key({"x": 0.0}) == key({"x": -0.0})
    assert len({key({"x": x}) for x in (1, True, "1", None, math.nan, math.inf, -math.inf, [1], {"x": 1})}) == 9


class Pair(NamedTuple):
    left: Any
    right: Any


def test_to_plain_of_what_the_package_handles() -> None:
    constants = to_plain(Constants(None, 1.0, 0.5, 0.5, 2.0))
    assert constants == {
        **{"mu": None, "L": 1.0, "rho": 0.5, "tau": 0.5, "M": 2.0},
        **{"region": {"radius": math.inf}, "known": "exact"},
    }
    assert to_plain(Pair(jnp.arange(2), np.float32(0.5))) == {"left": [0, 1], "right": 0.5}
    assert to_plain((np.True_, np.int8(-1), np.array(2.5), Path("a"))) == [True, -1, 2.5, "a"]
    assert to_plain(jnp.ones((1, 2), jnp.bfloat16)) == [[1.0, 1.0]]
    assert type(to_plain(np.float64(1))) is float and type(to_plain(Status.COMPLETE)) is str


@pytest.mark.parametrize(
    "value", [{1}, 1j, len, b"x", {1: 2}, np.array([None]), jax.random.key(0), Constants], ids=repr
)
def test_to_plain_names_the_member_that_has_no_plain_form(value: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^cell\.a\[1\]"):
        to_plain({"a": [0, value]}, "cell")


@pytest.mark.parametrize(
    "name, value",
    [("cell", [1]), ("verdicts", {}), ("verdicts", [1]), ("status", "done"), ("schema", 1), ("reason", None)],
)
def test_a_record_refuses_members_of_another_kind(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name} must be"):
        Record(**{"cell": {}, name: value})


def test_a_record_is_a_copy() -> None:
    cell = {"seeds": [1, 2]}
    record = Record(cell)
    cell["seeds"].append(3)
    assert record.cell == {"seeds": [1, 2]} and record.status is Status.COMPLETE
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.reason = ""  # pyright: ignore[reportAttributeAccessIssue]


def test_a_later_record_of_the_same_cell_replaces_the_earlier_one(store: RecordStore) -> None:
    assert store.put(OLD) == store.put(NEW)
    assert [record.reason for record in store] == ["new"]


def test_iteration_is_in_the_order_of_the_keys_whatever_the_order_of_writing(store: RecordStore) -> None:
    names = [store.put(Record({"seed": seed})) for seed in range(20)]
    assert list(store.keys()) == sorted(names) == [record.key for record in store]


@pytest.mark.parametrize("absent", ["0" * 16, "../escape", "", "record", 3])
def test_an_absent_key(store: RecordStore, absent: Any) -> None:
    assert absent not in store
    with pytest.raises(KeyError):
        store.get(absent)


def test_foreign_files_are_ignored(store: RecordStore) -> None:
    for name in ("notes.json", ".writing-0123456789abcdef", "0123.json", "README"):
        (store.folder / name).write_text("{")
    (store.folder / ("a" * 16 + ".json")).mkdir()
    assert len(store) == 0 and list(store) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"schema": 2', '"schema": 1'),
        lambda text: text.replace('"seed": 0', '"seed": NaN'),
        lambda text: text.replace('"seed": 0', '"seed": 1e999'),
        lambda text: text.replace('"seed": 0', '"seed": 0, "seed": 0'),
        lambda text: text.replace('"reason": "old"', '"reason": "new", "reason": "old"'),
        lambda text: text.replace('"seed": 0', '"seed": {"$float": "1e5"}'),
        lambda text: text.replace('"old"', '"new"'),
        lambda text: text.replace('"complete"', '"failed"'),
        lambda text: text.replace('"digest": "', '"digest": "0'),
        lambda text: text.replace('"seed": 0', '"seed": 1'),
        lambda text: text.replace('"seed": 0', '"seed": {"$float": []}'),
        lambda text: "[" * 100_000,
        lambda text: "\udcff",
    ],
    ids=[
        "truncated",
        "empty",
        "list",
        "no members",
        "schema",
        "NaN",
        "1e999",
        "twice",
        "edited twice",
        "finite tag",
        "edited",
        "status",
        "digest",
        "other cell",
        "bad float",
        "deep",
        "not UTF-8",
    ],
)
def test_a_damaged_record_is_an_error_that_names_the_file(store: RecordStore, damage: Any) -> None:
    path = store.folder / f"{store.put(OLD)}.json"
    path.write_text(damage(path.read_text()), errors="surrogateescape")
    with pytest.raises(UnreadableRecord, match=f"{path.name} is not a readable record") as caught:
        list(store)
    assert caught.value.path == path


def test_the_remains_of_killed_runs_go_and_the_file_of_a_writer_at_work_stays(store: RecordStore) -> None:
    (store.folder / f"{WRITING}0123456789abcdef").write_text("{")
    (store.folder / f"{WRITING}folder").mkdir()
    with (store.folder / f"{WRITING}at-work").open("xb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        RecordStore(store.folder)
        assert files(store) == [f"{WRITING}at-work", f"{WRITING}folder"]
    RecordStore(store.folder)
    assert files(store) == [f"{WRITING}folder"]


def test_a_full_disk_is_not_the_fault_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space") as caught:
        RecordStore(tmp_path)
    assert not isinstance(caught.value, InvalidParameter) and os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
def test_a_failed_write_leaves_the_old_record_and_nothing_else(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    name = store.put(OLD)

    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        store.put(NEW)
    assert store.get(name).reason == "old" and files(store) == [f"{name}.json"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writes beyond `size` bytes fail half-way, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_stops_half_way_leaves_the_old_record(store: RecordStore) -> None:
    name = store.put(OLD)
    with largest_file(2**16), pytest.raises(OSError, match="File too large"):
        store.put(Record({"seed": 0}, measurements={"long": "x" * 2**20}))
    assert store.get(name).reason == "old" and files(store) == [f"{name}.json"]


def test_a_process_that_dies_before_the_rename_leaves_the_old_record(store: RecordStore) -> None:
    name = store.put(OLD)
    code = (
        "import os, sys; from anil_theory.record import Record, RecordStore; store = RecordStore(sys.argv[1]);"
        "os.replace = lambda *_: os._exit(9); store.put(Record({'seed': 0}, reason='new'))"
    )
    died = subprocess.run([sys.executable, "-c", code, str(store.folder)], cwd=Path(__file__).parents[1], check=False)
    assert died.returncode == 9
    assert store.get(name).reason == "old" and store.keys() == (name,)


def write_many(folder: Path, writer: int) -> None:
    """Put 40 records of one cell, each long enough for a torn write to show."""
    store = RecordStore(folder)
    for round_ in range(40):
        store.put(Record({"seed": 0}, measurements={"long": [writer] * 5000}, reason=f"{writer} {round_}"))


def test_two_writers_of_one_key_never_mix(store: RecordStore) -> None:
    name = store.put(Record({"seed": 0}, measurements={"long": [0]}))
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(store.folder, index)) for index in (1, 2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert len(set(store.get(name).measurements["long"])) == 1
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert files(store) == [f"{name}.json"] and store.get(name).reason.endswith(" 39")


@pytest.mark.parametrize("below", ["", "below", "below/deeper"])
def test_a_folder_that_cannot_be_made_is_refused_before_any_work(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InvalidParameter, match=r"^out must be a folder that can be written") as caught:
        RecordStore(tmp_path / "file" / below)
    assert caught.value.name == "out" and (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that no user can write")
def test_a_folder_that_exists_and_cannot_be_written_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"^out must be"):
        RecordStore("/proc/self")


def test_construction_leaves_no_trace(store: RecordStore) -> None:
    assert files(store) == [] and len(RecordStore(str(store.folder))) == 0


def test_an_object_that_looks_like_a_tagged_float_is_refused(store: RecordStore) -> None:
    with pytest.raises(InvalidParameter, match=r"\$float"):
        store.put(Record({}, measurements={"x": {"$float": "nan"}}))
    assert files(store) == []


def test_provenance_says_what_ran_where_and_when() -> None:
    started = datetime.now(UTC) - timedelta(seconds=5)
    found = provenance(started)
    assert found["jax"] == jax.__version__ and found["numpy"] == np.__version__
    begun, finished = (datetime.fromisoformat(str(found[name])) for name in ("started", "finished"))
    assert begun == started and finished - begun >= timedelta(seconds=5) and finished.utcoffset() == timedelta(0)
    assert {*PACKAGES, "sources", "python", "platform", "device", "compilation", "commit"} <= found.keys()
    assert re.fullmatch("[0-9a-f]{64}", str(found["sources"])) and found["python-flint"] == flint.__version__
    assert Record({}, provenance=found).provenance == found
