"""Certificates written down, so that another program can check them: `anil_theory.checker` does, and shares no code.

A `Recorder` sits between a search and its enclosures and keeps every box with its bound. A `Proof` collects problems
(the losses of a task as programs, alpha, N, the region, and the boxes of every block) and writes them into a file.
Boxes are a tree of cuts of the region, so that they cover it by construction. docs/proofs.md has the form.
"""

import gzip
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import PyTree

from anil_theory._atomic import write_atomically
from anil_theory.certify.certificate import BoxRegion
from anil_theory.certify.enclosures.enclosure import Enclosure
from anil_theory.certify.losses.exchangeable import loss_program
from anil_theory.certify.search.branch_and_bound import BoxBounds, Boxes
from anil_theory.errors import AnilTheoryError
from anil_theory.schedule import Schedule
from anil_theory.tasks.base import Losses

FORMAT = "anil-theory proof 1"

ASSERTS = (
    "Of every problem, every block xy and every z = (w, phi) of the region: the norm of D_y D_x L_D(w_N(w, phi), phi) "
    "is at most `upper`. A problem is one task, whose data are in its programs; of other tasks nothing is said."
)
"""What a file proves, in words, for whoever opens it; the checker has its own."""

MARGIN = 1e-12
"""What is stated at a witness is wider by this share than what was enclosed: JAX's derivatives round constants."""


class NoProof(AnilTheoryError, RuntimeError):
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
        bounds_of_boxes: dict[bytes, float] = {}
        for boxes, highs in self.batches:
            mine = boxes.label == label
            corners = np.concatenate([boxes.lower[mine], boxes.upper[mine]], axis=1)
            bounds_of_boxes.update(zip(map(np.ndarray.tobytes, corners), highs[mine].tolist(), strict=True))
        first = self.batches[0][0]
        first = first.take(first.label == label)
        axes = range(first.lower.shape[1])
        grid = [np.unique(np.concatenate([first.lower[:, k], first.upper[:, k]])).tolist() for k in axes]
        return _Planter(bounds_of_boxes, upper).planted(grid)


class _Planter:
    """Writes the tree of the boxes in `found` (corners as bytes, to bounds)."""

    def __init__(self, bounds_of_boxes: dict[bytes, float], upper: float):
        self.found, self.upper = bounds_of_boxes, upper
        self.letters: list[str] = []
        self.cuts: list[float] = []
        self.bounds: list[float | None] = []
        self.covered: dict[bytes, bool] = {}

    def planted(self, grid: list[list[float]]) -> Tree:
        """`grid` has the cuts along each axis between the boxes that the search started from."""
        pending: list[tuple[list[list[float]] | None, np.ndarray, float]] = [(grid, np.empty(0), math.inf)]
        while pending:
            cells, box, above = pending.pop()
            if cells is not None:
                sizes = [len(along) for along in cells]
                axis = sizes.index(max(sizes))
                if len(cells[axis]) > 2:
                    pending += [(part, box, above) for part in self._halves(cells, axis)]
                    continue
                box = np.array([c[0] for c in cells] + [c[-1] for c in cells])
            pending.extend((None, part, bound) for part, bound in self._box(box, above))
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

    def _covered(self, box: np.ndarray) -> bool:
        """Whether boxes with small enough bounds cover one; a box may be among those that only a probe looked at."""
        key = box.tobytes()
        if key not in self.covered:
            self.covered[key] = key in self.found and (
                self.found[key] <= self.upper or any(all(map(self._covered, halves)) for halves in _halves_of(box))
            )
        return self.covered[key]

    def _box(self, box: np.ndarray, above: float) -> list[tuple[np.ndarray, float]]:
        """Write a box, or the cut across it; in that case its right and its left half."""
        key = box.tobytes()
        bound = min(self.found[key], above) if key in self.found else math.nan
        if bound <= self.upper:
            self.letters.append(".")
            # -inf: the box lies outside the region.
            self.bounds.append(max(bound, 0.0) if bound > -math.inf else None)
            return []
        for axis, (left, right) in enumerate(_halves_of(box)):
            if self._covered(left) and self._covered(right):
                self.letters.append(str(axis))
                return [(right, bound), (left, bound)]
        raise NoProof(f"a box of the search has a bound of {bound}, above {self.upper}, and was not cut")


def _halves_of(box: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The left and the right half of a box, for every axis; corners one behind the other."""
    n = len(box) // 2
    for axis in range(n):
        left, right = box.copy(), box.copy()
        left[n + axis] = right[axis] = box[axis] / 2 + box[n + axis] / 2
        yield left, right


def stated_block(tree: Tree, *, upper: float, lower: float, point: Any, entries: list[list[Enclosure]]) -> dict:
    """One block of a problem as plain values.

    upper     of the norm over the region: no bound of `tree` is larger;
    lower     of the norm at `point`;  entries  of the block there, enclosed.

    Raises NoProof for entries without finite ends.
    """
    rows = []
    for row in entries:
        widest = [MARGIN * max(abs(e.low), abs(e.high)) for e in row]
        rows.append([[e.low - margin, e.high + margin] for e, margin in zip(row, widest, strict=True)])
    if not np.all(np.isfinite(rows)):
        raise NoProof("the block cannot be enclosed at the witness")
    return {
        "upper": upper,
        "tree": tree.letters,
        "cuts": tree.cuts,
        "bounds": tree.bounds,
        "witness": {"z": [float(x) for x in point], "lower": max(lower * (1 - MARGIN), 0.0), "block": rows},
    }


class Proof:
    """The problems of one file."""

    def __init__(self) -> None:
        self.problems: list[dict[str, Any]] = []

    def add(
        self,
        losses: Losses,
        data: PyTree,
        schedule: Schedule,
        region: BoxRegion,
        *,
        n_w: int,
        blocks: dict[str, dict],
        radius: float | None = None,
        subject: str = "a task",
    ) -> None:
        """Add one task: its losses with the data, alpha and N, the box (and, within it, the ball), and the blocks.

        subject   which task it is, in words: the checker quotes them.

        Raises NoEnclosure when a loss has no program in the form.
        """
        n_phi = len(region.lower) - n_w
        place: dict[str, Any] = {"lower": list(region.lower), "upper": list(region.upper)}
        self.problems.append(
            {
                "subject": subject,
                "alpha": schedule.one_alpha,
                "inner_steps": schedule.inner_steps,
                "n_w": n_w,
                "n_phi": n_phi,
                "region": place if radius is None else place | {"radius": radius},
                "support": loss_program(losses.support, data, n_w, n_phi),
                "query": loss_program(losses.query, data, n_w, n_phi),
                "blocks": blocks,
            }
        )

    def write(self, path: str | Path) -> Path:
        """Write the file, packed by gzip whatever its name, and return its path.

        Raises OSError, and NoProof when there is nothing to prove.
        """
        if not self.problems:
            raise NoProof("no search has ended with a finite bound")
        document: dict[str, Any] = {"format": FORMAT, "asserts": ASSERTS, "problems": self.problems}
        document["digest"] = hashlib.sha256(_plain(document)).hexdigest()
        target = Path(path)
        # No time stamp and no name inside: the same proof is the same file.
        packed = gzip.compress(_plain(document), mtime=0)
        write_atomically(target, lambda file: file.write(packed))
        return target


def _plain(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
