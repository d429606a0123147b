"""Each layout that people have, written small, comes back as the same classes; what does not fit is named."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data import load_dataset
from anil_theory.neural.data.archive import load_archive, save_archive
from anil_theory.neural.data.base import SPLITS, ImageDataset, ImageSplit
from anil_theory.neural.data.benchmarks import BENCHMARKS, check_sizes, find_files, read_benchmark
from anil_theory.neural.data.layouts import read_split
from tests.neural.pickles import python2_pickle

CLASSES, PER_CLASS = 3, 4


def images_of(classes: int = CLASSES, seed: int = 0, side: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (classes, PER_CLASS, side, side, 3), np.uint8)


def labelled(images: np.ndarray, first: int, *, mixed: bool = False) -> dict[str, Any]:
    """A dict of data and labels; `mixed` interleaves the classes."""
    flat = images.reshape(-1, *images.shape[2:])
    labels = np.repeat(np.arange(first, first + len(images)), images.shape[1])
    order = np.arange(len(flat)).reshape(images.shape[:2]).T.ravel() if mixed else np.arange(len(flat))
    return {"data": flat[order], "labels": labels[order].tolist()}


def with_names(images: np.ndarray, first: int) -> dict[str, Any]:
    return labelled(images, first) | {"catname2label": {f"n{first + i}": first + i for i in range(len(images))}}


def with_class_dict(images: np.ndarray, first: int) -> dict[str, Any]:
    flat = images.reshape(-1, *images.shape[2:])
    places = np.arange(len(flat)).reshape(images.shape[:2])
    return {"image_data": flat, "class_dict": {f"n{first + i}": row.tolist() for i, row in enumerate(places)}}


LAYOUTS = {
    "fc100": (labelled, BENCHMARKS["fc100"].files[0], python2_pickle),
    "fc100 mixed": (lambda images, first: labelled(images, first, mixed=True), BENCHMARKS["fc100"].files[0], None),
    "cifar-fs": (labelled, BENCHMARKS["cifar-fs"].files[0], python2_pickle),
    "mini-imagenet names": (with_names, BENCHMARKS["mini-imagenet"].files[2], python2_pickle),
    "mini-imagenet val": (with_class_dict, BENCHMARKS["mini-imagenet"].files[0], None),
    "mini-imagenet validation": (with_class_dict, BENCHMARKS["mini-imagenet"].files[1], None),
    "mini-imagenet python 2": (with_class_dict, BENCHMARKS["mini-imagenet"].files[0], python2_pickle),
    "mini-imagenet own names": (with_class_dict, ("my_train.pkl", "my-val.pkl", "the.test.pickle"), None),
}


def write(folder: Path, files: tuple[str, ...], contents: list[Any], dump: Any = None) -> Path:
    for name, content in zip(files, contents, strict=True):
        (folder / name).write_bytes((dump or pickle.dumps)(content))
    return folder


@pytest.mark.parametrize("case", LAYOUTS)
def test_each_layout_comes_back_and_survives_conversion(tmp_path: Path, case: str) -> None:
    layout, files, dump = LAYOUTS[case]
    dataset = case.split()[0]
    parts = [images_of(seed=seed) for seed in range(3)]
    write(tmp_path, files, [layout(images, 10 * i) for i, images in enumerate(parts)], dump)
    read = load_dataset(dataset, tmp_path, allow_smaller=True)
    for (_, part), images in zip(read.splits(), parts, strict=True):
        np.testing.assert_array_equal(part.images, images)
        assert part.images.dtype == np.uint8
    assert read.validation.names == tuple(("n" if "mini" in case else "") + str(10 + i) for i in range(CLASSES))
    save_archive(tmp_path / f"{dataset}.npz", read)
    for again in (
        load_dataset(str(tmp_path / f"{dataset}.npz")),
        load_dataset(dataset, tmp_path, allow_smaller=True),
        load_dataset(dataset, tmp_path / f"{dataset}.npz", allow_smaller=True),
    ):
        assert again.name == dataset
        for (_, part), (_, before) in zip(again.splits(), read.splits(), strict=True):
            np.testing.assert_array_equal(part.images, before.images)
            assert part.names == before.names


def test_other_sizes_need_the_flag(tmp_path: Path) -> None:
    write(tmp_path, BENCHMARKS["fc100"].files[0], [labelled(images_of(seed=i), 10 * i) for i in range(3)])
    with pytest.raises(
        InvalidParameter, match=r"FC100_train.pickle: the train split.*60 classes x 600.*--allow-smaller"
    ):
        load_dataset("fc100", tmp_path)
    save_archive(tmp_path / "fc100.npz", load_dataset("fc100", tmp_path, allow_smaller=True))
    with pytest.raises(InvalidParameter, match=r"fc100.npz.*60 classes x 600"):
        load_dataset("fc100", tmp_path)
    with pytest.raises(InvalidParameter, match="archive of cifar-fs"):
        load_dataset("cifar-fs", tmp_path / "fc100.npz")


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_the_published_sizes_are_accepted(benchmark: str) -> None:
    spec = BENCHMARKS[benchmark]
    parts = []
    for split, classes in zip(SPLITS, spec.classes, strict=True):
        images = np.broadcast_to(np.zeros((), np.uint8), (classes, spec.per_class, *spec.image_shape))
        parts.append(ImageSplit(images, tuple(f"{split} {i}" for i in range(classes))))
    check_sizes(ImageDataset(benchmark, *parts), benchmark, "here")
    with pytest.raises(InvalidParameter, match="here: the train split"):
        check_sizes(ImageDataset(benchmark, parts[1], parts[0], parts[2]), benchmark, "here")


FAULTS = {
    "no labels": ({"data": np.zeros((4, 6, 6, 3), np.uint8)}, "keys"),
    "a list": ([1, 2], "dict with the keys"),
    "float images": ({"data": np.zeros((4, 6, 6, 3)), "labels": [0, 0, 1, 1]}, "data must be a uint8 array"),
    "images as text": ({"data": "images", "labels": [0]}, "data must be a uint8 array"),
    "flat images": ({"data": np.zeros((4, 108), np.uint8), "labels": [0, 0, 1, 1]}, r"shape \(N, height"),
    "channels first": ({"data": np.zeros((4, 3, 6, 6), np.uint8), "labels": [0, 0, 1, 1]}, r"1 or 3"),
    "unequal classes": ({"data": np.zeros((4, 6, 6, 3), np.uint8), "labels": [0, 0, 0, 1]}, "sizes from 1 to 3"),
    "too few labels": ({"data": np.zeros((4, 6, 6, 3), np.uint8), "labels": [0, 1]}, "each of the 4 images"),
    "too many labels": ({"data": np.zeros((2, 6, 6, 3), np.uint8), "labels": [0, 0, 1, 1]}, "each of the 2 images"),
    "text labels": ({"data": np.zeros((2, 6, 6, 3), np.uint8), "labels": ["a", 1]}, "one integer per image"),
    "ragged labels": ({"data": np.zeros((2, 6, 6, 3), np.uint8), "labels": [[0], [1, 2]]}, "layouts of"),
    "empty": ({"data": np.zeros((0, 6, 6, 3), np.uint8), "labels": []}, "shape"),
    "no classes": ({"image_data": np.zeros((2, 6, 6, 3), np.uint8), "class_dict": {}}, "at least one"),
    "positions outside": (
        {"image_data": np.zeros((2, 6, 6, 3), np.uint8), "class_dict": {"a": [0], "b": [7]}},
        "up to",
    ),
    "a position twice": ({"image_data": np.zeros((2, 6, 6, 3), np.uint8), "class_dict": {"a": [0, 0]}}, "distinct"),
    "class_dict no dict": ({"image_data": np.zeros((2, 6, 6, 3), np.uint8), "class_dict": [1]}, "class_dict must be"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_named(tmp_path: Path, fault: str) -> None:
    content, message = FAULTS[fault]
    path = tmp_path / "FC100_train.pickle"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InvalidParameter, match=message) as caught:
        read_split(path)
    assert "FC100_train.pickle" in caught.value.name


def test_classes_of_different_sizes_are_cut_with_the_flag(tmp_path: Path) -> None:
    images = np.arange(5 * 12, dtype=np.uint8).reshape(5, 2, 2, 3)
    path = tmp_path / "train.pickle"
    path.write_bytes(pickle.dumps({b"data": images, b"labels": [7, 9, 7, 9, 9]}))
    part, layout = read_split(path, allow_smaller=True)
    assert layout == "labels" and part.names == ("7", "9")
    np.testing.assert_array_equal(part.images, images[[[0, 2], [1, 3]]])


def test_a_shared_class_is_refused(tmp_path: Path) -> None:
    contents = [labelled(images_of(seed=i), first) for i, first in enumerate((10, 20, 12))]
    write(tmp_path, BENCHMARKS["fc100"].files[0], contents)
    with pytest.raises(InvalidParameter, match="class '12' in train and test"):
        load_dataset("fc100", tmp_path, allow_smaller=True)


def test_labels_that_restart_in_every_file_are_told_apart_by_content(tmp_path: Path) -> None:
    parts = [images_of(seed=seed) for seed in range(3)]
    write(tmp_path, BENCHMARKS["fc100"].files[0], [labelled(images, 0) for images in parts])
    read, layouts = read_benchmark(tmp_path, "fc100", allow_smaller=True)
    assert read.test.names == ("test-0", "test-1", "test-2") and set(layouts.values()) == {"labels"}
    parts[2][1] = parts[0][2][::-1]
    write(tmp_path, BENCHMARKS["fc100"].files[0], [labelled(images, 0) for images in parts])
    with pytest.raises(InvalidParameter, match=r"class 1 of FC100_test\.pickle is also class 2 of FC100_train\.pickle"):
        read_benchmark(tmp_path, "fc100", allow_smaller=True)


def test_files_are_found_beside_others(tmp_path: Path) -> None:
    for name in ("train_phase_train.pickle", "x_train_phase_val.pickle", "x_train_phase_test.pickle", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InvalidParameter, match=r"mini-imagenet-cache-train.*train_phase_train.pickle"):
        find_files(tmp_path, "mini-imagenet")
    for name in ("val.pickle", "test.pickle"):
        (tmp_path / name).touch()
    assert [p.name for p in find_files(tmp_path, "cifar-fs")] == [
        "train_phase_train.pickle",
        "val.pickle",
        "test.pickle",
    ]
    for benchmark in ("fc100", "cifar-fs"):
        for name in BENCHMARKS[benchmark].files[0]:
            (tmp_path / name).touch()
        assert tuple(p.name for p in find_files(tmp_path, benchmark)) == BENCHMARKS[benchmark].files[0]
    with pytest.raises(InvalidParameter, match=r"^\S+ must be a folder with the files of \S+; got 'no such folder'$"):
        find_files(tmp_path / "elsewhere", "fc100")


def test_names_and_folders_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="one of glyphs, digits, fc100"):
        load_dataset("imagenet")
    with pytest.raises(InvalidParameter, match=r"data must be the folder with the files of fc100"):
        load_dataset("fc100")
    for path in (str(tmp_path / "none.npz"), "none.npz"):
        with pytest.raises(InvalidParameter, match="exists"):
            load_dataset(path)


def test_damaged_and_foreign_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    parts = [ImageSplit(images_of(seed=i), tuple(f"{i}{j}" for j in range(CLASSES))) for i in range(3)]
    save_archive(path, ImageDataset("any", *parts))
    sound = path.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    places = np.random.default_rng(0).integers(0, len(sound), 60)
    for place in places:  # a flipped bit is noticed, or is in a field of the zip that carries nothing
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 4]) + sound[place + 1 :])
        try:
            again = load_archive(path)
        except InvalidParameter as error:
            assert "a.npz" in error.name
        else:
            assert all((getattr(again, s).images == p.images).all() for s, p in zip(SPLITS, parts, strict=True))
    for content in (b"", sound[:100], sound[:-30], pickle.dumps({})):
        path.write_bytes(content)
        with pytest.raises(InvalidParameter, match=r"a\.npz"):
            load_archive(path)
    np.savez(path, data=np.zeros(2))
    with pytest.raises(InvalidParameter, match="with the members"):
        load_archive(path)
    np.savez(path, data=np.array([{}], dtype=object))
    with pytest.raises(InvalidParameter, match="with the members"):
        load_archive(path)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    parts = [ImageSplit(images_of(seed=i), tuple(f"{i}{j}" for j in range(CLASSES))) for i in range(3)]
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        save_archive(tmp_path / "a.npz", ImageDataset("any", *parts))
    assert list(tmp_path.iterdir()) == []
