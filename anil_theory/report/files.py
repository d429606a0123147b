"""How figures and reports become files: whole or not at all."""

from pathlib import Path

from anil_theory._atomic import save_figure, write_atomically

__all__ = ["save_figure", "write_report"]


def write_report(text: str, path: Path) -> None:
    """Write a report as UTF-8; what UTF-8 cannot say, as in the bytes of a file's name, is written as an escape."""
    content = text.encode("utf-8", "backslashreplace")
    write_atomically(path, lambda file: file.write(content))
