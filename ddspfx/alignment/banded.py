"""Symmetric banded systems without the routine whose threads take a hundred times as long as its arithmetic.

LAPACK's banded Cholesky factorisation hands blocks as wide as the band to every core; from some 24 bands on, waiting
for them costs more than all else, and most where other programs run beside it.
"""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


def solve_symmetric(bands: Reals, right: Reals) -> Reals:
    """x of A x = right for symmetric positive definite A in upper bands (order, count), the diagonal last."""
    from scipy.linalg import solve_banded

    width, count = len(bands) - 1, bands.shape[1]
    below = np.zeros((width, count))
    for k in range(1, width + 1):
        below[k - 1, : count - k] = bands[width - k, k:]
    x: Reals = solve_banded((width, width), np.concatenate([bands, below]), right)
    return x


def inverse_bands(bands: Reals) -> Reals:
    """Upper bands of the inverse of a symmetric banded matrix, row a its entries (i, i + a), without the rest.

    (Takahashi, Fagan, Chin 1973), in blocks as wide as the band.
    """
    order, count = bands.shape
    own, beside = _blocks(bands)
    size = own.shape[1]
    inverse = np.empty_like(own)
    inverse[0] = np.linalg.inv(own[0])
    for k in range(1, len(own)):
        inverse[k] = np.linalg.inv(own[k] - beside[k - 1].T @ inverse[k - 1] @ beside[k - 1])
    across = np.zeros_like(beside)
    for k in range(len(own) - 2, -1, -1):
        across[k] = -inverse[k] @ beside[k] @ inverse[k + 1]
        inverse[k] -= across[k] @ beside[k].T @ inverse[k]
    wide = np.concatenate([inverse, np.concatenate([across, np.zeros((1, size, size))])], axis=2)
    row, a = np.arange(count), np.arange(order)[:, None]
    found: Reals = wide[row // size, row % size, row % size + a]
    return np.where(row + a < count, found, 0.0)


def _blocks(bands: Reals) -> tuple[Reals, Reals]:
    """Blocks on the diagonal (blocks, size, size), the last filled up with ones, and those beside it."""
    order, count = bands.shape
    size = max(order - 1, 1)
    blocks = -(-count // size)
    padded = np.zeros((order, blocks * size))
    padded[:, :count] = bands
    padded[-1, count:] = 1.0
    i, j = np.arange(size)[:, None], np.arange(2 * size)
    above = j - i
    column = np.arange(blocks)[:, None, None] * size + j
    inside = (np.abs(above) < order) & (column < blocks * size)
    # Entry (i, i + a) lies in row order - 1 - a at the greater of its two columns.
    greater = np.minimum(column + np.maximum(-above, 0), blocks * size - 1)
    whole = np.where(inside, padded[np.clip(order - 1 - np.abs(above), 0, order - 1), greater], 0.0)
    return whole[:, :, :size], whole[:-1, :, size:]
