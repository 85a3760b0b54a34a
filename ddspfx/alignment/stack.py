"""The line along which the correlations of all blocks add up: sure of a periodic sound where single peaks slip."""

import numpy as np

from ddspfx.alignment.correlation import whitened
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.local_lags import block_spectra

_BLOCKS = 64
_SLOPES = 201
_PASSES = 3
_NEGATIVE_MARGIN = 1.1


def stacked_line(x: Reals, y: Reals, size: int, widest: float) -> tuple[float, float, int]:
    """Start, slope (samples a sample) and polarity of the lag line of `y` against `x`, slopes within ±`widest`.

    max over (a, b) of |Σ_k c_k(a + b·t_k)|, c_k the weighted correlation of block k; the grid of slopes is
    narrowed three times.
    """
    from scipy.fft import irfft

    centres, spectra, powers = block_spectra(x, y, size)
    chosen = np.sort(np.argsort(-powers)[:_BLOCKS])
    reach = size // 4
    rows = np.stack([np.roll(irfft(whitened(spectra[k]), 2 * size), reach)[: 2 * reach] for k in chosen])
    rows = rows / (np.sqrt(np.mean(rows**2, axis=1, keepdims=True)) + 1e-300)
    run = centres[chosen] - y.shape[1] / 2
    slope, width, lag, sign = 0.0, widest, 0, 1
    for _ in range(_PASSES):
        slope, lag, sign = _best(rows, run, slope + np.linspace(-width, width, _SLOPES))
        width *= 4 / _SLOPES
    return lag - reach - slope * y.shape[1] / 2, slope, sign


def _best(rows: Reals, run: Reals, slopes: Reals) -> tuple[float, int, int]:
    best, found = 0.0, (0.0, rows.shape[1] // 2, 1)
    for slope in slopes:
        shifts = np.round(slope * run).astype(int)
        total = np.sum([np.roll(row, -shift) for row, shift in zip(rows, shifts, strict=True)], axis=0)
        up, down = int(np.argmax(total)), int(np.argmin(total))
        sign = -1 if -total[down] > _NEGATIVE_MARGIN * total[up] else 1
        place = up if sign > 0 else down
        if sign * total[place] > best:
            best, found = float(sign * total[place]), (float(slope), place, sign)
    return found
