"""The format of our own: one .npz per data set, without pickles, written whole or not at all.

Members: `format` (FORMAT), `name`, and per split `<split>_images` (uint8, by class) and `<split>_names`. The zip's
checksums notice damage. The same content gives the same bytes, so a SHA-256 identifies it.
"""

import hashlib
from pathlib import Path

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory._atomic import write_atomically
from anil_theory._printable import printable
from anil_theory.neural.data.base import SPLITS, ImageDataset, ImageSplit
from anil_theory.neural.zipped_arrays import zipped_arrays

FORMAT = "anil_theory images 1"


def save_archive(path: Path, dataset: ImageDataset) -> None:
    """Write `dataset` to `path`, atomically. Raises OSError, with nothing changed, when the disk does not take it."""
    members: dict[str, np.ndarray] = {"format": np.array(FORMAT), "name": np.array(dataset.name)}
    for split, part in dataset.splits():
        members[f"{split}_images"] = np.ascontiguousarray(part.images)
        members[f"{split}_names"] = np.array(part.names)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: np.savez(file, **members))  # pyright: ignore[reportArgumentType]


def load_archive(path: Path) -> ImageDataset:
    """The data set in the .npz at `path`. Raises InvalidParameter naming the file when it is missing or damaged."""
    expected = {"format", "name", *(f"{split}_{part}" for split in SPLITS for part in ("images", "names"))}
    with zipped_arrays(path, "a complete .npz of this package") as archive:
        if set(archive.names) != expected:
            members = ", ".join(sorted(expected))
            raise InvalidParameter(str(path), f"an .npz with the members {members}", sorted(archive.names)[:10])
        version = _text(archive.read("format"))
        if version != FORMAT:
            raise InvalidParameter(str(path), f"of the format {FORMAT!r}", printable(version, most=80))
        try:
            parts = [
                ImageSplit(archive.read(f"{split}_images"), _names(archive.read(f"{split}_names"))) for split in SPLITS
            ]
            return ImageDataset(_text(archive.read("name")), *parts)
        except InvalidParameter as error:
            raise InvalidParameter(f"{path}: {error.name}", error.allowed, error.given) from None


def _text(array: np.ndarray) -> str:
    if array.ndim != 0 or array.dtype.kind != "U":
        raise InvalidParameter("format and name", "single texts", f"{array.dtype} {array.shape}")
    return str(array)


def _names(array: np.ndarray) -> tuple[str, ...]:
    if array.ndim != 1 or array.dtype.kind != "U":
        raise InvalidParameter("names", "one axis of texts", f"{array.dtype} {array.shape}")
    return tuple(map(str, array))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
