"""A ball on a wall: by how much the wall's curvature lifts its centre."""

from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ddspfx.signal.native.library import choose, register
from ddspfx.signal.polyphase import spread
from ddspfx.signal.span import MARGIN, intervals, quintic, span
from ddspfx.types import Audio

Moving: TypeAlias = Float[Array, "channels_or_1 held_or_1"]
RIM, ROUND, STEPS, STEEP = 0.9995, 0.9, 4, 0.15
"""Farthest contact over the radius; how far it is round as a parabola; Newton's steps; the least slope they take."""
NEVER = -1e30


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def lift(line: Audio, radius: Moving, slope: Moving, count: int) -> Float[Array, "channels count"]:
    """L[n] = max over tau of  int_0^tau x(n + t) dt - (r - sqrt(r^2 - tau^2)) / g: the envelope less the wall.

    `line` is x, (length - count) / 2 samples on either side of the `count` that are asked for; this less `MARGIN` is
    how far a contact may lie. `radius` r is in samples and `slope` g that of a wall where x is one; both hold for as
    many samples as their length divides `count` into. The integral is of the polynomial of fifth order through six
    samples. Where r g |x'| < 0.8 all around, the ball touches once, at tau = r sigma(g x(n + tau)) with
    sigma(s) = s / sqrt(1 + s^2), which Newton's steps find from tau = r sigma(g x(n)); elsewhere they begin at the
    highest samples under either half of the ball. By the envelope theorem the slopes of L are those where it stays.
    Sources: Pierce and Hunt (1938), "On distortion in sound reproduction from phonograph records", for the envelope.
    """
    return _contact(line, radius, slope, count)[0]


@lift.defjvp
def _lift_moved(count: int, given: tuple[Any, ...], moved: tuple[Any, ...]) -> tuple[Array, Array]:
    line, radius, slope = given
    height, place = _contact(line, radius, slope, count)
    r, g, by_r, by_g = (spread(value, count) for value in (radius, slope, *moved[1:]))
    root = jnp.sqrt(jnp.maximum(r * r - place * place, (1 - RIM**2) / 2 * r * r))
    fall = place * place / ((r + root) * g)
    return height, span(moved[0], place) + (r / root - 1) / g * by_r + fall / g * by_g


def _contact(line: Audio, radius: Moving, slope: Moving, count: int) -> tuple[Audio, Audio]:
    """The lift and where the ball touches, in samples; without a slope."""
    given = (lax.stop_gradient(value) for value in (line, radius.astype(line.dtype), slope.astype(line.dtype)))
    done: tuple[Audio, Audio] = choose(partial(_native, count=count), partial(_plain, count=count), *given)
    return done


def _native(line: Audio, radius: Moving, slope: Moving, *, count: int) -> tuple[Audio, Audio]:
    shape = jax.ShapeDtypeStruct((line.shape[0], count), line.dtype)
    call = jax.ffi.ffi_call(register("contact"), (shape, shape), vmap_method="broadcast_all")
    height, place = call(line, radius, slope)
    return height, place


def _plain(line: Audio, radius: Moving, slope: Moving, *, count: int) -> tuple[Audio, Audio]:
    """The same in JAX alone, always from the highest sample; memory is the ball's width times the piece."""
    r, g = (jnp.broadcast_to(spread(value, count), (line.shape[0], count)) for value in (radius, slope))
    best, place = jnp.zeros_like(r), jnp.zeros_like(r)  # in its centre the ball always touches
    for tau, low, high in _highest(line, r, g, (line.shape[1] - count) // 2):
        for _ in range(STEPS):
            value, steep, _ = quintic(line, tau)
            s = g * value
            cosine = 1 / jnp.sqrt(1 + s * s)
            steep = jnp.maximum(1 - r * g * steep * cosine**3, STEEP)
            tau = jnp.clip(tau - (tau - r * s * cosine) / steep, low, high)
        height = quintic(line, tau)[2] + _fall(tau, r, g)
        best, place = jnp.maximum(height, best), jnp.where(height < best, place, tau)
    return best, place


def _fall(tau: Array, r: Array, g: Array) -> Array:
    under = r * r - tau * tau
    return jnp.where(under >= 0, -tau * tau / ((r + jnp.sqrt(jnp.maximum(under, 0.0))) * g), NEVER)


def _highest(line: Audio, r: Audio, g: Audio, pad: int) -> list[tuple[Audio, Audio, Audio]]:
    """Where the samples under either half of the ball are highest, by the parabola through a top; with brackets."""
    count, reach = r.shape[1], pad - MARGIN
    whole = intervals(line)
    starts = pad - 2 + jnp.arange(-reach - 1, reach + 1)
    steps = jax.vmap(lambda start: lax.dynamic_slice_in_dim(whole, start, count, 1))(starts)
    after, before = jnp.cumsum(steps[reach + 1 :], axis=0), -jnp.cumsum(steps[: reach + 1][::-1], axis=0)[::-1]
    k = jnp.arange(-reach - 1, reach + 2, dtype=line.dtype)[:, None, None]
    height = jnp.concatenate([before, jnp.zeros_like(before[:1]), after]) + _fall(k, r, g)
    left, now, right, k = height[:-2], height[1:-1], height[2:], k[1:-1]
    inside, rise, bend = jnp.abs(k) + 1 < ROUND * r, right - left, 2 * now - right - left
    shift = jnp.where(inside & (bend > 0), 0.5 * rise / jnp.where(bend > 0, bend, 1.0), 0.0)
    top = jnp.where((now >= left) & (now >= right), now + jnp.where(inside, 0.25 * rise * shift, 0.0), NEVER)
    limit, found = jnp.minimum(RIM * r, reach), []
    for half in (slice(0, reach + 1), slice(reach, None)):
        best = jnp.argmax(top[half], axis=0)[None]
        start = jnp.where(top[half].max(axis=0) > -1, jnp.take_along_axis((k + shift)[half], best, axis=0)[0], 0.0)
        found.append((start, jnp.maximum(-limit, start - 1), jnp.minimum(limit, start + 1)))
    return found


__all__ = ["MARGIN", "lift"]
