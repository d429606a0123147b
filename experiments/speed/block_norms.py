"""Norms of symmetric matrices from products alone: Lanczos beside power iteration, at equal numbers of products.

Matrices of 200 and 2,000 rows with norm 1: eigenvalues that decay, that crowd below the top one, and that fill an
interval (a random symmetric matrix). Both methods start from the same random vectors, take 16 products (what a block
norm of the default `Budget` costs) and 32, and return a lower bound of the norm. Claims, for every matrix, of the
medians over the starts: Lanczos is at most 0.6 times as short of the norm, in at most 1.5 times the time at n = 2,000,
where products cost what a product should.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from matplotlib.figure import Figure
from measure import Claim, Outcome, options, publish, side_by_side

from anil_theory import enable_float64
from anil_theory.estimators.lanczos import FINAL_PRODUCTS, block_norm

SIZES, PRODUCTS, STARTS, ROUNDS = (200, 2000), (16, 32), 8, 9
SPECTRA = ("decaying", "crowded", "interval")


def eigenvalues(name: str, size: int, generator: np.random.Generator) -> np.ndarray:
    """The largest of them in size is 1."""
    if name == "decaying":
        sizes = 0.95 ** np.arange(size)
    elif name == "crowded":
        sizes = np.concatenate([np.linspace(1.0, 0.99, 10), generator.uniform(0, 0.9, size - 10)])
    else:  # the semicircle of a random symmetric matrix, by its quantiles
        sizes = np.sqrt(1 - np.linspace(0, 1, size, endpoint=False) ** 2)
    return sizes * generator.choice([-1.0, 1.0], size)


def matrix_of(values: np.ndarray, generator: np.random.Generator) -> Array:
    """A dense symmetric matrix with these eigenvalues: two reflections of the diagonal one."""
    matrix = np.diag(values)
    for _ in range(2):
        q = generator.standard_normal(len(values))
        q /= np.linalg.norm(q)
        matrix -= 2 * np.outer(q, q @ matrix)
        matrix -= 2 * np.outer(matrix @ q, q)
    return jnp.asarray((matrix + matrix.T) / 2)


@partial(jax.jit, static_argnums=2)
def by_power(matrix: Array, start: Array, products: int) -> Array:
    """The norm of the last product: as much as power iteration knows."""

    def step(v: Array, _: None) -> tuple[Array, Array]:
        image = matrix @ v
        length = jnp.linalg.norm(image)
        return image / length, length

    _, lengths = jax.lax.scan(step, start / jnp.linalg.norm(start), None, length=products)
    return lengths[-1]


@partial(jax.jit, static_argnums=2)
def by_lanczos(matrix: Array, start: Array, products: int) -> Array:
    """The value of `block_norm` and the distance that it states."""
    found, _ = block_norm(lambda v: matrix @ v, jnp.ones((2, start.size)), start, products - FINAL_PRODUCTS)
    return jnp.stack([found.value, found.distance])


def compare(name: str, size: int, products: int, starts: int, rounds: int) -> dict[str, Any]:
    """How short of the norm both are, over the starts, and how long they take."""
    generator = np.random.default_rng(size)
    matrix = matrix_of(eigenvalues(name, size, generator), generator)
    vectors = [jnp.asarray(generator.standard_normal(size)) for _ in range(starts)]
    power = np.array([float(by_power(matrix, v, products)) for v in vectors])
    lanczos = np.array([np.asarray(by_lanczos(matrix, v, products)) for v in vectors])
    methods: dict[str, Callable[..., Array]] = {"power": by_power, "lanczos": by_lanczos}
    timed = side_by_side(
        {key: lambda f=f: jax.block_until_ready(f(matrix, vectors[0], products)) for key, f in methods.items()}, rounds
    )
    short = {"power": float(np.median(1 - power)), "lanczos": float(np.median(1 - lanczos[:, 0]))}
    return {
        "spectrum": name,
        "size": size,
        "products": products,
        "short": short,
        # Below rounding there is nothing left to compare.
        "ratio": max(short["lanczos"], size * 2**-52) / max(short["power"], size * 2**-52),
        "distance": float(np.median(lanczos[:, 1])),
        "time": timed.ratio("lanczos", "power"),
    }


def outcome(tiny: bool) -> Outcome:
    """Every matrix and number of products, as claims and lines of the table."""
    sizes, rounds = ((20,), 1) if tiny else (SIZES, ROUNDS)
    found = [
        compare(name, size, products, STARTS, rounds) for size in sizes for name in SPECTRA for products in PRODUCTS
    ]
    lines = ["n, spectrum, products: short of the norm (power, Lanczos), the distance that Lanczos states, time ratio"]
    claims = []
    for one in found:
        what = f"n = {one['size']}, {one['spectrum']}, {one['products']} products"
        power, lanczos = one["short"]["power"], one["short"]["lanczos"]
        lines.append(f"{what:<38} {power:>9.2e} {lanczos:>9.2e} {one['distance']:>9.2e} {one['time']:>6.2f}")
        claims.append(Claim(f"{what}: Lanczos / power, short of the norm", one["ratio"], 0.6, "x"))
        if one["size"] == max(SIZES):
            claims.append(Claim(f"{what}: Lanczos / power, time", one["time"], 1.5, "x"))
    return Outcome(claims, lines, {"compared": found})


def draw(numbers: dict[str, Any], figure: Figure) -> None:
    """How short of the norm, both methods, for every matrix."""
    axes = figure.subplots()
    rows = numbers["compared"]
    for method in ("power", "lanczos"):
        values = [max(row["short"][method], 1e-16) for row in rows]
        axes.plot(range(len(rows)), values, "o", label=method)
    labels = [f"{row['spectrum']}\n{row['size']}, {row['products']}" for row in rows]
    axes.set_xticks(range(len(rows)), labels=labels, rotation=90)
    axes.set(yscale="log", ylabel="short of the norm")
    axes.legend()


def main() -> None:
    """Measure, print, write."""
    enable_float64()
    given = options(__doc__, "matrices of 20 rows").parse_args()
    started = datetime.now(UTC)
    found = outcome(given.tiny)
    publish("block_norms", found, partial(draw, found.numbers), given, started)


if __name__ == "__main__":
    main()
