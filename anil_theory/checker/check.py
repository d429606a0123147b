"""Read a proof, cover its region, enclose every box again, and say VALID or what fails."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import math
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import flint

from .graph import Graph, Refused
from .jets import Evaluator, Packing, Undecided
from .program import Program

FORMAT = "anil-theory proof 1"
BITS, WITNESS_BITS = 64, 192
LARGEST = 1 << 30
"""Bytes of an unpacked file."""
PIECES = 4096
"""A box whose bound is not proved at once is cut into at most so many pieces."""
CHUNK = 200

Box = tuple[list[float], list[float], float | None]
Matrix = list[list[flint.arb]]


class Damaged(ValueError):
    """The file cannot be read as a proof."""


class Invalid(Exception):
    """The proof does not hold; the message says where."""


@dataclass(frozen=True)
class Report:
    """What was checked: VALID, or INVALID with the reason."""

    valid: bool
    reason: str
    boxes: int
    claims: tuple[str, ...]


class Problem:
    """One pair of losses with alpha, N and a region, and the Hessian of L_D(w_N(w, phi), phi)."""

    def __init__(self, text: dict):
        self.n_w, self.n = text["n_w"], text["n_w"] + text["n_phi"]
        self.lower, self.upper = text["region"]["lower"], text["region"]["upper"]
        self.radius, self.blocks = text["region"].get("radius"), text["blocks"]
        graph = Graph()
        z = [graph.node("variable", i) for i in range(self.n)]
        inner = [graph.node("variable", self.n + i) for i in range(self.n_w)]
        w, phi = z[: self.n_w], z[self.n_w :]
        slopes = graph.gradient(Program(text["support"], graph).build(inner, phi), inner)
        outer = Program(text["query"], graph).build(inner, phi)
        alpha = graph.constant(Fraction(text["alpha"]))
        for _ in range(text["inner_steps"]):
            here = graph.substituted(slopes, dict(zip(inner, w, strict=True)))
            w = [graph.sub(x, graph.mul(alpha, slope)) for x, slope in zip(w, here, strict=True)]
        (result,) = graph.substituted([outer], dict(zip(inner, w, strict=True)))
        with flint.ctx.workprec(BITS):
            self.evaluator = Evaluator(graph, result)
        with flint.ctx.workprec(WITNESS_BITS):
            self.sharp = Evaluator(graph, result)
        rows = {"w": range(self.n_w), "phi": range(self.n_w, self.n)}
        names = {"ww": ("w", "w"), "wphi": ("w", "phi"), "phiphi": ("phi", "phi")}
        self.entries = {b: (rows[names[b][0]], rows[names[b][1]]) for b in self.blocks}
        pairs = {b: [(i, j) for i in x for j in y if b == "wphi" or i <= j] for b, (x, y) in self.entries.items()}
        self.second = {b: Packing((self._monomial(*p) for p in pairs[b]), self.n_w) for b in self.blocks}
        thirds = {b: [self._monomial(*p, k) for p in pairs[b] for k in range(self.n)] for b in self.blocks}
        self.third = {b: Packing(thirds[b], self.n_w) for b in self.blocks}

    def _monomial(self, *coordinates: int) -> tuple[int, ...]:
        return tuple(coordinates.count(k) for k in range(self.n))

    def boxes(self, block: str) -> Iterator[Box]:
        """The boxes of a block's tree: cut by cut they are the region, whatever the file says."""
        text = self.blocks[block]
        bounds, cuts = iter(text["bounds"]), iter(text["cuts"])
        pending = [(list(self.lower), list(self.upper))]
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
            axis = "0123456789".find(letter) if letter.isdigit() else "abcdefghij".find(letter)
            if not 0 <= axis < self.n:
                raise Invalid(f"block {block}: {letter!r} is no cut")
            cut = lower[axis] / 2 + upper[axis] / 2 if letter.isdigit() else next(cuts, math.nan)
            if not lower[axis] <= cut <= upper[axis]:
                raise Invalid(f"block {block}, box {lower} to {upper}: it cannot be cut at {cut}")
            left, right = list(upper), list(lower)
            left[axis] = right[axis] = cut
            pending += [(right, upper), (lower, left)]
        if pending:
            raise Invalid(f"block {block}, box {pending[-1][0]} to {pending[-1][1]}: the proof has no bound of it")
        if next(bounds, None) is not None or next(cuts, None) is not None:
            raise Invalid(f"block {block}: more bounds or cuts than boxes")

    def fault(self, block: str, box: Box) -> str:
        """Why the bound of a box is not proved; empty where it is."""
        lower, upper, bound = box
        if bound is None:
            return "" if self._outside(lower, upper) else "it has no bound and meets the region"
        pending, pieces = [(lower, upper)], 1
        while pending:
            lower, upper = pending.pop()
            holds, axis = self._holds(block, lower, upper, bound)
            if holds:
                continue
            cut = lower[axis] / 2 + upper[axis] / 2
            if holds is False:
                middle = [a / 2 + b / 2 for a, b in zip(lower, upper, strict=True)]
                return f"the norm at {middle} is larger than the bound {bound}"
            pieces += 1
            if pieces > PIECES or not lower[axis] < cut < upper[axis]:
                return f"the bound {bound} is not proved on its part {lower} to {upper}"
            left, right = list(upper), list(lower)
            left[axis] = right[axis] = cut
            pending += [(right, upper), (lower, left)]
        return ""

    def _outside(self, lower: list[float], upper: list[float]) -> bool:
        nearest = [max(a, min(0.0, b)) for a, b in zip(lower, upper, strict=True)]
        return self.radius is not None and sum(Fraction(x) ** 2 for x in nearest) > Fraction(self.radius) ** 2

    def _holds(self, block: str, lower: list[float], upper: list[float], bound: float) -> tuple[bool | None, int]:
        """Whether the bound holds on a box (None: not decided), and the coordinate to cut next."""
        widest = max(range(self.n), key=lambda k: upper[k] - lower[k])
        middle = [flint.arb(a / 2 + b / 2) for a, b in zip(lower, upper, strict=True)]
        box = [flint.arb(a).union(flint.arb(b)) for a, b in zip(lower, upper, strict=True)]
        try:
            here = self.evaluator(self.second[block], middle)
            over = self.evaluator(self.third[block], box)
        except Undecided:
            return None, widest
        rows, columns = self.entries[block]
        center = [[here[self._monomial(i, j)] for j in columns] for i in rows]
        if at_most(center, bound) is False:
            return False, widest
        moves = [x - c for x, c in zip(box, middle, strict=True)]
        pull = [0.0] * self.n
        matrix = []
        for i, row in zip(rows, center, strict=True):
            matrix.append([])
            for j, value in zip(columns, row, strict=True):
                changes = [over[self._monomial(i, j, k)] * move for k, move in enumerate(moves)]
                centred, plain = sum(changes, value), over[self._monomial(i, j)]
                matrix[-1].append(plain.intersection(centred) if centred.is_finite() and plain.is_finite() else plain)
                pull = [p + float(change.rad()) for p, change in zip(pull, changes, strict=True)]
        known = all(map(math.isfinite, pull)) and max(pull) > 0
        return at_most(matrix, bound) or None, pull.index(max(pull)) if known else widest

    def check_witness(self, block: str) -> None:
        """The block at the witness: entry by entry within the stated ends, and of a norm of at least `lower`."""
        text, (rows, columns) = self.blocks[block]["witness"], self.entries[block]
        z = text["z"]
        if not all(a <= x <= b for a, x, b in zip(self.lower, z, self.upper, strict=True)):
            raise Invalid(f"block {block}: the witness {z} is not in the region")
        if self.radius is not None and sum(Fraction(x) ** 2 for x in z) > Fraction(self.radius) ** 2:
            raise Invalid(f"block {block}: the witness {z} is not in the region")
        with flint.ctx.workprec(WITNESS_BITS):
            try:
                here = self.sharp(self.second[block], [flint.arb(x) for x in z])
            except Undecided as error:
                raise Invalid(f"block {block}: the witness {z} lies on a kink") from error
            matrix = [[here[self._monomial(i, j)] for j in columns] for i in rows]
            for row, ends in zip(matrix, text["block"], strict=True):
                for x, (low, high) in zip(row, ends, strict=True):
                    if not low <= x <= high:
                        raise Invalid(f"block {block}: an entry at the witness is {x.str(17)}, not in [{low}, {high}]")
            if text["lower"] > 0 and at_most(matrix, text["lower"]) is not False:
                raise Invalid(f"block {block}: the norm at the witness is not above {text['lower']}")


def at_most(matrix: Matrix, bound: float) -> bool | None:
    """Whether the norm of every matrix in a ball matrix is at most a bound; False: of none; None: not decided."""
    entries = [x for row in matrix for x in row]
    if not all(x.is_finite() for x in entries):
        return None
    if len(entries) == 1:
        return True if abs(entries[0]) <= bound else False if abs(entries[0]) > bound else None
    if len(matrix) > len(matrix[0]):
        matrix = [list(column) for column in zip(*matrix, strict=True)]
    spread = sum((flint.arb(x.rad()) ** 2 for x in entries), flint.arb(0)).sqrt()
    rest = bound - spread
    if sum((x * x for x in entries), flint.arb(0)).sqrt() <= bound:
        return True
    if rest > 0 and _definite([[x.mid() for x in row] for row in matrix], rest):
        return True
    return False if _definite(matrix, flint.arb(bound)) is False else None


def _definite(matrix: Matrix, bound: flint.arb) -> bool | None:
    """Whether bound^2 I - A A^T is positive definite, by elimination."""
    size = range(len(matrix))
    rest = [[(bound**2 if i == j else 0) - _dot(matrix[i], matrix[j]) for j in size] for i in size]
    for k in size:
        pivot = rest[k][k]
        if not pivot > 0:
            return False if pivot < 0 else None
        for i, j in itertools.product(range(k + 1, len(matrix)), repeat=2):
            rest[i][j] = rest[i][j] - rest[i][k] * rest[k][j] / pivot
    return True


def _dot(a: list[flint.arb], b: list[flint.arb]) -> flint.arb:
    return sum((x * y for x, y in zip(a, b, strict=True)), flint.arb(0))


def digest(document: dict) -> str:
    """The digest of everything else in a proof."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read(path: str | Path) -> dict:
    """A file as plain values. Raises Damaged, and OSError for a file that cannot be opened."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise Damaged(f"more than {LARGEST} bytes")
        document = json.loads(raw, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, EOFError, OSError, RecursionError) as error:
        raise Damaged(f"not a proof: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Damaged(f"not a proof: its format is not {FORMAT!r}")
    return document


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is no float64")
    return float(text)


_problems: list[Problem] = []


def _prepare(document: dict) -> None:
    flint.ctx.prec = BITS
    _problems[:] = [Problem(text) for text in document["problems"]]


def _faults(chunk: tuple[int, str, list[Box]]) -> tuple[int, str]:
    """How many boxes of a chunk hold, and what is wrong with the next one."""
    which, block, boxes = chunk
    for count, box in enumerate(boxes):
        reason = _problems[which].fault(block, box)
        if reason:
            return count, f"block {block}, box {box[0]} to {box[1]}: {reason}"
    return len(boxes), ""


def _chunks(problems: list[Problem]) -> Iterator[tuple[int, str, list[Box]]]:
    for which, problem in enumerate(problems):
        for block in problem.blocks:
            boxes = problem.boxes(block)
            while part := list(itertools.islice(boxes, CHUNK)):
                yield which, block, part


def check_file(path: str | Path, workers: int = 1) -> Report:
    """Check a proof. Raises Damaged for a file that cannot be read as one, and OSError."""
    document = read(path)
    done = 0
    bits, cap = flint.ctx.prec, flint.ctx.cap
    try:
        _prepare(document)
        claims = tuple(f"{b} <= {t['upper']}" for p in _problems for b, t in p.blocks.items())
        for problem in _problems:
            for block in problem.blocks:
                problem.check_witness(block)
        with multiprocessing.Pool(workers, _prepare, (document,)) if workers > 1 else _Here() as pool:
            for held, reason in pool.imap(_faults, _chunks(_problems)):
                done += held
                if reason:
                    raise Invalid(reason)
        if document.get("digest") != digest(document):
            raise Invalid("the digest is not that of the contents: the file was changed after it was written")
    except Invalid as error:
        return Report(False, str(error), done, ())
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Damaged(f"not a proof: {type(error).__name__}: {error}") from error
    finally:
        flint.ctx.prec, flint.ctx.cap = bits, cap
    return Report(True, "every box holds", done, claims)


class _Here:
    """A pool that works here."""

    imap = staticmethod(map)

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: object) -> None:
        return None
