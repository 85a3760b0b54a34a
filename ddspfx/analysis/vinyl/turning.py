"""The record's turning, read from a motion: revolution, wow and its phase, flutter, speed error."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ddspfx.analysis.motion import Motion
from ddspfx.analysis.wow_flutter import FLUTTER, WOW, Reading, band, rms, settled

Series = Float[np.ndarray, " times"]

RPMS = (100 / 3, 45.0, 78.26, 50 / 3)
"""Revolutions a minute that records have; 78.26 is the mains' own, and 80 lies near enough."""
REACH = 0.06
"""Of a rate: how far the true one may lie from it."""
_RATE = 200.0  # values a second that hold eight harmonics
_HARMONICS = 8
_TURNS = 1.5  # that a motion must last to tell wow
_CLEAR = 30.0  # times the power beside it that the line of a revolution must have
_ROUNDS = 12
_SLOW = 0.6  # of the revolution: up to where drift is followed


class Turning(NamedTuple):
    """What a motion tells of the revolution; readings None where it does not."""

    revolution: Reading | None
    wow: Reading | None
    phase: Reading | None
    speed_error: Reading | None
    flutter: Reading | None


def turning(motion: Motion, rpms: tuple[float, ...] = RPMS) -> Turning:
    """Revolution (Hz), wow (%), its phase (degrees), speed error (ppm) and flutter (%) of a motion over file time.

    The speed is 1 + e plus w cos(2πft + φ) and seven harmonics of that, t in seconds from the file's start, plus what
    drifts slower than 0.6 turns: least squares, Gauss-Newton on f, which is looked for within 6 % of each of `rpms`.
    Wow is 100 w / (1 + e), the peak deviation of the fundamental; its phase is φ in degrees, -180 to 180, so that
    at a phase of 0 the file starts at the highest speed. Speed error is 1e6 e, the mean deviation under a Hann window
    with the harmonics taken off. Flutter is the unweighted rms from 6 to 100 Hz, or to where the source tells,
    less what the measurement's own noise adds.
    """
    times, speed, rate = _slowed(motion)
    nothing = Turning(None, None, None, _error(speed, motion.absolute), _flutter(motion))
    start = _strongest(times, speed, rate, rpms)
    if start is None:
        return nothing
    found = _fitted(times, speed, start, rate)
    if found is None:
        return nothing
    frequency, spread, wave, doubt, steady = found
    mean = 1 + float(np.mean(speed))
    size = abs(wave)
    angle = Reading(float(np.degrees(np.angle(wave))), float(np.degrees(math.hypot(
        doubt / max(size, 1e-12), 2 * np.pi * spread * float(times.mean())))))  # fmt: skip
    return nothing._replace(
        revolution=Reading(frequency, spread),
        wow=Reading(100 * size / mean, 100 * doubt),
        phase=angle,
        speed_error=_error(speed - steady, motion.absolute),
    )


def _slowed(motion: Motion) -> tuple[Series, Series, float]:
    """Times, speed and rate at some 200 values a second."""
    from scipy.signal import resample_poly

    step = max(int(motion.rate / _RATE), 1)
    mean = motion.speed.mean()
    speed = mean + resample_poly(motion.speed - mean, 1, step, padtype="line")
    return motion.times[::step][: len(speed)], speed, motion.rate / step


def _error(speed: Series, absolute: bool) -> Reading | None:
    """Mean speed error in parts per million, under a Hann window."""
    if not absolute:
        return None
    window = np.hanning(len(speed))
    turns = np.exp(2j * np.pi * np.outer([0, 2, 3, 4], np.arange(len(window)) / len(window)))
    # What the same window sees at the next frequencies is what it may see of them at zero.
    mean, *beside = (turns * window) @ speed / window.sum()
    return Reading(1e6 * float(mean.real), 1e6 * float(np.sqrt(np.mean(np.abs(beside) ** 2))))


def _flutter(motion: Motion) -> Reading | None:
    top = min(FLUTTER, motion.top, 0.45 * motion.rate)
    if top < 2 * WOW or len(motion.speed) < 2 * motion.rate:
        return None
    whole = settled(band(motion.speed - motion.speed.mean(), motion.rate, WOW, top), motion.rate)
    noise = 0.0 if motion.noise is None else rms(settled(band(motion.noise, motion.rate, WOW, top), motion.rate))
    value = rms(whole)
    pure = math.sqrt(max(value**2 - noise**2, 0.0))
    parts = [rms(part) for part in np.array_split(whole, 10)]
    return Reading(100 * pure, 100 * math.hypot(float(np.std(parts)) / math.sqrt(10), value - pure))


def _strongest(times: Series, speed: Series, rate: float, rpms: tuple[float, ...]) -> float | None:
    """The frequency near one of `rpms` whose fundamental and first harmonics stand highest; None where none does."""
    from scipy.fft import next_fast_len, rfft

    count = next_fast_len(16 * len(speed), real=True)
    window = np.hanning(len(speed))
    power = np.abs(rfft((speed - speed.mean()) * window, count)) ** 2
    step, span = rate / count, len(speed) / rate
    best: tuple[float, float] | None = None
    for rpm in rpms:
        low, high = round(rpm / 60 * (1 - REACH) / step), round(rpm / 60 * (1 + REACH) / step)
        if span * rpm / 60 < _TURNS or high < 2:
            continue
        place = low + int(np.argmax(power[low : high + 1]))
        beside = np.median(power[max(round(place / 2), 1) : 3 * place])
        if power[place] > _CLEAR * beside and (best is None or power[place] > best[0]):
            best = float(power[place]), place * step
    return None if best is None else best[1]


def _basis(times: Series, frequency: float, harmonics: int, drifts: int) -> np.ndarray:
    """A constant, slow cosines, and the harmonics."""
    turn = (times - times[0]) / (times[-1] - times[0])
    slow = np.cos(np.pi * np.outer(turn, np.arange(drifts + 1)))
    phase = 2 * np.pi * frequency * np.outer(times - times.mean(), np.arange(1, harmonics + 1))
    return np.concatenate([slow, np.cos(phase), np.sin(phase)], 1)


def _fitted(
    times: Series, speed: Series, frequency: float, rate: float
) -> tuple[float, float, complex, float, Series] | None:
    """Frequency and its deviation, the fundamental as w·exp(iφ) at time zero and its deviation, and all harmonics."""
    span = float(times[-1] - times[0])
    harmonics = int(np.clip(0.4 * rate / frequency, 1, _HARMONICS))
    drifts = int(min(2 * _SLOW * frequency * span, 60)) if span * frequency > 4 else 1
    middle, order = times.mean(), np.arange(1, harmonics + 1)
    first = frequency
    for _ in range(_ROUNDS):
        basis = _basis(times, frequency, harmonics, drifts)
        weights = np.linalg.lstsq(basis, speed, rcond=None)[0]
        cosines, sines = weights[drifts + 1 : drifts + 1 + harmonics], weights[drifts + 1 + harmonics :]
        turned = basis[:, drifts + 1 : drifts + 1 + harmonics] * sines - basis[:, drifts + 1 + harmonics :] * cosines
        pull = 2 * np.pi * (times - middle) * (turned @ order)
        whole = np.concatenate([basis, pull[:, None]], 1)
        step = float(np.linalg.lstsq(whole, speed, rcond=None)[0][-1])
        frequency += float(np.clip(step, -0.2 / span, 0.2 / span))
        if abs(step) < 1e-9 * frequency:
            break
    if abs(frequency / first - 1) > REACH:
        return None
    basis = _basis(times, frequency, harmonics, drifts)
    weights = np.linalg.lstsq(basis, speed, rcond=None)[0]
    left = speed - basis @ weights
    noise = _beside(left, rate, frequency)
    cosines, sines = weights[drifts + 1 : drifts + 1 + harmonics], weights[drifts + 1 + harmonics :]
    wave = complex(cosines[0], -sines[0]) * np.exp(-2j * np.pi * frequency * middle)
    doubt = noise * math.sqrt(2 / (span * 2))
    spread = noise / math.sqrt(2) * math.sqrt(1 / (np.sum(pull**2) / rate + 1e-300))
    return frequency, float(spread), wave, float(doubt), basis[:, drifts + 1 :] @ weights[drifts + 1 :]


def _beside(left: Series, rate: float, frequency: float) -> float:
    """√(density) of what is left near the revolution, per √Hz."""
    from scipy.signal import welch

    size = int(min(len(left), max(4 / frequency * rate, 64)))
    at, density = welch(left, rate, nperseg=size)
    near = (at > 0.5 * frequency) & (at < 4 * frequency)
    return float(np.sqrt(np.mean(density[near]) if near.any() else np.mean(density)))
