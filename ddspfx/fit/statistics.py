"""What can be compared where nothing is aligned: how often which level occurs in which third of an octave."""

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.signal.spectra import frames, hann, power
from ddspfx.types import Scalar

SIZE = 2_048
QUANTILES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
LOWEST = 40.0
"""Hz, where the bands begin; below it a transform of 2048 has no bins to tell bands apart."""
FLOOR = 1e-9
"""Power of a band below which nothing is compared, -90 dBFS."""

Levels = Float[Array, "frames bands"]


@functools.cache
def centres(sample_rate: int) -> Float[np.ndarray, " bands"]:
    """Centres of the thirds of an octave in Hz, IEC 61260, from 40 Hz to 0.45 of the rate."""
    exact = 1_000.0 * 2.0 ** (np.arange(-15, 15) / 3)
    return np.asarray(exact[(exact >= LOWEST) & (exact * 2 ** (1 / 6) <= 0.45 * sample_rate)])


@functools.cache
def bands(sample_rate: int, size: int = SIZE) -> Float[np.ndarray, "bins bands"]:
    """Weights that add the bins of a transform to thirds of an octave; low bands share bins in proportion."""
    edges = np.arange(size // 2 + 2) - 0.5
    places = centres(sample_rate) * size / sample_rate
    low, high = places * 2 ** (-1 / 6), places * 2 ** (1 / 6)
    shared = np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)
    return np.asarray(np.maximum(shared, 0.0))


def band_levels(x: Float[Array, "takes samples"], sample_rate: int) -> Levels:
    """Level in dB of every third of an octave in every half-overlapping frame of 2048 samples, all takes in a row."""
    window = hann(SIZE)
    scale = 2 / (SIZE * np.sum(window**2))
    X = jnp.fft.rfft(frames(x, SIZE, SIZE // 2) * jnp.asarray(window, x.dtype))
    energy = power(X) @ jnp.asarray(bands(sample_rate) * scale, x.dtype)
    levels: Levels = 10 * jnp.log10(energy.reshape(-1, energy.shape[-1]) + FLOOR)
    return levels


def quantiles(levels: Levels) -> Float[Array, "quantiles bands"]:
    """The levels below which shares of the frames lie, `QUANTILES`, a band each."""
    ordered = jnp.sort(levels, axis=0)
    places = np.asarray(QUANTILES) * (levels.shape[0] - 1)
    whole = np.minimum(places.astype(int), levels.shape[0] - 2)
    part = jnp.asarray(places - whole, levels.dtype)[:, None]
    return (1 - part) * ordered[whole] + part * ordered[whole + 1]


def apart(made: Float[Array, "quantiles bands"], wet: Float[Array, "quantiles bands"]) -> Scalar:
    """Mean distance in dB of two sets of quantiles: Wasserstein-1 of the levels' distributions, a band each.

    Source: Villani (2009), "Optimal transport", for one dimension, where sorting is the optimal plan.
    """
    return jnp.mean(jnp.abs(made - wet))


def loud_crest(recordings: Sequence[Any], share: float = 0.2) -> float:
    """Mean crest factor in dB of the loudest `share` of all frames of 2048: what saturation takes from peaks.

    The peak is the eighth largest sample, so that one sample does not decide.
    """
    rows = [np.lib.stride_tricks.sliding_window_view(np.ravel(row), SIZE)[:: SIZE // 4] for row in recordings]
    frames_ = np.concatenate([np.asarray(row, np.float64) for row in rows])
    size = np.sqrt(np.mean(frames_**2, axis=1)) + 1e-9
    loud = size >= np.quantile(size, 1 - share)
    peaks = np.sort(np.abs(frames_[loud]), axis=1)[:, -8]
    return float(np.mean(20 * np.log10(peaks / size[loud])))
