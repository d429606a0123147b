"""The commands `data convert` and `data check`: what they do and print, apart from the wiring in the command line."""

import os
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anil_theory._admissible import InvalidParameter, one_of
from anil_theory._printable import printable
from anil_theory.neural.data.archive import load_archive, save_archive, sha256
from anil_theory.neural.data.base import ImageDataset
from anil_theory.neural.data.benchmarks import BENCHMARKS, check_sizes, read_benchmark
from anil_theory.neural.data.loading import load_dataset


def convert(source: Path, out: Path, dataset: str, *, allow_smaller: bool, console: Console) -> None:
    """Read the pickles of `dataset` in the folder `source`, write them to `out` as .npz, read that back and print both.

    Raises InvalidParameter for bad input and for an `out` that cannot be written.
    """
    one_of("dataset", dataset, tuple(BENCHMARKS))
    if out.suffix != ".npz":
        raise InvalidParameter("out", "a file name that ends in .npz", str(out))
    read = _read_folder(source, dataset, allow_smaller, console)
    with console.status(Text(printable(f"writing {out}"))):
        try:
            save_archive(out, read)
        except OSError as error:
            raise InvalidParameter("out", f"a file that can be written ({error.strerror})", str(out)) from None
        load_archive(out)  # what stands there can be read
    _say(console, f"wrote {out}  sha256 {sha256(out)}")


def check(
    source: str, dataset: str | None, *, seed: int = 0, allow_smaller: bool = False, console: Console
) -> ImageDataset:
    """Read `source` (an .npz, a folder with the pickles of `dataset`, or the name of a data set) and print what it is.

    The split sizes are compared with the published ones when the data set is a benchmark. Raises InvalidParameter for
    whatever is wrong with it.
    """
    path = Path(source)
    if path.suffix == ".npz":
        with console.status(Text(printable(f"reading {path}"))):
            read = load_archive(path)
        if dataset is not None and read.name != dataset:
            raise InvalidParameter(str(path), f"an archive of {dataset}", read.name)
        if read.name in BENCHMARKS:
            check_sizes(read, read.name, str(path), allow_smaller=allow_smaller)
        _say(console, f"{path}  sha256 {sha256(path)}")
    elif os.path.isdir(source):
        if dataset is None:
            raise InvalidParameter("dataset", "given for a folder: one of " + ", ".join(BENCHMARKS), None)
        one_of("dataset", dataset, tuple(BENCHMARKS))
        return _read_folder(path, dataset, allow_smaller, console)
    else:
        read = load_dataset(source, seed=seed)
    _print_sizes(read, console)
    return read


def _read_folder(folder: Path, dataset: str, allow_smaller: bool, console: Console) -> ImageDataset:
    with console.status(Text(printable(f"reading {folder}"))):
        read, layouts = read_benchmark(folder, dataset, allow_smaller=allow_smaller)
        sums = {path: sha256(path) for path in layouts}
    for path, layout in layouts.items():
        _say(console, f"{path}  layout: {layout}  sha256 {sums[path]}")
    _print_sizes(read, console)
    return read


def _print_sizes(dataset: ImageDataset, console: Console) -> None:
    table = Table(title=Text(printable(dataset.name, most=80)))
    for heading in ("split", "classes", "images per class", "image", "mean", "first classes"):
        table.add_column(heading)
    for split, part in dataset.splits():
        shape = "x".join(map(str, part.image_shape))
        first = ", ".join(printable(name, most=40) for name in part.names[:3]) + (", ..." if part.classes > 3 else "")
        table.add_row(split, str(part.classes), str(part.per_class), shape, f"{part.images.mean():.1f}", Text(first))
    console.print(table)


def _say(console: Console, line: str) -> None:
    """Print a line with names from outside in it: neither Rich's markup nor control characters do anything."""
    console.print(Text(printable(line)), soft_wrap=True)
