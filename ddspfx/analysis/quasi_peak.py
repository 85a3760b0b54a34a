"""The pointer of a flutter meter: quick to rise, slow to fall, blind to what is too short to be heard."""

import numpy as np
from jaxtyping import Float

Series = Float[np.ndarray, " times"]

PULSES = ((0.010, 0.21, 0.03), (0.030, 0.62, 0.06), (0.060, 0.90, 0.06), (0.100, 1.00, 0.04))
"""DIN 45507: seconds of a one-sided pulse that comes once a second, what it reads of a sine at 4 Hz of the same
peak-to-peak size, and the tolerance. AES6 has the 60 ms row and the fall below in its abstract; the other three rows
could not be checked against the standard's own text."""
FALL, FALL_TOLERANCE = 0.40, 0.04
"""To what the reading sinks between two pulses of 100 ms."""

_CHARGE, _FASTEST, _DISCHARGE = 0.0480, 12.35, 0.967  # s, 1/s, s: least squares on the rows above
_SINE = 0.9029  # what a sine of 4 Hz and size 1 reads before it is scaled to 1
_RATE = 2000.0  # Hz: weighted flutter has nothing left above half of it
SINES = (
    (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 20.0, 50.0, 100.0),
    (1.1055, 1.0953, 1.0682, 1.0298, 1.0, 0.9817, 0.9706, 0.9682, 0.9623),
)
"""Hz, and what a sine of size 1 reads: a weighted meter takes it out of its curve."""


def quasi_peak(x: Series, rate: float) -> Series:
    """The pointer's position over time for a deviation `x`, `rate` values a second.

    dv/dt = min((|x| - v) / 48 ms, 12.35 |x| / s) while |x| > v, and v falls with 0.967 s otherwise. A charge that is
    limited in rate as well as in time constant is what the standard's four pulses ask for; one time constant alone
    misses the shortest. A sine at 4 Hz reads its peak.
    """
    rows, step = _at_meter_rate(x, rate)
    rise, most, keep = step / _CHARGE, step * _FASTEST, float(np.exp(-step / _DISCHARGE))
    v, path = 0.0, np.empty(len(rows))
    for place, size in enumerate(rows.tolist()):
        v = v + min(rise * (size - v), most * size) if size > v else v * keep
        path[place] = v
    here: Series = np.interp(np.arange(len(x)) / rate, np.arange(len(rows)) * step, path) / _SINE
    return here


def _at_meter_rate(x: Series, rate: float) -> tuple[Series, float]:
    """The size of `x` at the pointer's own steps, and their length in seconds."""
    from scipy.interpolate import make_interp_spline

    steps = np.arange(0.0, (len(x) - 1) / rate + 1e-9, 1 / _RATE)
    return np.abs(make_interp_spline(np.arange(len(x)) / rate, x, k=3)(steps)), 1 / _RATE
