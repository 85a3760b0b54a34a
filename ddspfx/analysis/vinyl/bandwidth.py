"""How far up a record goes: the edge of its noise, or of its sound."""

import numpy as np
from jaxtyping import Bool, Float

from ddspfx.analysis.wow_flutter import Reading

Sound = Float[np.ndarray, "channels samples"]
Marks = Bool[np.ndarray, " samples"]
Series = Float[np.ndarray, " bins"]

_FRAME = 0.1  # s
_REFERENCE = (1_000.0, 3_000.0)  # Hz that the rest is compared with
_DOWN = 10.0  # dB below it, with the slope of a replay curve taken off, where the band ends
_STEEP = 12.0  # dB over two thirds of an octave about the edge, less than which is no edge
_HIGHEST = 0.44  # of the sample rate: what is cut there was cut by the converter


def bandwidth(x: Sound, sample_rate: int, quiet: Marks) -> Reading | None:
    """Hz above which the sound, or else the hiss of the pauses, breaks off; None where it goes on to the converter's.

    The edge is where the density, less the 6 dB an octave of a replay curve, lies 10 dB below that from 1 to 3 kHz,
    and must be steep: 12 dB over two thirds of an octave. The deviation is a twelfth of an octave.
    """
    size = round(_FRAME * sample_rate)
    count = x.shape[1] // size
    if count < 10:
        return None
    frames = x[:, : count * size].reshape(len(x), count, size)
    power = np.mean(np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2, 0)
    still = quiet[: count * size].reshape(count, size).all(1)
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)
    edges = [_edge(frequency, power[chosen].mean(0), sample_rate) for chosen in (~still, still) if chosen.sum() >= 10]
    found = [edge for edge in edges if edge is not None]
    return Reading(min(found), min(found) / 17) if found else None


def _edge(frequency: Series, power: Series, sample_rate: int) -> float | None:
    top = _HIGHEST * sample_rate
    at = np.geomspace(_REFERENCE[0], top * 2 ** (1 / 3), 200)
    at = at[at < 0.495 * sample_rate]
    # A twelfth of an octave to either side, cumulative sums for the means.
    total = np.concatenate([[0.0], np.cumsum(power)])
    low, high = (np.searchsorted(frequency, at * 2**step) for step in (-1 / 24, 1 / 24))
    level = 10 * np.log10((total[high] - total[low]) / np.maximum(high - low, 1) + 1e-30) + 20 * np.log10(at)
    usual = np.median(level[at < _REFERENCE[1]])
    within = np.flatnonzero((level > usual - _DOWN) & (at < top))
    if not len(within) or at[within[-1]] > 0.97 * top:
        return None
    edge = float(at[within[-1]])
    before, after = np.interp([edge * 2 ** (-1 / 3), edge * 2 ** (1 / 3)], at, level)
    return edge if before - after > _STEEP else None
