"""Image data for the neural benchmarks: data sets by name, and episodes drawn from them on the device."""

from anil_theory.neural.data.base import ImageDataset, ImageSplit
from anil_theory.neural.data.episodes import Episode, sample_episodes
from anil_theory.neural.data.loading import DATASETS, load_dataset

__all__ = ["DATASETS", "Episode", "ImageDataset", "ImageSplit", "load_dataset", "sample_episodes"]
