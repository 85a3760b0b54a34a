"""The whole delay of a recording whose one channel carries a pilot: its motion by the pilot, its place by the rest."""

import numpy as np
from numpy.typing import ArrayLike

from ddspfx.alignment.align import align, signal
from ddspfx.alignment.interpolate import Reals, sample_at
from ddspfx.alignment.pilot import PilotClock, channel_of, pilot_clock
from ddspfx.source.trajectory import Trajectory

_NEAR = 0.2  # of a period, within which the programme's own lag may lie beside a whole number of periods
_WHITE = 0.7  # how far spectra are flattened before they are compared
_SURE = 4.0  # deviations by which the best lag must stand out of the others
_MOST_S = 2.0  # longest delay that is looked for
_PASSES = 3  # a lag must be known before dry can be moved as the pilot moved then
_UNRELATED = 0.1


def pilot_trajectory(
    dry: ArrayLike,
    wet: ArrayLike,
    pilot: ArrayLike,
    sample_rate: int,
    *,
    dry_pilot: ArrayLike | None = None,
) -> Trajectory:
    """The delay d(t), wet(t) = device(dry(t - d(t))), in seconds at wet's times, by a pilot on another channel.

    `dry` and `wet` (samples,) or (channels, samples) are the programme; `pilot` (samples,) is what came out of the
    pilot's channel. A pilot alone tells d but for a multiple of its period and, unless `dry_pilot`, what went into
    that channel, is given, but for a constant and a slope too. The programme decides: dry is moved as the pilot
    moved, and one weighted correlation over all of the recording finds what is left; with `dry_pilot` a whole
    number of periods. `spread` is the deviation of the pulses' places. Raises ValueError when there is no pilot or
    the programmes have nothing in common.
    """
    x, y = signal(dry, "dry"), signal(wet, "wet")
    clock = pilot_clock(signal(pilot, "pilot")[0], sample_rate)
    period, start, counted = _own(clock, dry_pilot, sample_rate)
    delays = clock.times - start - period * clock.numbers
    delays -= period * round(float(np.median(delays)) / period)
    duration = y.shape[1] / sample_rate
    roughly = _curve(clock, delays, duration, sample_rate)
    if counted:
        lag = period * _periods(_moved(x, roughly, 0.0, sample_rate), y, period * sample_rate)
        return _curve(clock, delays + lag, duration, sample_rate)
    return _curve(clock, delays + _line(x, y, roughly, clock.times, sample_rate), duration, sample_rate)


def _moved(x: Reals, delay: Trajectory, ahead: float, sample_rate: int) -> Reals:
    """x(t - d(t + ahead)): what came out so many seconds later moved as the pilot does there."""
    t = np.arange(x.shape[1]) / sample_rate
    positions = (t - delay(t + ahead)) * sample_rate
    return np.stack([sample_at(row, positions) for row in x])


def _line(x: Reals, y: Reals, delay: Trajectory, times: Reals, sample_rate: int) -> Reals:
    """The constant and the slope, in seconds at `times`, by which the wet programme is later than the pilot says."""
    lag = 0.0
    for _ in range(_PASSES):
        found = align(_moved(x, delay, lag, sample_rate), y, sample_rate)
        lag = found.latency
    if found.confidence < _UNRELATED:
        raise ValueError("wet has nothing in common with dry: check that they are one pair")
    return found.latency + (1 - found.speed) * times


def piloted(dry: Reals, wet: Reals, pilot: int | str, sample_rate: int) -> Trajectory:
    """`pilot_trajectory` of stereo files: `pilot` names wet's channel, the other one holds the programme.

    Where dry has two channels, its own pilot is in the same one. Raises ValueError as that does, and for mono wet.
    """
    channel = channel_of(pilot, len(wet))
    programme, sent = (dry[1 - channel], dry[channel]) if len(dry) > 1 else (dry[0], None)
    return pilot_trajectory(programme, wet[1 - channel], wet[channel], sample_rate, dry_pilot=sent)


def _own(clock: PilotClock, dry_pilot: ArrayLike | None, sample_rate: int) -> tuple[float, float, bool]:
    """Period and start in seconds of the pilot as it went in, and whether its pulses are counted on both sides."""
    if dry_pilot is None:
        return clock.period, 0.0, False
    own = pilot_clock(signal(dry_pilot, "dry_pilot")[0], sample_rate)
    period, start = np.polyfit(own.numbers, own.times, 1, w=np.sqrt(own.weights))
    if abs(np.log(period / clock.period)) > 0.1:
        raise ValueError(f"dry_pilot has a period of {period:.4g} s and pilot {clock.period:.4g} s: check the channels")
    return float(period), float(start), clock.counted and own.counted


def _curve(clock: PilotClock, delays: Reals, duration: float, sample_rate: int) -> Trajectory:
    spread = np.full(len(clock.times), clock.deviation)
    return Trajectory.fit(clock.times, delays, duration, sample_rate, clock.rate, weights=clock.weights, spread=spread)


def _periods(x: Reals, y: Reals, period: float) -> int:
    """How many whole periods of so many samples `y` lies behind `x`, by the largest correlation near one of them."""
    from scipy.fft import irfft, next_fast_len, rfft

    count = next_fast_len(x.shape[1] + y.shape[1], real=True)
    cross = np.sum(rfft(y, count) * np.conj(rfft(x, count)), axis=0)
    size = np.abs(cross)
    r = np.abs(irfft(cross / (size + 1e-6 * size.max() + 1e-300) ** _WHITE, count))
    most = int(min(x.shape[1] / 2, _MOST_S * 44_100) / period)
    half = max(2, int(_NEAR * period))
    periods = np.arange(-most, most + 1)
    places = np.round(periods[:, None] * period).astype(int) + np.arange(-half, half + 1)
    tops = r[places % count].max(axis=1)
    best = int(np.argmax(tops))
    others = np.delete(tops, best)
    if tops[best] < others.mean() + _SURE * others.std():
        raise ValueError("the programme does not tell which of the pilot's periods is meant: check that it is one pair")
    return int(periods[best])
