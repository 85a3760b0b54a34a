"""The nearest linear and memoryless device by statistics alone: equal spectra, equal histograms of levels."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.fit.statistics import band_levels, centres

Mono64: TypeAlias = Float[np.ndarray, " samples"]
Parts: TypeAlias = Float[np.ndarray, "parts bands"]

COUPLINGS = 4
"""Capacitors between the stages of a tape machine, each a high-pass of first order: chosen, two in either amplifier."""
SMOOTH, SPREAD = 1.2, 2.5
"""A device's response beforehand: octaves over which it holds together, and its standard deviation in dB."""
UNITY = 1.0
"""Standard deviation in dB of a machine's gain about 1 beforehand: they are lined up to give what they were given."""
HUSHED = 0.05
"""Share of the frames that hold nothing but noise, if any do."""
BLOCKS = 6
"""Parts of each side of which the spectra are taken apart, to see how sure their difference is."""


class Response(NamedTuple):
    """How many dB louder wet is than dry at `frequencies` (Hz), and the standard deviation of that."""

    frequencies: Float[np.ndarray, " bands"]
    gain: Float[np.ndarray, " bands"]
    deviation: Float[np.ndarray, " bands"]


def response(dry: Sequence[Any], wet: Sequence[Any], sample_rate: int, believed: bool = True) -> Response:
    """The difference of the long-time spectra of unpaired recordings in thirds of an octave.

    Programmes differ, so the difference is known to the spread of its parts only. `believed` takes it for evidence
    about a response that is smooth over an octave and within some dB of flat (a Gaussian process, kriged); without,
    it is taken as it is.
    """
    ours, theirs = _spectra(dry, sample_rate), _spectra(wet, sample_rate)
    masked = np.zeros(theirs.shape[1])
    if believed:
        theirs, masked = _cleared(theirs, noise_floor(wet, sample_rate))
    shapes = [rows - rows.mean(axis=1, keepdims=True) for rows in (theirs, ours)]
    gap = shapes[0].mean(axis=0) - shapes[1].mean(axis=0)
    noise = _uncertain(shapes[0]) + _uncertain(shapes[1]) + masked
    levels = [rows.mean(axis=1, keepdims=True) for rows in (theirs, ours)]
    level, doubt = float(levels[0].mean() - levels[1].mean()), sum(float(_uncertain(rows)[0]) for rows in levels)
    frequencies = centres(sample_rate)
    if not believed:
        return Response(frequencies, gap + level, np.sqrt(noise + doubt))
    gain, left = _kriged(gap, noise, np.log2(frequencies))
    kept = UNITY**2 / (UNITY**2 + doubt)
    return Response(frequencies, gain + kept * level, np.sqrt(left + kept * doubt))


def _kriged(gap: Any, noise: Any, octaves: Any) -> tuple[Any, Any]:
    """Mean and variance of the smooth response behind a noisy one: Rasmussen and Williams (2006), eq. 2.23 and 2.24."""
    from scipy.linalg import cho_factor, cho_solve

    prior = SPREAD**2 * np.exp(-(((octaves[:, None] - octaves) / SMOOTH) ** 2) / 2)
    solved = cho_factor(prior + np.diag(noise))
    left = np.diag(prior - prior @ cho_solve(solved, prior))
    return prior @ cho_solve(solved, gap), np.maximum(left, 0.0)


def _spectra(recordings: Sequence[Any], sample_rate: int) -> Parts:
    """Mean power a third of an octave in dB in each part of all recordings."""
    parts = []
    for row in recordings:
        levels = np.asarray(band_levels(jnp.asarray(row, float)[None], sample_rate), np.float64)
        pieces = np.array_split(10 ** (levels / 10), BLOCKS)
        parts.append(10 * np.log10([np.mean(piece, axis=0) for piece in pieces]))
    return np.concatenate(parts)


def noise_floor(recordings: Sequence[Any], sample_rate: int) -> Float[np.ndarray, " bands"]:
    """Level in dB a third of an octave of the quietest frames, an upper bound of a recording's own noise."""
    rows = [np.asarray(band_levels(jnp.asarray(row, float)[None], sample_rate), np.float64) for row in recordings]
    return np.asarray(np.quantile(np.concatenate(rows), HUSHED, axis=0))


def _cleared(rows: Parts, floor: Float[np.ndarray, " bands"]) -> tuple[Parts, Float[np.ndarray, " bands"]]:
    """The spectra less the floor, and the variance that the subtraction brings: as large as what it changed."""
    power, noise = 10 ** (rows / 10), 10 ** (floor / 10)
    clear = 10 * np.log10(np.maximum(power - noise, 0.05 * power))
    return clear, np.mean((rows - clear) ** 2, axis=0)


def _uncertain(rows: Parts) -> Float[np.ndarray, " bands"]:
    """Variance of the mean, a band each; neighbours in time are alike, so only every other part counts."""
    return np.asarray(np.var(rows, axis=0) / max(len(rows) / 2, 1) + 0.05)


def taps_of(
    found: Response, sample_rate: int, taps: int = 1_023, phase: str = "minimum", corner: float = 30.0
) -> tuple[Mono64, int]:
    """An FIR with that response, and the number of its taps before its centre.

    A spectrum does not tell a phase, so it is chosen: "minimum", "zero", or "tape": what a machine's stages have.
    Losses and bump of the heads are even in space and shift nothing; the couplings between the stages are four
    high-passes of first order that together have fallen by 3 dB at `corner` (Hz, 0 for none), the low end that a
    machine's data sheet states. The heads' bump makes up for what they take, so only their phase is seen:

        phi(f) = 4 arctan(c / f), c = corner sqrt(2^(1/4) - 1).
    """
    size = 16_384
    f = np.fft.rfftfreq(size, 1 / sample_rate)
    gain = np.interp(np.log(np.maximum(f, 1.0)), np.log(found.frequencies), found.gain)
    magnitude = 10 ** (gain / 20)
    if phase == "minimum":
        whole, centre = np.fft.irfft(_minimum(magnitude), size), 0
        return np.asarray(whole[:taps] * _fade(taps, 0)), centre
    each = corner * np.sqrt(2 ** (1 / COUPLINGS) - 1) * (phase == "tape")
    # Towards 0 Hz the phase goes back to 0, since taps are real.
    leading = COUPLINGS * np.arctan(each / np.maximum(f, 1e-3)) * np.minimum(f / 5.0, 1.0)
    centre = taps // 2 if phase == "zero" else taps // 4
    whole = np.roll(np.fft.irfft(magnitude * np.exp(1j * leading), size), centre)[:taps]
    return np.asarray(whole * _fade(taps, centre)), centre


def _minimum(magnitude: Float[np.ndarray, " bins"]) -> Any:
    """The spectrum of minimum phase, by the folded cepstrum: Oppenheim and Schafer (1989)."""
    size = 2 * (magnitude.size - 1)
    cepstrum = np.fft.irfft(np.log(magnitude), size)
    fold = np.zeros(size)
    fold[0], fold[1 : size // 2], fold[size // 2] = 1, 2, 1
    return np.exp(np.fft.rfft(fold * cepstrum))


def _fade(taps: int, centre: int) -> Float[np.ndarray, " taps"]:
    """Flat about the centre, down by a half Hann window towards both ends."""
    away = np.abs(np.arange(taps) - centre) / np.where(np.arange(taps) < centre, max(centre, 1), taps - centre)
    return np.asarray(np.where(away < 0.5, 1.0, 0.5 + 0.5 * np.cos(2 * np.pi * (away - 0.5))))


def histogram_curve(made: Sequence[Any], wet: Sequence[Any], points: int = 65) -> tuple[Mono64, Mono64]:
    """Places and values of the odd curve that gives `made` the histogram of `wet`: equal shares below equal sizes."""
    sizes = [np.sort(np.abs(np.concatenate([np.ravel(row) for row in rows]))) for rows in (made, wet)]
    shares = 1 - np.geomspace(1, 1e-4, points)
    ours, theirs = (np.quantile(size, shares) for size in sizes)
    keep = np.concatenate([[True], np.diff(ours) > 1e-9])
    return np.concatenate([[0.0], ours[keep][1:]]), np.concatenate([[0.0], theirs[keep][1:]])


def bent(x: Any, places: Mono64, values: Mono64) -> Any:
    """The odd curve, straight beyond its last place."""
    size = np.abs(x)
    slope = (values[-1] - values[-2]) / max(places[-1] - places[-2], 1e-12)
    beyond = np.maximum(size - places[-1], 0.0)
    return np.sign(x) * (np.interp(size, places, values) + slope * beyond)


__all__ = ["Response", "bent", "histogram_curve", "response", "taps_of"]
