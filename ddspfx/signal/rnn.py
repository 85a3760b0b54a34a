"""Recurrent cells over a piece of sound: GRU and LSTM, and how they keep their memories at another rate."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.signal.delay import lagrange_taps
from ddspfx.signal.native.library import choose
from ddspfx.signal.rnn_native import native
from ddspfx.signal.rnn_scan import STEP, Gates, States, scan

GATES = {"gru": 3, "lstm": 4}
CELLS = {"gru": 1, "lstm": 2}
_SCALE = {"gru": (0.5, 0.5, 1.0, 1.0), "lstm": (0.5, 0.5, 1.0, 0.5)}


class Weights(NamedTuple):
    """The weights of a cell, columns and biases gate by gate.

    A GRU's gates are reset, keep, new; its fourth bias is added to the state's share of new, inside the reset.
    An LSTM's are enter, keep, new, leave.
    """

    input: Float[Array, "inputs gates_hidden"]
    recurrent: Float[Array, "hidden gates_hidden"]
    bias: Float[Array, " four_hidden"]


def fold(cell: str, weights: Weights) -> Weights:
    """Textbook weights made ready for `recur`: sigmoid(z) = (1 + tanh(z / 2)) / 2, so the gates' columns are halved."""
    scale = np.repeat(_SCALE[cell], weights.recurrent.shape[0])
    return Weights(*(leaf * jnp.asarray(scale[: leaf.shape[-1]], leaf.dtype) for leaf in weights))


def recur(
    cell: str, x: Float[Array, "samples channels inputs"], weights: Weights, start: States
) -> tuple[Float[Array, "samples channels hidden"], States]:
    """Every h of a cell over a piece, and its last states: states[n] = cell(x[n] W, h[n-1] R, states[n-1]).

    `cell` is "gru" (the variant of cuDNN and PyTorch, where reset multiplies the product and not the state; Cho
    et al., 2014) or "lstm" (Hochreiter and Schmidhuber, 1997; Gers et al., 2000). `weights` come from `fold`.
    States are (channels, hidden) each: h, and the c of an LSTM.
    """
    dtype = jnp.result_type(x, *weights, *start)
    given = [jnp.asarray(array, dtype) for array in (x, *weights, *start)]
    done: tuple[Array, States] = choose(native(cell), lambda *given: _plain(cell, *given), *given)
    return done


def _plain(cell: str, x: Array, enter: Array, recurrent: Array, bias: Array, *start: Array) -> tuple[Array, States]:
    outer, inner = _biases(cell, bias)
    return scan(cell, x @ enter + outer, recurrent, inner, start)


def _biases(cell: str, bias: Array) -> tuple[Gates, Gates]:
    """What is added to the input's share of the gates, and to the state's."""
    if cell == "lstm":
        return bias, jnp.zeros_like(bias)
    hidden = bias.size // 4
    return bias[: 3 * hidden], jnp.pad(bias[3 * hidden :], (2 * hidden, 0))


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
    cell: str,
    taps: Float[np.ndarray, " memory"],
    x: Float[Array, "samples channels inputs"],
    weights: Weights,
    past: States,
) -> tuple[Float[Array, "samples channels hidden"], States]:
    """Every h of a cell that reads its past through an interpolator, and the past after it.

    states[n] = cell(x[n] W, h~[n] R, states~[n]) with s~[n] = sum_k taps[k] s[n - 1 - k], so a cell trained at
    one rate keeps its memories in seconds at a higher one. `past` holds the last states, (memory, channels,
    hidden) each, latest first. Source: Chowdhury (2022), "Sample-rate agnostic recurrent neural networks", for
    whole ratios; Carson et al. (2024), "Sample rate independent recurrent neural networks for audio effects
    processing", for the interpolator.
    """
    outer, inner = _biases(cell, weights.bias)

    def step(past: States, u: Array) -> tuple[States, Array]:
        states = tuple(_weighted(taps, s) for s in past)
        after = STEP[cell](u, states[0] @ weights.recurrent + inner, states)
        return tuple(jnp.concatenate([a[None], s[:-1]]) for a, s in zip(after, past, strict=True)), after[0]

    past, h = jax.lax.scan(step, past, x @ weights.input + outer)
    return h, past


def _weighted(taps: Float[np.ndarray, " memory"], past: Array) -> Array:
    rows = [float(tap) * past[k] for k, tap in enumerate(taps) if tap]
    return sum(rows[1:], rows[0])
