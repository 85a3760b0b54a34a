"""Noise fitted to what the quiet model leaves: by statistics, since a waveform loss would silence it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.add import Add
from ddspfx.fit.click_rates import clicks_counted
from ddspfx.fit.judge import play
from ddspfx.fit.latents import Latents
from ddspfx.fit.noise_levels import noise_levels
from ddspfx.fit.takes import Take
from ddspfx.listing import put, walk
from ddspfx.slot import Constant
from ddspfx.source.noise import Noise, ShapedNoise

FRAME = 4096
SHARE = 0.2
"""Of the frames, those in which the model plays least: there the residual is noise and not the model's error."""


def density(
    residuals: Sequence[Float[np.ndarray, "channels samples"]],
    played: Sequence[Float[np.ndarray, "channels samples"]],
    sample_rate: int,
) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """Frequencies and one-sided power density of the noise under the residuals, from where the model plays least.

    The median over frames of a Gaussian noise's periodogram is ln 2 times its density, and no click moves it.
    Raises ValueError when there is less than one frame. Source: Allen, Anderson, Brady, Brown, Creighton (2012),
    "FINDCHIRP: an algorithm for detection of gravitational waves from inspiraling compact binaries", app. B.
    """
    from scipy.signal import get_window

    window = get_window("hann", FRAME)
    noise = np.concatenate([_framed(x) for x in residuals]) * window
    if not noise.size:
        raise ValueError(f"the residual is shorter than {FRAME} samples, too short to measure its noise")
    level = np.mean(np.concatenate([_framed(y) for y in played]) ** 2, axis=1)
    quiet = noise[level <= np.quantile(level, SHARE)]
    median = np.median(np.abs(np.fft.rfft(quiet)) ** 2, axis=0) / np.log(2)
    return np.fft.rfftfreq(FRAME, 1 / sample_rate), 2 * median / (sample_rate * np.sum(window**2))


def _framed(x: Any) -> Any:
    """Half-overlapping frames of all channels, (frames, FRAME)."""
    if x.shape[1] < FRAME:
        return np.zeros((0, FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(x, FRAME, axis=1)[:, :: FRAME // 2]
    return frames.reshape(-1, FRAME)


def with_noise_of(
    model: AbstractBlock,
    latents: Latents,
    takes: Sequence[Take],
    parts: Sequence[tuple[int, int]],
    freeze: Sequence[str] = (),
) -> Any:
    """The model with its first added noise at the level (and, if shaped, the spectrum) of the quiet residual.

    Where several kinds of noise are added, as on a record, all their numbers follow the residual's spectra together,
    but for those in `freeze`, and then the clicks their count, heights and angles.
    """
    if len(list(_kinds(model))) > 1:
        return clicks_counted(noise_levels(model, latents, takes, parts, freeze=freeze), latents, takes, parts)
    places = [
        (path, node)
        for path, node, _ in walk(model)
        if isinstance(node, Add) and isinstance(node.source, Noise | ShapedNoise)
    ]
    usable = [stop - start >= FRAME for start, stop in parts]
    if not places or not any(usable):
        return model
    rows = [(play(model, latents, take, row), take.wet) for row, take in enumerate(takes)]
    played = [y[:, start:stop] for (y, _), (start, stop) in zip(rows, parts, strict=True)]
    residuals = [(wet - y)[:, start:stop] for (y, wet), (start, stop) in zip(rows, parts, strict=True)]
    rate = takes[0].sample_rate
    frequency, power = density(residuals, played, rate)
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


def _kinds(model: Any) -> Iterator[str]:
    """Where something random is added."""
    for path, node, _ in walk(model):
        if (
            isinstance(node, Add)
            and isinstance(node.source.quiet(), Constant)
            and not isinstance(node.source, Constant)
        ):
            yield path


def _smoothed(frequency: Any, power: Any, points: Any) -> Any:
    """Mean density within a third of an octave about each point."""
    width = 2 ** (1 / 6)
    inside = [(frequency >= f / width) & (frequency <= f * width) for f in points]
    return np.array(
        [power[m].mean() if m.any() else np.interp(f, frequency, power) for m, f in zip(inside, points, strict=True)]
    )
