"""Recurrent cells over a piece of sound: one fused matrix product a step, and the same run backwards.

A cell is elementwise in its hidden units but for one product `p = h R + b` a step, so its adjoint is a linear
recurrence of the same size whose coefficients are known for the whole piece beforehand, and the slope of R
is one large product after it. Autodiff through `lax.scan` adds up R's slope step by step instead, and a GRU
written in the obvious order is one loop that XLA's CPU backend does not vectorise.
"""

import math
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.signal.delay import lagrange_taps

Gates: TypeAlias = Float[Array, "... gates_hidden"]
States: TypeAlias = tuple[Float[Array, "... hidden"], ...]
"""The h of a GRU, or the h and c of an LSTM."""
Saved: TypeAlias = tuple[Array, Array, Array, States, States]

GATES = {"gru": 3, "lstm": 4}
CELLS = {"gru": 1, "lstm": 2}
_SCALE = {"gru": (0.5, 0.5, 1.0), "lstm": (0.5, 0.5, 1.0, 0.5)}


def fold(cell: str, weights: Gates) -> Gates:
    """Textbook weights made ready for `recur`: sigmoid(z) = (1 + tanh(z / 2)) / 2, so the gates' columns are halved."""
    return weights * jnp.asarray(np.repeat(_SCALE[cell], weights.shape[-1] // GATES[cell]), weights.dtype)


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
def recur(
    cell: str,
    u: Float[Array, "samples channels gates_hidden"],
    recurrent: Float[Array, "hidden gates_hidden"],
    bias: Float[Array, " gates_hidden"],
    start: States,
) -> tuple[States, States]:
    """Every state of a cell over a piece, and the last: states[n] = cell(u[n], h[n-1] R + b, states[n-1]).

    `u` is the input's share of every gate. `cell` is "gru" (gates reset, keep, new; the variant of cuDNN and
    PyTorch, where reset multiplies the product and not the state; Cho et al., 2014) or "lstm" (gates enter,
    keep, new, leave; Hochreiter and Schmidhuber, 1997; Gers et al., 2000). All weights come from `fold`. States
    are (channels, hidden) each, those of every sample (samples, channels, hidden).
    """
    return _RUN[cell](u, recurrent, bias, start)


def _forward(cell: str, u: Gates, recurrent: Array, bias: Array, start: States) -> tuple[tuple[States, States], Saved]:
    every, last = _RUN[cell](u, recurrent, bias, start)
    before = tuple(jnp.concatenate([first[None], s[:-1]]) for first, s in zip(start, every, strict=True))
    return (every, last), (u, recurrent, bias, before, every)


def _backward(cell: str, saved: Saved, slopes: tuple[States, States]) -> tuple[Array, Array, Array, States]:
    before = saved[3]
    du, dp, first = {"gru": _gru_back, "lstm": _lstm_back}[cell](saved, *slopes)
    return du, jnp.einsum("tch,tcg->hg", before[0], dp), dp.sum((0, 1)), first


def _gru_back(saved: Saved, every: States, last: States) -> tuple[Array, Array, States]:
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

    first, dh = jax.lax.scan(step, last[0], (every[0], on_p, keep), reverse=True)
    dp = jnp.concatenate([dh, dh, dh], axis=-1) * on_p
    return jnp.concatenate([dp[..., : 2 * hidden], dh * on_new], axis=-1), dp, (first,)


def _lstm_back(saved: Saved, every: States, last: States) -> tuple[Array, Array, States]:
    u, recurrent, bias, (h, c), (_, after) = saved
    gates = jnp.tanh(u + h @ recurrent + bias)
    enter, keep, new, leave = jnp.split(gates, 4, axis=-1)
    shaped = jnp.tanh(after)
    through = (0.5 + 0.5 * leave) * (1 - shaped**2)
    weight = jnp.concatenate([0.5 * new, 0.5 * c, 0.5 + 0.5 * enter, 0.5 * shaped], axis=-1)
    on_p = weight * (1 - gates**2)

    def step(slopes: States, at: tuple[Array, ...]) -> tuple[States, Array]:
        given_h, given_c, on_p, keep, through = at
        dh = slopes[0] + given_h
        dc = slopes[1] + given_c + dh * through
        dp = jnp.concatenate([dc, dc, dc, dh], axis=-1) * on_p
        return (dp @ recurrent.T, dc * keep), dp

    first, dp = jax.lax.scan(step, last, (*every, on_p, 0.5 + 0.5 * keep, through), reverse=True)
    return dp, dp, first


recur.defvjp(_forward, _backward)


def past_taps(ratio: float) -> Float[np.ndarray, " memory"]:
    """Weights of the last samples, latest first, that read a past `ratio` >= 1 samples ago by Lagrange's polynomial.

    A whole ratio reads one sample. From 2 on the polynomial is the cubic around `ratio`; between 1 and 2, where
    the present is not known yet, the quadratic through the samples 1, 2 and 3 ago. These never amplify, so a
    stable loop stays stable; the cubic through 1 to 4 ago does (by up to 19 %). Carson, Wright and Bilbao (2025),
    "Interpolation filter design for sample rate independent audio effect RNNs", trace the failures of such
    networks to a fixed point that the filter makes unstable.
    """
    whole = math.floor(ratio)
    if ratio == whole:
        return np.append(np.zeros(whole - 1), 1.0)
    first, order = (1, 2) if whole == 1 else (whole - 1, 3)
    return np.concatenate([np.zeros(first - 1), lagrange_taps(ratio - first, order)])


def recur_delayed(
    cell: str, taps: Float[np.ndarray, " memory"], u: Gates, recurrent: Array, bias: Array, past: States
) -> tuple[Float[Array, "samples channels hidden"], States]:
    """Every h of a cell that reads its past through an interpolator, and the past after it.

    states[n] = cell(u[n], h~[n] R + b, states~[n]) with s~[n] = sum_k taps[k] s[n - 1 - k], so a cell trained at
    one rate keeps its memories in seconds at a higher one. `past` holds the last states, (memory, channels,
    hidden) each, latest first. Source: Chowdhury (2022), "Sample-rate agnostic recurrent neural networks", for
    whole ratios; Carson et al. (2024), "Sample rate independent recurrent neural networks for audio effects
    processing", for the interpolator.
    """

    def step(past: States, u: Array) -> tuple[States, Array]:
        states = tuple(_weighted(taps, s) for s in past)
        after = STEP[cell](u, states[0] @ recurrent + bias, states)
        return tuple(jnp.concatenate([a[None], s[:-1]]) for a, s in zip(after, past, strict=True)), after[0]

    past, h = jax.lax.scan(step, past, u)
    return h, past


def _weighted(taps: Float[np.ndarray, " memory"], past: Array) -> Array:
    rows = [float(tap) * past[k] for k, tap in enumerate(taps) if tap]
    return sum(rows[1:], rows[0])
