"""The groove's velocity behind a file, by the replay curve undone: clicks are short there and noise is nearly white."""

import numpy as np
from jaxtyping import Float

Sound = Float[np.ndarray, "*channels samples"]

BASS, MIDDLE, TREBLE = 3_180e-6, 318e-6, 75e-6
"""Seconds, the replay curve (1 + s 318 µs) / ((1 + s 3180 µs)(1 + s 75 µs)) of IEC 60098 (RIAA)."""


def velocity(x: Sound, sample_rate: int) -> Sound:
    """A file with the replay curve undone, 0 dB at 1 kHz. Exactly undone by `replayed`, whatever the curve was."""
    from scipy.signal import lfilter

    above, below = _curve(sample_rate)
    found: Sound = lfilter(below, above, x)
    return found


def replayed(velocity: Sound, sample_rate: int) -> Sound:
    """A velocity through the replay curve."""
    from scipy.signal import lfilter

    above, below = _curve(sample_rate)
    found: Sound = lfilter(above, below, velocity)
    return found


def _curve(sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator, poles and zero at e^(-T/tau): both ways stable."""
    bass, middle, treble = np.exp(-1 / (sample_rate * np.array([BASS, MIDDLE, TREBLE])))
    above, below = np.array([1.0, -middle]), np.convolve([1.0, -bass], [1.0, -treble])
    turn = np.exp(-2j * np.pi * 1_000.0 / sample_rate)
    gain = abs(np.polyval(below[::-1], turn) / np.polyval(above[::-1], turn))
    return gain * above, below
