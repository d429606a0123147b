"""An .npz of images that is damaged or made to harm is refused in one line; nothing in it runs or fills the memory."""

import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from anil_theory._admissible import InvalidParameter
from anil_theory.cli import app
from anil_theory.errors import MemoryTooSmall
from anil_theory.neural.data.archive import FORMAT, load_archive, save_archive
from anil_theory.neural.data.base import SPLITS, ImageDataset, ImageSplit
from anil_theory.neural.zipped_arrays import FREE_BYTES, LARGEST_RATIO, zipped_arrays
from tests.neural.hostile_zips import DAMAGES, array_bytes, header, members, sound_array, write
from tests.neural.tiny_images import tiny_dataset


@pytest.fixture(scope="module")
def sound(tmp_path_factory: Any) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "tiny.npz"
    save_archive(path, tiny_dataset())
    return path.read_bytes()


def same(first: ImageDataset, second: ImageDataset) -> bool:
    return first.name == second.name and all(
        getattr(first, split).names == getattr(second, split).names
        and np.array_equal(getattr(first, split).images, getattr(second, split).images)
        for split in SPLITS
    )


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_refused_by_name_in_little_memory(tmp_path: Path, sound: bytes, damage: str) -> None:
    path = tmp_path / "tiny.npz"
    path.write_bytes(sound)
    assert same(load_archive(path), tiny_dataset())
    harm, message = DAMAGES[damage]
    harm(path)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidParameter) as caught:
            load_archive(path)
        largest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    said = str(caught.value)
    assert "tiny.npz" in caught.value.name and message in said, said
    assert "\n" not in said and len(said) < 600
    assert largest < 20 * 2**20, f"{largest / 2**20:.0f} MiB"
    assert not (tmp_path / "mark").exists()


def test_an_array_of_objects_does_run_where_pickles_are_allowed(tmp_path: Path, sound: bytes) -> None:
    """So the mark of the test above would be there if any reader of ours allowed them."""
    path = tmp_path / "tiny.npz"
    path.write_bytes(sound)
    DAMAGES["objects"][0](path)
    largest = max(members(path), key=lambda name: name.startswith("train_images"))
    with np.load(path, allow_pickle=True) as archive:
        archive[largest.removesuffix(".npy")]
    assert (tmp_path / "mark").exists()


def test_the_command_says_one_line(tmp_path: Path, sound: bytes) -> None:
    for damage in ("encrypted", "a bomb", "a pipe", "a header of signs", "objects"):
        path = tmp_path / f"{damage}.npz"
        path.write_bytes(sound)
        DAMAGES[damage][0](path)
        result = CliRunner().invoke(app, ["data", "check", str(path)], catch_exceptions=False)
        assert result.exit_code == 2 and result.output.count("\n") == 1, result.output
        assert result.output.startswith("error: ") and DAMAGES[damage][1] in result.output


@pytest.mark.parametrize("source", ["a" * 5000 + ".npz", "b" * 5000, "/dev/zero", "there\0.npz", "x/\x1b[31m.npz"])
def test_names_of_nothing_are_refused(source: str) -> None:
    result = CliRunner().invoke(app, ["data", "check", source], catch_exceptions=False)
    assert result.exit_code == 2 and result.output.count("\n") == 1 and "\x1b" not in result.output, result.output


UNFIT = {
    "a name of two texts": ({"name": np.array(["a", "b"])}, "single texts"),
    "a name of numbers": ({"name": np.array(3)}, "single texts"),
    "another format": ({"format": np.array("anil_theory images 2")}, "of the format"),
    "names of two axes": ({"train_names": np.array([["a"], ["b"]])}, "one axis of texts"),
    "names as numbers": ({"train_names": np.arange(4)}, "one axis of texts"),
    "too few names": ({"train_names": np.array(["a"])}, "4 strings, one per class"),
    "one name twice": ({"train_names": np.array(["a"] * 4)}, "distinct"),
    "images of floats": ({"train_images": np.zeros((4, 6, 8, 8, 3))}, "a uint8 array"),
    "images of four axes": ({"train_images": np.zeros((4, 6, 8, 8), np.uint8)}, "of shape"),
    "no images": ({"train_images": np.zeros((4, 0, 8, 8, 3), np.uint8)}, "no axis empty"),
    "other images": ({"train_images": np.zeros((4, 6, 4, 4, 3), np.uint8)}, "of images of one shape"),
    "a class of another split": ({"train_names": np.array(["a0", "a1", "a2", "b0"])}, "without a class in common"),
    "one member more": ({"more": np.zeros(2)}, "with the members"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, case: str) -> None:
    changes, message = UNFIT[case]
    content = {"format": np.array(FORMAT), "name": np.array("tiny")}
    for split, part in tiny_dataset().splits():
        content |= {f"{split}_images": part.images, f"{split}_names": np.array(part.names)}
    path = tmp_path / "tiny.npz"
    np.savez(path, **content | changes)
    with pytest.raises(InvalidParameter, match=message) as caught:
        load_archive(path)
    assert "tiny.npz" in caught.value.name


def test_texts_that_are_no_text_are_refused(tmp_path: Path, sound: bytes) -> None:
    path = tmp_path / "tiny.npz"
    path.write_bytes(sound)
    content = members(path) | {"name.npy": array_bytes(header("()", "'<U1'"), b"\xff\xff\xff\x7f")}
    write(path, content)
    with pytest.raises(InvalidParameter, match=r"complete \.npz"):
        load_archive(path)


def test_compressed_archives_are_read_within_the_ratio(tmp_path: Path, sound: bytes) -> None:
    path = tmp_path / "tiny.npz"
    path.write_bytes(sound)
    write(path, members(path), zipfile.ZIP_DEFLATED)
    assert same(load_archive(path), tiny_dataset())
    flat = {
        split: ImageSplit(np.full((2, 3, 8, 8, 3), i, np.uint8), (f"{i}a", f"{i}b")) for i, split in enumerate(SPLITS)
    }
    save_archive(path, ImageDataset("flat", **flat))
    write(path, members(path), zipfile.ZIP_DEFLATED)
    assert load_archive(path).name == "flat"  # a small file may be all of one colour
    assert LARGEST_RATIO * path.stat().st_size + FREE_BYTES < 2**28


@pytest.mark.parametrize(
    "array", [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(True), np.zeros((0, 3), "f4")]
)
def test_arrays_come_back_as_numpy_reads_them(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "any.npz"
    np.savez(path, array=array)
    with zipped_arrays(path, "an .npz") as archive:
        read = archive.read("array")
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype and read.shape == array.shape and read.flags.writeable
    with pytest.raises(InvalidParameter, match="no array 'other'"), zipped_arrays(path, "an .npz") as archive:
        archive.read("other")


def test_a_lack_of_memory_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "any.npz"
    write(path, {"array.npy": sound_array()})
    with pytest.raises(MemoryTooSmall, match=r"any\.npz does not fit in memory"), zipped_arrays(path, "an .npz"):
        raise MemoryError


@given(st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=3), st.integers(0))
def test_damage_is_refused_or_harmless(
    tmp_path_factory: Any, sound: bytes, flips: list[tuple[int, int]], cut: int
) -> None:
    """The checksums of a zip notice any flip in the content; one in a field that says nothing leaves the data."""
    damaged = bytearray(sound)
    for place, mask in flips:
        # Half of the flips fall on the last 2000 bytes, where the directory is.
        reach = len(damaged) if place % 2 else 2000
        damaged[len(damaged) - 1 - (place // 2) % reach] ^= mask
    if cut % 4 == 0:
        del damaged[len(damaged) - cut // 4 % len(damaged) :]
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(damaged)
    try:
        read = load_archive(path)
    except InvalidParameter as error:
        assert "damaged.npz" in error.name and "\n" not in str(error)
    else:
        assert same(read, tiny_dataset())
