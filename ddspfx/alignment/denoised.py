"""A series of measured values less the noise that is known to be on them."""

import numpy as np

from ddspfx.alignment.interpolate import Reals

_SEGMENT = 2048  # values a piece of the spectrum's estimate, a quarter of a shorter series
_SHORTEST = 64
_ENDS = 24  # values at each end that stay as they are, and as many more that lead over
_TOP = (0.35, 0.45)  # of the rate
_MORE = 1.2  # noise that is reckoned with over the one that is known: stretches by chance above it are noise too


def floor(x: Reals) -> float:
    """The deviation of white noise that would make the power which `x` has from 0.35 to 0.45 of its rate."""
    from scipy.signal import welch

    frequency, power = welch(x, nperseg=min(_SEGMENT, len(x) // 4), detrend="linear")
    return float(np.sqrt(np.median(power[(frequency > _TOP[0]) & (frequency < _TOP[1])]) / 2))


def denoised(x: Reals, deviation: float) -> Reals:
    """`x` through the Wiener filter 1 - N / S, S its own spectrum by Welch's method and N white, deviation² a value.

    A straight line passes untouched, and so do the ends, where the filter sees a reflection. (Wiener 1949; Welch 1967.)
    """
    from scipy.signal import welch

    if len(x) < _SHORTEST or deviation <= 0:
        return x
    n = np.arange(len(x))
    line = np.polyval(np.polyfit(n, x, 1), n)
    rest = x - line
    frequency, power = welch(rest, nperseg=min(_SEGMENT, len(x) // 4), window="hann", detrend="linear")
    gain = np.maximum(1 - 2 * _MORE * deviation**2 / np.maximum(power, 1e-300), 0.0)
    gain[: np.argmax(gain > 0) + 1] = 1.0
    margin = len(x) - 1
    fade = np.cos(np.pi / 2 * np.arange(margin) / margin) ** 2  # so that the last value leads to the first
    longer = np.pad(rest, margin, mode="reflect", reflect_type="odd") * np.concatenate(
        [fade[::-1], np.ones(len(x)), fade]
    )
    spectrum = np.fft.rfft(longer)
    spectrum *= np.interp(np.fft.rfftfreq(len(longer)), frequency, gain)
    calm = np.fft.irfft(spectrum, len(longer))[margin : margin + len(x)]
    sure = np.clip(np.minimum(n, n[::-1]) / _ENDS - 1, 0.0, 1.0)
    found: Reals = x + sure * (line + calm - x)
    return found
