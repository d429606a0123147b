"""A data set by its name."""

from pathlib import Path

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data.archive import load_archive
from anil_theory.neural.data.base import ImageDataset
from anil_theory.neural.data.benchmarks import BENCHMARKS, check_sizes, read_benchmark
from anil_theory.neural.data.digits import load_digits
from anil_theory.neural.data.glyph_cache import cached_glyphs

DATASETS = ("glyphs", "digits", *BENCHMARKS)


def load_dataset(name: str, folder: Path | None = None, *, seed: int = 0, allow_smaller: bool = False) -> ImageDataset:
    """The data set `name`: one of DATASETS, or the path of an .npz that `anil-theory data convert` wrote.

    folder         for the benchmarks: where the user put the files (docs/datasets.md), as pickles or as `<name>.npz`,
                   or such an .npz itself; for the glyphs: the cache, by default the user's;
    seed           of the glyphs;
    allow_smaller  take a benchmark with other split sizes than the published ones, or with smaller images.

    Raises InvalidParameter that names the data set, or the file and what was expected of it, MissingLibrary where the
    digits need scikit-learn, and MemoryTooSmall for a file that does not fit.
    """
    if Path(name).suffix == ".npz":
        return load_archive(Path(name))
    if name not in DATASETS:
        raise InvalidParameter("dataset", "one of " + ", ".join(DATASETS) + ", or the path of an .npz", name)
    if name == "glyphs":
        return cached_glyphs(seed, folder)
    if name == "digits":
        return load_digits()
    if folder is None:
        raise InvalidParameter("data", f"the folder with the files of {name} (see docs/datasets.md)", None)
    archive = folder if folder.suffix == ".npz" else folder / f"{name}.npz"
    if archive.is_file() or folder.suffix == ".npz":
        return _converted(archive, name, allow_smaller)
    return read_benchmark(folder, name, allow_smaller=allow_smaller)[0]


def _converted(path: Path, name: str, allow_smaller: bool) -> ImageDataset:
    dataset = load_archive(path)
    if dataset.name != name:
        raise InvalidParameter(str(path), f"an archive of {name}", dataset.name)
    check_sizes(dataset, name, str(path), allow_smaller=allow_smaller)
    return dataset
