"""Read a proof, cover its region, enclose every box again, and say VALID or what fails."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import math
import multiprocessing
import operator
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import flint

from .graph import Graph
from .jets import Evaluator, Packing, exact
from .program import build, number

FORMAT = "anil-theory proof 1"
BITS, WITNESS_BITS = 64, 192
LARGEST, CHUNK = 1 << 30, 200
"""Bytes of an unpacked file; boxes that a process takes at a time."""
PIECES = 4096
"""A box whose bound is not proved at once is cut into at most so many pieces."""

Corner = list[float]
Box = tuple[Corner, Corner, float | None]
Matrix = list[list[flint.arb]]


class Damaged(ValueError):
    """The file cannot be read as a proof."""


class Invalid(Exception):
    """The proof does not hold; the message says where."""


@dataclass(frozen=True)
class Report:
    """VALID and what is proved, or INVALID and why; `boxes` is how many hold."""

    valid: bool
    words: str
    boxes: int


class Objective:
    """L_D(w_N(w, phi), phi): the inner loop run on Taylor series, w <- w - alpha D_w L_S(w, phi)."""

    def __init__(self, text: dict):
        self.n_w, n, self.steps = text["n_w"], text["n_w"] + text["n_phi"], text["inner_steps"]
        graph = Graph()
        z = [graph.node("variable", i) for i in range(n)]
        w, phi = z[: self.n_w], z[self.n_w :]
        self.slopes = Evaluator(graph, graph.gradient(build(text["support"], graph, w, phi), w))
        self.outer = Evaluator(graph, [build(text["query"], graph, w, phi)])
        self.alpha = exact(number(text["alpha"]))

    def derivatives(self, packing: Packing, box: list[flint.arb]) -> dict[tuple[int, ...], flint.arb]:
        """The partial derivatives that a packing holds, over a box of balls; NaN where nothing is known."""
        flint.ctx.cap = packing.length
        z = [packing.variable(i, x) for i, x in enumerate(box)]
        w, phi = z[: self.n_w], z[self.n_w :]
        try:
            for _ in range(self.steps):
                w = [x - self.alpha * slope for x, slope in zip(w, self.slopes([*w, *phi]), strict=True)]
            # The first term makes a series of a number.
            return packing.derivatives(0 * z[0] + self.outer([*w, *phi])[0])
        except (ValueError, ZeroDivisionError):
            return dict.fromkeys(packing.wanted, flint.arb("nan"))


class Problem:
    """An objective over a region, and the stated bounds of the blocks of its Hessian."""

    def __init__(self, text: dict):
        n_w, self.n, self.blocks = text["n_w"], text["n_w"] + text["n_phi"], text["blocks"]
        self.lower, self.upper, self.radius = (text["region"].get(name) for name in ("lower", "upper", "radius"))
        if {type(x) for x in (*self.lower, *self.upper)} != {float} or not self.blocks or not text["inner_steps"] > 0:
            raise Damaged("not a proof: the region is no box, no block is stated, or N is not positive")
        self.objective = Objective(text)
        with flint.ctx.workprec(WITNESS_BITS):
            self.sharp = Objective(text)
        at = {"w": range(n_w), "phi": range(n_w, self.n)}
        names = {"ww": (at["w"], at["w"]), "wphi": (at["w"], at["phi"]), "phiphi": (at["phi"], at["phi"])}
        self.entries = {block: names[block] for block in self.blocks}
        pairs = {block: list(itertools.product(*entries)) for block, entries in self.entries.items()}
        thirds = {block: [(*pair, k) for pair in pairs[block] for k in range(self.n)] for block in pairs}
        self.second, self.third = (
            {block: Packing([self.monomial(*m) for m in tops[block]], n_w) for block in pairs}
            for tops in (pairs, thirds)
        )

    def monomial(self, *coordinates: int) -> tuple[int, ...]:
        return tuple(coordinates.count(k) for k in range(self.n))

    def boxes(self, block: str) -> Iterator[Box]:
        """The boxes of a block's tree: they are cut from the region, so that together they are the region."""
        text = self.blocks[block]
        bounds, cuts = iter(text["bounds"]), iter(text["cuts"])
        pending = [(self.lower, self.upper)]
        for letter in text["tree"]:
            if not pending:
                raise Invalid(f"block {block}: more boxes than the region has")
            lower, upper = pending.pop()
            if letter == ".":
                bound = next(bounds, math.nan)
                if bound is not None and not 0 <= bound <= text["upper"]:
                    raise Invalid(f"block {block}, box {lower} to {upper}: its bound {bound} is not in [0, upper]")
                yield lower, upper, bound
                continue
            axis = ("0123456789" if letter.isdigit() else "abcdefghij").find(letter)
            cut = middle(lower, upper)[axis] if letter.isdigit() else next(cuts, math.nan)
            if not (0 <= axis < self.n and lower[axis] <= cut <= upper[axis]):
                raise Invalid(f"block {block}, box {lower} to {upper}: no cut {letter!r} at {cut}")
            pending += halves(lower, upper, axis, cut)
        if pending:
            raise Invalid(f"block {block}, box {pending[-1][0]} to {pending[-1][1]}: it is missing")
        if [*bounds, *cuts]:
            raise Invalid(f"block {block}: more bounds or cuts than boxes")

    def fault(self, block: str, box: Box) -> str:
        """Why the bound of a box is not proved; empty where it is."""
        lower, upper, bound = box
        if bound is None:
            nearest = [max(a, min(0.0, b)) for a, b in zip(lower, upper, strict=True)]
            return "" if self.outside(nearest) else "it has no bound and meets the region"
        pending, pieces = [(lower, upper)], 1
        while pending:
            lower, upper = pending.pop()
            holds, axis = self.holds(block, lower, upper, bound)
            cut = middle(lower, upper)[axis]
            if holds is False:
                return f"the norm at {middle(lower, upper)} is larger than its bound {bound}"
            if holds is None and (pieces == PIECES or not lower[axis] < cut < upper[axis]):
                return f"its bound {bound} is not proved on {lower} to {upper}"
            if holds is None:
                pending += halves(lower, upper, axis, cut)
                pieces += 1
        return ""

    def outside(self, z: Corner) -> bool:
        """Whether a point lies outside the ball of the region."""
        return self.radius is not None and sum(Fraction(x) ** 2 for x in z) > Fraction(self.radius) ** 2

    def holds(self, block: str, lower: Corner, upper: Corner, bound: float) -> tuple[bool | None, int]:
        """Whether a bound holds on a box (None: not decided), and the coordinate to cut next."""
        rows, columns = self.entries[block]
        center = [flint.arb(x) for x in middle(lower, upper)]
        box = [flint.arb(a).union(flint.arb(b)) for a, b in zip(lower, upper, strict=True)]
        moves = [x - c for x, c in zip(box, center, strict=True)]
        here = self.objective.derivatives(self.second[block], center)
        over = self.objective.derivatives(self.third[block], box)
        pull = [0.0] * self.n
        matrix: Matrix = [[] for _ in rows]
        for i, j in itertools.product(rows, columns):
            slopes = [over[self.monomial(i, j, k)] for k in range(self.n)]
            changes = [slope * move for slope, move in zip(slopes, moves, strict=True)]
            # The mean value form beside the plain enclosure: both hold the entry everywhere on the box.
            centred, plain = sum(changes, here[self.monomial(i, j)]), over[self.monomial(i, j)]
            both = centred.is_finite() and plain.is_finite()
            matrix[i - rows[0]].append(plain.intersection(centred) if both else plain)
            pull = [p + float(change.rad()) for p, change in zip(pull, changes, strict=True)]
        if not all(map(math.isfinite, pull)) or max(pull) == 0:
            pull = list(map(operator.sub, upper, lower))
        if at_most([[here[self.monomial(i, j)] for j in columns] for i in rows], bound) is False:
            return False, 0
        return at_most(matrix, bound) or None, pull.index(max(pull))

    def check_witness(self, block: str) -> None:
        """The block at the witness: every entry between the stated ends, and a norm above `lower`."""
        text, (rows, columns) = self.blocks[block]["witness"], self.entries[block]
        z, lower = text["z"], text["lower"]
        if self.outside(z) or not all(a <= x <= b for a, x, b in zip(self.lower, z, self.upper, strict=True)):
            raise Invalid(f"block {block}: the witness {z} is not in the region")
        with flint.ctx.workprec(WITNESS_BITS):
            here = self.sharp.derivatives(self.second[block], [flint.arb(x) for x in z])
            matrix = [[here[self.monomial(i, j)] for j in columns] for i in rows]
            for found, stated in zip(matrix, text["block"], strict=True):
                for x, (low, high) in zip(found, stated, strict=True):
                    if not low <= x <= high:
                        raise Invalid(f"block {block}: an entry at the witness is {x.str(17)}, not in [{low}, {high}]")
            if lower > 0 and at_most(matrix, lower) is not False:
                raise Invalid(f"block {block}: the norm at the witness is not above {lower}")


def middle(lower: Corner, upper: Corner) -> Corner:
    return [a / 2 + b / 2 for a, b in zip(lower, upper, strict=True)]


def halves(lower: Corner, upper: Corner, axis: int, cut: float) -> list[tuple[Corner, Corner]]:
    """The parts of a box beyond and before a cut, which they share."""
    left, right = list(upper), list(lower)
    left[axis] = right[axis] = cut
    return [(right, upper), (lower, left)]


def at_most(matrix: Matrix, bound: float) -> bool | None:
    """Whether the norm of every matrix in a ball matrix is at most a bound; False: of none; None: not decided."""
    entries = [x for row in matrix for x in row]
    if not all(x.is_finite() for x in entries):
        return None
    if len(entries) == 1:
        return True if abs(entries[0]) <= bound else False if abs(entries[0]) > bound else None
    size, spread = _length(entries), _length([flint.arb(x.rad()) for x in entries])
    # ||A|| <= ||A||_F, and ||A|| <= ||middle of A|| + ||radii of A||_F.
    if size <= bound or (spread < bound and _definite([[x.mid() for x in row] for row in matrix], bound - spread)):
        return True
    return False if _definite(matrix, flint.arb(bound)) is False else None


def _definite(matrix: Matrix, bound: flint.arb) -> bool | None:
    """Whether bound^2 I - A A^T is positive definite, by elimination."""
    rest = [[-sum(map(operator.mul, a, b), flint.arb(0)) for b in matrix] for a in matrix]
    for k in range(len(matrix)):
        rest[k][k] += bound**2
    for k, row in enumerate(rest):
        if not row[k] > 0:
            return False if row[k] < 0 else None
        for other in rest[k + 1 :]:
            factor = other[k] / row[k]
            other[:] = [x - factor * y for x, y in zip(other, row, strict=True)]
    return True


def _length(entries: list[flint.arb]) -> flint.arb:
    return sum((x * x for x in entries), flint.arb(0)).sqrt()


def digest(document: dict) -> str:
    """The digest of everything else in a proof."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()


def read(path: str | Path) -> dict:
    """A file as plain values. Raises Damaged."""
    try:
        with gzip.open(path) as file:
            raw = file.read(LARGEST + 1)
        document = json.loads(raw) if len(raw) <= LARGEST else None
    except (ValueError, EOFError, OSError, zlib.error, RecursionError) as error:
        raise Damaged(f"not a proof: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT or not document.get("problems"):
        raise Damaged(f"not a proof: its format is not {FORMAT!r}, or it has no problems")
    return document


_problems: list[Problem] = []


def _prepare(document: dict) -> None:
    flint.ctx.prec = BITS
    _problems[:] = [Problem(text) for text in document["problems"]]


def _checked(chunk: tuple[int, str, list[Box]]) -> tuple[int, str]:
    """How many boxes of a chunk hold, and what is wrong with the next one."""
    which, block, boxes = chunk
    for count, box in enumerate(boxes):
        reason = _problems[which].fault(block, box)
        if reason:
            return count, f"block {block}, box {box[0]} to {box[1]}: {reason}"
    return len(boxes), ""


def _chunks() -> Iterator[tuple[int, str, list[Box]]]:
    for which, problem in enumerate(_problems):
        for block in problem.blocks:
            boxes = problem.boxes(block)
            while part := list(itertools.islice(boxes, CHUNK)):
                yield which, block, part


def check_file(path: str | Path, workers: int = 1) -> Report:
    """Check a proof, in so many processes. Raises Damaged for a file that cannot be read as one."""
    document, pool, done, bits, cap = read(path), None, 0, flint.ctx.prec, flint.ctx.cap
    try:
        expected = digest(document)
        _prepare(document)
        for problem in _problems:
            for block in problem.blocks:
                problem.check_witness(block)
        pool = multiprocessing.Pool(workers, _prepare, (document,)) if workers > 1 else None
        for held, reason in (pool.imap if pool else map)(_checked, _chunks()):
            done += held
            if reason:
                raise Invalid(reason)
        if document["digest"] != expected:
            raise Invalid("the digest is not that of the contents: the file was changed after it was written")
    except Invalid as error:
        return Report(False, str(error), done)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise Damaged(f"not a proof: {type(error).__name__}: {error}") from error
    finally:
        flint.ctx.prec, flint.ctx.cap = bits, cap
        if pool:
            pool.terminate()
    claims = ((b, t["witness"]["lower"], t["upper"]) for problem in _problems for b, t in problem.blocks.items())
    return Report(
        True, "\n".join(f"{b}: the largest norm lies in [{low!r}, {high!r}]" for b, low, high in claims), done
    )
