"""One problem of a proof: its objective, the cover of its region, its witness, and whether the bound of a box holds."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import flint

from .graph import Graph
from .jets import Evaluator, Monomial, Packing, exact
from .norms import at_most
from .program import build, number

WITNESS_BITS = 192
PIECES = 4096
"""A box whose bound is not proved at once is cut into at most so many pieces."""

Corner = list[float]
Box = tuple[Corner, Corner, float | None]


class Damaged(ValueError):
    """The file cannot be read as a proof."""


class Invalid(Exception):
    """The proof does not hold; the message says where."""


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

    def derivatives(self, packing: Packing, box: list[flint.arb]) -> dict[Monomial, flint.arb]:
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
            return dict.fromkeys(packing.places, flint.arb("nan"))


class Problem:
    """An objective over a region, and the stated bounds of the blocks of its Hessian."""

    def __init__(self, text: dict):
        n_w, n_phi, self.blocks = text["n_w"], text["n_phi"], text["blocks"]
        self.n, self.subject = n_w + n_phi, text.get("subject", "a task")
        self.lower, self.upper, self.radius = (text["region"].get(name) for name in ("lower", "upper", "radius"))
        counts = {type(x) for x in (n_w, n_phi, text["inner_steps"])} == {int} and n_w > 0 <= n_phi
        corners = len(self.lower) == len(self.upper) == self.n and all(map(is_number, (*self.lower, *self.upper)))
        ball = self.radius is None or (is_number(self.radius) and self.radius > 0)
        if not (counts and corners and ball and self.blocks and text["inner_steps"] > 0):
            raise Damaged("not a proof: a size is no count, the region is no box or ball, or no block is stated")
        self.sizes = f"alpha = {text['alpha']!r}, N = {text['inner_steps']}, n_w = {n_w}, n_phi = {n_phi}"
        self.objective = Objective(text)
        with flint.ctx.workprec(WITNESS_BITS):
            self.sharp = Objective(text)
        at = {"w": range(n_w), "phi": range(n_w, self.n)}
        names = {"ww": ("w", "w"), "wphi": ("w", "phi"), "phiphi": ("phi", "phi")}
        self.entries: dict[str, list[list[tuple[Monomial, list[Monomial]]]]] = {}
        self.second, self.third = {}, {}
        for block, stated in self.blocks.items():
            rows, columns = (at[side] for side in names[block])
            self.entries[block] = [[self.entry(i, j) for j in columns] for i in rows]
            entries = [entry for row in self.entries[block] for entry in row]
            self.second[block] = Packing((top for top, _ in entries), n_w)
            self.third[block] = Packing((top for _, tops in entries for top in tops), n_w)
            ends = stated["upper"], stated["witness"]["lower"]
            if not all(is_number(end) and end >= 0 for end in ends):
                raise Invalid(f"block {block}: upper and lower are {ends!r}, and not numbers from 0 up")

    def entry(self, i: int, j: int) -> tuple[Monomial, list[Monomial]]:
        """The derivative that an entry of a Hessian is, and what its derivatives are."""
        orders = [[(i, j, *last).count(k) for k in range(self.n)] for last in ((), *((k,) for k in range(self.n)))]
        return tuple(orders[0]), [tuple(order) for order in orders[1:]]

    def boxes(self, block: str) -> Iterator[Box]:
        """The boxes of a block's tree: they are cut from the region, so that together they are the region."""
        text = self.blocks[block]
        letters, bounds, cuts = (iter(text[name]) for name in ("tree", "bounds", "cuts"))
        pending = [(self.lower, self.upper)]
        while pending:
            lower, upper = pending.pop()
            letter = next(letters, "missing")
            if letter == ".":
                bound: Any = next(bounds, "missing")
                if bound is not None and not (is_number(bound) and 0 <= bound <= text["upper"]):
                    raise Invalid(f"block {block}, box {lower} to {upper}: its bound {bound!r} is not in [0, upper]")
                yield lower, upper, bound
                continue
            axis = max("0123456789"[: self.n].find(letter), "abcdefghij"[: self.n].find(letter))
            cut: Any = next(cuts, "missing") if letter.isalpha() else middle(lower, upper)[axis]
            if axis < 0 or not (is_number(cut) and lower[axis] <= cut <= upper[axis]):
                raise Invalid(f"block {block}, box {lower} to {upper}: it has no cut {letter!r} at {cut!r}")
            pending += halves(lower, upper, axis, cut)
        if [*letters, *bounds, *cuts]:
            raise Invalid(f"block {block}: more boxes, bounds or cuts than the region has")

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
        center = [flint.arb(x) for x in middle(lower, upper)]
        box = [flint.arb(a).union(flint.arb(b)) for a, b in zip(lower, upper, strict=True)]
        moves = [x - c for x, c in zip(box, center, strict=True)]
        here = self.objective.derivatives(self.second[block], center)
        over = self.objective.derivatives(self.third[block], box)
        matrix, pull = [], [0.0] * self.n
        for row in self.entries[block]:
            matrix.append([])
            for entry, slopes in row:
                changes = [over[slope] * move for slope, move in zip(slopes, moves, strict=True)]
                # The mean value form beside the plain enclosure: both hold the entry everywhere on the box.
                centred, plain = sum(changes, here[entry]), over[entry]
                both = centred.is_finite() and plain.is_finite()
                matrix[-1].append(plain.intersection(centred) if both else plain)
                pull = [p + float(change.rad()) for p, change in zip(pull, changes, strict=True)]
        if not all(map(math.isfinite, pull)) or max(pull) == 0:
            pull = [b - a for a, b in zip(lower, upper, strict=True)]
        if at_most([[here[entry] for entry, _ in row] for row in self.entries[block]], bound) is False:
            return False, 0
        return at_most(matrix, bound) or None, pull.index(max(pull))

    def check_witness(self, block: str) -> None:
        """The block at the witness: every entry between the stated ends, which are close, and a norm above `lower`."""
        z, lower, rows = (self.blocks[block]["witness"][name] for name in ("z", "lower", "block"))
        if self.outside(z) or not all(a <= x <= b for a, x, b in zip(self.lower, z, self.upper, strict=True)):
            raise Invalid(f"block {block}: the witness {z} is not in the region")
        with flint.ctx.workprec(WITNESS_BITS):
            here = self.sharp.derivatives(self.second[block], [flint.arb(x) for x in z])
            matrix = [[here[entry] for entry, _ in row] for row in self.entries[block]]
            stated = [ends for row in rows for ends in row]
            largest = max(abs(end) for ends in stated for end in ends)
            for x, (low, high) in zip([x for row in matrix for x in row], stated, strict=True):
                if not (low <= x <= high and high - low <= 1e-9 * largest < math.inf):
                    raise Invalid(f"block {block}: an entry at the witness is {x.str(17)}, not in [{low}, {high}]")
            if lower > 0 and at_most(matrix, lower) is not False:
                raise Invalid(f"block {block}: the norm at the witness is not above {lower}")


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def middle(lower: Corner, upper: Corner) -> Corner:
    """A point of a box, also where halves round."""
    return [max(a, min(a / 2 + b / 2, b)) for a, b in zip(lower, upper, strict=True)]


def halves(lower: Corner, upper: Corner, axis: int, cut: float) -> list[tuple[Corner, Corner]]:
    """The parts of a box beyond and before a cut, which they share."""
    left, right = list(upper), list(lower)
    left[axis] = right[axis] = cut
    return [(right, upper), (lower, left)]
