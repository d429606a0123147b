"""3x3 convolution with padding 1, NHWC, three ways: the library's, and two that are made of matrix products.

`unrolled` multiplies the matrix of all 3 x 3 neighbourhoods, which pays where there are few channels.

`winograd` is Winograd's minimal filtering F(2x2, 3x3), which makes four outputs of a channel pair from 16 products
instead of 36: with tiles d of 4 x 4 inputs,

    Y = A^T [(G g G^T) * (B^T d B)] A,

where * is elementwise and the sum over channels turns it into 16 matrix products. It is exact in exact arithmetic, and
bilinear like the convolution itself: derivatives of every order follow from the formula.

XLA's CPU runs the library's convolution below the speed of its matrix products, and its weight gradient at half of that
(`experiments/speed/convolution.py`), which is why the other two are used there. On a GPU the library chooses among such
algorithms by itself.

Source: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array

_B_T = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_G = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_A_T = ((1, 1, 1, 0), (0, 1, -1, -1))

SMALLEST_SIDE, FEWEST_CHANNELS = 3, 8
"""Below either of these, Winograd's transforms cost more than the products that they save."""


def convolve(x: Array, kernel: Array) -> Array:
    """3x3 convolution with padding 1, x (n, H, W, c), kernel (3, 3, c, d) -> (n, H, W, d), the way that is fastest."""
    return fastest(x, kernel)(x, kernel)


def fastest(x: Array, kernel: Array) -> Callable[[Array, Array], Array]:
    """Which of the three to take for these shapes and types, on the backend in use."""
    # In bfloat16 the sums in Winograd's transforms would cost digits that the products do not.
    if jax.default_backend() != "cpu" or x.dtype.itemsize < 4:
        return direct
    if x.shape[-1] < FEWEST_CHANNELS:
        return unrolled
    wide = kernel.shape[-1] >= FEWEST_CHANNELS and min(x.shape[1:3]) >= SMALLEST_SIDE
    return winograd if wide else direct


def direct(x: Array, kernel: Array) -> Array:
    """The library's convolution."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def unrolled(x: Array, kernel: Array) -> Array:
    """One product with the (n H W, 9 c) matrix of neighbourhoods, which the weight gradient uses once more."""
    n, height, width, c = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    neighbourhoods = jnp.concatenate(shifted, axis=-1).reshape(-1, 9 * c)
    return (neighbourhoods @ kernel.reshape(9 * c, -1)).reshape(n, height, width, -1)


def winograd(x: Array, kernel: Array) -> Array:
    """F(2x2, 3x3); an odd height or width is filled up with zeros, whose outputs are cut off again."""
    n, height, width, c = x.shape
    d = kernel.shape[-1]
    h, w = -(-height // 2), -(-width // 2)
    # Tiles overlap by two. Seen as pairs of rows and columns, entry (i, j) of all tiles is a plain slice, and so its
    # transpose is a plain pad: strided slices would be turned into scatters.
    padded = jnp.pad(x, ((0, 0), (1, 2 * h + 1 - height), (1, 2 * w + 1 - width), (0, 0)))
    pairs = padded.reshape(n, h + 1, 2, w + 1, 2, c)
    tiles = [[pairs[:, i // 2 : i // 2 + h, i % 2, j // 2 : j // 2 + w, j % 2] for j in range(4)] for i in range(4)]
    inputs = _both_sides(_B_T, tiles)
    kernels = _both_sides(_G, [[kernel[i, j] for j in range(3)] for i in range(3)])
    # 16 products and not one batched product: XLA's CPU runs the latter at half the speed.
    products = [
        [(inputs[i][j].reshape(n * h * w, c) @ kernels[i][j]).reshape(n, h, w, d) for j in range(4)] for i in range(4)
    ]
    outputs = _both_sides(_A_T, products)
    rows = [jnp.stack(row, axis=3) for row in outputs]  # each (n, h, w, 2, d)
    return jnp.stack(rows, axis=2).reshape(n, 2 * h, 2 * w, d)[:, :height, :width]


def _both_sides(matrix: Sequence[Sequence[float]], entries: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """matrix @ entries @ matrix^T for a grid of arrays."""
    columns = [_combine(matrix, column) for column in zip(*entries, strict=True)]
    return [_combine(matrix, row) for row in zip(*columns, strict=True)]


def _combine(matrix: Sequence[Sequence[float]], arrays: Sequence[Array]) -> list[Array]:
    combined = []
    for row in matrix:
        terms = [a if factor == 1 else factor * a for factor, a in zip(row, arrays, strict=True) if factor]
        combined.append(sum(terms[1:], terms[0]))
    return combined
