"""A record and its player on the bench: distortion by groove velocity, response over the side, clicks, wow."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ddspfx.block import AbstractBlock, quiet
from ddspfx.blocks.turned import Turned
from ddspfx.clock import Clock
from ddspfx.control import Control, at, controls
from ddspfx.models.vinyl import Vinyl
from ddspfx.render import render
from ddspfx.report.effects import core
from ddspfx.report.measure import SMALL, Response, smoothed
from ddspfx.signal.groove import REFERENCE
from ddspfx.slot import AbstractSource, read
from ddspfx.source.scratches import Scratches
from ddspfx.source.surface_clicks import SurfaceClicks

SIDES = {"rim": 0.0, "half way": 50.0, "centre": 100.0}
"""Per cent of the side at which the player is measured."""
TONE = 1_000.0
LEVELS = np.arange(-36.0, 7.0, 6.0)
"""dBFS at the input, peak; with drive and curve flat at 1 kHz, 19.9 cm/s are full scale."""
STEP_S, SETTLE_S = 0.16, 0.06
"""A tone's length, and what is not looked at."""
TAPS = 8_192
RESTING = ("time", "grain", "hiss", "dust", "scratches", "rumble", "motor", "warp", "hum")
"""Blocks that move or make noise: without them one turn of the disc is like another."""
DUST_S, WOW_S, WOW_RATE = 60.0, 72.0, 200
"""Seconds of clicks and of wow that are looked at, and times a second."""
HANN_PEAK = 4.0
"""Over the sum of a Hann window's N values, 2 / N: what makes a sine stand at its peak."""


class Harmonics(NamedTuple):
    """At one place of the side: groove velocity in cm/s, peak, and the second and third harmonic in per cent."""

    velocity: Float[np.ndarray, " levels"]
    second: Float[np.ndarray, " levels"]
    third: Float[np.ndarray, " levels"]


class Wow(NamedTuple):
    """Frequencies in Hz, speed deviation in per cent, a sine at its peak, and turns a second."""

    frequency: Float[np.ndarray, " points"]
    peak: Float[np.ndarray, " points"]
    revolution: float


def is_record(model: AbstractBlock) -> bool:
    """Whether a model is a record and its player."""
    return isinstance(core(model), Vinyl)


def sides(model: AbstractBlock, sample_rate: int) -> dict[str, tuple[Harmonics, Response]]:
    """Harmonics and response of the left wall at rim, half way and centre, all cut alike, the disc at rest.

    An impulse of -60 dBFS in the left wall, then tones of 1 kHz in both, in one rendering a place. Raises TypeError
    for what is no record.
    """
    x, drive = _signal(sample_rate), _stands(model, "drive")
    found = {}
    for name, place in SIDES.items():
        y = np.asarray(render(_resting(model, place), x, sample_rate), np.float64)[0]
        found[name] = (_harmonics(y[TAPS:], sample_rate, drive), _response(y[:TAPS], sample_rate))
    return found


def _resting(model: AbstractBlock, place: float) -> AbstractBlock:
    """The quiet player without what moves, at a place of the side; where the place is no knob, where it stands."""
    if isinstance(model, Turned):
        fitted: dict[str, Any] = {name: knob.value for name, knob in model.knobs.items() if name != "position"}
        model = at(model.model, **fitted)
    if "position" in controls(model):
        model = at(model, position=place)
    played = quiet(model)
    if not isinstance(played, Vinyl):
        raise TypeError(f"model is a {type(played).__name__}, but must be a Vinyl")
    return played.without(*(name for name in RESTING if name in played.names))


def _stands(model: AbstractBlock, name: str) -> float:
    """Where a knob stands: as fitted, or at its default."""
    if isinstance(model, Turned) and name in model.knobs:
        return float(model.knobs[name].value)
    knob = controls(model).get(name)
    return float(knob.default) if isinstance(knob, Control) else 0.0


def _signal(sample_rate: int) -> Float[np.ndarray, "2 samples"]:
    count = round(STEP_S * sample_rate)
    tone = np.sin(2 * np.pi * TONE * np.arange(count) / sample_rate)
    tones = np.concatenate([10 ** (level / 20) * tone for level in LEVELS])
    impulse = np.zeros(TAPS)
    impulse[TAPS // 8] = SMALL
    left, right = (np.concatenate([start, tones]) for start in (impulse, 0 * impulse))
    return np.stack([left, right]).astype(np.float32)


def _harmonics(y: Float[np.ndarray, " samples"], sample_rate: int, drive: float) -> Harmonics:
    count, skip = round(STEP_S * sample_rate), round(SETTLE_S * sample_rate)
    parts = y[: count * len(LEVELS)].reshape(len(LEVELS), count)[:, skip:]
    times = np.arange(parts.shape[1]) / sample_rate
    window = np.hanning(parts.shape[1])
    first, *rest = (np.abs((parts * window) @ np.exp(-2j * np.pi * k * TONE * times)) for k in (1, 2, 3))
    second, third = (100 * each / np.maximum(first, 1e-20) for each in rest)
    return Harmonics(REFERENCE * 10 ** ((LEVELS + drive) / 20), second, third)


def _response(y: Float[np.ndarray, " samples"], sample_rate: int) -> Response:
    return smoothed(np.fft.rfftfreq(TAPS, 1 / sample_rate), np.abs(np.fft.rfft(y) / SMALL) ** 2)


def clicks(model: AbstractBlock, sample_rate: int) -> Float[np.ndarray, " clicks"]:
    """Heights in cm/s, peak, of the clicks that a minute of the record has."""
    block = getattr(core(model), "dust", None)
    if block is None or not isinstance(block.source, SurfaceClicks):
        return np.zeros(0)
    clock = Clock.zero(sample_rate)
    heights = np.abs(block.source.arrivals(DUST_S, clock).heights)
    return np.asarray(REFERENCE * 10 ** (_number(block.level) / 20) * heights)


def wow(model: AbstractBlock) -> Wow | None:
    """The speed's spectrum over 72 s of the model's own time base; None where a trajectory or nothing stands there."""
    block = getattr(core(model), "time", None)
    rpm = _rpm(model)
    if block is None or not isinstance(block.delay, AbstractSource) or rpm is None:
        return None
    delay = np.asarray(block.delay.read(1, round(WOW_S * WOW_RATE), Clock.zero(WOW_RATE)), np.float64)[0]
    speed = -np.gradient(delay) * WOW_RATE
    window = np.hanning(speed.size)
    peak = HANN_PEAK / speed.size * np.abs(np.fft.rfft(window * (speed - speed.mean())))
    frequency = np.fft.rfftfreq(speed.size, 1 / WOW_RATE)
    shown = (frequency >= 0.1) & (frequency <= 60)
    return Wow(frequency[shown], 100 * peak[shown], rpm / 60)


def _rpm(model: AbstractBlock) -> float | None:
    """Turns a minute, as the scratches or clicks of the record have it."""
    for name in ("scratches", "dust"):
        source = getattr(getattr(core(model), name, None), "source", None)
        if isinstance(source, SurfaceClicks | Scratches):
            return _number(source.rpm)
    return None


def _number(slot: Any) -> float:
    """What a slot holds at the start."""
    return float(np.ravel(read(slot, jnp.zeros((1, 1)), Clock.zero(WOW_RATE)))[0])
