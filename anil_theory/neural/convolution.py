"""3x3 convolution with padding 1, NHWC: the library's, or Winograd's minimal filtering F(2x2, 3x3) in matrix products.

F(2x2, 3x3) makes four outputs of a channel pair from 16 products instead of 36: with tiles d of 4 x 4 inputs,

    Y = A^T [(G g G^T) * (B^T d B)] A,

where * is elementwise and the sum over channels turns it into 16 matrix products. It is exact in exact arithmetic, and
bilinear like the convolution itself: derivatives of every order follow from the formula. XLA's CPU runs the library's
convolution well below the speed of its matrix products (its weight gradient at half of that), which is why it is used
there; on a GPU the library chooses such algorithms by itself.

Source: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array

_B_T = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_G = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_A_T = ((1, 1, 1, 0), (0, 1, -1, -1))

SMALLEST_SIDE, FEWEST_CHANNELS = 6, 8
"""Below either of these the transforms cost more than the products that they save (measured, experiments/speed)."""


def convolve(x: Array, kernel: Array) -> Array:
    """3x3 convolution with padding 1, x (n, H, W, c), kernel (3, 3, c, d) -> (n, H, W, d), whichever way is faster."""
    wide_enough = min(kernel.shape[2:]) >= FEWEST_CHANNELS and min(x.shape[1:3]) >= SMALLEST_SIDE
    # The transforms add and subtract inputs: in bfloat16 that would cost digits that the products do not.
    if jax.default_backend() == "cpu" and wide_enough and x.dtype.itemsize >= 4:
        return winograd(x, kernel)
    return direct(x, kernel)


def direct(x: Array, kernel: Array) -> Array:
    """The library's convolution."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


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
