"""Norms of matrices of balls, judged against a bound."""

import flint


def at_most(matrix: list[list[flint.arb]], bound: float) -> bool | None:
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


def _definite(matrix: list[list[flint.arb]], bound: flint.arb) -> bool | None:
    """Whether bound^2 I - A A^T is positive definite, by elimination."""
    rest = [[-sum((x * y for x, y in zip(a, b, strict=True)), flint.arb(0)) for b in matrix] for a in matrix]
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
