"""Lost values of an evenly spaced series, from what comes before and after them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddspfx.alignment.interpolate import Reals

_ORDER = 32
_PASSES = 3
_ENOUGH = 20_000  # rows from which the prediction is found


def filled_in(places: NDArray[np.int64], values: Reals) -> Reals:
    """The series 0 ... places[-1] with `values` at `places` and the rest predicted.

    A cubic spline first; then the values between that leave the least error of a linear prediction, whose
    coefficients are found anew from the result. (Janssen, Veldhuis, Vries 1986, "Adaptive interpolation of
    discrete-time signals that can be modeled as autoregressive processes".)
    """
    from scipy.interpolate import CubicSpline

    every = np.arange(places[-1] + 1)
    series: Reals = CubicSpline(places, values)(every)
    lost = np.setdiff1d(every, places)
    if len(lost) == 0 or len(places) < 4 * _ORDER:
        return series
    for _ in range(_PASSES):
        errors = _prediction(series)
        series[lost] -= _solved(errors, series, lost)
    return series


def _prediction(series: Reals) -> Any:
    """The sparse matrix that takes the series to the errors of its own linear prediction, by least squares."""
    from scipy.sparse import diags_array

    rows = np.lib.stride_tricks.sliding_window_view(series, _ORDER + 1)
    some = rows[:: max(1, len(rows) // _ENOUGH)]
    taps = np.linalg.lstsq(some[:, :-1], some[:, -1], rcond=1e-12)[0]
    stencil = np.append(-taps, 1.0)
    return diags_array(list(stencil), offsets=list(range(_ORDER + 1)), shape=(len(rows), len(series))).tocsc()


def _solved(errors: Any, series: Reals, lost: NDArray[np.int64]) -> Reals:
    """What the lost values have too much, in the least squares of the errors."""
    from scipy.sparse.linalg import spsolve

    columns = errors[:, lost]
    excess: Reals = np.atleast_1d(spsolve((columns.T @ columns).tocsc(), columns.T @ (errors @ series)))
    return excess
