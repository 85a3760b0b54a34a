"""The path of greatest total score through a grid of lags, when a step may not be too long. (Viterbi 1967.)"""

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals


def best_path(scores: Reals, farthest: int, penalty: float = 0.0) -> NDArray[np.int64]:
    """Index of the lag in each row of `scores` (frames, lags), neighbours at most `farthest` apart.

    Maximises Σ_k scores[k, i_k] - penalty·(i_k - i_{k-1})².
    """
    frames, lags = scores.shape
    steps = np.arange(-farthest, farthest + 1)
    costs = penalty * steps.astype(float) ** 2
    came = np.zeros((frames, lags), np.int64)
    total = scores[0].copy()
    padded, every = np.full(lags + 2 * farthest, -np.inf), np.arange(lags)
    reached = np.lib.stride_tricks.sliding_window_view(padded, len(steps))  # of `padded` as it is each time
    for k in range(1, frames):
        padded[farthest : farthest + lags] = total
        options = reached - costs
        came[k] = np.argmax(options, axis=1)
        total = scores[k] + options[every, came[k]]
    path = np.empty(frames, np.int64)
    path[-1] = int(np.argmax(total))
    for k in range(frames - 1, 0, -1):
        path[k - 1] = path[k] + steps[came[k][path[k]]]
    return path


def refined(scores: Reals, path: NDArray[np.int64]) -> tuple[Reals, Reals]:
    """The top of the parabola through each chosen score and its neighbours: index and curvature, both (frames,)."""
    rows = np.arange(len(path))
    middle = np.clip(path, 1, scores.shape[1] - 2)
    before, here, after = (scores[rows, middle + k] for k in (-1, 0, 1))
    curvature: Reals = np.maximum(2 * here - before - after, 0.0)
    shift = np.clip(0.5 * (after - before) / (curvature + 1e-300), -0.5, 0.5)
    return middle.astype(np.float64) + np.where(curvature > 0, shift, 0.0), curvature
