"""Noise fitted to what the quiet model leaves: by statistics, since a waveform loss would silence it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.takes import Take
from ddspfx.listing import put, walk
from ddspfx.source.noise import Noise, ShapedNoise

FRAME = 4096
SHARE = 0.2
"""Of the frames, the quietest in each band: there the residual is the device's noise and not the model's error."""


def density(
    residuals: Sequence[Float[np.ndarray, "channels samples"]], sample_rate: int
) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """Frequencies and one-sided power density of the noise under the residuals, from their quietest frames.

    The periodogram of Gaussian noise is exponentially distributed about its density P: a share q lies below
    -P ln(1 - q), which gives P from that quantile. Source: Martin (2001), minimum statistics.
    """
    from scipy.signal import get_window

    window = get_window("hann", FRAME)
    powers = []
    for x in residuals:
        for channel in x:
            count = max(0, (channel.size - FRAME) // (FRAME // 2) + 1)
            frames = [channel[k * FRAME // 2 : k * FRAME // 2 + FRAME] * window for k in range(count)]
            powers += [np.abs(np.fft.rfft(frame)) ** 2 for frame in frames]
    if not powers:
        raise ValueError(f"the residual is shorter than {FRAME} samples, too short to measure its noise")
    quantile = np.quantile(np.stack(powers), SHARE, axis=0) / -np.log(1 - SHARE)
    return np.fft.rfftfreq(FRAME, 1 / sample_rate), 2 * quantile / (sample_rate * np.sum(window**2))


def with_noise_of(
    model: AbstractBlock, latents: Latents, takes: Sequence[Take], parts: Sequence[tuple[int, int]]
) -> Any:
    """The model with its first added noise at the level (and, if shaped, the spectrum) of the quiet residual."""
    places = [
        (path, node)
        for path, node, _ in walk(model)
        if isinstance(node, Add) and isinstance(node.source, Noise | ShapedNoise)
    ]
    usable = [stop - start >= FRAME for start, stop in parts]
    if not places or not any(usable):
        return model
    residuals = [
        (take.wet - play(model, latents, take, row))[:, start:stop]
        for row, (take, (start, stop)) in enumerate(zip(takes, parts, strict=True))
        if stop - start >= FRAME
    ]
    rate = takes[0].sample_rate
    frequency, power = density(residuals, rate)
    path, node = places[0]
    level = 10 * np.log10(max(float(np.sum(power[1:]) * (frequency[1] - frequency[0])), 1e-16))
    model = put(model, f"{path}.level", float(np.clip(level, -159.0, 0.0)))
    if isinstance(node.source, ShapedNoise):
        points = np.asarray(node.source.frequencies)
        decibels = 10 * np.log10(_smoothed(frequency, power, points) + 1e-20)
        shaped = Noise.shaped(
            tuple(points),
            list(np.clip(decibels - decibels.mean(), -100.0, 50.0)),
            node.source.seed,
            taps=node.source.taps,
        )
        model = put(model, f"{path}.source", shaped)
    return model


def _smoothed(frequency: Any, power: Any, points: Any) -> Any:
    """Mean density within a third of an octave about each point."""
    width = 2 ** (1 / 6)
    inside = [(frequency >= f / width) & (frequency <= f * width) for f in points]
    return np.array(
        [power[m].mean() if m.any() else np.interp(f, frequency, power) for m, f in zip(inside, points, strict=True)]
    )
