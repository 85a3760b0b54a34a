"""Designs of second-order sections: from cutoff, resonance and gain, and from SciPy's coefficients and back."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.signal.svf import Section
from ddspfx.types import Readable


class Sections(NamedTuple):
    """A cascade: the fields of `Section`, each (sections,) in float64 NumPy."""

    g: Float[np.ndarray, " sections"]
    damping: Float[np.ndarray, " sections"]
    high: Float[np.ndarray, " sections"]
    band: Float[np.ndarray, " sections"]
    low: Float[np.ndarray, " sections"]


HIGHEST = 0.495
"""Share of the sample rate above which a cutoff is held: tan(π f / fs) stays below 64."""


def warp(cutoff: Readable, sample_rate: float) -> Readable:
    """g = tan(π f / fs), with f held at 0.495 fs; the slope passes, so a cutoff above can come back."""
    turns = cutoff / sample_rate
    turns = turns + jax.lax.stop_gradient(jnp.minimum(turns, HIGHEST) - turns)
    return jnp.tan(jnp.pi * turns)


def section(kind: str, cutoff: Readable, resonance: Readable, gain: Readable | None, sample_rate: float) -> Section:
    """The section of a kind: low_pass, high_pass, band_pass, notch, all_pass, peak, low_shelf, high_shelf.

    Cutoff in Hz, resonance as Q, gain in dB (peak and shelves). With A = 10^(gain / 40) the prototypes are
    Bristow-Johnson's (2005, "Cookbook formulae for audio EQ biquad filter coefficients"), each moved so that
    its denominator is s² + s/Q + 1 (Simper 2013): the shelves' g by √A, the peak's damping by A.
    Raises ValueError for a peak or a shelf without a gain.
    """
    g, k = warp(cutoff, sample_rate), 1 / resonance
    zero, one = jnp.zeros_like(k), jnp.ones_like(k)
    if kind in ("peak", "low_shelf", "high_shelf"):
        if gain is None:
            raise ValueError(f"gain is None, but must be in dB for a {kind}")
        A = jnp.exp(float(np.log(10.0)) / 40 * gain)
        if kind == "peak":
            return Section(g, k / A, one, k * A, one)
        root = jnp.sqrt(A)
        return (
            Section(g / root, k, one, k * A, A * A) if kind == "low_shelf" else Section(g * root, k, A * A, k * A, one)
        )
    mixes = {
        "low_pass": (zero, zero, one),
        "high_pass": (one, zero, zero),
        "band_pass": (zero, k, zero),
        "notch": (one, zero, one),
        "all_pass": (one, -k, one),
    }
    if kind not in mixes:
        known = ", ".join([*mixes, "peak", "low_shelf", "high_shelf"])
        raise ValueError(f"kind is {kind!r}, but must be one of {known}")
    return Section(g, k, *mixes[kind])


def from_sos(sos: Float[np.ndarray, "sections 6"]) -> Sections:
    """SciPy's second-order sections as state-variable ones, in float64 NumPy, each coefficient (sections,).

    g² = (1 + a1 + a2) / (1 - a1 + a2), damping = 2 (1 - a2) / (g (1 - a1 + a2)), after division by a0; the
    numerator the same way at z = 1, z = -1 and by b0 - b2. Raises ValueError for another shape, for what is
    not finite, and for a pole on or outside the unit circle.
    """
    rows = np.atleast_2d(np.asarray(sos, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[1] != 6 or not rows.size:
        raise ValueError(f"sos has shape {np.shape(sos)}, but must be (sections, 6): b0 b1 b2 a0 a1 a2")
    if not np.isfinite(rows).all() or not rows[:, 3].all():
        raise ValueError("sos has an entry that is not finite, or a0 = 0")
    b0, b1, b2, _, a1, a2 = (rows / rows[:, 3:4]).T
    low, high = 1 + a1 + a2, 1 - a1 + a2
    if not ((low > 0) & (high > 0) & (a2 < 1)).all():
        raise ValueError("sos has a pole on or outside the unit circle, but must be stable: check a1 and a2")
    g = np.sqrt(low / high)
    return Sections(
        g, 2 * (1 - a2) / (g * high), (b0 - b1 + b2) / high, 2 * (b0 - b2) / (g * high), (b0 + b1 + b2) / low
    )


def to_sos(sections: Sections) -> Float[np.ndarray, "sections 6"]:
    """State-variable sections as SciPy's (sections, 6), a0 = 1, in float64: the inverse of `from_sos`."""
    g, k, high, band, low = (np.atleast_1d(np.asarray(c, dtype=np.float64)) for c in sections)
    top, middle, square = high, band * g, low * g * g
    scale = 1 + k * g + g * g
    b = [top + middle + square, 2 * (square - top), top - middle + square]
    a = [scale, 2 * (g * g - 1), 1 - k * g + g * g]
    return np.stack([c / scale for c in (*b, *a)], axis=1)


__all__ = ["HIGHEST", "Sections", "from_sos", "section", "to_sos", "warp"]
