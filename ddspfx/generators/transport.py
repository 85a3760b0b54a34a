"""A transport that goes on where a recording ends: lines and a wander with the statistics of tracked delays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.delay import VariableDelay
from ddspfx.listing import put, walk
from ddspfx.slot import AbstractSource
from ddspfx.source.combined import Sum
from ddspfx.source.lfo import LFO
from ddspfx.source.trajectory import Trajectory
from ddspfx.source.wander import Wander

BAND = (0.3, 40.0)
"""Hz between which a transport's lines lie."""
LINES = 4
CLEAR = 12.0
"""How many times the median density a line must have to count as one."""


def lines(delay: Float[np.ndarray, " times"], rate: float) -> list[tuple[float, float, float]]:
    """The strongest periodic parts of a delay: frequency in Hz, amplitude in the delay's unit, phase in cycles.

    Peaks of a Hann spectrum, taken out one after the other by least squares, while they stand clear of what is left.
    """
    rest = delay - delay.mean()
    time = np.arange(delay.size) / rate
    found = []
    for _ in range(LINES):
        count = 8 * delay.size
        spectrum = np.abs(np.fft.rfft(rest * np.hanning(rest.size), count)) ** 2
        frequency = np.fft.rfftfreq(count, 1 / rate)
        inside = (frequency >= max(BAND[0], 2 * rate / delay.size)) & (frequency <= min(BAND[1], 0.4 * rate))
        if not inside.any():
            break
        peak = int(np.argmax(np.where(inside, spectrum, 0.0)))
        near = inside & (np.abs(np.log2(np.maximum(frequency, 1e-9) / frequency[peak])) < 1.5)
        if spectrum[peak] < CLEAR * np.median(spectrum[near]):
            break
        waves = np.stack([np.sin(2 * np.pi * frequency[peak] * time), np.cos(2 * np.pi * frequency[peak] * time)], 1)
        weights = np.linalg.lstsq(waves, rest, rcond=None)[0]
        rest = rest - waves @ weights
        phase = float(np.arctan2(weights[1], weights[0]) / (2 * np.pi)) % 1.0
        found.append((float(frequency[peak]), float(np.hypot(*weights)), phase))
    return found


def transport_like(trajectories: Sequence[Trajectory]) -> AbstractSource:
    """A source with the lines of the longest trajectory and, as a smooth Gaussian wander, what they leave."""
    longest = max(trajectories, key=lambda t: t.duration)
    rate = float(longest.rate)
    times = np.arange(0.1, max(longest.duration - 0.1, 0.2), 1 / rate)
    delay = np.atleast_2d(longest(times))[0]
    found = lines(delay, rate)
    waves = sum((a * np.sin(2 * np.pi * (f * (times - times[0]) + p)) for f, a, p in found), np.zeros(times.size))
    rest = delay - delay.mean() - waves
    depth = float(np.std(rest))
    speed = float(np.std(np.diff(rest))) * rate
    # A process of RMS s and slope RMS v has its power about v / (2 pi s) Hz.
    bandwidth = float(np.clip(speed / (2 * np.pi * max(depth, 1e-12)), 0.1, 50.0))
    sources: list[AbstractSource] = [LFO(f, a, phase=min(max(p, 0.0), 1.0)) for f, a, p in found]
    return Sum((*sources, Wander(bandwidth, depth, seed=11)))


def with_transport_of(model: Any, trajectories: Sequence[Any]) -> Any:
    """The model with its first delay line moving as the trajectories did, where it fits into the line."""
    tracked = [row for row in trajectories if isinstance(row, Trajectory)]
    places = [(path, node) for path, node, _ in walk(model) if isinstance(node, VariableDelay)]
    if not tracked or not places or not isinstance(model, AbstractBlock):
        return model
    path, line = places[0]
    source = transport_like(tracked)
    low, high = source.bounds() or (line.shortest, line.longest)
    if low < line.shortest or high > line.longest:
        return model
    return put(model, f"{path}.delay", source)
