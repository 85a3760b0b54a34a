"""Where a path fell into the wrong period: what each offset would leave of wet, band by band."""

from collections.abc import Sequence

import numpy as np

from ddspfx.alignment.bands import Band, Complexes, bands_of
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.response import whitener
from ddspfx.alignment.smoother import smoothed
from ddspfx.alignment.viterbi import best_path, refined

_EDGES = (60.0, 200.0, 500.0, 1200.0, 3000.0, 7000.0, 11_000.0)  # Hz
_HOP = 0.01  # s
_FINE = 2  # offsets a sample
_PER_PERIOD = 10  # offsets that a band's residual is computed at within a period of its highest frequency
_FREEDOM = 6.0  # of each band and frame: how much one of them may say
_FLOOR = 0.01  # of a band's mean residual: less is not believed
_STEEPEST = 0.01  # of speed
_MOVE = 0.05  # what a move by one offset a frame costs
_BEND = 0.5  # samples that a slip may bend in a frame, at 44.1 kHz


def slips(
    predicted: Sequence[Complexes], wet: Sequence[Complexes], reach: int, length: int, count: int, sample_rate: float
) -> Reals:
    """How far wet runs behind `predicted`, spectra of `count` samples a channel, within ±`reach`: at each sample.

    The residual's energy R_b of each frame of 10 ms in six bands, at offsets of half a sample; the likelihood
    -Σ_b 6·log(R_b + floor); Viterbi, the parabola's top, and a smooth line through them. A logarithm a band lets no
    single band decide, so a period of a note, right in one band, is wrong in the others.
    """
    hop = round(_HOP * sample_rate)
    frames = length // hop
    offsets = np.arange(-_FINE * reach, _FINE * reach + 1) / _FINE
    scores = np.zeros((frames, len(offsets)))
    for P, Y in zip(predicted, wet, strict=True):
        W = whitener(Y - P, count, sample_rate)
        for band in bands_of(count, sample_rate, _EDGES):
            scores -= _FREEDOM * _logs(band, W * P, W * Y, offsets, frames, hop)
    path = best_path(scores, max(1, round(_FINE * _STEEPEST * hop)), _MOVE)
    index, curvature = refined(scores, path)
    variances = 1 / np.maximum(_FINE**2 * curvature, 1e-6)
    line = smoothed(index / _FINE - reach, variances, _BEND * sample_rate / 44_100)
    return np.interp(np.arange(length), hop * (np.arange(frames) + 0.5), line)


def _logs(band: Band, P: Complexes, Y: Complexes, offsets: Reals, frames: int, hop: int) -> Reals:
    """log(R + floor), (frames, offsets), of one band, computed at a few offsets and a cubic between them."""
    from scipy.interpolate import CubicSpline

    steps = max(4, int(np.ceil(2 * offsets[-1] * _PER_PERIOD * band.high / band.whole)))
    coarse = np.linspace(offsets[0], offsets[-1], min(steps + 1, len(offsets)))
    bounds = np.round(hop * np.arange(frames + 1) / band.step).astype(int)
    wet = band.of(Y)
    turns = -2j * np.pi * np.arange(band.low, band.high) / band.whole
    R = np.empty((frames, len(coarse)))
    shifted = np.zeros(band.high, complex)
    shifted[band.low :] = P[band.low : band.high] * np.exp(turns * coarse[0])
    onward = np.exp(turns * (coarse[1] - coarse[0]))
    for column in range(len(coarse)):
        rest = wet - band.of(shifted)
        total = np.concatenate([[0.0], np.cumsum(rest.real**2 + rest.imag**2)])
        wide = np.maximum(bounds[1:] - bounds[:-1], 2)
        R[:, column] = (total[np.minimum(bounds[:-1] + wide, len(rest))] - total[bounds[:-1]]) / wide
        shifted[band.low :] *= onward
    logs = np.log(R + _FLOOR * np.mean(R[:, len(coarse) // 2]) + 1e-300)
    values: Reals = CubicSpline(coarse, logs, axis=1)(offsets)
    return values
