"""Delays: a fixed one with its memory as state, and a line read at a moving place."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ddspfx.signal.interpolation import Kernel
from ddspfx.signal.native.library import choose
from ddspfx.signal.native.line import SHAPES, native_read
from ddspfx.signal.windows import cut
from ddspfx.types import Audio


def lagrange_taps(delay: float, order: int) -> Float[np.ndarray, " taps"]:
    """Lagrange interpolator h[k] = prod_{m != k} (delay - m) / (k - m), k = 0 .. order.

    Source: Laakso, Välimäki, Karjalainen, Laine (1996), "Splitting the unit delay".
    """
    taps = np.ones(order + 1)
    for k in range(order + 1):
        for m in range(order + 1):
            if m != k:
                taps[k] *= (delay - m) / (k - m)
    return taps


def _fixed(lag: float) -> tuple[int, Float[np.ndarray, " taps"]]:
    """Whole samples and the taps after them; the order is the highest, up to 7, that stays causal."""
    if lag < 0:
        raise ValueError(f"delay is {lag} samples, but must be at least 0")
    whole = math.floor(lag)
    if lag == whole:
        return whole, np.ones(1)
    half = min(whole, 3)
    return whole - half, lagrange_taps(lag - whole + half, 2 * half + 1)


def fixed_delay_state(channels: int, lag: float) -> Float[Array, "channels memory"]:
    """The silence before the first sample, as long as `fixed_delay` of `lag` samples looks back."""
    whole, taps = _fixed(lag)
    return jnp.zeros((channels, whole + taps.size - 1))


def fixed_delay(x: Audio, lag: float, past: Audio) -> tuple[Audio, Audio]:
    """y[n] = x[n - lag] for a constant lag in samples, whole or not, at least 0; and the new past.

    Whole lags are exact; a fraction is interpolated by Lagrange's polynomial of the highest odd order,
    up to 7, that looks at no sample to come. Raises ValueError for a lag below 0.
    """
    whole, taps = _fixed(lag)
    line = jnp.concatenate([past.astype(x.dtype), x], axis=1)
    count = x.shape[1]
    start = line.shape[1] - count - whole
    rows = [float(tap) * line[:, start - k : start - k + count] for k, tap in enumerate(taps)]
    return sum(rows[1:], rows[0]), line[:, line.shape[1] - past.shape[1] :]


def moving_read(line: Audio, index: Int[Array, "..."], fraction: Float[Array, "..."], kernel: Kernel) -> Audio:
    """y[n] = sum_k h_k(fraction[n]) line[index[n] - k], k = -(taps / 2 - 1) ... taps / 2.

    `index` and `fraction` are (channels or 1, count). The slope reaches the line and the fraction. The index must
    leave room for the taps on both sides; it is clamped otherwise.
    """
    return lagged_read(line[:, :0], line, index, fraction, kernel, index.shape[1])


def lagged_read(
    past: Audio, x: Audio, index: Int[Array, "..."], lag: Float[Array, "..."], kernel: Kernel, count: int
) -> Audio:
    """y[n] = line(index + n - lag[n]), n = 0 ... count - 1, the line being `past` and then `x`, interpolated.

    `lag` is in samples, (channels or 1, count or 1); its whole part is taken off the index, its fraction is left to
    the kernel's taps. `index` is (channels or 1, 1), or (channels or 1, count) with the n included. The slope reaches
    the line and the lag. Windows of taps that leave the line are moved inside it.
    """
    dtype = jnp.result_type(past, x)
    arrays = past.astype(dtype), x.astype(dtype), index.astype(jnp.int32), lag.astype(dtype)
    plain = partial(_lagged_read, kernel=kernel, count=count)
    if kernel.shape not in SHAPES or past.shape[1] + x.shape[1] < kernel.shape[0]:
        return plain(*arrays)
    y: Audio = choose(partial(native_read, kernel=kernel, count=count), plain, *arrays)
    return y


def _lagged_read(past: Audio, x: Audio, index: Any, lag: Any, kernel: Kernel, count: int) -> Audio:
    """The same in JAX alone. Memory is taps times the piece, unless the lag stands still."""
    line, taps = jnp.concatenate([past, x], axis=1), kernel.shape[0]
    if lag.shape[1] > 1:
        lag = computed_once(lag)
    whole = jnp.floor(lag)
    place, fraction = index - whole.astype(jnp.int32), lag - whole
    if place.shape[1] == 1:
        return still_read(line, place, fraction, kernel, count)
    first = jnp.clip(place + (0 if index.shape[1] > 1 else jnp.arange(count)) - taps // 2, 0, line.shape[1] - taps)
    windows = cut(line, jnp.broadcast_to(first, (line.shape[0], count)), taps)
    # As a matrix product: XLA's reduction over a leading axis is fifty times slower on the CPU.
    ones = jnp.ones(taps, windows.dtype)
    return jnp.tensordot(ones, kernel_taps(kernel, fraction) * windows, 1, precision="highest")


def computed_once(rows: Audio) -> Audio:
    """The same rows, as a matrix product with the identity.

    XLA on the CPU works out a cheap-looking producer anew for every tap that uses it, fusing across
    optimization barriers, but never into a matrix product. A row of zeros keeps a single row from being simplified.
    """
    channels = rows.shape[0]
    identity = jnp.eye(channels, channels + 1, dtype=rows.dtype)
    return jnp.matmul(identity, jnp.pad(rows, ((0, 1), (0, 0))), precision="highest")


def still_read(
    line: Audio, index: Int[Array, "..."], fraction: Float[Array, "..."], kernel: Kernel, count: int
) -> Audio:
    """The same for a place that moves on with the samples: `index` of the first, (channels or 1, 1).

    Nothing is gathered, so it and its slope cost as much as an FIR of `taps`.
    """
    taps = kernel.shape[0]
    first = jnp.broadcast_to(index[:, 0] - taps // 2, line.shape[:1])
    part = jax.vmap(lambda row, start: lax.dynamic_slice(row, (start,), (count + taps - 1,)))(line, first)
    weights = kernel_taps(kernel, fraction)
    rows = [weights[k] * part[:, k : k + count] for k in range(taps)]
    return sum(rows[1:], rows[0])


def kernel_taps(kernel: Kernel, fraction: Float[Array, "..."]) -> Float[Array, "taps ..."]:
    """The taps at a fraction of a sample, oldest sample first, by Horner's rule.

    Their slope is the same rule on the derived polynomials, so that nothing is kept between its steps.
    """

    @jax.custom_jvp
    def taps(centred: Float[Array, "..."]) -> Float[Array, "taps ..."]:
        rows = jnp.asarray(kernel[::-1].copy(), centred.dtype).reshape(*kernel.shape, *(1,) * centred.ndim)
        value = jnp.broadcast_to(rows[:, -1], (len(kernel), *centred.shape))
        for power in reversed(range(kernel.shape[1] - 1)):
            value = value * centred + rows[:, power]
        return value

    def slope(given: tuple[Any], moved: tuple[Any]) -> tuple[Any, Any]:
        derived = kernel[:, 1:] * np.arange(1, kernel.shape[1]) if kernel.shape[1] > 1 else 0 * kernel
        # An outer product, whose transpose is a matrix product: see `moving_read`.
        every = jnp.tensordot(jnp.ones(len(kernel), moved[0].dtype), moved[0], 0, precision="highest")
        return taps(given[0]), kernel_taps(derived, given[0] + 0.5) * every

    taps.defjvp(slope)
    return taps(fraction - 0.5)
