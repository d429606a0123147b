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
    """A layout: its name, the keys that it needs, and `members(content, images)`: for each class its image positions.

    `images` is their number.
    """

    name: str
    images: str
    keys: tuple[str, ...]
    members: Callable[[Mapping[str, Any], int], dict[str, np.ndarray]]


def _by_labels(labels: Any, images: int, names: Mapping[int, str] | None = None) -> dict[str, np.ndarray]:
    flat = _flat("labels", labels)
    if len(flat) != images:
        raise InvalidParameter("labels", f"one position for each of the {images} images", f"{len(flat)} labels")
    if all(isinstance(label, (str, bytes)) for label in flat):
        codes, classes_found = _coded([_text(label) for label in flat])
    elif all(_is_integer(label) for label in flat):
        codes, numbers = _coded([int(label) for label in flat])
        classes_found = [(names or {}).get(number, str(number)) for number in numbers]
    else:
        kinds = sorted({type(label).__name__ for label in flat})[:5]
        raise InvalidParameter("labels", "one integer per image, or one class name", ", ".join(kinds))
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(classes_found)))
    members = dict(zip(classes_found, np.split(order, starts[1:]), strict=True))
    if len(members) < len(classes_found):
        raise InvalidParameter("class names", "distinct", "two classes of one name")
    return members


def _coded(labels: list[Any]) -> tuple[np.ndarray, list[Any]]:
    """Each label as the place of its value among the distinct values in order, and these values."""
    values = sorted(set(labels))
    place = {value: i for i, value in enumerate(values)}
    return np.array([place[label] for label in labels], dtype=int), values


def _flat(name: str, values: Any) -> list[Any]:
    """The members of a list or of an array of one axis. Raises TypeError for lists in lists and other kinds.

    Nothing goes through numpy.asarray here: it would write out what a damaged list shares with itself.
    """
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise InvalidParameter(name, "of one axis", values.shape)
        return values.tolist()
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"{name} is of the type {type(values).__name__}, and no list or array")
    members = [value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value for value in values]
    if any(isinstance(value, (list, tuple, dict, np.ndarray)) for value in members):
        raise TypeError(f"{name} is a list with lists or arrays in it")
    return members


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """A name; Python 3 reads the strings of some re-written files as bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _labels(content: Mapping[str, Any], images: int) -> dict[str, np.ndarray]:
    return _by_labels(content["labels"], images)


def _named_labels(content: Mapping[str, Any], images: int) -> dict[str, np.ndarray]:
    named = content["catname2label"]
    if not isinstance(named, dict):
        raise InvalidParameter("catname2label", "a dict from class name to label", type(named).__name__)
    names: dict[int, str] = {}
    for name, label in named.items():
        if not _is_integer(label) or int(label) in names:
            raise InvalidParameter("catname2label", "a dict from class name to an integer of its own", f"{label!r:.80}")
        names[int(label)] = _text(name)
    return _by_labels(content["labels"], images, names)


def _class_dict(content: Mapping[str, Any], images: int) -> dict[str, np.ndarray]:
    named = content["class_dict"]
    if not isinstance(named, dict):
        raise InvalidParameter("class_dict", "a dict from class name to positions", type(named).__name__)
    members: dict[str, np.ndarray] = {}
    left = images
    texts = {_text(name): text for name, text in named.items()}
    if len(texts) < len(named):
        raise InvalidParameter("class_dict", "a dict with names that are distinct as text", "equal names")
    for name, text in sorted(texts.items(), key=lambda item: item[0]):
        positions = _flat(f"class_dict[{name[:80]!r}]", text)
        left -= len(positions)
        if left < 0:
            raise InvalidParameter("class_dict", f"one position for each of the {images} images", "more positions")
        if not all(_is_integer(position) and 0 <= position < images for position in positions):
            raise InvalidParameter(f"class_dict[{name[:80]!r}]", f"positions of images, up to {images - 1}", "others")
        members[name] = np.array(positions, dtype=int)
    every = np.concatenate(list(members.values())) if members else np.zeros(0, int)
    if len(np.unique(every)) < len(every):
        raise InvalidParameter("class_dict", "lists of distinct positions, each image in one", "an image twice")
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
    expected = " or ".join("(" + ", ".join((known.images, *known.keys)) + ")" for known in LAYOUTS)
    shown = sorted(str(key)[:80] for key in keys)[:10] if keys is not None else type(content).__name__
    raise InvalidParameter("content", f"a dict with the keys {expected}", shown)


def read_split(path: Path, *, allow_smaller: bool = False) -> tuple[ImageSplit, str]:
    """The classes in the pickle at `path`, and the name of its layout.

    `allow_smaller`: classes of different sizes are cut to the smallest, otherwise they are an error. Raises
    InvalidParameter that names the file and what was expected of it.
    """
    content = load_pickle(path)
    try:
        if isinstance(content, dict):
            content = _keyed_by_text(content)
        layout = layout_of(content)
        images = _images(layout.images, content[layout.images], largest=2 * path.stat().st_size)
        return _classes(images, layout.members(content, len(images)), allow_smaller), layout.name
    except InvalidParameter as error:
        raise InvalidParameter(f"{path}: {error.name}", error.allowed, error.given) from None
    except (TypeError, ValueError) as error:
        raise InvalidParameter(str(path), "a file in one of the layouts of docs/datasets.md", str(error)) from None


def _keyed_by_text(content: dict[Any, Any]) -> dict[Any, Any]:
    keyed = {_text(key) if isinstance(key, bytes) else key: part for key, part in content.items()}
    if len(keyed) < len(content):
        raise InvalidParameter("content", "a dict with keys that are distinct as text", "equal keys")
    return keyed


def _images(name: str, images: Any, largest: int) -> np.ndarray:
    """The images as one array, of at most `largest` bytes where they are a list that may hold one array many times."""
    if isinstance(images, list) and images and all(isinstance(image, np.ndarray) for image in images):
        kinds = {(str(image.dtype), image.shape) for image in images}
        if len(kinds) > 1 or images[0].dtype != np.uint8:
            raise InvalidParameter(name, "a uint8 array, or a list of such of one shape", sorted(map(str, kinds))[:3])
        total = len(images) * images[0].nbytes
        if total > largest:
            raise InvalidParameter(name, "a list of images that are not repeated", f"{total} bytes of images")
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
