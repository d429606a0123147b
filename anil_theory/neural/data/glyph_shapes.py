"""What a glyph class is: strokes drawn once from the class's seed, kept as a field of distances to the nearest stroke.

Coordinates are those of the glyph: the strokes lie in the disc of radius 1, the field covers [-EXTENT, EXTENT]^2.
"""

import numpy as np

EXTENT = 2.0
RESOLUTION = 128
"""Side of the field. One cell is 1/32: finer than a stroke's edge on a 32 x 32 image."""

_KINDS = ("line", "arc", "polygon", "zigzag")


def distance_field(rng: np.random.Generator) -> np.ndarray:
    """Distances to the strokes of a new glyph, float32 (RESOLUTION, RESOLUTION), indexed [y, x]."""
    starts, ends = _segments(rng)
    axis = np.linspace(-EXTENT, EXTENT, RESOLUTION)
    points = np.stack(np.meshgrid(axis, axis, indexing="xy"), axis=-1).reshape(-1, 1, 2)
    along = ends - starts
    length = np.maximum((along**2).sum(-1), 1e-12)
    place = np.clip(((points - starts) * along).sum(-1) / length, 0.0, 1.0)
    gaps = ((points - starts - place[..., None] * along) ** 2).sum(-1)
    return np.sqrt(gaps.min(axis=1)).reshape(RESOLUTION, RESOLUTION).astype(np.float32)


def _segments(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the segments of three or four strokes, (segments, 2) each; centred, farthest point at 1."""
    paths = [_stroke(rng, _KINDS[rng.integers(len(_KINDS))]) for _ in range(rng.integers(3, 5))]
    points = np.concatenate(paths)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    scale = np.sqrt(((points - centre) ** 2).sum(-1).max())
    paths = [(path - centre) / scale for path in paths]
    return np.concatenate([path[:-1] for path in paths]), np.concatenate([path[1:] for path in paths])


def _stroke(rng: np.random.Generator, kind: str) -> np.ndarray:
    """The corners of one stroke, (corners, 2); arcs are cut into chords."""
    centre = rng.uniform(-0.6, 0.6, 2)
    turn = rng.uniform(0, 2 * np.pi)
    if kind == "line":
        half = rng.uniform(0.4, 1.0) * np.array([np.cos(turn), np.sin(turn)])
        return np.stack([centre - half, centre + half])
    if kind == "arc":
        angles = turn + np.linspace(0, rng.uniform(0.6, 2.0) * np.pi, 17)
        radii = rng.uniform(0.25, 0.8, 2)
        return centre + radii * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    if kind == "polygon":
        corners = rng.integers(3, 6)
        angles = turn + 2 * np.pi * np.arange(corners + 1) / corners
        return centre + rng.uniform(0.3, 0.8) * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return rng.uniform(-0.9, 0.9, (rng.integers(3, 5), 2))
