"""The multi-resolution STFT distance in float64, for signals of any length."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Complex, Float

from ddspfx.losses.spectral import EPSILON, RESOLUTIONS, Resolution
from ddspfx.signal.spectra import hann

ROWS = 4096
"""Frames in memory at a time."""


def mr_stft(prediction: Float[np.ndarray, "channels samples"], target: Float[np.ndarray, "channels samples"]) -> float:
    """`ddspfx.losses.spectral.mr_stft` with its usual resolutions and terms, in float64 and bounded memory."""
    return float(np.mean([_stft(prediction, target, resolution) for resolution in RESOLUTIONS]))


def _stft(
    p: Float[np.ndarray, "channels samples"], t: Float[np.ndarray, "channels samples"], resolution: Resolution
) -> float:
    difference = energy = logs = 0.0
    bins = 0
    for p_part, t_part in zip(_magnitudes(p, resolution), _magnitudes(t, resolution), strict=True):
        difference += float(np.sum((t_part - p_part) ** 2))
        energy += float(np.sum(t_part**2))
        logs += float(np.sum(np.abs(np.log(t_part / p_part))))
        bins += t_part.size
    return float(np.sqrt(difference / energy)) + logs / bins


def _magnitudes(
    x: Float[np.ndarray, "channels samples"], resolution: Resolution
) -> Iterator[Float[np.ndarray, "frames bins"]]:
    size, hop, length = resolution.size, resolution.hop, resolution.length or resolution.size
    before = (size - length) // 2
    for channel in x:
        padded = np.pad(channel, size // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop, before : before + length]
        for start in range(0, len(frames), ROWS):
            spectrum: Complex[np.ndarray, "frames bins"] = np.fft.rfft(
                frames[start : start + ROWS] * hann(length), size
            )
            yield np.sqrt(np.maximum(spectrum.real**2 + spectrum.imag**2, EPSILON))
