"""Where in dry blocks of a record come from, and at what speed, from how the levels of a few bands move."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.chain import peaks
from ddspfx.alignment.interpolate import Reals
from ddspfx.alignment.levels import STEP, Singles

_ANCHORS, _ANCHOR = 10, 16.0  # blocks that the speed is searched with, and their seconds
_WIDEST, _SPEED_STEP = 0.054, 0.002
_BLOCK, _HOP = 6.0, 2.0  # s
_CANDIDATES = 8
_APART = 0.15  # s between two candidates
_AGREEING = 0.6  # of the anchors: the others may hold a skip, or what dry does not
_QUIET = 0.05  # of the usual energy of a block's levels


class Block(NamedTuple):
    """A block of wet: its middle in seconds, the seconds of dry where it may be, and how well each matches (ρ)."""

    time: float
    places: Reals
    matches: Reals


class Whereabouts:
    """Dry's levels, ready to be searched for a block of wet's."""

    def __init__(self, dry: Singles, wet: Singles) -> None:
        from scipy.fft import next_fast_len, rfft

        self._wet = wet
        self._longest = min(round(_ANCHOR / STEP), wet.shape[1])
        self._lead = self._longest
        lags = dry.shape[1] + 2 * self._lead
        self._count = next_fast_len(lags + 2 * self._longest, real=True)
        self._spectra = rfft(np.pad(dry, ((0, 0), (self._lead, self._lead))), self._count)
        energy = np.pad(np.sum(dry.astype(float) ** 2, 0), (self._lead, self._lead + 2 * self._longest))
        self._energy = np.concatenate([[0.0], np.cumsum(energy)])
        self._usual = float(np.mean(np.sum(dry**2, 0)))
        self._lags = lags

    def speed(self) -> tuple[float, float]:
        """Seconds of dry a second of wet, and how far the best anchors match at it (mean of ρ)."""
        anchors = self._anchors()
        count = round(_WIDEST / _SPEED_STEP)
        speeds = 1 + _SPEED_STEP * np.arange(-count, count + 1)

        def match(speed: float) -> float:
            best = np.sort([float(self._match(start, self._longest, speed)[0].max()) for start in anchors])
            return float(np.mean(best[-max(1, round(_AGREEING * len(best))) :]))

        with ThreadPoolExecutor(2) as pool:
            scores = np.array(list(pool.map(match, speeds)))
        k = int(np.clip(np.argmax(scores), 1, len(scores) - 2))
        bend = 2 * scores[k] - scores[k - 1] - scores[k + 1]
        shift = 0.5 * (scores[k + 1] - scores[k - 1]) / (bend + 1e-12)
        return float(speeds[k] + _SPEED_STEP * np.clip(shift, -0.5, 0.5)), float(scores.max())

    def blocks(self, speed: float) -> list[Block]:
        """All blocks of some seconds, each with the places of dry that it resembles most."""
        size = min(round(_BLOCK / STEP), self._wet.shape[1])
        starts = range(0, self._wet.shape[1] - size + 1, round(_HOP / STEP))
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda start: self._block(start, size, speed), starts))

    def _block(self, start: int, size: int, speed: float) -> Block:
        c, length = self._match(start, size, speed)
        index, height = peaks(c[None].astype(np.float64), _CANDIDATES, round(_APART / STEP))
        at = index[0].astype(float)
        inside = np.clip(index[0], 1, len(c) - 2)
        before, here, after = c[inside - 1], c[inside], c[inside + 1]
        at += np.clip(0.5 * (after - before) / (np.maximum(2 * here - before - after, 0) + 1e-9), -0.5, 0.5)
        middle = (at - self._lead + 0.5 * (length - 1)) * STEP
        return Block((start + 0.5 * (size - 1)) * STEP, middle, height[0])

    def _anchors(self) -> Iterable[int]:
        """Starts of the liveliest blocks of each part of wet."""
        energy = np.concatenate([[0.0], np.cumsum(np.sum(self._wet.astype(float) ** 2, 0))])
        lively = energy[self._longest :] - energy[: -self._longest]
        parts = np.array_split(np.arange(len(lively)), min(_ANCHORS, len(lively)))
        return [int(part[np.argmax(lively[part])]) for part in parts]

    def _match(self, start: int, size: int, speed: float) -> tuple[Singles, int]:
        """ρ at every place of dry (from `lead` steps before its start) of a block played at `speed`; and its length."""
        from scipy.fft import irfft, rfft

        length = round(size * speed)
        at = start + np.arange(length) / speed
        block = _between(self._wet, at)
        spectra = rfft(block, self._count)
        c = irfft((np.conj(spectra) * self._spectra).sum(0), self._count)[: self._lags - length]
        there = self._energy[length : length + len(c)] - self._energy[: len(c)]
        own = float(np.sum(block**2))
        floor = _QUIET * self._usual * length
        rho: NDArray[np.float32] = c / np.sqrt(np.maximum(there, floor) * max(own, floor)).astype(np.float32)
        return rho, length


def _between(rows: Singles, at: Reals) -> Singles:
    """Rows read between their points, straight."""
    first = np.clip(at.astype(np.int64), 0, rows.shape[1] - 2)
    part = (at - first).astype(np.float32)
    found: Singles = rows[:, first] * (1 - part) + rows[:, first + 1] * part
    return found
