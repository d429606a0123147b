"""What every data set is in memory: uint8 images by class, in three splits that share no class."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anil_theory._admissible import InvalidParameter

LONGEST_NAME = 500
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """The images of some classes.

    images   uint8 (classes, per_class, height, width, channels), as stored: 0..255, not normalised;
    names    one name per class, distinct, of at most LONGEST_NAME characters.

    Raises InvalidParameter for another type or shape, an empty axis, and names that do not fit.
    """

    images: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        images = self.images
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
            raise InvalidParameter("images", "a uint8 array", getattr(images, "dtype", type(images)))
        if images.ndim != 5 or 0 in images.shape:
            raise InvalidParameter("images", "of shape (classes, per_class, H, W, C), no axis empty", images.shape)
        if len(self.names) != len(images) or not all(isinstance(name, str) for name in self.names):
            raise InvalidParameter("names", f"{len(images)} strings, one per class", self.names[:10])
        longest = max(map(len, self.names))
        if longest > LONGEST_NAME:  # an array of texts gives each the space of the longest
            raise InvalidParameter("names", f"of at most {LONGEST_NAME} characters", f"{longest} characters")
        if any("\0" in name for name in self.names):  # which an array of texts would drop at the end of a name
            raise InvalidParameter("names", "without the character NUL", [n for n in self.names if "\0" in n][:10])
        repeated = sorted(name for name, times in Counter(self.names).items() if times > 1)
        if repeated:
            raise InvalidParameter("names", "distinct", repeated[:10])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.images.shape[0]

    @property
    def per_class(self) -> int:
        """Images per class."""
        return self.images.shape[1]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.images.shape[2:]


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Three splits with images of one shape and no class in common.

    Raises InvalidParameter when a class name stands in two splits (a test accuracy would then measure memory), or when
    the image shapes differ.
    """

    name: str
    train: ImageSplit
    validation: ImageSplit
    test: ImageSplit

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for split, part in self.splits():
            for name in part.names:
                if name in seen:
                    clash = f"class {name!r} in {seen[name]} and {split}"
                    raise InvalidParameter(f"splits of {self.name}", "without a class in common", clash)
                seen[name] = split
        shapes = {split: part.image_shape for split, part in self.splits()}
        if len(set(shapes.values())) > 1:
            raise InvalidParameter(f"splits of {self.name}", "of images of one shape", shapes)

    def splits(self) -> Iterator[tuple[str, ImageSplit]]:
        """Pairs (name of the split, split), in the order train, validation, test."""
        for split in SPLITS:
            yield split, getattr(self, split)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.train.image_shape
