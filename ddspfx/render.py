"""A block over a whole recording: the input's length, latency removed, tail flushed."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.delay import fixed_delay, fixed_delay_state
from ddspfx.types import Audio, RandomKey, State

CHUNK = 65_536
"""Samples a call: memory stays the same however long the recording is."""


@eqx.filter_jit
def _step(block: AbstractBlock, x: Audio, state: State, clock: Clock) -> tuple[Audio, State, Clock]:
    y, state = block(x, state, clock)
    return y, state, clock.after(x.shape[1])


def lead(latency: float) -> tuple[int, float]:
    """Whole samples to drop so that nothing is early, and the fraction by which the output must wait for that."""
    nearest = round(latency)
    whole = nearest if abs(latency - nearest) < 1e-9 else math.ceil(latency) + 3
    return whole, whole - latency


def settle(y: Any, latency: float) -> Any:
    """The output with its latency removed: a fraction is interpolated, then whole samples are dropped."""
    whole, fraction = lead(latency)
    if fraction:
        y, _ = fixed_delay(jnp.asarray(y), fraction, fixed_delay_state(y.shape[0], fraction))
    return y[:, whole:]


def render(
    block: AbstractBlock,
    x: Any,
    sample_rate: int,
    *,
    key: RandomKey | int | None = None,
    start: int = 0,
    chunk: int = CHUNK,
) -> Any:
    """What `block` makes of a whole recording, as long as the recording and not later than it.

    `x` is (channels, samples) or (samples,), NumPy or JAX, and the result has its shape. The latency is
    removed, the tail that it pushed past the end is flushed. `key` chooses the take of everything random, and
    `start` says at which sample of the clock `x` begins.
    Memory is constant beyond the audio: `chunk` samples are rendered a call. Raises ValueError when `x` is
    empty or not audio-shaped.
    """
    if getattr(x, "ndim", None) not in (1, 2) or 0 in x.shape:
        raise ValueError(f"x has shape {getattr(x, 'shape', None)}, but must be (channels, samples) or (samples,)")
    audio = x[None] if x.ndim == 1 else x
    channels, count = audio.shape
    latency = block.latency(sample_rate)
    whole, _ = lead(latency)
    clock, state = _clock_at(start, sample_rate, key), block.init_state(channels, sample_rate)
    if isinstance(audio, jax.core.Tracer):
        padded = jnp.pad(audio, ((0, 0), (0, whole)))
        y = settle(block(padded, state, clock)[0], latency)
        return y[0] if x.ndim == 1 else y
    dtype = jnp.result_type(float)
    size = min(chunk, count + whole)
    pieces = []
    for start in range(0, count + whole, size):
        piece = np.zeros((channels, size), dtype)
        given = np.asarray(audio[:, start : start + size])
        piece[:, : given.shape[1]] = given
        y, state, clock = _step(block, jnp.asarray(piece), state, clock)
        pieces.append(np.asarray(y))
    settled = settle(np.concatenate(pieces, axis=1), latency)[:, :count]  # sliced on the host: no program a length
    done = np.asarray(settled) if isinstance(x, np.ndarray) else jnp.asarray(settled)
    return done[0] if x.ndim == 1 else done


def _clock_at(start: int, sample_rate: int, key: RandomKey | int | None) -> Clock:
    """The clock at a sample, reckoned on the host."""
    zero = Clock.zero(sample_rate, key)
    second, sample = divmod(start, zero.sample_rate)
    return Clock(jnp.int32(second), jnp.int32(sample), zero.key, zero.sample_rate)
