"""The quiet device measured as on a bench: level in against level out, and its small-signal response."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock, quiet
from ddspfx.fit.takes import delay_path, line_of
from ddspfx.listing import put
from ddspfx.render import render

TONE = 1_000.0
SWEEP_S = 4.0
FRAME_S = 0.04
QUIETEST, LOUDEST = -54.0, 0.0
SMALL = 1e-3
"""Peak of the impulse, -60 dBFS: small enough for the curve to be straight, large beside float32's last digit."""
RESPONSE = 16_384
SEGMENT = 4_096
SMOOTHED = 1 / 12
"""Octaves over which a measured response is averaged."""

LOOP_HZ, LOOP_TURNS = 100.0, 20
LOOP_LEVELS = (-24.0, -12.0, -3.0)
"""dBFS peak of the sines whose loops are drawn; slow, so that filters turn their phase but little."""

Line = Float[np.ndarray, " points"]


class Transfer(NamedTuple):
    """A sine through the device: level in, and the levels out of the fundamental and two harmonics, dBFS peak."""

    level_in: Line
    out: tuple[Line, Line, Line]


class Loop(NamedTuple):
    """One turn of a slow sine: what goes in, what comes out, and its level in dBFS peak."""

    level: float
    x: Line
    y: Line


class Response(NamedTuple):
    """Frequencies in Hz and gain in dB."""

    frequency: Line
    gain: Line


def still(model: AbstractBlock, sample_rate: int) -> AbstractBlock:
    """The quiet model with its tape standing still: the delay line at the whole sample next to zero that it reaches."""
    path = delay_path(model)
    if path is not None:
        line = line_of(model, path)
        nearest = round(min(max(0.0, line.shortest), line.longest) * sample_rate) / sample_rate
        model = put(model, path, min(max(nearest, line.shortest), line.longest))
    return quiet(model)


def transfer(model: AbstractBlock, sample_rate: int) -> Transfer:
    """A 1 kHz sine whose level rises from -54 to 0 dBFS in 4 s; levels by projection over Hann windows of 40 ms."""
    count, frame = round(SWEEP_S * sample_rate), round(FRAME_S * sample_rate)
    time = np.arange(count) / sample_rate
    level = QUIETEST + (LOUDEST - QUIETEST) * time / SWEEP_S
    x = 10 ** (level / 20) * np.sin(2 * np.pi * TONE * time)
    y = _played(model, x, sample_rate)
    starts = np.arange(0, count - frame, frame // 2)
    out = tuple(_level(y, k * TONE, starts, frame, sample_rate) for k in (1, 2, 3))
    return Transfer(_level(x, TONE, starts, frame, sample_rate), (out[0], out[1], out[2]))


def loops(model: AbstractBlock, sample_rate: int) -> list[Loop]:
    """The last turn of sines of 100 Hz at three levels through the still, quiet model, once it has settled."""
    turn, found = round(sample_rate / LOOP_HZ), []
    for level in LOOP_LEVELS:
        x = 10 ** (level / 20) * np.sin(2 * np.pi * np.arange(LOOP_TURNS * turn) / turn)
        y = _played(model, x, sample_rate)
        last = slice((LOOP_TURNS - 2) * turn, (LOOP_TURNS - 1) * turn + 1)
        found.append(Loop(level, x[last], y[last]))
    return found


def small_signal(model: AbstractBlock, sample_rate: int) -> Response:
    """The device's answer to an impulse of -60 dBFS, less its answer to silence."""
    x = np.zeros(RESPONSE)
    x[RESPONSE // 8] = SMALL
    y = _played(model, x, sample_rate) - _played(model, np.zeros(RESPONSE), sample_rate)
    frequency = np.fft.rfftfreq(RESPONSE, 1 / sample_rate)
    return smoothed(frequency, np.abs(np.fft.rfft(y) / SMALL) ** 2)


def estimated(x: Any, y: Any, sample_rate: int) -> Response:
    """H1 = S_xy / S_xx of two recordings, (channels, samples), by Welch's method, channels averaged."""
    from scipy.signal import csd, welch

    size = min(SEGMENT, x.shape[1])
    frequency, cross = csd(x, y, sample_rate, nperseg=size)
    _, own = welch(x, sample_rate, nperseg=size)
    gain = np.abs(np.mean(cross, axis=0)) / np.maximum(np.mean(own, axis=0), 1e-20)
    return smoothed(frequency, gain**2)


def smoothed(frequency: Line, power: Line) -> Response:
    """Powers averaged over a twelfth of an octave around points a twelfth apart, 20 Hz to the top."""
    top = min(20_000.0, float(frequency[-1]))
    centre = np.geomspace(20.0, top, round(np.log2(top / 20.0) / SMOOTHED) + 1)
    total = np.concatenate([[0.0], np.cumsum(power)])
    width = frequency[1]
    low = np.clip(np.floor(centre * 2 ** (-SMOOTHED / 2) / width).astype(int), 1, frequency.size - 1)
    high = np.maximum(np.clip(np.ceil(centre * 2 ** (SMOOTHED / 2) / width).astype(int), 1, frequency.size), low + 1)
    mean = (total[high] - total[low]) / (high - low)
    return Response(centre, 10 * np.log10(np.maximum(mean, 1e-20)))


def _played(model: AbstractBlock, x: Line, sample_rate: int) -> Line:
    y = render(still(model, sample_rate), x[None].astype(np.float32), sample_rate)
    heard: Line = np.asarray(y, np.float64)[0]
    return heard


def _level(x: Line, frequency: float, starts: Any, frame: int, sample_rate: int) -> Line:
    """Peak level in dBFS of one partial in each frame."""
    window = np.hanning(frame)
    places = starts[:, None] + np.arange(frame)
    turn = np.exp(-2j * np.pi * frequency * places / sample_rate)
    amplitude = 2 * np.abs(np.sum(window * turn * x[places], axis=1)) / np.sum(window)
    return np.asarray(20 * np.log10(np.maximum(amplitude, 1e-7)))
