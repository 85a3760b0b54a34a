"""Where a path fell into the wrong period: what each offset would leave of wet, band by band."""

from itertools import pairwise

import numpy as np

from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.smoother import smoothed
from ddspfx.alignment.viterbi import best_path, refined

_EDGES = (60.0, 200.0, 500.0, 1200.0, 3000.0, 7000.0, 1e9)  # Hz
_HOP = 0.01  # s
_FINE = 2  # offsets a sample
_FREEDOM = 6.0  # of each band and frame: how much one of them may say
_FLOOR = 0.01  # of a band's mean residual: less is not believed
_STEEPEST = 0.01  # of speed
_MOVE = 0.05  # what a move by one offset a frame costs
_BEND = 0.5  # samples that a slip may bend in a frame, at 44.1 kHz


def slips(predicted: Reals, y: Reals, reach: int, sample_rate: float) -> Reals:
    """How far `y` runs behind `predicted`, (channels, samples), both whitened, within ±`reach`: at each sample.

    The residual's energy R_b of each frame of 10 ms in six bands, at offsets of half a sample; the likelihood
    -Σ_b 6·log(R_b + floor); Viterbi, the parabola's top, and a smooth line through them. A logarithm a band lets no
    single band decide, so a period of a note, right in one band, is wrong in the others.
    """
    hop = round(_HOP * sample_rate)
    count = y.shape[1] // hop
    scores = -_FREEDOM * np.sum([_logs(p, w, reach, hop, sample_rate) for p, w in zip(predicted, y, strict=True)], 0)
    path = best_path(scores, max(1, round(_FINE * _STEEPEST * hop)), _MOVE)
    index, curvature = refined(scores, path)
    variances = 1 / np.maximum(_FINE**2 * curvature, 1e-6)
    line = smoothed(index / _FINE - reach, variances, _BEND * sample_rate / 44_100)
    return np.interp(np.arange(y.shape[1]), hop * (np.arange(count) + 0.5), line)


def _logs(predicted: Reals, y: Reals, reach: int, hop: int, sample_rate: float) -> Reals:
    """Σ_b log(R_b + floor), (frames, offsets), of one channel."""
    from scipy.fft import irfft, next_fast_len, rfft

    count = next_fast_len(len(y) + 2 * reach + 2, real=True)
    P, Y = rfft(predicted, count), rfft(y, count)
    half = np.exp(-1j * np.pi * np.arange(len(P)) / count)
    edges = np.searchsorted(np.arange(len(P)) * sample_rate / count, _EDGES)
    total = np.zeros((len(y) // hop, 2 * _FINE * reach + 1))
    for low, high in pairwise(edges):
        band = np.zeros(len(P))
        band[low:high] = 1.0
        wet, *sources = (irfft(S * band, count) for S in (Y, P, P * half))
        total += _log_residual(wet[: len(y)], sources, reach, hop)
    return total


def _log_residual(wet: Reals, sources: list[Reals], reach: int, hop: int) -> Reals:
    """log(R + floor), (frames, offsets), of one band; the second source is the first half a sample later."""
    frames = len(wet) // hop
    columns = []
    for offset in range(-_FINE * reach, _FINE * reach + 1):
        source = np.roll(sources[offset % _FINE], offset // _FINE)[: frames * hop]
        rest = (wet[: frames * hop] - source).reshape(frames, hop)
        columns.append(np.einsum("ij,ij->i", rest, rest))
    R = np.stack(columns, axis=1)
    logs: Reals = np.log(R + _FLOOR * np.mean(R[:, _FINE * reach]) + 1e-300)
    return logs
