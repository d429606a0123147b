"""Files that appear whole, and the remains of runs that were killed while they wrote.

Claim: a reader, a crash or a full disk finds the old file or the new one, never a part. A file is written under a
temporary name in the folder of its place and then renamed, which is atomic within one file system.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

try:
    import fcntl
except ImportError:  # not on Windows: there the remains are left where they are
    fcntl = None

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITING = ".writing-"
"""How temporary names begin."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Make `path` what `write` puts into the binary file that it is given.

    Whatever `write` raises is raised again, and so is OSError where the disk does not take it: `path` is then as it
    was, and nothing stays beside it. The error names `path`, and not the temporary file, which nobody knows.
    """
    temporary, file = _locked_temporary(path.parent)
    try:
        with file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            # Inside the block: a file that has lost its lock would look like the remains of a killed run.
            os.replace(str(temporary), path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # A full disk answers the write, which knows of no name at all.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure of matplotlib at its own dpi, in the format that the name of `path` ends in, or png.

    Raises OSError where the disk does not take it, with `path` as it was, and ValueError for an unknown format.
    """
    kind = path.suffix.removeprefix(".") or "png"
    # A pdf without its date is the same file every time.
    undated: dict[str, Any] = {"metadata": {"CreationDate": None}} if kind == "pdf" else {}
    write_atomically(path, lambda file: figure.savefig(file, dpi="figure", format=kind, **undated))


def remove_remains(folder: Path) -> int:
    """Remove the temporary files of runs that are no longer there; how many there were.

    The writer of a file holds a lock on it, which ends with its process: a file that can be locked has no writer.
    """
    if fcntl is None:
        return 0
    removed = 0
    for path in folder.glob(f"{WRITING}*"):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                removed += 1
        except OSError:  # its writer is at work, or it is not ours to remove
            continue
    return removed


def _locked_temporary(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        temporary = folder / f"{WRITING}{secrets.token_hex(8)}"
        file = temporary.open("xb")
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink > 0:
            return temporary, file
        file.close()  # another run removed it in the moment before it was locked
