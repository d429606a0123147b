"""The digits: forty classes, every turn of a digit in one split, and a clear word when scikit-learn is missing."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from anil_theory.errors import MissingLibrary
from anil_theory.neural.data import ImageDataset, load_dataset
from anil_theory.neural.data.digits import DIGITS


def stand_in(monkeypatch: pytest.MonkeyPatch, sizes: list[int]) -> np.ndarray:
    """Images as scikit-learn's, `sizes[digit]` of each digit, in place of the package; returns them."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), sizes))
    images = np.random.default_rng(1).integers(0, 17, (len(labels), 8, 8)).astype(float)
    images[:, 0, 0] = labels  # so that the class can be read off
    package, datasets = ModuleType("sklearn"), ModuleType("sklearn.datasets")
    vars(datasets)["load_digits"] = lambda: SimpleNamespace(images=images, target=labels)
    vars(package)["datasets"] = datasets
    monkeypatch.setitem(sys.modules, "sklearn", package)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", datasets)
    return images


def check(dataset: ImageDataset, per_class: int) -> None:
    assert [part.images.shape for _, part in dataset.splits()] == [(n, per_class, 32, 32, 3) for n in (24, 8, 8)]
    digits = {split: {name.split()[0] for name in part.names} for split, part in dataset.splits()}
    assert digits == {split: set(map(str, chosen)) for split, chosen in DIGITS.items()}
    images = dataset.test.images
    np.testing.assert_array_equal(images[2], np.rot90(images[0], 2, axes=(1, 2)))
    np.testing.assert_array_equal(images[..., ::4, ::4, :].repeat(4, 2).repeat(4, 3), images)
    assert images.max() == 255 and images.min() == 0


def test_turns_become_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    images = stand_in(monkeypatch, [7, 5, 6, 7, 8, 5, 6, 9, 5, 6])
    dataset = load_dataset("digits")
    check(dataset, 5)
    assert sorted(sum(DIGITS.values(), ())) == list(range(10)) and images.shape[1:] == (8, 8)
    for _, part in dataset.splits():
        for name, of_class in zip(part.names, part.images, strict=True):
            upright = np.rot90(of_class, -int(name.split()[-1]) // 90, axes=(1, 2))
            assert set(upright[:, 0, 0, 0]) == {round(int(name.split()[0]) * 255 / 16)}


def test_the_real_digits() -> None:
    pytest.importorskip("sklearn")
    check(load_dataset("digits"), 174)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingLibrary, match=r"anil_theory\[digits\]"):
        load_dataset("digits")
