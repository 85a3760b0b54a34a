"""What two channels of one tape do apart: the azimuth's constant offset and its slow wander."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ddspfx.alignment.align import Alignment, align, signal
from ddspfx.alignment.banded import inverse_bands
from ddspfx.alignment.bands import bands_of
from ddspfx.alignment.disagreement import excess
from ddspfx.alignment.gauss_newton import deviations, knots_at, newton_step, prior_bands
from ddspfx.alignment.interpolate import Interpolant, Reals
from ddspfx.alignment.normal import Channel, normal_equations
from ddspfx.alignment.phase import lateness
from ddspfx.alignment.response import SIZE, coherence, fit_device, followed
from ddspfx.source.trajectory import Trajectory

_RATE = 10  # knots a second
_CORNER = 2.0  # Hz to which azimuth wanders
_WANDER = 2e-5  # deviation of the difference of both channels' speeds
_STEPS = 4


class Skew(NamedTuple):
    """`offset`: seconds by which channel 1 is later than channel 0, `deviation` of it; `wander`: the same over time.

    The offset takes both channels' filters for minimum-phase ones; the wander is free of it.
    """

    offset: float
    deviation: float
    wander: Trajectory


def skew(
    dry: ArrayLike, wet: ArrayLike, sample_rate: int, trajectory: Trajectory, *, alignment: Alignment | None = None
) -> Skew:
    """How much later wet's second channel plays than its first, about their common `trajectory` from `track`.

    Arrays (2, samples). Each channel's rest δ_c about the common delay is a slow spline of 10 knots a second with its
    own prior (differences of speed of 2e-5 to 2 Hz), found by Gauss–Newton as `track` finds the common one; the skew is
    δ₁ - δ₀. Raises ValueError for mono, and as `align` does.
    """
    x, y = signal(dry, "dry"), signal(wet, "wet")
    if len(x) != 2 or len(y) != 2:
        raise ValueError(f"wet has {len(y)} channels and dry {len(x)}, but both must have 2: skew is their difference")
    alignment = alignment or align(dry, wet, sample_rate)
    x = x[::-1] if alignment.swapped else x
    times = np.arange(y.shape[1]) / sample_rate
    common = np.atleast_2d(np.asarray(trajectory(times), np.float64))[0] * sample_rate
    starts = [common + late * sample_rate for late in alignment.offset]
    found = [_rest(*each, sample_rate) for each in zip(x, y, starts, strict=True)]
    rests, spreads = zip(*found, strict=True)
    offset = alignment.offset[1] - alignment.offset[0]
    difference, spread = rests[1] - rests[0], np.hypot(*spreads)
    sure = 1 / np.maximum(spread, 1e-9) ** 2
    mean = float(np.sum(sure * difference) / np.sum(sure))
    some = np.arange(0, len(times), sample_rate // (4 * _RATE))
    wander = Trajectory.fit(
        times[some],
        (difference[some] - mean) / sample_rate,
        times[-1],
        sample_rate,
        _RATE,
        spread=spread[some] / sample_rate,
    )
    known = float(np.sqrt(_CORNER * times[-1]) * np.sqrt(np.mean(sure)))
    return Skew(offset + mean / sample_rate, 1 / (known + 1e-300) / sample_rate, wander)


def _rest(x: Reals, y: Reals, common: Reals, sample_rate: int) -> tuple[Reals, Reals]:
    """What one channel is later than the common delay, and its deviation, at every sample, in samples."""
    from scipy.fft import next_fast_len, rfft

    length = len(y)
    count = next_fast_len(length + SIZE, real=True)
    positions = np.arange(length) - common
    heard = ((positions >= 0) & (positions <= len(x) - 1)).astype(np.float64)
    channel = Channel(Interpolant.of(x), y * heard, rfft(y * heard, count), heard)
    knots, bands = knots_at(length, sample_rate / _RATE), bands_of(count, sample_rate)
    prior = prior_bands(knots.knots, 1 / _RATE, _WANDER**2 / (2 * _CORNER), _CORNER) / sample_rate**2
    c = np.zeros(knots.knots)
    device = fit_device(channel.source(positions) * heard, channel.wet)
    A = np.zeros((4, knots.knots))
    for _ in range(_STEPS):
        at = positions - knots.values(c)
        source = channel.source(at) * heard
        device = followed(device, source, channel.spectrum, count)
        said = normal_equations(channel, device, bands, knots, source, at, sample_rate)
        trust = 1 / excess(said.A, said.h, np.zeros(knots.knots))
        A, h = said.total(trust)
        c = c + newton_step(A, h, prior, c)
    source = device.curve(channel.source(positions - knots.values(c)) * heard)
    late = lateness(device.H, coherence(source, channel.wet), sample_rate)
    return knots.values(c) + late, knots.values(deviations(inverse_bands(A + prior)))
