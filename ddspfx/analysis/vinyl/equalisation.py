"""Which curve a record was cut with, as far as its noise or its original tell."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, " bins"]

CURVES: dict[str, tuple[float, float, float]] = {
    "RIAA": (3_180e-6, 318e-6, 75e-6),
    "Columbia LP or NAB": (1_590e-6, 318e-6, 100e-6),
    "AES": (np.inf, 398e-6, 63.6e-6),
    "Decca FFRR": (1_590e-6, 318e-6, 50e-6),
    "78, 300 Hz": (np.inf, 531e-6, 0.0),
    "78, 500 Hz": (np.inf, 318e-6, 0.0),
}
"""Seconds of the bass shelf's end, the turnover and the treble (Copeland 2008, "Manual of Analogue Sound Restoration
Techniques", table of replay curves). Infinite: the bass goes on; nought: no treble."""
NONE = "none"
_RANGE = (60.0, 9_000.0)  # Hz
_SPREAD, _APART = 1.5, 5.0  # dB by which noise may be off a power law, in so many places independently
_SLOPES = (-0.5, 0.5)  # powers of the frequency that the density of a groove's own noise may have
_FITS = 1.2  # dB rms that the best curve may leave
_SURE = 0.9


class Curve(NamedTuple):
    """The name of a curve, and the probability that it is another one."""

    value: str
    deviation: float


def of_noise(thirds: dict[str, float]) -> Curve | None:
    """The replay curve that the hiss in third octaves (dB) went through; None unless one is clearly likeliest.

    The noise of a groove is taken as a power law of the frequency with a density between f^-0.5 and f^0.5. Each
    curve, or none, and the best such law are fitted to the bands from 100 Hz to 9 kHz; what they leave, with 1.5 dB at
    five places for what neither knows, makes the probability. It must be 90 %, and the fit within 1.2 dB.
    """
    at = np.array([float(name) for name in thirds])
    inside = at < _RANGE[1]
    level = np.array(list(thirds.values()))[inside] - 10 * np.log10(at[inside])
    slope = 10 * np.log10(at[inside] / 1_000)
    return _likeliest({name: level - replay(at[inside], *times) for name, times in _both().items()}, slope)


def of_response(frequency: Series, response: Series) -> Curve | None:
    """The curve that a record was cut with, from its response in dB against the original, replayed with RIAA or none.

    Flat is a record that was cut as it was replayed: RIAA, for that is what players have. "none" is one replayed
    without any. As `of_noise`, with no slope of its own.
    """
    inside = (frequency > _RANGE[0]) & (frequency < _RANGE[1])
    at, level = frequency[inside], response[inside]
    riaa = replay(at, *CURVES["RIAA"])
    left = {name: level - (riaa - replay(at, *times)) for name, times in CURVES.items()}
    left[NONE] = level + riaa
    return _likeliest(left, np.zeros(len(at)))


def replay(frequency: Series, bass: float, middle: float, treble: float) -> Series:
    """The replay curve of three time constants in dB at frequencies in Hz."""
    s = 2j * np.pi * frequency
    low = (1 + s * middle) / (s if np.isinf(bass) else 1 + s * bass)
    found: Series = 20 * np.log10(np.abs(low / (1 + s * treble)))
    return found


def _both() -> dict[str, tuple[float, float, float]]:
    return {**CURVES, NONE: (0.0, 0.0, 0.0)}


def _likeliest(left: dict[str, Series], slope: Series) -> Curve | None:
    errors = {}
    for name, rest in left.items():
        power = 0.0
        if np.any(slope):
            power = float(np.clip(np.polyfit(slope, rest, 1)[0], *_SLOPES))
        rest = rest - power * slope
        errors[name] = float(np.sum((rest - rest.mean()) ** 2))
    least = min(errors.values())
    weights = {
        name: np.exp(-(error - least) / len(slope) * _APART / (2 * _SPREAD**2)) for name, error in errors.items()
    }
    best = min(errors, key=lambda name: errors[name])
    sure = weights[best] / sum(weights.values())
    if sure < _SURE or np.sqrt(least / len(slope)) > _FITS:
        return None
    return Curve(best, float(1 - sure))
