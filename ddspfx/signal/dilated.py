"""A layer of causal dilated convolution: delayed copies of its input, one matrix product, a curve, two products."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.signal.delay import fixed_delay
from ddspfx.signal.dilated_native import native
from ddspfx.signal.native.library import choose

Hidden = Float[Array, "channels units samples"]


class Weights(NamedTuple):
    """What a layer of `units` multiplies by; it is gated where `weight` has twice as many rows."""

    weight: Float[Array, "rows kernel_units"]
    bias: Float[Array, " rows"]
    onwards: Float[Array, "units units"]
    output: Float[Array, " units"]


def delayed(
    h: Hidden, lags: Sequence[float], past: Float[Array, "channels units memory"]
) -> tuple[Float[Array, "channels rows samples"], Float[Array, "channels units memory"]]:
    """`h` at each of several lags in samples, whole or interpolated, one below the other, and the new past.

    Lags rise; `past` is as long as `fixed_delay_state` makes it for the last.
    """
    channels, units, count = h.shape
    flat, memory = h.reshape(-1, count), past.reshape(channels * units, -1)
    rows = [fixed_delay(flat, lag, memory)[0].reshape(h.shape) for lag in lags]
    _, memory = fixed_delay(flat, lags[-1], memory)
    return jnp.concatenate(rows, axis=1), memory.reshape(past.shape)


def dilated(
    weights: Weights,
    h: Hidden,
    past: Float[Array, "channels units memory"],
    lags: Sequence[float],
    condition: Callable[[Array], Array] | None = None,
) -> tuple[Hidden, Float[Array, "channels samples"], Float[Array, "channels units memory"]]:
    """h + M z, v . z and the new past, where z = tanh(W * h + b), or tanh(W * h + b) sigmoid(V * h + c) when gated.

    W * h is the convolution with taps at the given lags in samples, which rise. `condition` is what happens to what
    enters the curve. Whole lags, evenly spaced from 0, without a condition run in the native library where it stands.
    """
    step = lags[1]
    if condition or step != int(step) or any(lag != k * step for k, lag in enumerate(lags)):
        return _plain(weights, h, past, lags, condition)
    kind = jnp.result_type(h, *weights)
    given = [array.astype(kind) for array in (h, past, *weights)]
    onwards, heard = choose(
        native(int(step)), lambda h, past, *rest: _plain(Weights(*rest), h, past, lags, condition)[:2], *given
    )
    count, memory = h.shape[-1], past.shape[-1]
    early = [past[..., count:].astype(h.dtype)] if count < memory else []
    return onwards, heard, jnp.concatenate([*early, h[..., max(count - memory, 0) :]], axis=-1)


def _plain(
    weights: Weights, h: Array, past: Array, lags: Sequence[float], condition: Callable[[Array], Array] | None
) -> tuple[Array, Array, Array]:
    rows, past = delayed(h, lags, past)
    entered = weights.weight @ rows + weights.bias[:, None]
    entered = condition(entered) if condition else entered
    wave, gate = entered[:, : weights.output.size], entered[:, weights.output.size :]
    z = jnp.tanh(wave) * jax.nn.sigmoid(gate) if gate.size else jnp.tanh(wave)
    return h + weights.onwards @ z, weights.output @ z, past
