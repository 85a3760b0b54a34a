"""Float64 references that are plain loops over samples: systems that change, and their slopes."""

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.bench.sides import Right

Matrices = tuple[np.ndarray, ...]
"""The entries of a system of two states, each (batch, samples): A11, A12, A21, A22, B1, B2, C1, C2, D."""


def changing_system(
    x: np.ndarray, build: Callable[..., Matrices], parameters: Mapping[str, np.ndarray], weights: np.ndarray
) -> Right:
    """y of s' = A s + B x, y = C s + D x, and the slopes of sum(weights y) by x and by every parameter.

    The adjoint runs backwards, l = A' l' + C w; the slopes of the entries by the parameters are central differences.
    """
    values = {name: value.astype(float) for name, value in parameters.items()}
    x, weights = x.astype(float), weights.astype(float)
    entries = build(**values)
    a, b, c, d, e, f, p, q, direct = entries
    first, second = _run(x, (a, b, c, d, e, f))
    y = p * first + q * second + direct * x
    la, lb = _back(weights, (a, b, c, d, p, q))
    by_entry = (la * first, la * second, lb * first, lb * second, la * x, lb * x)
    by_entry += (weights * first, weights * second, weights * x)
    slopes = {"x": la * e + lb * f + weights * direct}
    for name, value in values.items():
        step = 1e-6 * np.maximum(np.abs(value), 1e-3)
        up, down = (build(**{**values, name: value + sign * step}) for sign in (1, -1))
        slopes[name] = sum(s * (u - v) / (2 * step) for s, u, v in zip(by_entry, up, down, strict=True))
    return Right(y, slopes)


def _run(x: np.ndarray, entries: Matrices) -> tuple[np.ndarray, np.ndarray]:
    """The states before every sample."""
    rows = [np.ascontiguousarray(entry.T) for entry in entries]
    x = np.ascontiguousarray(x.T)
    first, second = np.zeros_like(x), np.zeros_like(x)
    s, t = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for n, (a, b, c, d, e, f) in enumerate(zip(*rows, strict=True)):
        first[n], second[n] = s, t
        s, t = a * s + b * t + e * x[n], c * s + d * t + f * x[n]
    return first.T, second.T


def _back(weights: np.ndarray, entries: Matrices) -> tuple[np.ndarray, np.ndarray]:
    """The adjoints of the states after every sample."""
    a, b, c, d, p, q = (np.ascontiguousarray(entry.T[::-1]) for entry in entries)
    w = np.ascontiguousarray(weights.T[::-1])
    first, second = np.zeros_like(w), np.zeros_like(w)
    s, t = np.zeros(w.shape[1]), np.zeros(w.shape[1])
    for n in range(len(w)):
        first[n], second[n] = s, t
        s, t = a[n] * s + c[n] * t + p[n] * w[n], b[n] * s + d[n] * t + q[n] * w[n]
    return first[::-1].T, second[::-1].T


def all_pole_entries(a1: np.ndarray, a2: np.ndarray) -> Matrices:
    """The states are the last two outputs."""
    one, zero = np.ones_like(a1), np.zeros_like(a1)
    return -a1, -a2, one, zero, one, zero, -a1, -a2, one


def low_pass_entries(g: np.ndarray, damping: np.ndarray) -> Matrices:
    """Simper (2013): the trapezoidal integrators of a low-pass filter."""
    a1 = 1 / (1 + g * (g + damping))
    a2, a3 = g * a1, g * g * a1
    return 2 * a1 - 1, -2 * a2, 2 * a2, 1 - 2 * a3, 2 * a2, 2 * a3, a2, 1 - a3, a3


def smoothed(x: np.ndarray, falling: np.ndarray, rising: np.ndarray, start: float) -> np.ndarray:
    """y' = y + r (x - y), r = `falling` (batch,) where x < y, else `rising`."""
    x = np.ascontiguousarray(x.T)
    y, state = np.empty_like(x), np.full(x.shape[1], start)
    for n, now in enumerate(x):
        state = state + np.where(now < state, falling, rising) * (now - state)
        y[n] = state
    return y.T
