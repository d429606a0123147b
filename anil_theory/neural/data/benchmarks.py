"""The published benchmarks: which files they come in, and the split sizes that make results comparable."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data.base import SPLITS, ImageDataset, ImageSplit
from anil_theory.neural.data.layouts import positional, read_split


class Benchmark(NamedTuple):
    """A data set as published: classes per split, images per class, their shape, and the usual file names."""

    classes: tuple[int, int, int]
    per_class: int
    image_shape: tuple[int, int, int]
    files: tuple[tuple[str, str, str], ...]


BENCHMARKS = {
    "fc100": Benchmark(
        (60, 20, 20), 600, (32, 32, 3), (("FC100_train.pickle", "FC100_val.pickle", "FC100_test.pickle"),)
    ),
    "mini-imagenet": Benchmark(
        (64, 16, 20),
        600,
        (84, 84, 3),
        (
            ("mini-imagenet-cache-train.pkl", "mini-imagenet-cache-val.pkl", "mini-imagenet-cache-test.pkl"),
            ("mini-imagenet-cache-train.pkl", "mini-imagenet-cache-validation.pkl", "mini-imagenet-cache-test.pkl"),
            (
                "miniImageNet_category_split_train_phase_train.pickle",
                "miniImageNet_category_split_val.pickle",
                "miniImageNet_category_split_test.pickle",
            ),
        ),
    ),
    "cifar-fs": Benchmark(
        (64, 16, 20), 600, (32, 32, 3), (("CIFAR_FS_train.pickle", "CIFAR_FS_val.pickle", "CIFAR_FS_test.pickle"),)
    ),
}

_ROLES = {
    "train": re.compile(r"train(?!.*phase_(val|test))", re.IGNORECASE),
    "validation": re.compile(r"val(?!ue)", re.IGNORECASE),
    "test": re.compile(r"test", re.IGNORECASE),
}


def find_files(folder: Path, dataset: str) -> tuple[Path, ...]:
    """The three pickles of `dataset` in `folder`, in the order of SPLITS.

    The usual names come first; otherwise the one .pickle or .pkl whose name says train, val or test. Raises
    InvalidParameter naming the folder and the files expected.
    """
    usual = BENCHMARKS[dataset].files
    allowed = "a folder with the files of " + dataset
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else None
    except (OSError, ValueError) as error:
        raise InvalidParameter(str(folder), allowed, getattr(error, "strerror", None) or str(error)) from None
    if inside is None:
        raise InvalidParameter(str(folder), allowed, "no such folder")
    for names in usual:
        if all((folder / name).is_file() for name in names):
            return tuple(folder / name for name in names)
    pickles = [path for path in inside if path.suffix.lower() in (".pickle", ".pkl", ".p")]
    files = {split: _with_role(pickles, split) for split in SPLITS}
    if all(len(paths) == 1 for paths in files.values()):
        return tuple(files[split][0] for split in SPLITS)
    wanted = " or ".join(", ".join(names) for names in usual)
    listed = ", ".join(path.name for path in pickles[:10]) or "no pickle there"
    raise InvalidParameter(str(folder), f"a folder with {wanted}", listed)


def _with_role(pickles: list[Path], split: str) -> list[Path]:
    other = {"train": (), "validation": ("train",), "test": ("train",)}[split]
    return [
        path
        for path in pickles
        if _ROLES[split].search(path.stem)
        and not any(_ROLES[name].search(path.stem) for name in other)
        # the held-out images of the training classes, which this benchmark does not use
        and not re.search(r"phase_(val|test)", path.stem, re.IGNORECASE)
    ]


def read_benchmark(folder: Path, dataset: str, *, allow_smaller: bool = False) -> tuple[ImageDataset, dict[Path, str]]:
    """`dataset` from the pickles in `folder`, and the layout found in each file.

    Raises InvalidParameter for what `find_files`, `read_split` and `check_sizes` raise it for.
    """
    files = find_files(folder, dataset)
    read = [read_split(path, allow_smaller=allow_smaller) for path in files]
    splits = _told_apart([part for part, _ in read], files)
    result = ImageDataset(dataset, *splits)
    origin = {split: str(path) for split, path in zip(SPLITS, files, strict=True)}
    check_sizes(result, dataset, origin, allow_smaller=allow_smaller)
    return result, {path: layout for path, (_, layout) in zip(files, read, strict=True)}


def check_sizes(
    dataset: ImageDataset, benchmark: str, origin: dict[str, str] | str, *, allow_smaller: bool = False
) -> None:
    """Raise InvalidParameter, naming the file, when a split has not the published number of classes or images.

    allow_smaller   other numbers, and smaller images. Larger images, and images of the shape of another benchmark,
                    are refused all the same: they are other data.
    """
    spec = BENCHMARKS[benchmark]
    if allow_smaller:
        _check_images(dataset, benchmark, origin)
        return
    for (split, part), classes in zip(dataset.splits(), spec.classes, strict=True):
        expected, actual = (classes, spec.per_class, *spec.image_shape), part.images.shape
        if actual != expected:
            where = origin if isinstance(origin, str) else origin[split]
            raise InvalidParameter(
                f"{where}: the {split} split of {benchmark}",
                f"{_size(expected)} (another size is taken with --allow-smaller)",
                _size(actual),
            )


def _check_images(dataset: ImageDataset, benchmark: str, origin: dict[str, str] | str) -> None:
    height, width, channels = BENCHMARKS[benchmark].image_shape
    shape = dataset.image_shape
    others = {name for name, other in BENCHMARKS.items() if other.image_shape == shape} - {benchmark}
    published = shape == (height, width, channels)
    if published or (not others and shape[0] <= height and shape[1] <= width and shape[2] == channels):
        return
    where = origin if isinstance(origin, str) else ", ".join(origin.values())
    shown = "x".join(map(str, shape)) + (f", the shape of {' and '.join(sorted(others))}" if others else "")
    allowed = f"of {height}x{width}x{channels}, or smaller and of no other benchmark"
    raise InvalidParameter(f"{where}: the images of {benchmark}", allowed, shown)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} classes x {shape[1]} images of {shape[2]}x{shape[3]}x{shape[4]}"


def _told_apart(splits: list[ImageSplit], files: tuple[Path, ...]) -> list[ImageSplit]:
    """The splits with class names that identify classes across files.

    Labels that restart at 0 in every file are places and no identities: then the classes are told apart by content.
    """
    if not all(positional(part.names) for part in splits):
        return splits
    renamed, seen = [], {}
    for split, part, path in zip(SPLITS, splits, files, strict=True):
        for place, images in enumerate(part.images):
            content = _fingerprint(images)
            if content in seen:
                clash = f"class {place} of {path.name} is also {seen[content]}"
                raise InvalidParameter(str(path), "without the images of a class of another split", clash)
            seen[content] = f"class {place} of {path.name}"
        renamed.append(ImageSplit(part.images, tuple(f"{split}-{name}" for name in part.names)))
    return renamed


def _fingerprint(images: np.ndarray) -> str:
    """Equal for the same set of images, whatever their order."""
    return " ".join(sorted(hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in images))
