"""Derivatives over a box: Taylor coefficients in all coordinates, packed into one power series with ball coefficients.

Coordinate i becomes z_i + t^(e_i). The exponents e are such that every monomial that is wanted has a power of t of its
own, and no other monomial, of whatever degree, shares it; a product of series in t is then the product of the
truncated multivariate ones. `_separates` checks that, monomial by monomial.
"""

import itertools
import math
import operator
from collections.abc import Callable, Iterable
from fractions import Fraction

import flint

from .graph import Graph

Monomial = tuple[int, ...]

SHIFTS = ((0, 1, 2, 3), (0, 1, 4, 13), (0, 3, 4, 9), (0, 4, 9, 15))
REACH = 60


class Packing:
    """The shortest of some regular choices of exponents for the monomials that divide one of `tops`.

    The coordinates of w get p + shift, those of phi q + shift, for small p and q.
    Raises ValueError for too many of them.
    """

    def __init__(self, tops: Iterable[Monomial], n_w: int):
        wanted = sorted({m for top in tops for m in itertools.product(*(range(k + 1) for k in top))})
        n_phi, last = len(wanted[0]) - n_w, math.inf
        choices = itertools.product(range(1, REACH), range(1, REACH), SHIFTS[: n_w**2], SHIFTS[: n_phi**2 or 1])
        for p, q, first, second in choices:
            exponents = (*(p + s for s in first[:n_w]), *(q + s for s in second[:n_phi]))
            powers = [_power(m, exponents) for m in wanted]
            if max(powers) < last and _separates(exponents, wanted, powers):
                last, self.exponents = max(powers), exponents
        if last == math.inf or max(n_w, n_phi) > len(SHIFTS[0]):
            raise ValueError("the coordinates are too many for this checker")
        self.length = int(last) + 1
        self.places = {m: (_power(m, self.exponents), math.prod(map(math.factorial, m))) for m in wanted}
        """The power of t of every monomial, and what its coefficient is multiplied with."""

    def variable(self, i: int, value: flint.arb) -> flint.arb_series:
        """Coordinate i about a ball of points."""
        return flint.arb_series([value, *(int(k == self.exponents[i]) for k in range(1, self.length))], self.length)

    def derivatives(self, series: flint.arb_series) -> dict[Monomial, flint.arb]:
        """The partial derivatives that a packed series holds; NaN where it is too short."""
        if series.prec < self.length or not series[0].is_finite():
            return dict.fromkeys(self.places, flint.arb("nan"))
        return {m: series[power] * factor for m, (power, factor) in self.places.items()}


def _power(monomial: Monomial, exponents: Monomial) -> int:
    return sum(k * e for k, e in zip(monomial, exponents, strict=True))


def _separates(exponents: Monomial, wanted: list[Monomial], powers: list[int]) -> bool:
    """Whether no two wanted monomials, and no wanted and unwanted one, have the same power of t."""
    taken, known = set(powers), set(wanted)
    others = itertools.product(*(range(max(powers) // e + 1) for e in exponents))
    return len(taken) == len(powers) and not any(m not in known and _power(m, exponents) in taken for m in others)


class Evaluator:
    """The instructions that compute some nodes of a graph, at the precision that holds when it is made."""

    def __init__(self, graph: Graph, results: list[int]):
        needed = set(results)
        for here in range(len(graph.nodes) - 1, -1, -1):
            operation, *arguments = graph.nodes[here]
            if here in needed and operation not in ("constant", "variable"):
                needed.update(arguments)
        place = {node: at for at, node in enumerate(sorted(needed))}
        self.results = [place[node] for node in results]
        self.start: list = [None] * len(place)
        self.variables: list[tuple[int, int]] = []
        self.steps: list[tuple[Callable, int, tuple[int, ...]]] = []
        for node, at in place.items():
            operation, *arguments = graph.nodes[node]
            if operation == "constant":
                self.start[at] = exact(arguments[0])
            elif operation == "variable":
                self.variables.append((at, arguments[0]))
            else:
                self.steps.append((FUNCTIONS[operation], at, tuple(place[a] for a in arguments)))

    def __call__(self, point: list) -> list:
        """The nodes as series of balls, from the variables as such. ValueError where a function is not defined."""
        values = list(self.start)
        for at, i in self.variables:
            values[at] = point[i]
        for function, at, arguments in self.steps:
            values[at] = function(*[values[a] for a in arguments])
        return [values[at] for at in self.results]


def exact(value: Fraction) -> flint.arb:
    return flint.arb(value.numerator) / value.denominator


def _composed(taylor: Callable[[flint.arb], list[flint.arb]]) -> Callable:
    """A function by its Taylor coefficients over a ball: narrower than what is written with exponentials."""

    def function(x: flint.arb_series | flint.arb) -> flint.arb_series | flint.arb:
        if isinstance(x, flint.arb):
            return taylor(x)[0]
        value, first, second, third = taylor(x[0])
        # x without its constant term: x - x[0] would keep the radius of the ball.
        move = x.derivative().integral()
        return value + move * (first + move * (second + move * third))

    return function


def _increasing(function: Callable[[flint.arb], flint.arb], x: flint.arb) -> flint.arb:
    """The range of an increasing function over a ball, from its ends."""
    return function(x.lower()).union(function(x.upper()))


def _tanh(x: flint.arb) -> list[flint.arb]:
    t, slope = _increasing(flint.arb.tanh, x), x.sech() ** 2
    return [t, slope, -t * slope, slope * (3 * t * t - 1) / 3]


def _logistic(x: flint.arb) -> list[flint.arb]:
    p, q = (_increasing(lambda end: 1 / (1 + (-end).exp()), y) for y in (x, -x))
    slope = p * q
    return [p, slope, slope * (q - p) / 2, slope * (1 - 6 * slope) / 6]


def _softplus(x: flint.arb) -> list[flint.arb]:
    p, first, second, _ = _logistic(x)
    return [_increasing(lambda end: end.exp().log1p(), x), p, first / 2, second / 3]


def _select(which: flint.arb_series | flint.arb, yes: object, no: object) -> object:
    value = which[0] if isinstance(which, flint.arb_series) else which
    if not (value > 0 or value < 0):
        raise ValueError("a branch is open on this box")
    return yes if value > 0 else no


FUNCTIONS: dict[str, Callable] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "neg")},
    "inv": lambda a: 1 / a if isinstance(a, flint.arb) else a.inv(),
    "select": _select,
    "tanh": _composed(_tanh),
    "logistic": _composed(_logistic),
    "softplus": _composed(_softplus),
    **{name: operator.methodcaller(name) for name in ("exp", "log", "sqrt", "sin", "cos", "atan", "erf")},
}
