"""The glyphs on disk: generated once per seed and kept in the user's cache folder."""

import logging
import os
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from anil_theory._admissible import InvalidParameter, count
from anil_theory.neural.data.archive import load_archive, save_archive
from anil_theory.neural.data.base import ImageDataset
from anil_theory.neural.data.glyphs import CLASSES, PER_CLASS, VERSION, generate_glyphs

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where generated data is kept: anil_theory in $XDG_CACHE_HOME, if that is an absolute path, or in ~/.cache."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (chosen if chosen.is_absolute() else Path.home() / ".cache") / "anil_theory"


def cached_glyphs(
    seed: int = 0,
    folder: Path | None = None,
    *,
    classes: tuple[int, int, int] = CLASSES,
    per_class: int = PER_CLASS,
    console: Console | None = None,
) -> ImageDataset:
    """The glyphs of `seed` from the cache, generated and put there when they are not in it.

    A damaged file, or one of something else, is generated anew. A folder that cannot be written costs the next call the
    time again and is logged. Progress goes to `console`, by default to standard error when that is a terminal.
    """
    seed = count("seed", seed, 0)
    sizes = "-".join(map(str, (*classes, per_class)))
    path = (folder or cache_folder()) / f"glyphs-v{VERSION}-seed{seed}-{sizes}.npz"
    if path.exists():
        try:
            dataset = load_archive(path)
            if _fits(dataset, classes, per_class):
                return dataset
            _log.warning("%s holds other data; generating it anew", path)
        except InvalidParameter as error:
            _log.warning("%s; generating it anew", error)
    dataset = _with_progress(seed, classes, per_class, console or Console(stderr=True))
    try:
        save_archive(path, dataset)
    except OSError as error:
        _log.warning("the generated glyphs could not be kept in %s (%s)", path, error.strerror)
    return dataset


def _fits(dataset: ImageDataset, classes: tuple[int, int, int], per_class: int) -> bool:
    shapes = tuple(part.images.shape[:2] for _, part in dataset.splits())
    return dataset.name == "glyphs" and shapes == tuple((size, per_class) for size in classes)


def _with_progress(seed: int, classes: tuple[int, int, int], per_class: int, console: Console) -> ImageDataset:
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("drawing glyphs", total=sum(classes))
        return generate_glyphs(
            seed, classes=classes, per_class=per_class, progress=lambda done: progress.update(bar, completed=done)
        )
