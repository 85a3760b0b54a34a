"""A layer of dilated convolution in the native library: one call forwards, one for all slopes.

Nothing but the layer's input is kept for the slopes: the call computes the curve again, chunk by chunk, in the cache.
Takes under `jax.vmap` go through it together; weights lead with the axes along which they differ.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ddspfx.signal.native.library import register

SINGLE = 2
"""Axes of the weight of a layer that is the same for all takes."""


@functools.cache
def native(step: int) -> Callable[..., tuple[Array, Array]]:
    """The layer with taps `step` samples apart: h, past, weight, bias, onwards, output -> h onwards, heard."""

    @jax.custom_vjp
    def run(*given: Array) -> tuple[Array, Array]:
        onwards, heard = _caller("dilated", step)(*given)
        return onwards, heard

    def forward(*given: Array) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        return run(*given), given

    def back(given: tuple[Array, ...], slopes: tuple[Array, Array]) -> tuple[Array, ...]:
        done: tuple[Array, ...] = _caller("dilated_back", step)(*given, *slopes)
        return done

    run.defvjp(forward, back)
    return run


@functools.cache
def _caller(target: str, step: int) -> Callable[..., Any]:
    @jax.custom_batching.custom_vmap
    def call(*given: Array) -> tuple[Array, ...]:
        h = given[0]
        forwards = [h.shape, (*h.shape[:-2], h.shape[-1])]
        shapes = [array.shape for array in given[:6]] if target.endswith("back") else forwards
        sizes = {"channels": h.shape[-2], "step": step, "units": given[3].shape[-1]}
        return tuple(
            jax.ffi.ffi_call(register(target), [jax.ShapeDtypeStruct(shape, h.dtype) for shape in shapes])(
                *given, **{name: np.int64(size) for name, size in sizes.items()}
            )
        )

    @call.def_vmap
    def batched(size: int, moves: list[bool], *given: Array) -> tuple[tuple[Array, ...], tuple[bool, ...]]:
        # A take's own slopes need its own weights; forwards, weights may stay the same for all.
        own = target.endswith("back") or any(moves[2:6]) or given[2].ndim > SINGLE
        done = call(*_together(size, moves, given, own))
        return done, (True,) * len(done)

    return call


def _together(size: int, moves: Sequence[bool], given: Sequence[Array], own: bool) -> list[Array]:
    """All arrays with the batch in front, but for weights that stay the same."""
    return [
        array if moved or (not own and 2 <= place < 6) else jnp.broadcast_to(array, (size, *array.shape))
        for place, (array, moved) in enumerate(zip(given, moves, strict=True))
    ]
