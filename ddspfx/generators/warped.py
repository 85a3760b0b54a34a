"""Linear prediction on a warped frequency scale: a narrow low end costs a few coefficients, not thousands."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from ddspfx.generators.prediction import predictors, reflections

Sections: TypeAlias = Float[np.ndarray, "sections 6"]
BINS = 8193
"""Of the warped scale."""


def whitener(power: Float[np.ndarray, " bins"], order: int, warp: float) -> Sections:
    """A monic minimum-phase filter of `order` zeros, in sections, that makes a spectrum flat where warping is wide.

    The unit delay of linear prediction is replaced by the all-pass D(z) = (z^-1 - warp) / (1 - warp z^-1): zeros d of
    the predictor in D lie at z = (warp + d) / (1 + warp d), all its poles at `warp`. Since it begins with one, it
    changes no likelihood. Source: Strube (1980), "Linear prediction on a warped frequency scale", JASA 68.
    """
    from scipy.signal import zpk2sos

    theta = np.linspace(0, np.pi, BINS)
    # The frequency that D turns to theta, by the all-pass of the opposite warp.
    omega = theta - 2 * np.arctan2(warp * np.sin(theta), 1 + warp * np.cos(theta))
    grid = np.linspace(0, np.pi, power.size)
    seen = np.exp(np.interp(omega, grid, np.log(np.maximum(power, 1e-12 * power.max()))))
    lags = np.fft.irfft(seen)[: order + 1]
    lags[0] *= 1 + 1e-9
    inner = np.roots(np.append(1.0, -predictors(reflections(lags), 1.0).rows[-1]))
    zeros = (warp + inner) / (1 + warp * inner)
    return np.asarray(zpk2sos(zeros, np.full(order, warp), 1.0))


def response(sos: Sections, bins: int) -> Float[np.ndarray, " bins"]:
    """|W|^2 at evenly spaced frequencies."""
    z = np.exp(-1j * np.linspace(0, np.pi, bins))
    powers = np.stack([np.ones_like(z), z, z**2])
    return np.asarray(np.prod(np.abs((sos[:, :3] @ powers) / (sos[:, 3:] @ powers)) ** 2, axis=0))


def filtered(sos: Sections, x: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes values"]:
    """x through the sections, from rest."""
    from scipy.signal import sosfilt

    return np.asarray(sosfilt(sos, x)) if len(sos) else x


def unfiltered(sos: Sections, y: Float[np.ndarray, "*takes values"]) -> Float[np.ndarray, "*takes values"]:
    """The inverse of `filtered`, from rest."""
    return filtered(np.concatenate([sos[:, 3:], sos[:, :3]], axis=1), y)
