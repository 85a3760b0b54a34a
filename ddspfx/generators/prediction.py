"""Linear prediction of a stationary process from all of its past that a window holds: coefficients and errors."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


class Predictors(NamedTuple):
    """`rows` (order + 1, order): row n predicts from n past values, the nearest first; `errors` their mean squares."""

    rows: Float[np.ndarray, "orders order"]
    errors: Float[np.ndarray, " orders"]


def predictors(correlation: Float[np.ndarray, " lags"]) -> Predictors:
    """The best linear predictors of every order below the number of lags.

    a_n,n = (r_n - sum_k a_n-1,k r_n-k) / v_n-1, a_n,k = a_n-1,k - a_n,n a_n-1,n-k, v_n = v_n-1 (1 - a_n,n^2).
    Raises ValueError when the correlation is not that of a process: an error is not positive. Source: Durbin (1960),
    "The fitting of time-series models".
    """
    order = correlation.size - 1
    rows, errors = np.zeros((order + 1, order)), np.zeros(order + 1)
    errors[0] = correlation[0]
    for n in range(1, order + 1):
        if not errors[n - 1] > 0:
            raise ValueError(f"correlation leaves an error of {errors[n - 1]:g} at order {n - 1}: give a smaller order")
        before = rows[n - 1, : n - 1]
        new = (correlation[n] - before @ correlation[n - 1 : 0 : -1]) / errors[n - 1]
        rows[n, : n - 1] = before - new * before[::-1]
        rows[n, n - 1] = new
        errors[n] = errors[n - 1] * (1 - new**2)
    return Predictors(rows, errors)


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
