"""Level in time: smoothing that rises and falls at two speeds, detectors, gain curves."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.signal.march import march
from ddspfx.signal.native.library import choose
from ddspfx.signal.native.rows import as_row, folded, run
from ddspfx.types import Audio, Readable

DETECTORS = ("peak", "rms")
Saved: TypeAlias = tuple[Array, tuple[Array, ...], Array]
FLOOR = 1e-6
"""-120 dB: a lower level reads as this, so that the logarithm and its slope stay finite in silence."""
_HUSH = 1e-7
"""-140 dB: below it the root of a mean square bends into a line, so that its slope stays finite."""


def rate(milliseconds: Readable, sample_rate: int) -> Readable:
    """1 - alpha, alpha = exp(-1 / (tau fs)): a step's response reaches 1 - 1/e after tau.

    Source: Giannoulis, Massberg, Reiss (2012), "Digital dynamic range compressor design", J. Audio Eng. Soc.
    60(6), eq. 7.
    """
    return -jnp.expm1(-1e3 / (sample_rate * milliseconds))


def _towards(state: Array, index: Array, target: Array, attack: Array, release: Array) -> Array:
    return state + jnp.where(target > state, attack, release) * (target - state)


def smooth(
    x: Audio, attack: Readable, release: Readable, start: Float[Array, " channels"]
) -> Float[Array, "channels samples"]:
    """y[n] = alpha y[n-1] + (1 - alpha) x[n], alpha_A while x[n] > y[n-1], else alpha_R.

    `attack` and `release` are the rates 1 - alpha, broadcasting against x; `start` is y before the first.
    Source: Giannoulis, Massberg, Reiss (2012), eq. 16, the smooth branching detector.
    """
    dtype = jnp.result_type(start, x, attack, release)
    rows = [as_row(jnp.asarray(value, dtype)) for value in (x, attack, release)]
    start = jnp.asarray(start, dtype)
    y: Audio = choose(_smooth, lambda start, *rows: march(_towards, start, *rows), start, *rows)
    return y


@jax.custom_vjp
def _smooth(start: Array, x: Array, attack: Array, release: Array) -> Array:
    exact = jnp.stack([start, jnp.zeros_like(start)], axis=-1)
    return run("smooth", exact, (x, attack, release), (x.shape[1],))[0]


def _smooth_forward(start: Array, *rows: Array) -> tuple[Array, Saved]:
    y = _smooth(start, *rows)
    return y, (start, rows, y)


def _smooth_back(saved: Saved, bar: Array) -> tuple[Array, ...]:
    start, rows, y = saved
    given = (bar, *rows, y, start[:, None])
    columns = [row.shape[1] for row in rows]
    *slopes, first = run("smooth_back", jnp.zeros_like(start[:, None]), given, columns)
    return first[:, 0], *(folded(slope, row) for slope, row in zip(slopes, rows, strict=True))


_smooth.defvjp(_smooth_forward, _smooth_back)


def rectified(x: Audio, detector: str) -> Audio:
    """|x| for the peak detector, x^2 for RMS. Raises ValueError for another detector."""
    if detector not in DETECTORS:
        raise ValueError(f"detector is {detector!r}, but must be one of {', '.join(DETECTORS)}")
    return jnp.abs(x) if detector == "peak" else x * x


def root(square: Readable) -> Readable:
    """sqrt(x), 0 at 0, with a finite slope there: sqrt(x + e^2) - e at e = -140 dB."""
    return jnp.sqrt(square + _HUSH**2) - _HUSH


def decibels(rectified_level: Readable, detector: str) -> Readable:
    """20 log10 |x| from |x|, or 10 log10 x^2 from x^2, no lower than -120 dB."""
    scale, floor = (20.0, FLOOR) if detector == "peak" else (10.0, FLOOR**2)
    return jnp.asarray(scale / jnp.log(10.0) * jnp.log(jnp.maximum(rectified_level, floor)))


def over(level: Readable, threshold: Readable, knee: Readable) -> Readable:
    """How far a level is over the threshold T, in dB, within a knee W softly.

    0 below T - W/2, level - T above T + W/2, (level - T + W/2)^2 / (2 W) between.
    Source: Giannoulis, Massberg, Reiss (2012), eq. 4, which is x_G - (1 - 1/R) over(x_G).
    """
    entered = jnp.clip(level - threshold + knee / 2, 0.0, knee)
    return entered * entered / (2 * _wide(knee)) + jnp.maximum(level - threshold - knee / 2, 0.0)


def _wide(knee: Readable) -> Readable:
    return jnp.where(knee > 0.0, knee, 1.0)


def forward_reduction(
    level: Audio,
    threshold: Readable,
    ratio: Readable,
    knee: Readable,
    attack: Readable,
    release: Readable,
    start: Float[Array, " channels"],
) -> Audio:
    """Gain reduction in dB from the level of the input: smooth((1 - 1/R) over(level)).

    Source: Giannoulis, Massberg, Reiss (2012), eqs. 4 and 16: feed-forward, the detector in dB after the
    gain computer.
    """
    return smooth((1.0 - 1.0 / ratio) * over(level, threshold, knee), attack, release, start)


def _settle(
    state: Array, index: Array, level: Array, slope: Array, knee: Array, attack: Array, release: Array
) -> Array:
    """The reduction q that solves q = alpha state + (1 - alpha) slope over(level - q), level above threshold."""
    rising = slope * over(level - state, jnp.zeros_like(knee), knee) > state
    speed = jnp.where(rising, attack, release)
    kept, pull = (1.0 - speed) * state, speed * slope
    room = level - kept
    entered = jnp.clip(room + knee / 2, 0.0, (1.0 + pull / 2) * knee)
    wide = _wide(knee)
    bent = 2.0 * entered / (1.0 + jnp.sqrt(1.0 + 2.0 * pull * entered / wide))
    past = bent * bent / (2 * wide) + jnp.maximum(room - (1.0 + pull) * knee / 2, 0.0) / (1.0 + pull)
    return kept + pull * past


def feedback_reduction(
    level: Audio,
    threshold: Readable,
    ratio: Readable,
    knee: Readable,
    attack: Readable,
    release: Readable,
    start: Float[Array, " channels"],
) -> Audio:
    """Gain reduction in dB when the detector hears the output, whose level is level - q.

    q[n] = alpha q[n-1] + (1 - alpha) (R - 1) over(level[n] - q[n]), solved for q[n] in closed form, so the
    loop has no delay and is stable at any speed and ratio. The static curve is the feed-forward one outside
    the knee, which here lies on the output's level; attack and release are faster by up to R within the loop.
    Source: Giannoulis, Massberg, Reiss (2012), for the feedback topology; the solution is ours.
    """
    return march(_settle, start, level - threshold, ratio - 1.0, knee, attack, release)
