"""Pre-emphasis: a named filter that prediction and target pass before a loss compares them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.types import Audio, Scalar

Emphasis: TypeAlias = Literal["first-order", "low-passed", "a-weighting"]
Loss: TypeAlias = Callable[..., Scalar]

COEFFICIENT = 0.85
"""Of both first-order filters; Wright and Välimäki (2020), as below."""
A_WEIGHTING_MEMORY = 0.05
"""Seconds; six time constants of the slowest pole, 20.6 Hz."""
POLES = (20.598997, 107.65265, 737.86223, 12194.217)
"""Hz; IEC 61672-1:2013, annex E."""


def a_weighting_gain(frequency: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    """Gain of the analogue A-weighting curve at `frequency` in Hz, 1 at 1 kHz.

    A(f) = f4^2 f^4 / ((f^2 + f1^2) sqrt((f^2 + f2^2) (f^2 + f3^2)) (f^2 + f4^2)), over its value at 1 kHz.
    Source: IEC 61672-1:2013, annex E.
    """
    f1, f2, f3, f4 = POLES

    def shape(f: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
        s = f**2
        return s**2 / ((s + f1**2) * np.sqrt((s + f2**2) * (s + f3**2)) * (s + f4**2))

    return np.asarray(shape(np.asarray(frequency, float)) / shape(np.array(1000.0)))


@lru_cache(maxsize=16)
def a_weighting_taps(sample_rate: int) -> Float[np.ndarray, " taps"]:
    """A minimum-phase FIR filter of 50 ms with the analogue A-weighting curve, up to half of `sample_rate`.

    The phase follows from the magnitude by folding the real cepstrum; no bilinear warping, so that the treble is
    the standard's too. Source: Oppenheim and Schafer (2010), "Discrete-time signal processing", chapter 13.
    """
    size = 1 << int(np.ceil(np.log2(2 * sample_rate)))
    gain = a_weighting_gain(np.fft.rfftfreq(size, 1 / sample_rate))
    cepstrum = np.fft.irfft(np.log(np.maximum(gain, 1e-8)))
    fold = np.zeros(size)
    fold[[0, size // 2]], fold[1 : size // 2] = 1.0, 2.0
    taps = np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)))
    return taps[: round(A_WEIGHTING_MEMORY * sample_rate)]


def emphasise(x: Audio, kind: Emphasis, sample_rate: int | None = None) -> Audio:
    """`x` through the filter that `kind` names; zeros before the first sample.

    "first-order": y[n] = x[n] - 0.85 x[n-1], free of the rate. "low-passed": "a-weighting", then
    y[n] + 0.85 y[n-1]. "a-weighting": the IEC 61672 curve, needs `sample_rate` in Hz.
    Raises ValueError for another kind, or when the rate is missing.
    Source: Wright and Välimäki (2020), "Perceptual loss function for neural modelling of audio systems".
    """
    if kind == "first-order":
        return _first_order(x, -COEFFICIENT)
    if kind not in ("low-passed", "a-weighting"):
        raise ValueError(f"emphasis is {kind!r}, but must be 'first-order', 'low-passed' or 'a-weighting'")
    if sample_rate is None:
        raise ValueError(f"sample_rate is None, but must be given in Hz for emphasis {kind!r}")
    weighted = _convolve(x, a_weighting_taps(int(sample_rate)))
    return weighted if kind == "a-weighting" else _first_order(weighted, COEFFICIENT)


def pre_emphasis(loss: Loss, kind: Emphasis, sample_rate: int | None = None) -> Loss:
    """The same loss of prediction and target that both passed `emphasise(..., kind, sample_rate)` first."""

    def emphasised(prediction: Audio, target: Audio) -> Scalar:
        return loss(*(emphasise(x, kind, sample_rate) for x in (prediction, target)))

    return emphasised


def _first_order(x: Audio, coefficient: float) -> Audio:
    return x + coefficient * jnp.pad(x, ((0, 0), (1, 0)))[:, :-1]


def _convolve(x: Audio, taps: Float[np.ndarray, " taps"]) -> Audio:
    count = x.shape[1]
    size = 1 << (count + taps.size - 2).bit_length()
    spectrum = jnp.fft.rfft(x, size) * jnp.fft.rfft(jnp.asarray(taps, x.dtype), size)
    return jnp.fft.irfft(spectrum, size)[:, :count]
