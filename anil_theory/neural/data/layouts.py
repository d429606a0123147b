"""The layouts in which people keep image classes in pickles, told apart by the keys inside and not by file names.

A layout is one entry of LAYOUTS: the keys that it needs, and how they become classes.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from anil_theory._admissible import InvalidParameter
from anil_theory.neural.data.base import ImageSplit
from anil_theory.neural.data.restricted_pickle import load_pickle


class Layout(NamedTuple):
    """A layout: its name, the keys that it needs, and `members(content)`: for each class its image positions."""

    name: str
    images: str
    keys: tuple[str, ...]
    members: Callable[[Mapping[str, Any]], dict[str, np.ndarray]]


def _by_labels(labels: Any, names: Mapping[int, str] | None = None) -> dict[str, np.ndarray]:
    flat = np.asarray(labels)
    if flat.ndim != 1 or flat.dtype.kind not in "iu":
        raise InvalidParameter("labels", "one integer per image", f"{flat.dtype} {flat.shape}")
    order = np.argsort(flat, kind="stable")
    values, starts = np.unique(flat[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {(names or {}).get(int(v), str(int(v))): part for v, part in zip(values, parts, strict=True)}


def _labels(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return _by_labels(content["labels"])


def _named_labels(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    named = content["catname2label"]
    if not isinstance(named, dict):
        raise InvalidParameter("catname2label", "a dict from class name to label", type(named).__name__)
    return _by_labels(content["labels"], {int(label): str(name) for name, label in named.items()})


def _class_dict(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    named = content["class_dict"]
    if not isinstance(named, dict):
        raise InvalidParameter("class_dict", "a dict from class name to positions", type(named).__name__)
    members = {str(name): np.asarray(positions) for name, positions in sorted(named.items())}
    for name, positions in members.items():
        if positions.ndim != 1 or positions.dtype.kind not in "iu" or len(np.unique(positions)) != len(positions):
            raise InvalidParameter(f"class_dict[{name!r}]", "a list of distinct positions", positions.dtype)
    return members


LAYOUTS = (
    Layout("class_dict", "image_data", ("class_dict",), _class_dict),
    Layout("labels with names", "data", ("labels", "catname2label"), _named_labels),
    Layout("labels", "data", ("labels",), _labels),
)
"""From the most to the least specific; the first whose keys are there is taken."""


def layout_of(content: Any) -> Layout:
    """The layout of the content of a pickle. Raises InvalidParameter naming the keys found."""
    keys = set(content) if isinstance(content, dict) else None
    for layout in LAYOUTS:
        if keys is not None and {layout.images, *layout.keys} <= keys:
            return layout
    expected = " or ".join("(" + ", ".join((one.images, *one.keys)) + ")" for one in LAYOUTS)
    found = sorted(map(str, keys))[:10] if keys is not None else type(content).__name__
    raise InvalidParameter("content", f"a dict with the keys {expected}", found)


def read_split(path: Path, *, allow_smaller: bool = False) -> tuple[ImageSplit, str]:
    """The classes in the pickle at `path`, and the name of its layout.

    `allow_smaller`: classes of different sizes are cut to the smallest, otherwise they are an error. Raises
    InvalidParameter that names the file and what was expected of it.
    """
    content = load_pickle(path)
    if isinstance(content, dict):  # Python 3 keeps the keys of some re-written files as bytes
        content = {key.decode("latin1") if isinstance(key, bytes) else key: part for key, part in content.items()}
    try:
        layout = layout_of(content)
        images = _images(layout.images, content[layout.images])
        return _classes(images, layout.members(content), allow_smaller), layout.name
    except InvalidParameter as error:
        raise InvalidParameter(f"{path}: {error.name}", error.allowed, error.given) from None
    except (TypeError, ValueError) as error:
        raise InvalidParameter(str(path), "a file in one of the layouts of docs/datasets.md", str(error)) from None


def _images(name: str, images: Any) -> np.ndarray:
    if isinstance(images, list) and images and all(isinstance(image, np.ndarray) for image in images):
        images = np.stack(images)
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise InvalidParameter(name, "a uint8 array", str(getattr(images, "dtype", type(images).__name__)))
    if images.ndim != 4 or 0 in images.shape or images.shape[-1] not in (1, 3):
        raise InvalidParameter(name, "of shape (N, height, width, 1 or 3)", images.shape)
    return images


def _classes(images: np.ndarray, members: dict[str, np.ndarray], allow_smaller: bool) -> ImageSplit:
    if not members:
        raise InvalidParameter("classes", "at least one", 0)
    sizes = {name: len(positions) for name, positions in members.items()}
    low, high = min(sizes.values()), max(sizes.values())
    if low == 0 or (low != high and not allow_smaller):
        allowed = "of one size (or cut to the smallest with --allow-smaller)"
        raise InvalidParameter("classes", allowed, f"sizes from {low} to {high}")
    order = np.concatenate([positions[:low] for positions in members.values()])
    if order.min() < 0 or order.max() >= len(images) or (low == high and len(order) != len(images)):
        allowed = f"one position for each of the {len(images)} images"
        raise InvalidParameter("labels", allowed, f"{len(order)} positions up to {order.max()}")
    if len(order) != len(images) or np.any(np.diff(order) != 1):  # files are mostly in order: then nothing is copied
        images = images[order]
    return ImageSplit(images.reshape(len(members), low, *images.shape[1:]), tuple(members))


def positional(names: Sequence[str]) -> bool:
    """Whether the names are labels 0..n-1: places in their own file, which say nothing about classes of other files."""
    return list(names) == [str(place) for place in range(len(names))]
