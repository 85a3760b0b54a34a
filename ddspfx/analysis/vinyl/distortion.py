"""What a record leaves unexplained, by the level of the sound and by the velocity of the groove."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.analysis.vinyl.groove import velocity
from ddspfx.signal.groove import REFERENCE

Sound = Float[np.ndarray, "channels samples"]
Series = Float[np.ndarray, " classes"]

_FRAME = 0.05  # s
_CLASSES = 10
_FEWEST = 5  # frames of a class


class Distortion(NamedTuple):
    """In classes of equal numbers of frames: level in dB of full scale, groove velocity in cm/s, what is left in dB.

    `by_level` and `by_velocity` are the median of rest over sound, with the noise of the quietest frames taken off.
    """

    level: Series
    by_level: Series
    velocity: Series
    by_velocity: Series


def distortion(heard: Sound, rest: Sound, sample_rate: int, first: int, last: int, gain: float) -> Distortion:
    """Rest over sound in frames of 50 ms, against the frame's level and against the velocity it was cut with.

    The velocity is the peak of the sound through the record curve, 19.9 cm/s at full scale (5 cm/s at -12 dB).
    """
    size = round(_FRAME * sample_rate)
    count = (last - first) // size
    if count < _CLASSES * _FEWEST:
        nothing = np.zeros(0)
        return Distortion(nothing, nothing, nothing, nothing)
    cut = slice(first, first + count * size)

    def framed(x: Sound) -> np.ndarray:
        return x[:, cut].reshape(len(x), count, size)

    sound, left = np.mean(framed(gain * heard) ** 2, (0, 2)), np.mean(framed(rest) ** 2, (0, 2))
    fast = np.abs(framed(REFERENCE * velocity(gain * heard, sample_rate))).max((0, 2))
    noise = float(np.quantile(left, 0.1))
    share = np.maximum(left - noise, 0.0) / (sound + 1e-20)
    by_level, by_velocity = (_classes(key, share) for key in (sound, fast))
    return Distortion(10 * np.log10(by_level[0] + 1e-20), by_level[1], by_velocity[0], by_velocity[1])


def _classes(key: np.ndarray, share: np.ndarray) -> tuple[Series, Series]:
    """The median of the key and of the share in dB, class by class."""
    order = np.argsort(key)
    parts = np.array_split(order, _CLASSES)
    middle = np.array([np.median(key[part]) for part in parts])
    return middle, np.array([10 * np.log10(np.median(share[part]) + 1e-12) for part in parts])
