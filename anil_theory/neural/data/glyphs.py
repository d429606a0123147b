"""The embedded data set: 100 classes of drawn glyphs with FC100's shape, generated from a seed.

A class is a glyph (`glyph_shapes`); an image is its glyph under nuisance that says nothing about the class: position,
scale, rotation, a smooth warp, stroke width, colours (which of glyph and background is the lighter, too), a textured
background, a stroke of no meaning across it, and noise. So pixels alone are a poor guide to the class, and shape is a
good one; the measured numbers are in docs/datasets.md.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from anil_theory._admissible import count
from anil_theory.neural.data.base import ImageDataset, ImageSplit
from anil_theory.neural.data.glyph_shapes import EXTENT, RESOLUTION, distance_field

VERSION = 1
"""Raise it with every change of the images: it is part of the seed and of the name of the cached file."""

CLASSES = (60, 20, 20)
PER_CLASS = 600
SIDE = 32


def generate_glyphs(
    seed: int = 0,
    *,
    classes: tuple[int, int, int] = CLASSES,
    per_class: int = PER_CLASS,
    progress: Callable[[int], None] = lambda done: None,
) -> ImageDataset:
    """The data set of `seed`: uint8 (classes, per_class, 32, 32, 3) per split, in about 15 seconds of processor time.

    The same arguments give the same bytes on one machine (another processor's sine may round one level of one pixel
    differently); a class depends on `seed` and its own number only. `progress` is called with the number of finished
    classes. Raises InvalidParameter for a negative seed and empty sizes.
    """
    seed, per_class = count("seed", seed, 0), count("per_class", per_class)
    sizes = [count("classes", size) for size in classes]
    images = np.empty((sum(sizes), per_class, SIDE, SIDE, 3), np.uint8)
    # Threads, because numpy leaves the interpreter alone while it works; each class has a generator of its own.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        drawn = pool.map(lambda number: _draw_class(seed, number, per_class), range(len(images)))
        for number, of_class in enumerate(drawn):
            images[number] = of_class
            progress(number + 1)
    names = [f"glyph-{number}" for number in range(len(images))]
    ends = np.cumsum(sizes)
    splits = [
        ImageSplit(images[end - size : end], tuple(names[end - size : end]))
        for size, end in zip(sizes, ends, strict=True)
    ]
    return ImageDataset("glyphs", *splits)


def _draw_class(seed: int, number: int, images: int) -> np.ndarray:
    """The images of one class, uint8 (images, SIDE, SIDE, 3)."""
    shape_seed, colour_seed, image_seed = np.random.SeedSequence([VERSION, seed, number]).spawn(3)
    field = distance_field(np.random.Generator(np.random.Philox(shape_seed)))
    rng = np.random.Generator(np.random.Philox(image_seed))
    width = rng.uniform(0.05, 0.13, (images, 1, 1)).astype(np.float32)
    scale = rng.uniform(7.5, 12.5, (images, 1, 1)).astype(np.float32)  # pixels per unit of the glyph
    ink = _ink(_looked_up(field, *_glyph_coordinates(rng, scale)), width, scale)
    paper, pen, other = _colours(np.random.Generator(np.random.Philox(colour_seed)), rng, images)
    drawn = paper + _texture(rng, images)
    stray = _ink(_stray_distance(rng, images), 0.8, 1.0)
    drawn += stray[..., None] * (other - drawn)
    drawn += ink[..., None] * (pen - drawn)
    grain = rng.uniform(4, 20, (images, 1, 1, 1)).astype(np.float32)
    drawn += grain * rng.standard_normal(drawn.shape, np.float32)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres (x, y) from the middle of the image, float32 (SIDE, SIDE) each."""
    axis = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    x, y = np.meshgrid(axis, axis, indexing="xy")
    return x, y


def _glyph_coordinates(rng: np.random.Generator, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel in the coordinates of its glyph, (images, SIDE, SIDE) each: moved, turned, scaled, warped."""
    images = len(scale)
    x, y = _grid()
    shift = rng.uniform(-4, 4, (2, images, 1, 1)).astype(np.float32)
    turn = rng.uniform(-0.35, 0.35, (images, 1, 1)).astype(np.float32)
    stretch = np.exp(rng.uniform(-0.15, 0.15, (images, 1, 1))).astype(np.float32)
    across, down = (x - shift[0]) / scale, (y - shift[1]) / scale
    u = (np.cos(turn) * across + np.sin(turn) * down) * stretch
    v = (np.cos(turn) * down - np.sin(turn) * across) / stretch
    wave = rng.uniform(0, 2 * np.pi, (2, images, 1, 1)).astype(np.float32)
    bend = rng.uniform(0, 0.12, (images, 1, 1)).astype(np.float32)
    return u + bend * np.sin(2.5 * v + wave[0]), v + bend * np.sin(2.5 * u + wave[1])


def _looked_up(field: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The field at (u, v), bilinear; outside it, its value at the nearest edge, where no ink is."""
    step = (RESOLUTION - 1) / (2 * EXTENT)
    column = np.clip((u + EXTENT) * step, 0, RESOLUTION - 1.001)
    row = np.clip((v + EXTENT) * step, 0, RESOLUTION - 1.001)
    left, top = column.astype(np.int32), row.astype(np.int32)
    column, row = column - left, row - top
    flat, corner = field.ravel(), top * RESOLUTION + left
    upper = flat[corner] * (1 - column) + flat[corner + 1] * column
    lower = flat[corner + RESOLUTION] * (1 - column) + flat[corner + RESOLUTION + 1] * column
    return upper * (1 - row) + lower * row


def _ink(distance: np.ndarray, width: np.ndarray | float, scale: np.ndarray | float) -> np.ndarray:
    """How much of each pixel a stroke of half-width `width` covers, in [0, 1]: its edge is one pixel wide."""
    return np.clip((width - distance) * scale + 0.5, 0, 1)


def _colours(
    of_class: np.random.Generator, rng: np.random.Generator, images: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paper, pen and the stray stroke's colour, float32 (images, 1, 1, 3) each; pen and paper differ in lightness.

    A class leans towards a hue of its pen and its paper and towards one of them being the lighter, as classes of
    photographs do: a weak hint that is there before any shape has been learnt.
    """
    lean, hue = of_class.uniform(0.15, 0.85), of_class.uniform(-30, 30, (2, 1, 1, 1, 3))
    lighter = np.where(rng.random((images, 1, 1, 1)) < lean, 1, -1)
    middle = rng.uniform(100, 155, (images, 1, 1, 1))
    contrast = rng.uniform(35, 85, (images, 1, 1, 1))
    tint = hue + rng.uniform(-35, 35, (2, images, 1, 1, 3))
    tint -= tint.mean(axis=-1, keepdims=True)
    paper, pen = middle + lighter * contrast + tint[0], middle - lighter * contrast + tint[1]
    other = rng.uniform(20, 235, (images, 1, 1, 3))
    return paper.astype(np.float32), pen.astype(np.float32), other.astype(np.float32)


def _texture(rng: np.random.Generator, images: int) -> np.ndarray:
    """Clouds and a grating, float32 (images, SIDE, SIDE, 3), around 0."""
    coarse = 6
    place = np.linspace(0, coarse - 1, SIDE)
    hat = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(coarse))).astype(np.float32)
    knots = rng.normal(0, 1, (images, coarse, coarse, 3)).astype(np.float32)
    knots *= rng.uniform(4, 26, (images, 1, 1, 1)).astype(np.float32)
    rows = np.tensordot(knots, hat, axes=(1, 1))  # (images, coarse, 3, SIDE)
    clouds = np.tensordot(rows, hat, axes=(1, 1)).transpose(0, 2, 3, 1)
    x, y = _grid()
    wave = rng.uniform(-1.2, 1.2, (2, images, 1, 1)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, (images, 1, 1)).astype(np.float32)
    height = rng.uniform(0, 14, (images, 1, 1, 3)).astype(np.float32)
    return clouds + height * np.sin(wave[0] * x + wave[1] * y + phase)[..., None]


def _stray_distance(rng: np.random.Generator, images: int) -> np.ndarray:
    """Distance in pixels to a line segment of no meaning, float32 (images, SIDE, SIDE)."""
    x, y = _grid()
    ends = rng.uniform(-16, 16, (4, images, 1, 1)).astype(np.float32)
    along_x, along_y = ends[2] - ends[0], ends[3] - ends[1]
    length = np.maximum(along_x**2 + along_y**2, 1e-3)
    place = np.clip(((x - ends[0]) * along_x + (y - ends[1]) * along_y) / length, 0, 1)
    return np.hypot(x - ends[0] - place * along_x, y - ends[1] - place * along_y)
