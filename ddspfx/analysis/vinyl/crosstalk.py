"""Crosstalk of a record that nobody has the original of: from a tone on one wall, or from hiss that both share."""

import numpy as np
from jaxtyping import Bool, Float

from ddspfx.analysis.vinyl.tone import Band
from ddspfx.analysis.wow_flutter import Reading

Sound = Float[np.ndarray, "channels samples"]
Marks = Bool[np.ndarray, " samples"]

_ONE_SIDED = 10.0  # dB between the channels, from which on a tone was recorded on one wall
_FRAME = 0.05  # s
_BAND = (600.0, 1_700.0)  # Hz around the 1 kHz for which crosstalk is given
_SURE = 3.0  # deviations of the correlation
_HIGHEST = 0.9  # correlation, above which the hiss is not the groove's but one of the line
_ASSUMED = 2.0  # dB for what the walls' own noise may have in common


def crosstalk(x: Sound, sample_rate: int, quiet: Marks, band: Band | None) -> Reading | None:
    """Level in dB of one wall's sound in the other channel, mean of both ways; None where nothing tells it.

    A tone that stands 10 dB higher in one channel tells it at its frequency, once noise at that frequency is below
    it. Else the hiss of the two walls is taken as independent: with crosstalk k it is correlated by 2k / (1 + k²), from
    600 to 1700 Hz in the pauses; its deviation has 2 dB for what they may have in common.
    """
    if len(x) < 2:
        return None
    if band is not None and (told := _of_tone(x, sample_rate, band)) is not None:
        return told
    return _of_hiss(x, sample_rate, quiet)


def _of_tone(x: Sound, sample_rate: int, band: Band) -> Reading | None:
    part = x[:, band.first : band.last]
    window = np.hanning(part.shape[1])
    spectrum = np.fft.rfft(part * window)
    frequency = np.fft.rfftfreq(part.shape[1], 1 / sample_rate)
    near = np.abs(frequency - band.frequency) < 0.02 * band.frequency
    loud = int(np.argmax((np.abs(spectrum[:, near]) ** 2).sum(1)))
    reference = spectrum[loud, near]
    # What goes with the tone; noise there does not.
    share = np.vdot(reference, spectrum[1 - loud, near]) / np.vdot(reference, reference).real
    left = spectrum[1 - loud, near] - share * reference
    level = 20 * np.log10(abs(share) + 1e-12)
    doubt = np.sqrt(np.mean(np.abs(left) ** 2) / np.sum(np.abs(reference) ** 2)) / (abs(share) + 1e-12)
    if level > -_ONE_SIDED or doubt > 0.3:
        return None
    return Reading(float(level), float(8.686 * doubt))


def _of_hiss(x: Sound, sample_rate: int, quiet: Marks) -> Reading | None:
    size = round(_FRAME * sample_rate)
    count = x.shape[1] // size
    frames = x[:, : count * size].reshape(2, count, size)[:, quiet[: count * size].reshape(count, size).all(1)]
    if frames.shape[1] < 2 / _FRAME:
        return None
    spectrum = np.fft.rfft(frames * np.hanning(size))
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)
    inside = (frequency > _BAND[0]) & (frequency < _BAND[1])
    left, right = spectrum[:, :, inside]
    both = np.sum(left * np.conj(right)).real / np.sqrt(np.sum(np.abs(left) ** 2) * np.sum(np.abs(right) ** 2))
    chance = 1 / np.sqrt(2 * frames.shape[1] * _FRAME * (_BAND[1] - _BAND[0]))
    if not _SURE * chance < both < _HIGHEST:
        return None
    share = (1 - np.sqrt(1 - both**2)) / both
    return Reading(float(20 * np.log10(share)), float(np.hypot(8.686 * chance / both, _ASSUMED)))
