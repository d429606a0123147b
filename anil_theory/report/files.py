"""How figures and reports become files: whole or not at all."""

from pathlib import Path
from typing import Any

from anil_theory._atomic import write_atomically


def save_figure(figure: Any, path: Path, *, dpi: int) -> None:
    """Write a figure of matplotlib in the format that the name of `path` ends in, and close it.

    Raises OSError where the disk does not take it, with `path` as it was.
    """
    import matplotlib.pyplot as plt

    kind = path.suffix.removeprefix(".") or "png"
    try:
        write_atomically(path, lambda file: figure.savefig(file, dpi=dpi, format=kind))
    finally:
        plt.close(figure)


def write_report(text: str, path: Path) -> None:
    """Write a report as UTF-8; what UTF-8 cannot say, as in the bytes of a file's name, is written as an escape."""
    content = text.encode("utf-8", "backslashreplace")
    write_atomically(path, lambda file: file.write(content))
