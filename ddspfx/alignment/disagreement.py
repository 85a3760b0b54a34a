"""How far the bands contradict one another: where the residual is not noise, each knows less than it claims."""

import numpy as np

from ddspfx.alignment.gauss_newton import banded_product
from ddspfx.alignment.interpolate import Reals

_KNOTS = 10  # at a time: an error of the model lasts longer than a knot
_SOLE = 0.1  # share of the others below which a band has nobody to contradict it


def excess(A: Reals, h: Reals, step: Reals) -> Reals:
    """φ ≥ 1 of each band: the mean square of its score after `step`, over what its own information A leads to expect.

    s_b = h_b - A_b·δ has variance φ_b·A_b·(1 - A_b/A) where the bands err independently, so φ is 1 in noise alone.
    `A` (bands, 4, knots), `h` (bands, knots).
    """
    count = h.shape[1] // _KNOTS * _KNOTS

    def blocks(rows: Reals) -> Reals:
        sums: Reals = rows[:, :count].reshape(len(rows), -1, _KNOTS).sum(2)
        return sums

    score = blocks(np.stack([row - banded_product(bands, step) for bands, row in zip(A, h, strict=True)]))
    own = blocks(np.stack([banded_product(bands, np.ones(h.shape[1])) for bands in A]))
    others = np.maximum(1 - own / (own.sum(0) + 1e-300), _SOLE)
    ratio = np.sum(score**2 / (own + 1e-3 * own.mean(1, keepdims=True) + 1e-300), 1) / (np.sum(others, 1) + 1e-300)
    return np.asarray(np.maximum(ratio, 1.0))
