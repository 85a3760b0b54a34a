"""A click as the groove gives it: a short velocity there and back, band-limited wherever it lies between samples."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

WIDTHS = 4.0
"""Widths (standard deviations of the bump) in the duration of a click, from e^-2 of its height to e^-2."""
BAND = 0.36
"""Of the sample rate: where the shortest click has fallen by 6 dB."""
LEAST = 2.2
"""Samples: the standard deviation of the window over the shortest click; at half the rate it is 32 dB down."""
HALF = math.sqrt(2 * math.log(2)) / (2 * math.pi)
"""A bump of width s has fallen by 6 dB at HALF / s."""
SMALL = 0.5
REACH = 1.25e-3
"""Seconds to either side of the middle: five widths of the longest."""
SHORTEST, LONGEST = 20e-6, 1e-3
"""Seconds."""


class Pulse(NamedTuple):
    """What makes a pulse of a duration: its slope's factor, its band (of the sample rate) and its window (samples)."""

    size: Float[Array, "..."]
    band: Float[Array, "..."]
    window: Float[Array, "..."]


def pulse(duration: Float[Array, "..."], sample_rate: int) -> Pulse:
    """A bump exp(-t^2 / 2 w^2) of w = duration / 4, whose slope peaks at one, as it is within the band.

        y(t) = size sinc(2 band t) exp(-t^2 / 2 window^2)

    A long one is the bump; a short one is its area under a low-pass that is 6 dB down at 0.36 of the sample rate,
    so that it sounds the same at every sample rate and does not depend on its place between samples.
    """
    width = duration * (sample_rate / WIDTHS)
    window = jnp.sqrt(width**2 + LEAST**2)
    edge = 1.0 / (BAND**-2 + (width / HALF) ** 2)
    # edge - (HALF / window)^2, without the difference of two near numbers.
    band = jnp.sqrt(edge * (LEAST**2 - (HALF / BAND) ** 2) / window**2)
    area = jax.lax.erf(2**0.5 * math.pi * band * window) / (2 * band)
    return Pulse(width**2 * math.sqrt(2 * math.pi * math.e) / area, band, window)


def velocity(shape: Pulse, t: Float[Array, "..."]) -> Float[Array, "..."]:
    """-dy/dt at t samples from the middle; its peak is one where the click is long. No net displacement."""
    x = 2 * math.pi * shape.band * t
    near = jnp.abs(x) < SMALL
    far = jnp.where(near, 1.0, x)
    square = jnp.where(near, x, 0.0) ** 2
    sine, cosine = jnp.sin(far), jnp.cos(far)
    sinc = jnp.where(near, 1 - square / 6 * (1 - square / 20 * (1 - square / 42)), sine / far)
    bessel = jnp.where(near, x / 3 * (1 - square / 10 * (1 - square / 28)), (sine / far - cosine) / far)
    bell = jnp.exp(-((t / shape.window) ** 2) / 2)
    return jnp.asarray(shape.size * bell * (2 * math.pi * shape.band * bessel + sinc * t / shape.window**2))


def window(sample_rate: int) -> Int[Array, " window"]:
    """Samples from a pulse's own, before and after it, that hold it."""
    half = math.ceil(REACH * sample_rate)
    return jnp.arange(-half, half + 2, dtype=jnp.int32)


def scattered(
    heights: Float[Array, "channels pulses"],
    waves: Float[Array, "pulses window"],
    places: Int[Array, "pulses window"],
    count: int,
) -> Float[Array, "channels count"]:
    """Pulses added up, each at its places among the next `count` samples; what lies outside is dropped."""
    inside = jnp.where(places < 0, count, places).reshape(-1)
    added = (heights[:, :, None] * waves).reshape(heights.shape[0], -1)
    return jnp.zeros((heights.shape[0], count), added.dtype).at[:, inside].add(added, mode="drop")


__all__ = ["LONGEST", "REACH", "SHORTEST", "Pulse", "pulse", "scattered", "velocity", "window"]
