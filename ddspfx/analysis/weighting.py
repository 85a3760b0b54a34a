"""How much each rate of wow and flutter is heard: the weighting curve of the standards."""

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, " times"]

POINTS = (
    (0.1, -48.0), (0.2, -30.6), (0.315, -19.7), (0.4, -15.0), (0.63, -8.4), (0.8, -6.0), (1.0, -4.2), (1.6, -1.8),
    (2.0, -0.9), (4.0, 0.0), (6.3, -0.9), (10.0, -2.1), (20.0, -5.9), (40.0, -10.4), (63.0, -14.2), (100.0, -17.3),
    (200.0, -23.0),
)  # fmt: skip
"""Hz and dB. The table that IEC 60386 (1972), DIN 45507, IEEE 193, CCIR 409 and AES6-2008 have in common."""
_SILENCE = -180.0  # dB, instead of nothing at all at 0 Hz


def weighting(frequency: Series) -> Series:
    """The curve's gain at frequencies in Hz: exactly the points, monotone between them, straight in dB beyond.

    Piecewise cubic in dB over the logarithm of frequency (Fritsch and Carlson 1980); beyond both ends the slope of
    the last two points goes on.
    """
    from scipy.interpolate import PchipInterpolator

    at, level = np.log2([f for f, _ in POINTS]), np.array([g for _, g in POINTS])
    octave = np.log2(np.maximum(np.abs(frequency), 1e-12))
    inside = PchipInterpolator(at, level)(np.clip(octave, at[0], at[-1]))
    below = np.minimum(octave - at[0], 0.0) * (level[1] - level[0]) / (at[1] - at[0])
    above = np.maximum(octave - at[-1], 0.0) * (level[-1] - level[-2]) / (at[-1] - at[-2])
    gain: Series = 10 ** (np.maximum(inside + below + above, _SILENCE) / 20)
    return gain


def weighted(speed: Series, rate: float, more: tuple[Series, Series] | None = None) -> Series:
    """A speed deviation, `rate` values a second, through the curve as a causal filter of minimum phase.

    The gain is set in the frequency domain; the phase is the Hilbert transform of its logarithm, as an analogue
    meter's filter has it. `more` (frequencies, gains) multiplies the curve by a second one. Both ends are reflected.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    margin = min(len(speed) - 1, round(20 * rate))
    longer = np.pad(speed - speed.mean(), margin, mode="reflect")
    count = next_fast_len(2 * len(longer), real=True)
    count += count % 2
    frequency = np.arange(count // 2 + 1) * rate / count
    gain = weighting(frequency)
    if more is not None:
        gain = gain * np.interp(np.log(np.maximum(frequency, 1e-9)), np.log(more[0]), more[1])
    response = _minimum_phase(gain, count)
    passed: Series = irfft(rfft(longer, count) * response, count)[margin : margin + len(speed)]
    return passed


def _minimum_phase(gain: Series, count: int) -> np.ndarray:
    """The response of this gain whose energy comes earliest: the real cepstrum folded onto its causal half."""
    from scipy.fft import irfft, rfft

    cepstrum = irfft(np.log(gain), count)
    cepstrum[1 : count // 2] *= 2
    cepstrum[count // 2 + 1 :] = 0
    return np.asarray(np.exp(rfft(cepstrum)))
