"""A small real data set: scikit-learn's handwritten digits, with quarter turns as further classes.

10 digits x 4 rotations = 40 classes of 174 images each (the smallest digit's number; the rest is left out). All turns
of a digit are in one split. Half a turn maps 0, 1, 8, 2 and 5 nearly to themselves and 6 to 9, so these are training
classes (6 and 9 together) or validation classes; the test digits 4 and 7 differ from all their turns.
The 8 x 8 grey images (0..16) become 32 x 32 x 3 (each pixel a 4 x 4 block, three equal channels, 0..255), the size
of the other data sets, so that the same networks take them.
"""

from types import ModuleType

import numpy as np

from anil_theory.errors import MissingLibrary
from anil_theory.neural.data.base import ImageDataset, ImageSplit

DIGITS = {"train": (0, 1, 5, 6, 8, 9), "validation": (2, 3), "test": (4, 7)}
TURNS = (0, 90, 180, 270)
_FACTOR = 4


def load_digits() -> ImageDataset:
    """24/8/8 classes x 174 uint8 images 32x32x3. Raises MissingLibrary, naming the extra, without scikit-learn."""
    bunch = _sklearn_datasets().load_digits()
    pixels, labels = np.asarray(bunch.images), np.asarray(bunch.target)
    grey = np.rint(pixels * (255 / 16)).astype(np.uint8)
    per_digit = int(np.bincount(labels, minlength=10).min())
    large = grey.repeat(_FACTOR, axis=1).repeat(_FACTOR, axis=2)
    splits = []
    for digits in DIGITS.values():
        chosen = [large[labels == digit][:per_digit] for digit in digits]
        images = [np.rot90(part, turn // 90, axes=(1, 2)) for part in chosen for turn in TURNS]
        names = tuple(f"{digit} turned by {turn}" for digit in digits for turn in TURNS)
        splits.append(ImageSplit(np.stack(images)[..., None].repeat(3, axis=-1), names))
    return ImageDataset("digits", *splits)


def _sklearn_datasets() -> ModuleType:
    try:
        import sklearn.datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        text = "dataset 'digits' needs scikit-learn: pip install 'anil_theory[digits]'"
        raise MissingLibrary(f"{text} ({error})") from None
    return sklearn.datasets
