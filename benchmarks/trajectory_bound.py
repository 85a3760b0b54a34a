"""How well a delay can be known at all: the Bayesian bound of a recording, and of silence under the true process."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import cho_factor, cho_solve

from benchmarks.alignment import RATE
from benchmarks.trajectory_cases import GRID, hiss, spectrum
from ddspfx.alignment.interpolate import sample_at

Row = NDArray[np.float64]
KNOT_HZ = 200
CORNER_HZ = 30.0


def information(x: Row, delay: Row, device: Callable[[Row], Row], noise: float) -> Row:
    """What a sample of wet says about the delay, a knot of 5 ms: Σ (∂y/∂d)²/N(f), from the true signals.

    The slope is the device's own answer to a delay moved by a hundredth of a sample; noise whitens both.
    """
    n = np.arange(len(x))
    step = 0.01
    slope = (device(sample_at(x, n - delay - step)) - device(sample_at(x, n - delay + step))) / (2 * step)
    count = next_fast_len(len(x), real=True)
    density = np.abs(rfft(hiss(len(x), 0), count)) ** 2
    shape = 1 / (np.fft.rfftfreq(count, 1 / RATE) + 5)
    power = noise**2 * shape * np.mean(density) / np.mean(shape) / len(x)
    g = irfft(rfft(slope, count) / np.sqrt(power), count)[: len(x)]
    edges = np.round(np.arange(0, len(x) / RATE * KNOT_HZ + 1e-6) * RATE / KNOT_HZ).astype(int)
    total = np.concatenate([[0.0], np.cumsum(g**2)])
    return np.asarray(np.diff(total[np.minimum(edges, len(x))]))


def bound(info: Row, speed_rms: float) -> Row:
    """Deviation (samples) a knot: √diag (A + R)⁻¹, R = D₁ᵀD₁/(dt·q₁) + D₃ᵀD₃/(dt⁵·q₃), as TRAJECTORY.md has it."""
    count, dt = len(info), 1 / KNOT_HZ
    q1 = speed_rms**2 / (2 * CORNER_HZ)
    R = np.zeros((count, count))
    for order, power in ((1, dt * q1), (3, dt**5 * q1 * (2 * np.pi * CORNER_HZ) ** 4)):
        D = np.diff(np.eye(count), n=order, axis=0)
        R += D.T @ D / power / RATE**2
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(R + np.diag(info)))))


def conditional(info: Row, kind: str, seed: int) -> Row:
    """Deviation (samples) a knot of the delay given the recording, under the process that drew it, at 200 Hz."""
    S = spectrum(kind, seed)[1]
    lags = np.fft.irfft(np.append(S, 0.0) * GRID / 2)[: 2 * len(info) : 2]
    speed = lags[np.abs(np.subtract.outer(np.arange(len(info)), np.arange(len(info))))] + 1e-14 * np.eye(len(info))
    K = np.cumsum(np.cumsum(speed, 0), 1) * (RATE / KNOT_HZ) ** 2 + 1e6
    noise = 1 / np.maximum(info, 1e-6)
    inner = cho_factor(K + np.diag(noise))
    return np.asarray(np.sqrt(np.maximum(np.diag(K) - np.einsum("ij,ji->i", K, cho_solve(inner, K)), 0.0)))
