"""A signal that moves its own time: the delay of a stylus that swings at an angle to the groove."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.signal.delay import lagged_read
from ddspfx.signal.envelope import smooth
from ddspfx.signal.interpolation import kernel
from ddspfx.types import Audio, Readable

MARGIN = 16
"""Samples that the interpolator looks ahead and behind."""
SINC = "sinc"
STEEPEST = 0.5
"""Of the slope times the angle's tangent: beyond it the stylus would nearly stand still in the groove."""


def held(value: Readable, most: float) -> Float[Array, "..."]:
    """The value within -most ... most; beyond it, it no longer has a slope."""
    return jnp.clip(value, -most, most)


def swung(
    line: Audio, slope: Readable, leak: float, start: Float[Array, " channels"], count: int
) -> tuple[Audio, Float[Array, " channels"]]:
    """v_out(t) = w / (1 - k w), w = v(t + tau), tau = k y_out: the velocity of y_out(t) = y(t + k y_out(t)).

    `line` is v, (length - count) / 2 samples on either side of the `count` that are asked for, of which those but
    `MARGIN` are as far as tau can go; `slope` is k times the time of a sample, (channels or 1, count or 1). The
    displacement is y[n + 1] = (1 - leak) y[n] + v, with Euler and Maclaurin's correction to the middle of the sample;
    `start` is that sum before the first sample, and is returned for the next. tau is right to
    the third order of k. The second harmonic of a tone is k v, half of it from the delay and half from the division.
    """
    pad = (line.shape[1] - count) // 2
    v = line[:, pad : pad + count]
    rate = jnp.full((1, 1), leak, line.dtype)
    # The mean that `smooth` makes is the leaking sum times the leak.
    mean = smooth(v, rate, rate, start)
    ahead, behind = line[:, pad + 1 : pad + 1 + count], line[:, pad - 1 : pad - 1 + count]
    y = mean / leak - v / 2 - (ahead - behind) / 24
    most, still = pad - MARGIN, 1 - held(slope * v, STEEPEST)
    tau = held(slope * y / still, most)
    # y(t + tau) = y + v tau + v' tau^2 / 2, the last with the tau that the first two give.
    tau = held(slope * (y + (ahead - behind) / 4 * tau * tau) / still, most)
    start_at = jnp.full((1, 1), pad, jnp.int32)
    w = lagged_read(line[:, :0], line, start_at, -tau, kernel(SINC), count)
    return w / (1 - held(slope * w, STEEPEST)), mean[:, -1]


__all__ = ["MARGIN", "swung"]
