"""The path of a delay that swings by hundreds of samples, speed and all, at a low rate."""

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.correlation import whitened
from ddspfx.alignment.interpolate import Reals

_RATE = 11_025.0
_FRAME = 512  # samples at the low rate, 46 ms
_HOP = 100  # one step of speed then moves the lag by one step a frame
_FINE = 2  # lags a sample
_STEP = 1 / (_FINE * _HOP)  # of speed
_FASTEST = 12  # steps: 6 %
_TURN = 0.02  # what a change of speed by a step costs, in units of a perfect match


def swinging_path(x: Reals, y: Reals, sample_rate: float, reach: float, sign: int) -> Reals:
    """The lag of `y` behind `x`, (channels, samples) of one length, at every sample; within ±`reach` samples.

    A frame of wet is read at each of 25 speeds and correlated with dry, weighted by |G|^-0.7; Viterbi then goes
    through lag and speed at once, the lag moving as the speed says and the speed by one step a frame at most. So a
    slope of several per cent neither smears the frame nor frees the path to jump between the periods of a note.
    """
    from ddspfx.audio import resampled

    low, high = (np.asarray(resampled(signal, sample_rate, _RATE), np.float64) for signal in (x, y))
    lags = round(reach * _RATE / sample_rate)
    centres = np.arange(0, high.shape[1] + _HOP, _HOP)
    scores = np.stack([_scores(low, high, centres, steps, lags) for steps in range(-_FASTEST, _FASTEST + 1)], axis=1)
    path = (_best_path(sign * scores) / _FINE - lags) * sample_rate / _RATE
    return np.interp(np.arange(y.shape[1]), centres * sample_rate / _RATE, path)


def _scores(x: Reals, y: Reals, centres: NDArray[np.int64], steps: int, lags: int) -> NDArray[np.float32]:
    """(frames, lags) of normalised correlations, the lag growing by `steps` a frame."""
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.ndimage import map_coordinates

    half = _FRAME // 2
    slope = steps * _STEP
    run = np.arange(-half, half)
    at = centres[:, None] + run / (1 - slope)
    count = next_fast_len(2 * _FRAME + 2 * lags, real=True)
    window = np.hanning(_FRAME + 1)[:-1]
    G = np.zeros((len(centres), count // 2 + 1), complex)
    for dry, wet in zip(x, y, strict=True):
        heard = window * map_coordinates(wet, [at], order=3, mode="constant")
        around = centres[:, None] + np.arange(-half - lags, half + lags)
        source = np.where((around >= 0) & (around < len(dry)), dry[np.clip(around, 0, len(dry) - 1)], 0.0)
        G += np.conj(rfft(source, count)) * rfft(heard, count)
    W = whitened(G)
    size = np.abs(W).sum(1, keepdims=True)
    c = irfft(W, _FINE * count)[:, -np.arange(2 * lags * _FINE, -1, -1)]
    scores: NDArray[np.float32] = (c * _FINE * count / 2 / (size + 1e-3 * np.max(size) + 1e-300)).astype(np.float32)
    return scores


def _best_path(scores: NDArray[np.float32]) -> Reals:
    """Index of the lag in each frame: maximises the scores (frames, speeds, lags) less what turns cost."""
    frames, _, lags = scores.shape
    came = np.zeros(scores.shape, np.int8)
    total = scores[0].copy()
    for k in range(1, frames):
        moved = np.full_like(total, -np.inf)
        for row, steps in enumerate(range(-_FASTEST, _FASTEST + 1)):
            moved[row, max(steps, 0) : lags + min(steps, 0)] = total[row, max(-steps, 0) : lags - max(steps, 0)]
        options = np.stack([np.roll(moved, turn, axis=0) - _TURN * abs(turn) for turn in (0, 1, -1)])
        options[1, 0], options[2, -1] = -np.inf, -np.inf
        best = np.argmax(options, axis=0)
        came[k] = np.array([0, 1, -1], np.int8)[best]
        total = np.take_along_axis(options, best[None], axis=0)[0] + scores[k]
    return _traced(came, total)


def _traced(came: NDArray[np.int8], total: NDArray[np.float32]) -> Reals:
    path = np.empty(len(came))
    row, lag = np.unravel_index(int(np.argmax(total)), total.shape)
    for k in range(len(came) - 1, -1, -1):
        path[k] = lag
        row = row - came[k, row, lag]
        lag = lag - (row - _FASTEST)
    return path
