"""The normal equations of the delay's knots: what the whitened residual says in every band at every moment."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ddspfx.alignment.bands import Band, Complexes
from ddspfx.alignment.gauss_newton import Knots, knots_between
from ddspfx.alignment.interpolate import Interpolant, Reals
from ddspfx.alignment.response import Device, whitener
from ddspfx.alignment.variance import expected

_LOCAL = 0.02  # s over which the residual's own variance is taken,
_AT_LEAST = 12  # and samples of the band at least
_DOUBT = 0.1  # of what the residual holds there: a click says little


class Channel(NamedTuple):
    """Dry as it may be read, wet, wet's spectrum (both silent where wet holds what dry does not), and where."""

    source: Interpolant
    wet: Reals
    spectrum: Complexes
    heard: Reals


class Normal(NamedTuple):
    """A δ = h: upper bands (4, knots) and right side (knots,), one of each a band."""

    A: Reals
    h: Reals

    def total(self, trust: Reals | None = None) -> tuple[Reals, Reals]:
        """Of all bands, each weighted by its `trust`."""
        w = np.ones(len(self.A)) if trust is None else trust
        return np.einsum("b,bik->ik", w, self.A), w @ self.h


def normal_equations(
    channel: Channel,
    device: Device,
    bands: Sequence[Band],
    knots: Knots,
    x: Reals,
    positions: Reals,
    sample_rate: float,
) -> Normal:
    """Of one channel: each band weighted by what its residual ought to hold. `x` is dry as read at `positions`.

    Two threads, since transforms and interpolation leave the interpreter alone.
    """
    from concurrent.futures import ThreadPoolExecutor

    from scipy.fft import rfft

    count = bands[0].whole
    with ThreadPoolExecutor(2) as pool:
        slopes = pool.submit(lambda: rfft(device.gain(x) * channel.source.derivative(positions) * channel.heard, count))
        response = device.response(count)
        E = channel.spectrum - response * rfft(device.curve(x), count)
        W = whitener(E, count, sample_rate)
        J = slopes.result() * response
        J *= W
        E *= W
        wet = W * channel.spectrum
        rows = list(pool.map(lambda band: _of_band(band, E, J, wet, channel.heard, knots, len(x), sample_rate), bands))
    return Normal(np.stack([A for A, _ in rows]), np.stack([h for _, h in rows]))


def _of_band(
    band: Band, E: Complexes, J: Complexes, Y: Complexes, heard: Reals, knots: Knots, length: int, sample_rate: float
) -> tuple[Reals, Reals]:
    from scipy.ndimage import uniform_filter1d

    e, g, wet = band.of(E), band.of(J), band.of(Y)
    width = max(_AT_LEAST, int(_LOCAL * sample_rate / band.step))
    power, slope, both, loud = (
        uniform_filter1d(v, width, mode="nearest")
        for v in (
            e.real**2 + e.imag**2,
            g.real**2 + g.imag**2,
            g.real * e.real + g.imag * e.imag,
            wet.real**2 + wet.imag**2,
        )
    )
    left = power - both**2 / (slope + 1e-300)  # what the best shift just there would leave
    some = slice(width // 2, max(width // 2 + 1, int(length / band.step)), max(1, width // 2))
    v = expected(left, loud, some)
    explained = np.maximum(1 - power / (loud + 1e-300), 0.0)  # none where the delay is off by half a period or more
    weights = explained * band.share * band.step / np.maximum(v, _DOUBT * left)
    at = band.centres(length)
    audible = heard[at.astype(int)] > 0.999
    places = knots_between(at, knots.step, knots.knots)
    own = np.where(audible, band.sums(weights * (g.real**2 + g.imag**2), length), 0.0)
    mixed = np.where(audible, band.sums(weights * (g.real * e.real + g.imag * e.imag), length), 0.0)
    return places.gram(own), -places.project(mixed)
