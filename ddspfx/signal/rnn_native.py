"""Recurrent cells in the native library: the input's product, the recurrence and all slopes in one call each way.

Arrays lead with an axis of takes, weights with one of groups of takes that share them, so that takes under `jax.vmap`
go through the recurrence together and weights are read once a step for all of them.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ddspfx.signal.native.library import register

KEPT = {"gru": 4, "lstm": 5}
"""Arrays of h's size that the slopes need beside h."""


@functools.cache
def native(cell: str) -> Callable[..., tuple[Array, tuple[Array, ...]]]:
    """The cell as a function of x, the weights for the input and for the state, biases and states, as in `recur`."""

    @jax.custom_vjp
    def run(*given: Array) -> tuple[Array, tuple[Array, ...]]:
        return _split(_call(cell, *_leading(given)))

    def forward(*given: Array) -> tuple[tuple[Array, tuple[Array, ...]], tuple[Array, ...]]:
        given = _leading(given)
        *done, kept = _call(f"{cell}_kept", *given)
        return _split(done), (*given[:3], done[0], kept, given[4])

    def back(saved: tuple[Array, ...], slopes: tuple[Array, tuple[Array, ...]]) -> tuple[Array, ...]:
        every, last = slopes
        done = _call(f"{cell}_back", saved[0], *saved[1:3], every[None], *saved[3:], *(s[None] for s in last))
        return tuple(slope[0] for slope in done)

    run.defvjp(forward, back)
    return run


def _leading(given: Sequence[Array]) -> tuple[Array, ...]:
    return tuple(array[None] for array in given)


def _split(done: Sequence[Array]) -> tuple[Array, tuple[Array, ...]]:
    return done[0][0], tuple(state[0] for state in done[1:])


def _call(target: str, *given: Array) -> tuple[Array, ...]:
    done: tuple[Array, ...] = _caller(target)(*given)
    return done


def _shapes(target: str, given: Sequence[Array]) -> list[tuple[int, ...]]:
    x, enter, recurrent = given[:3]
    takes, samples, channels, _ = x.shape
    hidden = recurrent.shape[1]
    cell, _, kind = target.partition("_")
    states = [(takes, channels, hidden)] * (2 if cell == "lstm" else 1)
    if kind == "back":
        weights = [(takes, *enter.shape[1:]), (takes, *recurrent.shape[1:]), (takes, 4 * hidden)]
        return [x.shape, *weights, *states]
    kept = [(takes, samples + 1, channels, KEPT[cell], hidden)] if kind == "kept" else []
    return [(takes, samples, channels, hidden), *states, *kept]


@functools.cache
def _caller(target: str) -> Callable[..., Any]:
    # x and what follows the weights lead with takes, the weights with groups.
    weights = slice(1, 3) if target.endswith("_back") else slice(1, 4)

    @jax.custom_batching.custom_vmap
    def call(*given: Array) -> tuple[Array, ...]:
        shapes = [jax.ShapeDtypeStruct(shape, given[0].dtype) for shape in _shapes(target, given)]
        return tuple(jax.ffi.ffi_call(register(target), shapes)(*given))

    @call.def_vmap
    def batched(size: int, moves: list[bool], *given: Array) -> tuple[tuple[Array, ...], tuple[bool, ...]]:
        takes = given[0].shape[1 if moves[0] else 0]
        shared = not any(moves[weights]) and given[1].shape[0] == 1
        places = range(len(given))[weights]
        joined = [
            array if shared and place in places else _joined(array, moved, size)
            for place, (array, moved) in enumerate(zip(given, moves, strict=True))
        ]
        done = call(*joined)
        return tuple(d.reshape(size, takes, *d.shape[1:]) for d in done), (True,) * len(done)

    return call


def _joined(array: Array, moved: bool, size: int) -> Array:
    if not moved:
        array = jnp.broadcast_to(array, (size, *array.shape))
    return array.reshape(size * array.shape[1], *array.shape[2:])
