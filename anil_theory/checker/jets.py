"""Derivatives over a box: Taylor coefficients in all coordinates, packed into one power series with ball coefficients.

Coordinate i becomes c_i + t^(e_i). The exponents e are chosen so that every monomial that is wanted has a power of t of
its own and no other monomial, of whatever degree, shares it; then one product of power series in t is the product of
the truncated multivariate ones. The choice is checked monomial by monomial (`_separates`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction

import flint

from .graph import Graph, Refused

Monomial = tuple[int, ...]


class Undecided(ArithmeticError):
    """A branch of the losses depends on a comparison that a box leaves open."""


SHIFTS = ((0, 1, 2, 3), (0, 1, 4, 13), (0, 3, 4, 9), (0, 4, 9, 15))
REACH = 60


class Packing:
    """Exponents for the monomials that divide one of `tops`; the shortest series among regular choices.

    The coordinates of w get p + shift, those of phi q + shift, for small p and q.
    """

    def __init__(self, tops: Iterable[Monomial], n_w: int):
        self.wanted = sorted({m for top in tops for m in itertools.product(*(range(k + 1) for k in top))})
        n_phi, last = len(self.wanted[0]) - n_w, math.inf
        for p, q in itertools.product(range(1, REACH), repeat=2):
            for first, second in itertools.product(SHIFTS[: n_w**2], SHIFTS[: max(n_phi, 1) ** 2]):
                exponents = (*(p + s for s in first[:n_w]), *(q + s for s in second[:n_phi]))
                powers = [_power(m, exponents) for m in self.wanted]
                if max(powers) < last and _separates(exponents, self.wanted, powers):
                    last, self.exponents = max(powers), exponents
        if last == math.inf or n_w > 4 or n_phi > 4:
            raise Refused("the coordinates are too many for this checker")
        self.length = int(last) + 1

    def variable(self, i: int, value: flint.arb) -> flint.arb_series:
        """Coordinate i about a ball of points."""
        coefficients = [value, *[0] * (self.length - 1)]
        if self.exponents[i] < self.length:
            coefficients[self.exponents[i]] = 1
        return flint.arb_series(coefficients, self.length)

    def derivatives(self, series: flint.arb_series) -> dict[Monomial, flint.arb]:
        """The partial derivatives that a packed series holds."""
        if series.prec < self.length:
            raise Undecided("a function has no Taylor series on this box")
        found = {}
        for m in self.wanted:
            found[m] = series[_power(m, self.exponents)] * math.prod(map(math.factorial, m))
        return found


def _power(monomial: Monomial, exponents: Monomial) -> int:
    return sum(k * e for k, e in zip(monomial, exponents, strict=True))


def _separates(exponents: Monomial, wanted: list[Monomial], powers: list[int]) -> bool:
    """Whether no two wanted monomials, and no wanted and unwanted one, have the same power of t."""
    if len(set(powers)) < len(powers):
        return False
    taken, known, last = set(powers), set(wanted), max(powers)
    ranges = [range(last // e + 1) for e in exponents]
    return not any(m not in known and _power(m, exponents) in taken for m in itertools.product(*ranges))


Series = flint.arb_series
Step = tuple[Callable, int, tuple]


class Evaluator:
    """The instructions that compute one node of a graph, in order."""

    def __init__(self, graph: Graph, result: int):
        needed = {result}
        for here in range(result, -1, -1):
            if here in needed:
                needed.update(a for a in _arguments(graph.nodes[here]))
        self.order = sorted(needed)
        place = {node: i for i, node in enumerate(self.order)}
        self.variables: list[tuple[int, int]] = []
        self.start: list = [None] * len(self.order)
        self.steps: list[Step] = []
        for node in self.order:
            operation, *rest = graph.nodes[node]
            at = place[node]
            if operation == "constant":
                self.start[at] = _exact(rest[0])
            elif operation == "boolean":
                self.start[at] = rest[0]
            elif operation == "two_over_root_pi":
                self.start[at] = 2 / flint.arb.pi().sqrt()
            elif operation == "variable":
                self.variables.append((at, rest[0]))
            else:
                self.steps.append((FUNCTIONS[operation], at, tuple(place[a] for a in rest)))

    def __call__(self, packing: Packing, box: list[flint.arb]) -> dict[Monomial, flint.arb]:
        """The derivatives of the node, enclosed over a box of balls. Raises Undecided."""
        flint.ctx.cap = packing.length
        values = list(self.start)
        for at, i in self.variables:
            values[at] = packing.variable(i, box[i])
        try:
            for function, at, arguments in self.steps:
                values[at] = function(*[values[a] for a in arguments])
        except (ValueError, ZeroDivisionError) as error:
            raise Undecided("a function is not defined on all of this box") from error
        last = values[-1]
        return packing.derivatives(last if isinstance(last, Series) else Series([last]))


def _arguments(node: tuple) -> tuple:
    return () if node[0] in ("constant", "variable", "boolean", "two_over_root_pi") else node[1:]


def _exact(value: Fraction) -> flint.arb:
    return flint.arb(value.numerator) / value.denominator


def _constant_term(x: Series | flint.arb) -> flint.arb:
    return x[0] if isinstance(x, Series) else x


def _native(name: str) -> Callable:
    def function(x: Series | flint.arb) -> Series | flint.arb:
        return getattr(x, name)()

    return function


def _inverse(x: Series | flint.arb) -> Series | flint.arb:
    return 1 / x if isinstance(x, flint.arb) else x.inv()


def _composed(taylor: Callable[[flint.arb], list[flint.arb]]) -> Callable:
    """A function by its Taylor coefficients over a ball: narrower than differentiating exponentials."""

    def function(x: Series | flint.arb) -> Series | flint.arb:
        if isinstance(x, flint.arb):
            return taylor(x)[0]
        value, first, second, third = taylor(x[0])
        move = x - x[0]
        return value + move * (first + move * (second + move * third))

    return function


def _tanh(x: flint.arb) -> list[flint.arb]:
    t, slope = x.tanh(), x.sech() ** 2
    return [t, slope, -t * slope, slope * (3 * t * t - 1) / 3]


def _sigmoid(x: flint.arb) -> flint.arb:
    # Monotone: the ends of a ball give the narrowest range.
    ends = [1 / (1 + (-flint.arb(end)).exp()) for end in (x.lower(), x.upper())]
    return ends[0].union(ends[1])


def _sigmoid_slopes(x: flint.arb) -> list[flint.arb]:
    p, q = _sigmoid(x), _sigmoid(-x)
    slope = p * q
    return [p, slope, slope * (q - p) / 2, slope * (1 - 6 * slope) / 6]


def _softplus(x: flint.arb) -> list[flint.arb]:
    value = [flint.arb(end).exp().log1p() if end < 1 else end + (-end).exp().log1p() for end in (x.lower(), x.upper())]
    p, first, second, _ = _sigmoid_slopes(x)
    return [value[0].union(value[1]), p, first / 2, second / 3]


def _hyperbolic(first: str, second: str) -> Callable[[flint.arb], list[flint.arb]]:
    def taylor(x: flint.arb) -> list[flint.arb]:
        f, g = getattr(x, first)(), getattr(x, second)()
        return [f, g, f / 2, g / 6]

    return taylor


def _positive(x: Series | flint.arb) -> bool | None:
    value = _constant_term(x)
    return True if value > 0 else False if value < 0 else None


def _select(condition: bool | None, yes: object, no: object) -> object:
    if condition is None:
        raise Undecided("a comparison is open on this box")
    return yes if condition else no


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


FUNCTIONS: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
    "inv": _inverse,
    "select": _select,
    "positive": _positive,
    "not": lambda a: None if a is None else not a,
    "and": _and,
    "or": lambda a, b: True if a is True or b is True else None if a is None or b is None else False,
    "tanh": _composed(_tanh),
    "logistic": _composed(_sigmoid_slopes),
    "softplus": _composed(_softplus),
    "sinh": _composed(_hyperbolic("sinh", "cosh")),
    "cosh": _composed(_hyperbolic("cosh", "sinh")),
    **{name: _native(name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "atan", "erf")},
}
