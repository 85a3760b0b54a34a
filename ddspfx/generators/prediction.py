"""Linear prediction of a stationary process from all of its past that a window holds: coefficients and errors."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


class Predictors(NamedTuple):
    """`rows` (order + 1, order): row n predicts from n past values, the nearest first; `errors` their mean squares."""

    rows: Float[np.ndarray, "orders order"]
    errors: Float[np.ndarray, " orders"]


def reflections(correlation: Float[np.ndarray, " lags"]) -> Float[np.ndarray, " order"]:
    """The partial correlations of a process, one for each lag but 0: rounded, they are still those of a process.

    k_n = (r_n - sum_j a_n-1,j r_n-j) / v_n-1. Raises ValueError when the correlation is not that of a process, so that
    an error is not positive. Source: Durbin (1960), "The fitting of time-series models".
    """
    found, row, error = np.zeros(correlation.size - 1), np.zeros(0), float(correlation[0])
    for n in range(1, correlation.size):
        if not error > 0:
            raise ValueError(f"correlation leaves an error of {error:g} at order {n - 1}: give a smaller order")
        found[n - 1] = (correlation[n] - row @ correlation[n - 1 : 0 : -1]) / error
        row, error = _longer(row, found[n - 1]), error * (1 - found[n - 1] ** 2)
    return found


def predictors(partial: Float[np.ndarray, " order"], variance: float) -> Predictors:
    """The best linear predictors of every order, of a process with these partial correlations and this variance.

    a_n,n = k_n, a_n,j = a_n-1,j - k_n a_n-1,n-j, v_n = v_n-1 (1 - k_n^2).
    """
    order = partial.size
    rows, errors = np.zeros((order + 1, order)), np.full(order + 1, variance)
    for n in range(1, order + 1):
        rows[n, :n] = _longer(rows[n - 1, : n - 1], partial[n - 1])
        errors[n] = errors[n - 1] * (1 - partial[n - 1] ** 2)
    return Predictors(rows, errors)


def _longer(row: Float[np.ndarray, " order"], partial: float) -> Float[np.ndarray, " longer"]:
    return np.append(row - partial * row[::-1], partial)


def innovations(x: Float[np.ndarray, "*takes values"], found: Predictors) -> Float[np.ndarray, "*takes values"]:
    """What each value has beyond the prediction from those before it, over the root of its mean square.

    The first values are predicted from the few there are, so that stationary Gaussian data become white exactly.
    """
    from scipy.signal import lfilter

    order = found.rows.shape[1]
    e = lfilter(np.append(1.0, -found.rows[-1]), [1.0], x) / np.sqrt(found.errors[-1])
    for n in range(min(order, x.shape[-1])):
        past = x[..., :n][..., ::-1]
        e[..., n] = (x[..., n] - past @ found.rows[n, :n]) / np.sqrt(found.errors[n])
    return np.asarray(e)


def grown(e: Float[np.ndarray, "*takes values"], found: Predictors) -> Float[np.ndarray, "*takes values"]:
    """The inverse of `innovations`."""
    from scipy.signal import lfilter, lfiltic

    order, x = found.rows.shape[1], np.zeros_like(e)
    head = min(order, e.shape[-1])
    for n in range(head):
        x[..., n] = x[..., :n][..., ::-1] @ found.rows[n, :n] + np.sqrt(found.errors[n]) * e[..., n]
    if e.shape[-1] > order:
        a = np.append(1.0, -found.rows[-1])
        flat, rest = x.reshape(-1, x.shape[-1]), e.reshape(-1, e.shape[-1])
        memory = np.stack([lfiltic([1.0], a, row[:order][::-1]) for row in flat])
        scaled = np.sqrt(found.errors[-1]) * rest[:, order:]
        flat[:, order:] = lfilter([1.0], a, scaled, zi=memory)[0]
    return x


def correlation_of(power: Float[np.ndarray, " bins"], lags: int) -> Float[np.ndarray, " lags"]:
    """The autocorrelation of a spectrum at lags 0 to lags - 1, a trillionth of white noise in it."""
    r: Any = np.fft.irfft(power)[:lags]
    r[0] *= 1 + 1e-12
    return np.asarray(r)
