"""What a device does apart from time: a curve, one long centred response, and how the residual is coloured."""

from typing import NamedTuple

import numpy as np

from ddspfx.alignment.bands import Complexes
from ddspfx.alignment.interpolate import Reals

SIZE = 8192
_POWERS = (1, 2, 3, 5, 7)
_AROUND = 17  # bins over which a prediction is compared with chance
_BY_CHANCE = 3.0  # times what noise alone predicts
_SMOOTH = 20.0  # Hz over which the residual's spectrum is averaged at least
_RELATIVE = 0.1  # of the frequency


class Device(NamedTuple):
    """y = H ∗ s(x), s(x) = Σ_p c_p·scale·(x/scale)^p over the powers 1, 2, 3, 5 and 7; H on 8192 points."""

    H: Complexes
    coefficients: Reals
    scale: float

    def curve(self, x: Reals) -> Reals:
        """s(x)."""
        u = x / self.scale
        a, b, c, e, g = self.coefficients
        v = u * u
        s: Reals = x * (a + b * u + v * (c + v * (e + v * g)))
        return s

    def gain(self, x: Reals) -> Reals:
        """s′(x)."""
        u = x / self.scale
        a, b, c, e, g = self.coefficients
        v = u * u
        s: Reals = a + 2 * b * u + v * (3 * c + v * (5 * e + 7 * g * v))
        return s

    def response(self, count: int) -> Complexes:
        """H at the bins of a spectrum of `count` samples, at least 8192."""
        from scipy.fft import irfft, rfft

        h = irfft(self.H, SIZE)
        h *= np.roll(np.hanning(SIZE + 1)[:-1], SIZE // 2) ** 0.25
        long = np.zeros(count)
        long[: SIZE // 2], long[count - SIZE // 2 :] = h[: SIZE // 2], h[SIZE // 2 :]
        spectrum: Complexes = rfft(long, overwrite_x=True)
        return spectrum


def fit_device(x: Reals, y: Reals, known: Device | None = None, alternations: int = 2) -> Device:
    """Response and curve of `y` on `x` (samples,), by whitened least squares in turn; the samples are aligned.

    From a `known` device the response is moved by that of what it leaves, so that the bias of short frames goes.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    count = next_fast_len(len(x) + SIZE, real=True)
    scale = float(np.max(np.abs(x))) + 1e-30
    powers = _powers(x, scale)
    B, Y = rfft(powers, count), rfft(y, count)
    if known is None:
        known = Device(_ratio(x, y), np.eye(len(_POWERS))[0], scale)
    H, coefficients = known.H, known.coefficients * (scale / known.scale) ** (np.array(_POWERS) - 1.0)
    for _ in range(alternations):
        device = Device(H, coefficients, scale)
        F = device.response(count) * B
        W = whitener(Y - coefficients @ F, count)
        F *= W
        normal = (F @ np.conj(F.T)).real
        normal += np.diag(1e-6 * np.diag(normal) + 1e-30)
        coefficients = np.linalg.solve(normal, (np.conj(F) @ (W * Y)).real)
        rest = irfft(Y - coefficients @ F / W, count)[: len(x)]
        H = _moved(H, coefficients @ powers, rest)
    return Device(H, coefficients, scale)


def followed(device: Device, x: Reals, wet: Complexes, count: int) -> Device:
    """`device` with its response moved by that of what it leaves of `wet`, a spectrum of `count` samples."""
    from scipy.fft import irfft, rfft

    s = device.curve(x)
    rest = irfft(wet - device.response(count) * rfft(s, count), count)[: len(x)]
    return device._replace(H=_moved(device.H, s, rest))


def _powers(x: Reals, scale: float) -> Reals:
    """(powers, samples); products, because a power by `**` takes ten times as long."""
    u = x / scale
    v = u * u
    cube = x * v
    fifth = cube * v
    return np.stack([x, x * u, cube, fifth, fifth * v])


def _ratio(x: Reals, y: Reals) -> Complexes:
    """Least-squares response of `y` on `x` (samples,), Sxy/Sxx from Hann frames that overlap by half."""
    X, Y = _frames(x), _frames(y)
    Sxx = np.einsum("ij,ij->j", X.real, X.real) + np.einsum("ij,ij->j", X.imag, X.imag)
    H: Complexes = np.einsum("ij,ij->j", np.conj(X), Y) / (Sxx + 1e-9 * np.mean(Sxx) + 1e-300)
    return H


def _moved(H: Complexes, x: Reals, rest: Reals) -> Complexes:
    """H moved by the response of what it leaves, and none where its prediction is no more than chance makes it.

    Noise alone gives a response that predicts a share 1/frames of it: whoever believes that finds a delay in noise.
    """
    from scipy.ndimage import uniform_filter1d

    X, R = _frames(x), _frames(rest)
    Sxx = np.sum(X.real**2 + X.imag**2, 0)
    floor = 1e-9 * np.mean(Sxx) + 1e-300
    H = H + np.sum(np.conj(X) * R, 0) / (Sxx + floor)
    told = np.maximum(uniform_filter1d(np.abs(H) ** 2 * Sxx, _AROUND, mode="nearest"), 0.0)
    left = uniform_filter1d(np.sum(R.real**2 + R.imag**2, 0), _AROUND, mode="nearest")
    believed: Complexes = H * np.maximum(0.0, 1 - _BY_CHANCE * left / (len(X) * told + 1e-300))
    return believed


def coherence(x: Reals, y: Reals) -> Reals:
    """γ² = |Sxy|²/(Sxx·Syy) on the response's grid."""
    X, Y = _frames(x), _frames(y)
    powers = np.sum(np.abs(X) ** 2, 0) * np.sum(np.abs(Y) ** 2, 0)
    return np.asarray(np.abs(np.sum(np.conj(X) * Y, 0)) ** 2 / (powers + 1e-300))


def _frames(x: Reals) -> Complexes:
    from scipy.fft import rfft

    half = SIZE // 2
    padded = np.pad(x, (half, half + (-len(x)) % half))
    views = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::half]
    spectra: Complexes = rfft(np.hanning(SIZE + 1)[:-1] * views)
    return spectra


def spectrum_pair(x: Reals, y: Reals) -> Complexes:
    """Least-squares response of `y` on `x` (samples,) on `filtered`'s grid."""
    return _ratio(x, y)


def whitener(residual: Complexes, count: int, sample_rate: float = 44_100.0) -> Reals:
    """1/√PSD at every bin from the residual's own spectrum, averaged over a tenth of the frequency, at least 20 Hz.

    Bounded to 100 dB. Wide averages keep the filter short: it must not carry a loud moment into a quiet one.
    """
    hertz = sample_rate / count
    edges = [0.0]
    while edges[-1] < sample_rate / 2:
        edges.append(edges[-1] + max(_SMOOTH, _RELATIVE * edges[-1]))
    starts = np.unique((np.array(edges[:-1]) / hertz).astype(int))
    power = np.add.reduceat(residual.real**2 + residual.imag**2, starts)
    sizes = np.diff(np.append(starts, len(residual)))
    power = np.convolve(np.pad(power / sizes, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    power += 1e-10 * np.max(power) + 1e-300
    W: Reals = np.interp(np.arange(len(residual)), starts + 0.5 * (sizes - 1), 1 / np.sqrt(power))
    return W


def filtered(x: Reals, H: Complexes) -> Reals:
    """`x` through the centred response whose transfer function is `H` (half of a power of two, plus one)."""
    from scipy.fft import irfft
    from scipy.signal import oaconvolve

    size = 2 * (len(H) - 1)
    h = np.roll(irfft(H, size), size // 2) * np.hanning(size + 1)[:-1] ** 0.25
    y: Reals = oaconvolve(x, h)[size // 2 : size // 2 + len(x)]
    return y
