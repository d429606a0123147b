"""Certificates written down, so that another program can check them: `anil_theory.checker` does, and shares no code.

A `Recorder` sits between a search and its enclosures and keeps every box with its bound. `problem` turns the certificates
of one task, their boxes, and the losses as programs into plain values; `write_proof` puts problems into a file. Boxes
are a tree of cuts of the region, so that they cover it by construction; docs/proofs.md has the form.
"""

import gzip
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from anil_theory.certify.branch_and_bound import BoxBounds, Boxes

FORMAT = "anil-theory proof 1"

ROUNDED = 1 - 1e-12
"""The lower end is stated a hair below the certified one, so that a reader's own rounding does not decide."""


class NoProof(RuntimeError):
    """A certificate that cannot be written down; the message says why."""


class Tree(NamedTuple):
    """Boxes as cuts of a region, in preorder.

    letters  "." a box; "0", "1", .. a cut across that coordinate in the middle a/2 + b/2; "a", "b", .. across the
             first, second, .. coordinate where the next of `cuts` says; the lower part comes first;
    bounds   of the boxes, in the order of the dots; None for a box outside the region's ball.
    """

    letters: str
    cuts: list[float]
    bounds: list[float | None]


class Recorder:
    """The boxes that a search enclosed, by label."""

    def __init__(self) -> None:
        self.batches: list[tuple[Boxes, np.ndarray]] = []

    def around(self, enclose: Callable[[Boxes], BoxBounds]) -> Callable[[Boxes], BoxBounds]:
        """The same enclosure, recorded."""

        def recorded(boxes: Boxes) -> BoxBounds:
            bounds = enclose(boxes)
            self.batches.append((boxes, np.where(np.isnan(bounds.high), math.inf, bounds.high)))
            return bounds

        return recorded

    def tree(self, upper: float, label: int = 0) -> Tree:
        """The largest boxes of the search whose bounds are at most `upper`; they cover what it started from.

        Raises NoProof when there are none, as for an infinite `upper`.
        """
        if not math.isfinite(upper):
            raise NoProof("the search has no finite upper bound")
        found: dict[bytes, float] = {}
        for boxes, highs in self.batches:
            mine = boxes.label == label
            corners = np.concatenate([boxes.lower[mine], boxes.upper[mine]], axis=1)
            found.update(zip(map(np.ndarray.tobytes, corners), highs[mine].tolist(), strict=True))
        first = self.batches[0][0]
        first = first.take(first.label == label)
        axes = range(first.lower.shape[1])
        grid = [np.unique(np.concatenate([first.lower[:, k], first.upper[:, k]])).tolist() for k in axes]
        return _Planter(found, upper).planted(grid)


class _Planter:
    """Writes the tree of the boxes in `found` (corners as bytes, to bounds)."""

    def __init__(self, found: dict[bytes, float], upper: float):
        self.found, self.upper = found, upper
        self.letters: list[str] = []
        self.cuts: list[float] = []
        self.bounds: list[float | None] = []

    def planted(self, grid: list[list[float]]) -> Tree:
        """`grid` has the cuts along each axis between the boxes that the search started from."""
        pending: list[tuple[list[list[float]] | None, np.ndarray, float]] = [(grid, np.empty(0), math.inf)]
        while pending:
            cells, box, above = pending.pop()
            if cells is not None:
                axis = max(range(len(cells)), key=lambda k: len(cells[k]))
                if len(cells[axis]) > 2:
                    pending += [(part, box, above) for part in self._halves(cells, axis)]
                    continue
                box = np.array([c[0] for c in cells] + [c[-1] for c in cells])
            pending += [(None, part, bound) for part, bound in self._box(box, above)]
        return Tree("".join(self.letters), self.cuts, self.bounds)

    def _halves(self, cells: list[list[float]], axis: int) -> list[list[list[float]]]:
        """The right and the left part of a grid."""
        along = cells[axis]
        middle = len(along) // 2
        cut = along[middle]
        if cut == along[0] / 2 + along[-1] / 2:
            self.letters.append(str(axis))
        else:
            self.letters.append(chr(ord("a") + axis))
            self.cuts.append(cut)
        parts = along[middle:], along[: middle + 1]
        return [[*cells[:axis], part, *cells[axis + 1 :]] for part in parts]

    def _box(self, box: np.ndarray, above: float) -> list[tuple[np.ndarray, float]]:
        """Write a box, or the cut across it; in that case its right and its left half."""
        key = box.tobytes()
        bound = min(self.found[key], above) if key in self.found else math.nan
        if bound <= self.upper:
            self.letters.append(".")
            # -inf: the box lies outside the region.
            self.bounds.append(max(bound, 0.0) if bound > -math.inf else None)
            return []
        n = len(box) // 2
        for axis in range(n):
            left, right = box.copy(), box.copy()
            left[n + axis] = right[axis] = box[axis] / 2 + box[n + axis] / 2
            if left.tobytes() in self.found and right.tobytes() in self.found:
                self.letters.append(str(axis))
                return [(right, bound), (left, bound)]
        raise NoProof(f"a box of the search has a bound of {bound}, above {self.upper}, and was not cut")


def stated_block(tree: Tree, upper: float, witness: dict[str, Any]) -> dict[str, Any]:
    """One block of a problem, as plain values."""
    return {"upper": upper, "witness": witness, "tree": tree.letters, "cuts": tree.cuts, "bounds": tree.bounds}


def stated_witness(point: Sequence[float], lower: float, entries: list[list[list[float]]]) -> dict[str, Any]:
    """A witness: the point, an enclosure of every entry of the block there, and what its norm is above."""
    return {"z": list(map(float, point)), "lower": max(lower * ROUNDED, 0.0), "block": entries}


def write_proof(path: str | Path, problems: list[dict[str, Any]]) -> Path:
    """Write problems into a file, packed by gzip whatever its name, and return the path. Raises OSError."""
    document: dict[str, Any] = {"format": FORMAT, "problems": problems}
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    document["digest"] = hashlib.sha256(plain.encode()).hexdigest()
    target = Path(path)
    # No time stamp and no name inside: the same proof is the same file.
    with target.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
    return target
