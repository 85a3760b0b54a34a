"""An element-by-element recurrence s[n] = f(s[n-1], p[n]): sequential forward, parallel backward."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.types import Readable

Step: TypeAlias = Callable[..., Array]
"""f(s, j, *p), acting on each element alone, so that it runs on one sample or on all of them at once."""


def _walk(step: Step, substeps: int, start: Array, values: tuple[Array, ...]) -> Array:
    """States after every substep, (samples, substeps, channels)."""
    count = max(v.shape[0] for v in values)
    moving = [v if v.shape[0] == count else None for v in values]
    staying = [v[0] for v in values]

    def body(state: Array, now: list[Array | None]) -> tuple[Array, Array]:
        row = [kept if moved is None else moved for moved, kept in zip(now, staying, strict=True)]

        def inner(state: Array, index: Array) -> tuple[Array, Array]:
            state = step(state, index, *row)
            return state, state

        return jax.lax.scan(inner, state, jnp.arange(substeps))

    return jax.lax.scan(body, start, moving)[1]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _march(step: Step, substeps: int, start: Array, values: tuple[Array, ...]) -> Array:
    return _walk(step, substeps, start, values)[:, -1]


def _forward(step: Step, substeps: int, start: Array, values: tuple[Array, ...]) -> tuple[Array, Any]:
    states = _walk(step, substeps, start, values)
    return states[:, -1], (start, states, values)


def _backward(step: Step, substeps: int, saved: Any, bar: Array) -> tuple[Array, tuple[Array, ...]]:
    start, states, values = saved
    shape = states.shape
    before = jnp.concatenate([start[None], states.reshape(-1, shape[2])[:-1]]).reshape(shape)
    index = jnp.arange(substeps)[None, :, None]
    spread = [jnp.broadcast_to(v[:, None], shape) for v in values]
    partials = jax.vjp(lambda s, *p: step(s, index, *p), before, *spread)[1](jnp.ones(shape, states.dtype))

    def body(adjoint: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        gains, incoming = now
        return jax.lax.scan(lambda s, gain: (gain * s, s), adjoint + incoming, gains, reverse=True)

    at_start, adjoints = jax.lax.scan(body, jnp.zeros_like(start), (partials[0], bar), reverse=True)
    bars = [_folded((adjoints * partial).sum(1), v) for partial, v in zip(partials[1:], values, strict=True)]
    return at_start, tuple(bars)


def _folded(bar: Array, value: Array) -> Array:
    """Summed over the axes along which `value` was broadcast."""
    for axis in (0, 1):
        if value.shape[axis] != bar.shape[axis]:
            bar = bar.sum(axis, keepdims=True)
    return bar


_march.defvjp(_forward, _backward)


def march(
    step: Step, start: Float[Array, " channels"], *values: Readable, substeps: int = 1
) -> Float[Array, "channels samples"]:
    """s[n] = f(... f(f(s[n-1], 0, p[n]), 1, p[n]) ..., substeps - 1, p[n]), one state a channel; all of them.

    `values` broadcast against (channels, samples): (), (channels, 1) or (1 or channels, samples), and one of
    them is as long as the signal. `step` is elementwise and the same object at each call: a function at
    module level. The forward pass is a loop over samples. The backward pass differentiates every step where
    it stood, all at once, and only s_bar[n-1] += (df/ds)[n] s_bar[n] is a loop; so it keeps nothing but the
    states, and costs about as much as the forward pass.
    """
    dtype = jnp.result_type(start, *values)
    rows = tuple(jnp.atleast_2d(jnp.asarray(v, dtype)).T for v in values)
    return _march(step, substeps, jnp.asarray(start, dtype), rows).T
