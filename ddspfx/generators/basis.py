"""The directions in which a stationary process has independent parts, and their power: data made white by them."""

from typing import TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.generators.noise import density
from ddspfx.generators.parametric import fineness

Directions: TypeAlias = Float[Array, " directions"]
Row: TypeAlias = Float[np.ndarray, " directions"]
MATRIX = 2048
"""Values of a window up to which its own covariance is used; longer ones take the Fourier transform."""
FEW = 128
"""Windows from which the power in a direction can be measured in it."""
SMOOTHED = 9
"""Bins of a Fourier spectrum over which a mean is taken."""
BANDS, STANDS_OUT, WIDTH = 6, 1.4, 12
"""Groups of directions at most, the excess that begins one, and its reach in quarter bins."""
LEAST = 1e-14
"""Of the largest power, what none falls below."""


class Basis(eqx.Module):
    """Directions and their power. `vectors` (values, directions), or None for the Fourier transform's own.

    `power` is that of the data in each direction, `floor` the same without what is narrow: lines stand out of it.
    `bands` marks with ones the directions about each place where they do.
    """

    vectors: Float[Array, "values directions"] | None
    power: Directions
    floor: Directions
    bands: Float[Array, "bands directions"]

    @classmethod
    def fit(cls, takes: Float[np.ndarray, "takes values"], length: int) -> "Basis":
        """From takes at least twice as long as the windows, whose mean is held to be zero.

        Short windows have the eigenvectors of the Toeplitz covariance: windows have ends, and a Fourier transform
        joins them.
        """
        if length > MATRIX:
            power = smoothed(density(takes, length), SMOOTHED)
            power = np.maximum(power, LEAST * power.max())
            return cls(None, *(jnp.asarray(row, float) for row in (power, power, np.zeros((0, power.size)))))
        size = takes.shape[1] // 2 * 2 if len(takes) >= FEW else fineness(takes, length)
        power, vectors = eigenvectors(density(takes, size), length)
        windows = takes[:, : takes.shape[1] // length * length].reshape(-1, length)
        if len(windows) >= FEW:
            power = np.mean((windows @ vectors) ** 2, axis=0)
        power = np.maximum(power, LEAST * power.max())
        centre = (np.abs(np.fft.rfft(vectors, 4 * length, axis=0)) ** 2).argmax(axis=0)
        floor = _floor(power, centre)
        rows = (vectors, power, floor, _bands(power / floor, centre))
        return cls(*(jnp.asarray(row, float) for row in rows))

    def apply(
        self, gains: Float[Array, " directions"], x: Float[Array, "batch values"]
    ) -> Float[Array, "batch values"]:
        """x with each direction times its gain: symmetric, so nearly a filter of no phase."""
        if self.vectors is None:
            return jnp.fft.irfft(gains * jnp.fft.rfft(x), x.shape[-1])
        return (x @ self.vectors * gains) @ self.vectors.T


def eigenvectors(power: Float[np.ndarray, " bins"], length: int) -> tuple[Row, Float[np.ndarray, "length length"]]:
    """Powers and directions of the Toeplitz covariance of windows with this Hann spectrum.

    Where the spectrum is finer than the window, the Hann window's own correlation is divided out, so that no line is
    widened; where it is coarser, it runs straight between its bins.
    """
    size = 2 * (power.size - 1)
    if size >= 2 * length:
        window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
        own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * size)) ** 2)[:length] / np.sum(window**2)
        lags = np.fft.irfft(power)[:length] / own
    else:
        fine = np.interp(np.linspace(0, 1, 2 * length + 1), np.linspace(0, 1, power.size), power)
        lags = np.fft.irfft(fine)[:length]
    place = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    powers, vectors = np.linalg.eigh(lags[place])
    return powers[::-1], vectors[:, ::-1]


def _floor(
    power: Float[np.ndarray, " directions"], centre: Float[np.ndarray, " directions"]
) -> Float[np.ndarray, " directions"]:
    """The running median over the directions in the order of their frequency, never above the power."""
    from scipy.ndimage import median_filter

    order = np.argsort(centre, kind="stable")
    floor = np.empty_like(power)
    floor[order] = np.exp(median_filter(np.log(power[order]), 25, mode="nearest"))
    return np.asarray(np.minimum(floor, power))


def _bands(excess: Row, centre: Row) -> Float[np.ndarray, "bands directions"]:
    """Up to `BANDS` groups of directions about the strongest excess, each `WIDTH` bins wide to either side."""
    rest = np.where(excess > STANDS_OUT, excess, 0.0)
    rows: list[Row] = []
    while rest.max(initial=0.0) > 0 and len(rows) < BANDS:
        near = np.abs(centre - centre[rest.argmax()]) <= WIDTH
        rows.append(near.astype(float))
        rest = np.where(near, 0.0, rest)
    return np.asarray(rows).reshape(-1, excess.size)


def smoothed(power: Float[np.ndarray, " bins"], width: int) -> Float[np.ndarray, " bins"]:
    """The mean over `width` bins in the logarithm's neighbourhood: chance goes, the shape stays."""
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(power, width, mode="nearest"))
