"""What a band's residual ought to hold at each moment: noise that stays, and an error that grows with the signal."""

import numpy as np

from ddspfx.alignment.interpolate import Reals

_ROUNDS = 6
_OUTLIER = 4.0  # times what is expected, beyond which a moment says nothing more


def expected(residuals: Reals, signals: Reals, some: slice) -> Reals:
    """v = n + κ·s of local powers `residuals` and `signals` (times,), judged on `some` of them.

    n and κ are not negative, by robust relative least squares. Unlike the residual's own local power, v does not
    forgive a moment for its error: where the delay is wrong, the residual is large and still believed.
    """
    residual, signal = residuals[some], signals[some]
    kappa = float(np.median(residual / (signal + 1e-300)))
    noise = float(np.quantile(residual, 0.2))
    least = 1e-6 * float(np.mean(residual)) + 1e-100
    for _ in range(_ROUNDS):
        v = noise + kappa * signal + least
        w = (least / v) ** 2
        r = np.minimum(residual, _OUTLIER * v)
        one, two, three = np.sum(w), np.sum(w * signal), np.sum(w * signal**2)
        a, b = np.sum(w * r), np.sum(w * r * signal)
        determinant = one * three - two**2 + 1e-300
        noise, kappa = (a * three - b * two) / determinant, (one * b - two * a) / determinant
        if kappa < 0 or noise < 0:
            noise, kappa = (a / one, 0.0) if kappa < 0 else (0.0, b / (three + 1e-300))
    return np.asarray(noise + kappa * signals + least)
