"""Integrals of a signal from each sample to a place that moves, by the polynomials through six samples.

The integral is linear in the signal; it and its transpose are primitives, each the other's transpose, so that forward
and reverse mode, any order, vmap and jit work as usual. The places are given: slopes by them are for the caller.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from ddspfx.signal.native.library import choose, register
from ddspfx.signal.windows import cut
from ddspfx.types import Audio

POINTS = 6
MARGIN = 3
"""Samples that the line needs beyond the farthest place."""


def _lagrange() -> Float[np.ndarray, "powers points"]:
    """v(theta) = sum_p sum_i rows[p, i] v[i - 2] theta^p between v[0] and v[1]."""
    places = np.arange(POINTS) - 2.0
    columns = []
    for i in range(POINTS):
        others = np.delete(places, i)
        columns.append(np.poly(others)[::-1] / np.prod(places[i] - others))
    return np.array(columns).T


ROWS = _lagrange()
WHOLE = ROWS.T @ (1 / np.arange(1.0, POINTS + 1))
"""The weights of six samples in the integral over a whole interval."""


def span(line: Float[Array, "*lines length"], ends: Float[Array, "*lines count"]) -> Float[Array, "*lines count"]:
    """S[n] = int_0^ends[n] x(n + t) dt, the line beginning (length - count) / 2 samples before the first n.

    `ends` are in samples, held within that less `MARGIN`. The slope reaches the line alone.
    """
    done: Float[Array, "*lines count"] = _span.bind(line, ends)
    return done


def quintic(line: Audio, place: Audio) -> tuple[Audio, Audio, Audio]:
    """Value and slope of the signal at n + place[n], and its integral from n on."""
    count = place.shape[1]
    pad = (line.shape[1] - count) // 2
    whole, theta = _split(place, pad - MARGIN)
    windows = cut(line, pad - 2 + jnp.arange(count) + whole, POINTS)
    c = jnp.tensordot(jnp.asarray(ROWS, line.dtype), windows, 1, precision="highest")
    value, slope, part = c[5], 5 * c[5], c[5] / 6
    for p in range(4, -1, -1):
        value, part = value * theta + c[p], part * theta + c[p] / (p + 1)
        slope = slope * theta + p * c[p] if p else slope
    return value, slope, part * theta + _wholes(line, whole, count)


def _split(place: Audio, reach: int) -> tuple[Array, Audio]:
    whole = jnp.clip(jnp.floor(jnp.nan_to_num(place)), -reach, reach - 1).astype(jnp.int32)
    return whole, place - whole


def _wholes(line: Audio, whole: Array, count: int) -> Audio:
    """The sum of the integrals of the whole intervals between n and n + whole[n]."""
    pad = (line.shape[1] - count) // 2
    each = intervals(line)

    # A loop, since unrolled it takes a minute to compile.
    def add(total: Audio, k: Array) -> tuple[Audio, None]:
        now = lax.dynamic_slice_in_dim(each, pad - 2 + k, count, 1)
        sign = jnp.where(k >= 0, k < whole, 0) - jnp.where(k < 0, k >= whole, 0)
        return total + sign.astype(now.dtype) * now, None

    total, _ = lax.scan(add, jnp.zeros_like(line[:, :count]), jnp.arange(MARGIN - pad, pad - MARGIN))
    return total


def intervals(line: Audio) -> Audio:
    """The integrals from line[:, j + 2] to line[:, j + 3]."""
    rows = [float(WHOLE[i]) * line[:, i : line.shape[1] - POINTS + 1 + i] for i in range(POINTS)]
    return sum(rows[1:], rows[0])


def _plain(line: Array, ends: Array) -> Array:
    rows = quintic(line.reshape(-1, line.shape[-1]), ends.reshape(-1, ends.shape[-1]))[2]
    return rows.reshape(ends.shape)


def _plain_lay(slope: Array, ends: Array, length: int) -> Array:
    line = jax.ShapeDtypeStruct((*slope.shape[:-1], length), slope.dtype)
    (laid,) = jax.linear_transpose(lambda line: _plain(line, ends), line)(slope)
    return jnp.asarray(laid)


def _summed(line: Array, ends: Array) -> Array:
    def native(line: Array, ends: Array) -> Array:
        return jax.ffi.ffi_call(register("span_sum"), jax.ShapeDtypeStruct(ends.shape, line.dtype))(line, ends)

    return jnp.asarray(choose(native, _plain, line, ends))


def _laid(slope: Array, ends: Array, *, length: int) -> Array:
    def native(slope: Array, ends: Array) -> Array:
        shape = jax.ShapeDtypeStruct((*slope.shape[:-1], length), slope.dtype)
        return jax.ffi.ffi_call(register("span_lay"), shape)(slope, ends)

    return jnp.asarray(choose(native, lambda slope, ends: _plain_lay(slope, ends, length), slope, ends))


def _primitive(name: str, run: Any, shape: Any) -> Any:
    primitive = Primitive(name)
    primitive.def_impl(lambda *given, **sizes: jax.jit(lambda *given: primitive.bind(*given, **sizes))(*given))
    primitive.def_abstract_eval(shape)
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=False))
    ad.defjvp(primitive, lambda moved, _, ends, **sizes: primitive.bind(moved, ends, **sizes), None)

    def batched(given: Any, axes: Any, **sizes: Any) -> Any:
        size = next(a.shape[axis] for a, axis in zip(given, axes, strict=True) if axis is not None)
        joined = [
            jnp.broadcast_to(a, (size, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0)
            for a, axis in zip(given, axes, strict=True)
        ]
        return primitive.bind(*joined, **sizes), 0

    batching.primitive_batchers[primitive] = batched
    return primitive


_span = _primitive("span_sum", _summed, lambda line, ends: line.update(shape=ends.shape))
_lay = _primitive("span_lay", _laid, lambda slope, ends, *, length: slope.update(shape=(*slope.shape[:-1], length)))
ad.primitive_transposes[_span] = lambda slope, line, ends: (_lay.bind(slope, ends, length=line.aval.shape[-1]), None)
ad.primitive_transposes[_lay] = lambda line, slope, ends, *, length: (_span.bind(line, ends), None)

__all__ = ["MARGIN", "intervals", "quintic", "span"]
