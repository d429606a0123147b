"""The format of our own: one .npz per data set, without pickles, written whole or not at all.

Members: `format` (FORMAT), `name`, and per split `<split>_images` (uint8, by class) and `<split>_names`. The zip's
checksums notice damage. The same content gives the same bytes, so a SHA-256 identifies it.
"""

import hashlib
import os
import secrets
import zipfile
import zlib
from pathlib import Path

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data.base import SPLITS, ImageDataset, ImageSplit

FORMAT = "anil_theory images 1"


def save_archive(path: Path, dataset: ImageDataset) -> None:
    """Write `dataset` to `path`, atomically. Raises OSError, with nothing changed, when the disk does not take it."""
    members: dict[str, np.ndarray] = {"format": np.array(FORMAT), "name": np.array(dataset.name)}
    for split, part in dataset.splits():
        members[f"{split}_images"] = np.ascontiguousarray(part.images)
        members[f"{split}_names"] = np.array(part.names)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".writing-{secrets.token_hex(8)}"  # same folder: a rename is atomic in one file system
    try:
        with temporary.open("xb") as file:
            np.savez(file, **members)  # pyright: ignore[reportArgumentType]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_archive(path: Path) -> ImageDataset:
    """The data set in the .npz at `path`. Raises InvalidParameter naming the file when it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            expected = {"format", "name", *(f"{split}_{part}" for split in SPLITS for part in ("images", "names"))}
            if not isinstance(archive, np.lib.npyio.NpzFile) or set(archive.files) != expected:
                found = sorted(getattr(archive, "files", []))[:10]
                raise InvalidParameter(str(path), "an .npz with the members " + ", ".join(sorted(expected)), found)
            if str(archive["format"]) != FORMAT:
                raise InvalidParameter(str(path), f"of the format {FORMAT!r}", str(archive["format"]))
            parts = [
                ImageSplit(archive[f"{split}_images"], tuple(map(str, archive[f"{split}_names"]))) for split in SPLITS
            ]
            return ImageDataset(str(archive["name"]), *parts)
    except InvalidParameter as error:
        if error.name == str(path):
            raise
        raise InvalidParameter(f"{path}: {error.name}", error.allowed, error.given) from None
    except FileNotFoundError:
        raise InvalidParameter(str(path), "a file that exists", "no such file") from None
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidParameter(str(path), "a complete .npz of this package", str(error)) from None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
