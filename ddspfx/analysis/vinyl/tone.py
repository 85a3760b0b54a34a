"""A band of test tone on a record: which seconds of the file it fills."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.analysis.motion import Motion, tone_motion

Sound = Float[np.ndarray, "channels samples"]

_FRAME, _STEP = 0.25, 0.125  # s
_LOWEST = 200.0  # Hz, above rumble and hum
_NEAR = 0.03  # of the frequency: what wow and a wrong speed may do to it
_PURE = 0.6  # share of a frame's power in its strongest line that makes it a tone
_SHORTEST = 2.0  # s
_INSIDE = 0.2  # s at both ends that are left out


class Band(NamedTuple):
    """First and last sample of a band of tone, and its frequency in Hz as it is in the file."""

    first: int
    last: int
    frequency: float


def tone_band(x: Sound, sample_rate: int) -> Band | None:
    """The longest stretch of one steady tone in a sound (channels, samples); None where none lasts two seconds.

    Where 60 % of what a frame of 0.25 s has above 200 Hz lies within 3 % of its strongest line, that is a tone.
    """
    size, step = round(_FRAME * sample_rate), round(_STEP * sample_rate)
    if x.shape[1] < size:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(x, size, axis=1)[:, ::step]
    power = sum(np.abs(np.fft.rfft(row * np.hanning(size))) ** 2 for row in frames)
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)
    power = np.asarray(power)[:, frequency > _LOWEST]
    frequency = frequency[frequency > _LOWEST]
    top = frequency[np.argmax(power, 1)]
    near = np.abs(frequency - top[:, None]) < _NEAR * top[:, None]
    pure = (power * near).sum(1) > _PURE * power.sum(1)
    if not pure.any():
        return None
    usual = float(np.median(top[pure]))
    first, last = _longest(pure & (np.abs(top - usual) < _NEAR * usual))
    inside = round(_INSIDE * sample_rate)
    start, stop = first * step + inside, (last - 1) * step + size - inside
    if stop - start < _SHORTEST * sample_rate:
        return None
    return Band(start, stop, usual)


def band_motion(x: Sound, sample_rate: int, band: Band) -> Motion | None:
    """The motion that the band tells, its times those of the file; None where its phase cannot be followed."""
    try:
        motion = tone_motion(x[:, band.first : band.last], sample_rate)
    except ValueError:
        return None
    return motion._replace(times=motion.times + band.first / sample_rate)


def _longest(flags: np.ndarray) -> tuple[int, int]:
    """First and last of the longest run; a single frame between does not break it."""
    filled = flags | (np.roll(flags, 1) & np.roll(flags, -1))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(int), [0]])))
    starts, stops = edges[::2], edges[1::2]
    most = int(np.argmax(stops - starts))
    return int(starts[most]), int(stops[most])
