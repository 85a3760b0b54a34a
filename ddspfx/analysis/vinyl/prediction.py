"""Linear prediction of a short stretch of sound: what it leaves, and what it puts in a gap."""

from typing import Any

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, " samples"]

ORDER = 32
_FLOOR = 1e-10  # of the power, as white noise that is always reckoned with


def predictor(x: Series) -> Series | None:
    """The whitening filter 1, -a_1, ... -a_32 of a stretch; None where that is digitally silent.

    The autocorrelation method under a Hann window (Makhoul 1975, "Linear prediction: a tutorial review").
    """
    from scipy.linalg import solve_toeplitz

    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), 2 * len(x))) ** 2
    lags = np.fft.irfft(power)[: ORDER + 1]
    if lags[0] < 1e-22 * len(x):
        return None
    lags[0] *= 1 + _FLOOR
    found: Series = np.concatenate([[1.0], -solve_toeplitz(lags[:-1], lags[1:])])
    return found


def bridged(x: Series, whitener: Series, first: int, last: int) -> Series:
    """`x` from `first` to `last` as the prediction wants it from what lies on both sides, by least squares.

    (Janssen, Veldhuis, Vries 1986, "Adaptive interpolation of discrete-time signals that can be modeled as
    autoregressive processes".)
    """
    from scipy.linalg import solveh_banded

    order, count = len(whitener) - 1, last - first
    known = np.pad(x[max(first - order, 0) : last + order], (max(order - first, 0), max(last + order - len(x), 0)))
    known = known.copy()
    known[order : order + count] = 0.0
    errors = np.convolve(known, whitener)[order : len(known)]
    wanted = -np.correlate(errors, whitener, "valid")[:count]
    rows = np.correlate(whitener, whitener, "full")[order:]
    banded: Any = np.zeros((min(order, count - 1) + 1, count))
    for step in range(len(banded)):
        banded[-1 - step, step:] = rows[step]
    banded[-1] *= 1 + 1e-12
    filled: Series = solveh_banded(banded, wanted)
    return filled
