"""Calls of native recurrences that act on each channel alone; a batch of takes joins the channels."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.signal.native.library import register

Rows = Float[Array, "channels_or_1 samples_or_1"]


def run(
    target: str, start: Float[Array, "channels states"], rows: Sequence[Rows], columns: Sequence[int], **attributes: int
) -> tuple[Array, ...]:
    """Runs a target over rows of (channels or 1, samples or 1).

    Returns an array (channels, n) for each n of `columns`, as the target makes them, and the states after the
    end, (channels, states). With `jax.vmap` the batch joins the channels.
    """
    done: tuple[Array, ...] = _caller(target, tuple(columns), tuple(sorted(attributes.items())))(start, *rows)
    return done


@functools.cache
def _caller(target: str, columns: tuple[int, ...], attributes: tuple[tuple[str, int], ...]) -> Callable[..., Any]:
    given: dict[str, Any] = {name: np.int64(value) for name, value in attributes}

    @jax.custom_batching.custom_vmap
    def call(start: Array, *rows: Array) -> tuple[Array, ...]:
        shapes = [jax.ShapeDtypeStruct((*start.shape[:-1], count), start.dtype) for count in columns]
        shapes.append(jax.ShapeDtypeStruct(start.shape, start.dtype))
        return tuple(jax.ffi.ffi_call(register(target), shapes)(start, *rows, **given))

    @call.def_vmap
    def batched(size: int, batch: list[bool], start: Array, *rows: Array) -> tuple[tuple[Array, ...], tuple[bool, ...]]:
        lead = (size, *start.shape[int(batch[0]) : -1])
        done = call(
            jnp.broadcast_to(start, (*lead, start.shape[-1])),
            *(joined(row, moves, lead) for row, moves in zip(rows, batch[1:], strict=True)),
        )
        return done, (True,) * len(done)

    return call


def joined(row: Array, batched: bool, lead: tuple[int, ...]) -> Array:
    """A row of a batch of takes for all their channels; what all channels share stays a single row.

    With one channel a row that is shared cannot be told from a signal, which kernels may not take as a single row.
    The batch stays an axis of its own, of which the kernel sees the lines: XLA would copy what is reshaped.
    """
    if not batched and row.size == row.shape[-1] and lead[-1] > 1:
        return row
    return jnp.broadcast_to(row, (*lead, row.shape[-1]))


def as_row(value: Array) -> Rows:
    """A number, a number a channel or a signal as a row."""
    return jnp.atleast_2d(value)


def folded(slope: Rows, row: Rows) -> Rows:
    """The slope of a row that was the same for all channels: summed over them, as a product with ones."""
    if slope.shape[0] == row.shape[0]:
        return slope
    return jnp.ones((1, slope.shape[0]), slope.dtype) @ slope
