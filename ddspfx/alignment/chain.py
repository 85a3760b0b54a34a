"""The likeliest chain of places: a block's candidates, one after another, where a jump costs and noise is left out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

_RUB = 6.0  # what a lag costs that moves as far as it may
_BACK = 16  # blocks that may be left out between two of a chain


def best_chain(
    times: Reals, places: Reals, scores: Reals, tolerance: float, wander: float, cost: Callable[[Reals], Reals]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the blocks of the chain, and of the candidate of each.

    `times` (blocks,) in seconds, `places` and `scores` (blocks, candidates), places as lags that a steady record
    keeps; -inf scores are none. From one to the next a lag moves by at most `tolerance` + `wander`·dt for next to
    nothing, or jumps by so many seconds for what `cost` says. Maximises the scores less the costs. (Viterbi 1967.)
    """
    blocks, many = scores.shape
    total, came = scores.copy(), np.full((blocks, many), -1, np.int64)
    for k in range(1, blocks):
        first = max(0, k - _BACK)
        before, lags = total[first:k].ravel(), places[first:k].ravel()
        loose = np.repeat(tolerance + wander * (times[k] - times[first:k]), many)
        move = np.abs(places[k][:, None] - lags)
        options = before - np.where(move <= loose, _RUB * (move / loose) ** 2, cost(move))
        best = np.argmax(options, axis=1)
        gain = options[np.arange(many), best]
        better = gain > 0
        total[k] += np.where(better, gain, 0.0)
        came[k] = np.where(better, best + first * many, -1)
    return _traced(total, came)


def _traced(total: Reals, came: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    many = total.shape[1]
    at = int(np.argmax(total))
    chain = []
    while at >= 0:
        chain.append(at)
        at = int(came.ravel()[at])
    found = np.array(chain[::-1], np.int64)
    return found // many, found % many


def peaks(c: Reals, many: int, apart: int) -> tuple[NDArray[np.int64], Reals]:
    """The highest local maxima of each row of `c` (rows, lags), no two nearer than `apart`: index and height."""
    rows = np.arange(len(c))
    left = c.copy()
    index, height = np.zeros((len(c), many), np.int64), np.zeros((len(c), many))
    around = np.arange(-apart, apart + 1)
    for k in range(many):
        index[:, k] = np.argmax(left, axis=1)
        height[:, k] = left[rows, index[:, k]]
        left[rows[:, None], np.clip(index[:, k : k + 1] + around, 0, c.shape[1] - 1)] = -np.inf
    return index, height
