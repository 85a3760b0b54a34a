"""How the levels of a few bands move: what two recordings share when nothing is known yet of their time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
RATE = 8000
"""Hz of the recordings that this looks at."""
HOP = 160
STEP = HOP / RATE
"""Seconds from one level to the next: a hundredth of a block of some seconds, so that 0.2 % of speed do not matter."""
_FRAME = 512
_EDGES = (90.0, 180.0, 280.0, 400.0, 550.0, 750.0, 1000.0, 1400.0, 2000.0, 2800.0, 3900.0)  # Hz
_FLOOR = 1e-3  # of a band's mean power: 30 dB below it all is noise
_SLOW = 3.0  # s over which a level is compared with its neighbours
_MANY = 4096  # frames at a time
_PIECE = 2**20  # samples of a recording at a time


def pieces(x: NDArray[Any], size: int = _PIECE) -> Iterator[NDArray[Any]]:
    """Stretches of (channels, samples)."""
    return (x[:, first : first + size] for first in range(0, x.shape[1], size))


def lowered(x: NDArray[Any], sample_rate: float, rate: float = RATE) -> Singles:
    """Both channels of `x` (channels, samples) as one, at a lower rate; piece by piece, so that it needs little more.

    The first alone where they cancel.
    """
    import soxr

    sums = [(np.sum(p.sum(0) ** 2, dtype=float), np.sum(p**2, dtype=float)) for p in pieces(x)]
    both = sum(s for s, _ in sums) > 0.05 * sum(whole for _, whole in sums)
    stream = soxr.ResampleStream(sample_rate, rate, 1, dtype="float32", quality="MQ")
    parts = [stream.resample_chunk((p.sum(0) if both else p[0]).astype(np.float32)) for p in pieces(x)]
    parts.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    y: Singles = np.concatenate(parts)
    y -= y.mean()
    return y


def levels(x: Singles) -> Singles:
    """(bands, frames): the logarithm of each band's power at 50 Hz, less its average over three seconds."""
    from scipy.ndimage import uniform_filter1d

    count = max(1, len(x) // HOP)
    padded = np.pad(x, (_FRAME // 2, _FRAME + HOP))
    power = np.concatenate([_powers(padded, k, min(k + _MANY, count)) for k in range(0, count, _MANY)])
    log = np.log(power + _FLOOR * power.mean(0) + 1e-20)
    found: Singles = (log - uniform_filter1d(log, round(_SLOW / STEP), axis=0, mode="nearest")).T.astype(np.float32)
    return found


def _powers(padded: Singles, first: int, last: int) -> Singles:
    from scipy.fft import rfft

    views = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[first * HOP : last * HOP : HOP]
    spectra = rfft(np.hanning(_FRAME + 1)[:-1].astype(np.float32) * views)
    edges = np.round(np.array(_EDGES) * _FRAME / RATE).astype(int)
    sums: Singles = np.add.reduceat(spectra.real**2 + spectra.imag**2, edges, axis=1)[:, :-1]
    return sums
