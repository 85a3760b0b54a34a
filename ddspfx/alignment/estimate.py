"""The delay's spline, moved until the device's prediction meets the recording."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ddspfx.alignment.banded import inverse_bands
from ddspfx.alignment.bands import Band, bands_of
from ddspfx.alignment.disagreement import excess
from ddspfx.alignment.gauss_newton import Knots, deviations, knots_at, newton_step, prior_bands, widened
from ddspfx.alignment.interpolate import Interpolant, Reals
from ddspfx.alignment.normal import Channel, Normal, normal_equations
from ddspfx.alignment.phase import lateness
from ddspfx.alignment.process import process, settled
from ddspfx.alignment.response import SIZE, Device, coherence, fit_device, followed
from ddspfx.alignment.slips import slips


class Plan(NamedTuple):
    """Samples within which slips are looked for, then the band (Hz) of each Newton step, stage by stage.

    From stage `learning` on the transport's process is learned. A `bent` trend is the delays themselves, so that they
    are also the prior's mean; else it is a line through them. `stillest` is the least speed deviation of the prior.
    """

    stages: tuple[tuple[int, tuple[tuple[float, float], ...]], ...]
    learning: int
    bent: bool
    stillest: float


TAPE = Plan(
    (
        (12, ((300.0, 3000.0), (300.0, 7000.0), (300.0, 1e9))),
        (10, ((300.0, 7000.0), (200.0, 1e9), (120.0, 1e9))),
        (8, ((0.0, 1e9), (0.0, 1e9))),
        (0, ((0.0, 1e9), (0.0, 1e9), (0.0, 1e9))),
    ),
    learning=2,
    bent=False,
    stillest=1e-4,
)
RECORD = Plan(
    ((0, ((300.0, 7000.0), (120.0, 1e9))), (0, ((0.0, 1e9), (0.0, 1e9)))), learning=1, bent=True, stillest=4e-4
)
_CORNER = 30.0  # Hz to which a transport's speed moves freely
_WILDEST = 2e-2  # deviation of speed that the prior allows
_EDGE = 0.01  # s beyond dry's ends where nothing is believed


class Problem(NamedTuple):
    """What stays the same through all steps."""

    channels: list[Channel]
    bands: list[Band]
    knots: Knots
    trend: Reals
    sample_rate: int

    def positions(self, c: Reals) -> Reals:
        """Where dry is read at each sample of wet."""
        at: Reals = np.arange(len(self.trend)) - self.trend - self.knots.values(c)
        return at


def estimated(x: Reals, y: Reals, delays: Reals, sample_rate: int, rate: int, plan: Plan = TAPE) -> tuple[Reals, Reals]:
    """Delays and their deviations at every sample, both in samples, from `delays` that are nearly right."""
    problem = _problem(x, y, delays, sample_rate, rate, plan.bent)
    rest = delays - problem.trend
    c = _projected(problem.knots, rest)
    prior = _prior(rest, problem.knots, sample_rate, rate, plan.stillest)
    devices = _devices(problem, c, [None] * len(problem.channels))
    trust, mean = None, np.zeros_like(c)
    A = np.zeros((4, problem.knots.knots))
    for stage, (reach, ranges) in enumerate(plan.stages):
        if stage >= plan.learning:
            learned = process(c, deviations(inverse_bands(widened(A, prior) + prior)), rate)
            if learned is not None:
                mean, prior = learned
                c = settled(c, A, mean, prior)
        if reach:
            c = c + _projected(problem.knots, _slips(problem, devices, problem.positions(c), reach))
        if reach or stage:
            devices = _devices(problem, c, devices)
        for low, high in ranges:
            devices, found = _step(problem, c, devices, low, high)
            A, h = found.total(trust)
            step = newton_step(A, h, prior, c - mean)
            if low == 0:
                trust = 1 / excess(found.A, found.h, step)
            c = c + step
    spread = deviations(inverse_bands(widened(A, prior) + prior))
    found_delays = problem.trend + problem.knots.values(c)
    late = _late(problem, devices, problem.positions(c))
    n = np.arange(len(delays))
    return np.interp(n - late, n, found_delays) + late, problem.knots.values(spread)


def _problem(x: Reals, y: Reals, delays: Reals, sample_rate: int, rate: int, bent: bool) -> Problem:
    from scipy.fft import next_fast_len, rfft

    length = y.shape[1]
    n = np.arange(length)
    trend: Reals = delays if bent else np.polyval(np.polyfit(n[::441], delays[::441], 1), n).astype(np.float64)
    count = next_fast_len(length + SIZE, real=True)
    heard = _heard(n - delays, x.shape[1], sample_rate)
    rows = zip(x, y * heard, strict=True)
    channels = [Channel(Interpolant.of(dry), wet, rfft(wet, count), heard) for dry, wet in rows]
    return Problem(channels, bands_of(count, sample_rate), knots_at(length, sample_rate / rate), trend, sample_rate)


def _heard(positions: Reals, length: int, sample_rate: int) -> Reals:
    """One where wet holds what dry holds, fading to nothing within 10 ms beyond."""
    width = _EDGE * sample_rate
    ends: Reals = np.clip(np.minimum(positions, length - 1 - positions) / width, 0.0, 1.0)
    return ends if positions[0] < -width or positions[-1] > length + width else np.ones(len(positions))


def _devices(problem: Problem, c: Reals, known: Sequence[Device | None]) -> list[Device]:
    """Curves and responses at these knots."""
    positions = problem.positions(c)
    return [
        fit_device(channel.source(positions) * channel.heard, channel.wet, device, 1 if device else 2)
        for channel, device in zip(problem.channels, known, strict=True)
    ]


def _step(problem: Problem, c: Reals, devices: list[Device], low: float, high: float) -> tuple[list[Device], Normal]:
    """The responses at these knots, and what bands between `low` and `high` Hz say about them."""
    count, positions = problem.bands[0].whole, problem.positions(c)
    hertz = problem.sample_rate / count
    bands = [band for band in problem.bands if low < (band.high + 1) * hertz and band.low * hertz < high]
    moved, said = [], []
    for channel, device in zip(problem.channels, devices, strict=True):
        x = channel.source(positions) * channel.heard
        moved.append(followed(device, x, channel.spectrum, count))
        said.append(normal_equations(channel, moved[-1], bands, problem.knots, x, positions, problem.sample_rate))
    return moved, Normal(np.concatenate([n.A for n in said]), np.concatenate([n.h for n in said]))


def _late(problem: Problem, devices: Sequence[Device], positions: Reals) -> float:
    """Samples that the devices hold and that belong to the delay; the loudest channel speaks."""
    loudest = max(range(len(devices)), key=lambda k: float(np.sum(problem.channels[k].wet ** 2)))
    channel, device = problem.channels[loudest], devices[loudest]
    x = device.curve(channel.source(positions) * channel.heard)
    return lateness(device.H, coherence(x, channel.wet), problem.sample_rate)


def _slips(problem: Problem, devices: list[Device], positions: Reals, reach: int) -> Reals:
    """How far the prediction runs ahead of wet at each sample: what a path in the wrong period left."""
    from scipy.fft import rfft

    count = problem.bands[0].whole
    predicted = [
        device.response(count) * rfft(device.curve(channel.source(positions)) * channel.heard, count)
        for channel, device in zip(problem.channels, devices, strict=True)
    ]
    return slips(predicted, [c.spectrum for c in problem.channels], reach, len(positions), count, problem.sample_rate)


def _projected(knots: Knots, values: Reals) -> Reals:
    """Knots of the least-squares spline through `values`."""
    from scipy.linalg import solveh_banded

    bands = knots.gram(np.ones(len(values)))
    bands[-1] += 1e-6 * knots.step
    c: Reals = solveh_banded(bands, knots.project(values))
    return c


def _prior(rest: Reals, knots: Knots, sample_rate: int, rate: int, stillest: float) -> Reals:
    """The prior in samples, its power from how fast the coarse path moves most of the time, within what transports do.

    A median, because where the programme is quiet the coarse path jumps as no transport does.
    """
    hop = sample_rate // 50
    moves = np.diff(rest[::hop]) / hop
    deviation = np.clip(np.median(np.abs(moves - np.median(moves))), stillest, _WILDEST)
    return prior_bands(knots.knots, 1 / rate, float(deviation**2) / (2 * _CORNER), _CORNER) / sample_rate**2
