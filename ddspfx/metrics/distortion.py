"""What a device adds to a sine: harmonics, noise and aliases."""

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Complex, Float

_Table: TypeAlias = Complex[np.ndarray, "rows lines"]
SPACING = 4.0
"""Periods; fewer than these and the harmonics cannot be told apart."""


class Lines(NamedTuple):
    """A signal taken apart: amplitudes at the harmonics of its sine, and the power of everything else."""

    amplitudes: Float[np.ndarray, " harmonics"]
    """Peak amplitude at f0, 2 f0, ... below half of the sample rate."""
    residual: float
    """Mean square of what is neither harmonic nor DC."""


def decompose(x: Float[np.ndarray, " samples"], frequency: float, sample_rate: int) -> Lines:
    """Least squares of DC and all harmonics of `frequency` (Hz) below half of `sample_rate`, exact without a window.

    x[n] = sum_k c_k exp(j k w n) + rest, k from -K to K, and A_k = 2 |c_k|, in float64.
    Cut off the transient first.
    Raises ValueError when x is not (samples,), not finite, shorter than four periods, or the frequency is not
    between 0 Hz and half of the rate. Source: the sine fit of IEEE Std 1057-2017, with all harmonics.
    """
    x = np.asarray(x, float)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError(f"x has shape {x.shape}, but must be (samples,) and finite: take one channel")
    if not 0 < frequency < sample_rate / 2:
        raise ValueError(f"frequency is {frequency} Hz, but must be between 0 and {sample_rate / 2} Hz")
    if x.size * frequency < SPACING * sample_rate:
        raise ValueError(f"x has {x.size} samples, but must last {SPACING:g} periods of {frequency} Hz")
    # A harmonic within one line's width of half the rate has no sine part left to fit.
    highest = max(1, int((sample_rate / 2 - sample_rate / x.size) / frequency))
    coarse, fine = _tables(x.size, 2 * np.pi * frequency / sample_rate, highest)
    blocks = np.pad(x, (0, len(coarse) * len(fine) - x.size)).reshape(len(coarse), len(fine))
    right = np.sum((blocks @ fine.conj()) * coarse.conj(), axis=0)
    lines = np.linalg.solve(_gram(x.size, 2 * np.pi * frequency / sample_rate, highest), right)
    rest = x - ((coarse * lines) @ fine.T).real.ravel()[: x.size]
    return Lines(2 * np.abs(lines[highest + 1 :]), float(np.mean(rest**2)))


def _tables(count: int, omega: float, highest: int) -> tuple[_Table, _Table]:
    """exp(j k omega n), k from -highest to highest, as coarse[n // size, k] * fine[n % size, k]."""
    size = math.isqrt(count) + 1
    k = np.arange(-highest, highest + 1)
    blocks = np.arange(-(-count // size))
    return np.exp(1j * omega * size * np.outer(blocks, k)), np.exp(1j * omega * np.outer(np.arange(size), k))


def _gram(count: int, omega: float, highest: int) -> Complex[np.ndarray, "lines lines"]:
    """sum_n exp(j (l - k) omega n), a geometric series, in row k and column l."""
    k = np.arange(-highest, highest + 1)
    half = (k[None, :] - k[:, None]) * omega / 2
    alone = half == 0
    ratio = np.sin(count * half) / np.where(alone, 1.0, np.sin(half))
    return np.where(alone, count, np.exp(1j * (count - 1) * half) * ratio)


def thd(x: Float[np.ndarray, " samples"], frequency: float, sample_rate: int) -> float:
    """Total harmonic distortion of a sine at `frequency` (Hz), sqrt(sum_{k >= 2} A_k^2) / A_1, a ratio.

    Raises ValueError as `decompose` does, and when the fundamental is missing. Source: IEC 60268-3, but
    relative to the fundamental.
    """
    amplitudes = _sounding(decompose(x, frequency, sample_rate), frequency).amplitudes
    return float(np.sqrt(np.sum(amplitudes[1:] ** 2)) / amplitudes[0])


def thd_n(x: Float[np.ndarray, " samples"], frequency: float, sample_rate: int) -> float:
    """The same with everything that is not the sine: RMS of harmonics, noise and aliases over the fundamental's.

    DC does not count. Raises ValueError as `thd` does. Source: AES17-2020, but relative to the fundamental
    and over the whole band.
    """
    lines = _sounding(decompose(x, frequency, sample_rate), frequency)
    rest = np.sum(lines.amplitudes[1:] ** 2) / 2 + lines.residual
    return float(np.sqrt(rest / (lines.amplitudes[0] ** 2 / 2)))


def alias_to_signal(x: Float[np.ndarray, " samples"], frequency: float, sample_rate: int) -> float:
    """Energy between the harmonics of a sine at `frequency` (Hz) over that on them, in dB; at least -300.

    10 log10(mean rest^2 / sum_k A_k^2 / 2): whatever a curve without memory makes of a sine lies on harmonics, so
    the rest is aliases (and noise). Choose a frequency that does not divide the rate, or aliases fall on harmonics.
    Raises ValueError as `thd` does.
    """
    lines = _sounding(decompose(x, frequency, sample_rate), frequency)
    return 10 * math.log10(max(lines.residual / float(np.sum(lines.amplitudes**2) / 2), 1e-30))


def _sounding(lines: Lines, frequency: float) -> Lines:
    if lines.amplitudes[0] == 0:
        raise ValueError(f"x holds nothing at {frequency} Hz, but must hold the sine that it is judged by")
    return lines
