"""Recurrent cells as pure JAX: one fused matrix product a step, and the same run backwards.

A cell is elementwise in its hidden units but for one product `p = h R + b` a step, so its adjoint is a linear
recurrence of the same size whose coefficients are known for the whole piece beforehand, and the slope of R
is one large product after it. Autodiff through `lax.scan` adds up R's slope step by step instead, and a GRU
written in the obvious order is one loop that XLA's CPU backend does not vectorise.
"""

from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Gates: TypeAlias = Float[Array, "... gates_hidden"]
States: TypeAlias = tuple[Float[Array, "... hidden"], ...]
"""The h of a GRU, or the h and c of an LSTM."""
Saved: TypeAlias = tuple[Array, Array, Array, States, States]


def gru_step(u: Gates, p: Gates, states: States) -> States:
    """One step: reset, keep = sigmoid(u + p), new = tanh(u + reset p), h' = (1 - keep) new + keep h."""
    (h,) = states
    gates, new = _gru_gates(u, p)
    return (_blend(gates, new, h),)


def lstm_step(u: Gates, p: Gates, states: States) -> States:
    """One step: enter, keep, new, leave = gates of u + p; c' = keep c + enter new, h' = leave tanh(c')."""
    enter, keep, new, leave = jnp.split(jnp.tanh(u + p), 4, axis=-1)
    c = (0.5 + 0.5 * keep) * states[1] + (0.5 + 0.5 * enter) * new
    return (0.5 + 0.5 * leave) * jnp.tanh(c), c


STEP = {"gru": gru_step, "lstm": lstm_step}


def _gru_gates(u: Gates, p: Gates) -> tuple[Array, Array]:
    hidden = u.shape[-1] // 3
    gates = jnp.tanh(u[..., : 2 * hidden] + p[..., : 2 * hidden])
    return gates, jnp.tanh(u[..., 2 * hidden :] + (0.5 + 0.5 * gates[..., :hidden]) * p[..., 2 * hidden :])


def _blend(gates: Array, new: Array, h: Array) -> Array:
    return new + (0.5 + 0.5 * gates[..., h.shape[-1] :]) * (h - new)


def _gru_run(u: Gates, recurrent: Array, bias: Array, start: States) -> tuple[States, States]:
    # The blend of a step waits for the next one. So the gates are results of the loop's body, XLA computes them
    # in a loop of their own over contiguous numbers, and a step of eight takes costs half as much.
    def step(carry: tuple[Array, Array, Array], u: Array) -> tuple[tuple[Array, Array, Array], Array]:
        h = _blend(*carry)
        return (*_gru_gates(u, h @ recurrent + bias), h), h

    (h,) = start
    carry, before = jax.lax.scan(step, (jnp.concatenate([h, h], -1), h, h), u)
    last = _blend(*carry)
    return (jnp.concatenate([before[1:], last[None]]),), (last,)


def _lstm_run(u: Gates, recurrent: Array, bias: Array, start: States) -> tuple[States, States]:
    def step(states: States, u: Array) -> tuple[States, States]:
        states = lstm_step(u, states[0] @ recurrent + bias, states)
        return states, states

    last, every = jax.lax.scan(step, start, u)
    return every, last


_RUN = {"gru": _gru_run, "lstm": _lstm_run}


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def scan(
    cell: str,
    u: Float[Array, "samples channels gates_hidden"],
    recurrent: Float[Array, "hidden gates_hidden"],
    bias: Float[Array, " gates_hidden"],
    start: States,
) -> tuple[Float[Array, "samples channels hidden"], States]:
    """Every h of a cell over a piece, and its last states: states[n] = cell(u[n], h[n-1] R + b, states[n-1]).

    `u` is the input's share of every gate; sigmoids come halved, as `ddspfx.signal.rnn.fold` makes them.
    """
    every, last = _RUN[cell](u, recurrent, bias, start)
    return every[0], last


def _forward(cell: str, u: Gates, recurrent: Array, bias: Array, start: States) -> tuple[tuple[Array, States], Saved]:
    every, last = _RUN[cell](u, recurrent, bias, start)
    before = tuple(jnp.concatenate([first[None], s[:-1]]) for first, s in zip(start, every, strict=True))
    return (every[0], last), (u, recurrent, bias, before, every)


def _backward(cell: str, saved: Saved, slopes: tuple[Array, States]) -> tuple[Array, Array, Array, States]:
    before = saved[3]
    du, dp, first = {"gru": _gru_back, "lstm": _lstm_back}[cell](saved, *slopes)
    return du, jnp.einsum("tch,tcg->hg", before[0], dp), dp.sum((0, 1)), first


def _gru_back(saved: Saved, every: Array, last: States) -> tuple[Array, Array, States]:
    u, recurrent, bias, (h,), _ = saved
    p = h @ recurrent + bias
    gates, new = _gru_gates(u, p)
    reset, keep = jnp.split(0.5 + 0.5 * gates, 2, axis=-1)
    slope = 0.5 - 0.5 * gates**2
    on_new = (1 - keep) * (1 - new**2)
    hidden = h.shape[-1]
    on_p = jnp.concatenate(
        [on_new * p[..., 2 * hidden :] * slope[..., :hidden], (h - new) * slope[..., hidden:], on_new * reset], axis=-1
    )

    def step(dh: Array, at: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        given, on_p, keep = at
        dh = dh + given
        return dh * keep + (jnp.concatenate([dh, dh, dh], axis=-1) * on_p) @ recurrent.T, dh

    first, dh = jax.lax.scan(step, last[0], (every, on_p, keep), reverse=True)
    dp = jnp.concatenate([dh, dh, dh], axis=-1) * on_p
    return jnp.concatenate([dp[..., : 2 * hidden], dh * on_new], axis=-1), dp, (first,)


def _lstm_back(saved: Saved, every: Array, last: States) -> tuple[Array, Array, States]:
    u, recurrent, bias, (h, c), (_, after) = saved
    gates = jnp.tanh(u + h @ recurrent + bias)
    enter, keep, new, leave = jnp.split(gates, 4, axis=-1)
    shaped = jnp.tanh(after)
    through = (0.5 + 0.5 * leave) * (1 - shaped**2)
    weight = jnp.concatenate([0.5 * new, 0.5 * c, 0.5 + 0.5 * enter, 0.5 * shaped], axis=-1)
    on_p = weight * (1 - gates**2)

    def step(slopes: States, at: tuple[Array, ...]) -> tuple[States, Array]:
        given, on_p, keep, through = at
        dh = slopes[0] + given
        dc = slopes[1] + dh * through
        dp = jnp.concatenate([dc, dc, dc, dh], axis=-1) * on_p
        return (dp @ recurrent.T, dc * keep), dp

    first, dp = jax.lax.scan(step, last, (every, on_p, 0.5 + 0.5 * keep, through), reverse=True)
    return dp, dp, first


scan.defvjp(_forward, _backward)
