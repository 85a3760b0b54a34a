"""Loudness as broadcasters measure it, and the crest factor."""

import math

import numpy as np
from jaxtyping import Float

BLOCK, STEP = 0.4, 0.1
"""Seconds; gating blocks and their step. ITU-R BS.1770-4, annex 1."""
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
"""LUFS, and LU below the ungated mean."""
OFFSET = -0.691
"""dB; makes a full-scale sine at 997 Hz in one channel read -3.01 LUFS."""
SURROUND = (1.0, 1.0, 1.0, 1.41, 1.41)
"""Weights of left, right, centre and the two surrounds. ITU-R BS.1770-4, annex 1, table 3."""


def k_weighting(sample_rate: int) -> Float[np.ndarray, "sections coefficients"]:
    """The two second-order sections of BS.1770's K filter, a shelf for the head and a high-pass, for any rate.

    The standard prints coefficients for 48 kHz alone; these are the analogue parameters that give them back.
    Source: ITU-R BS.1770-4, annex 1, tables 1 and 2; De Man (2018), "Evaluation of implementations of the EBU R128
    loudness measurement".
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    shelf = [high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k, *_poles(k, q)]
    scale = shelf[3]
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    poles = _poles(k, q)
    return np.array([[c / scale for c in shelf], [1.0, -2.0, 1.0, *(c / poles[0] for c in poles)]])


def _poles(k: float, q: float) -> list[float]:
    return [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]


def loudness(x: Float[np.ndarray, "..."], sample_rate: int) -> float:
    """Integrated loudness in LUFS of (samples,) or (channels, samples), gated; -inf when all is below -70 LUFS.

    L = -0.691 + 10 log10(sum_c G_c mean z_c^2) over the 400 ms blocks louder than -70 LUFS and than the mean of
    those less 10 LU, z the K-weighted signal. Channels: left, right, centre, left and right surround.
    Raises ValueError for more than five channels or less than one block. Source: ITU-R BS.1770-4, annex 1.
    """
    from scipy.signal import sosfilt

    x = np.atleast_2d(np.asarray(x, float))
    length = round(BLOCK * sample_rate)
    if x.shape[0] > len(SURROUND):
        raise ValueError(f"x has {x.shape[0]} channels, but must have at most {len(SURROUND)}")
    if x.shape[1] < length:
        raise ValueError(f"x has {x.shape[1]} samples, but must have at least {length}, 400 ms")
    weighted = np.asarray(SURROUND[: x.shape[0]]) @ sosfilt(k_weighting(sample_rate), x) ** 2
    total = np.concatenate([[0.0], np.cumsum(weighted)])
    starts = np.rint(np.arange(int((x.shape[1] / sample_rate - BLOCK) / STEP + 1e-9) + 1) * STEP * sample_rate)
    starts = starts.astype(int)
    power = (total[np.minimum(starts + length, x.shape[1])] - total[starts]) / length
    power = power[_level(power) > ABSOLUTE_GATE]
    if power.size == 0:
        return -math.inf
    power = power[_level(power) > _level(np.mean(power)) + RELATIVE_GATE]
    return float(_level(np.mean(power)))


def _level(power: Float[np.ndarray, "..."] | np.floating) -> Float[np.ndarray, "..."]:
    return np.asarray(OFFSET + 10 * np.log10(np.maximum(power, 1e-30)))


def crest_factor(x: Float[np.ndarray, "..."]) -> float:
    """Peak over RMS in dB, 20 log10(max |x| / sqrt(mean x^2)), over all channels; 3.01 for a sine, 0 for a square.

    Raises ValueError for silence, which has none.
    """
    x = np.asarray(x, float)
    rms = float(np.sqrt(np.mean(x**2))) if x.size else 0.0
    if rms == 0:
        raise ValueError("x is silent or empty, but must sound: silence has no crest factor")
    return 20 * math.log10(float(np.abs(x).max()) / rms)
