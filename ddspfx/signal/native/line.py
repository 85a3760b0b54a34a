"""Native reads of a delay line at moving places, and their transpose, as primitives of JAX.

A read is linear in the line, and its slope by the lag is the same read with the derived polynomials. So the read and
its transpose, each with an order of derivation, are closed under differentiation: forward and reverse mode, any order,
vmap (the batch joins the lines) and jit work as usual.
"""

import math
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, Int

from ddspfx.signal.native.library import register

Frozen = tuple[tuple[float, ...], ...]
SHAPES = ((2, 2), (4, 4), (6, 6), (8, 8), (32, 12))
"""Taps and powers of the kernels that were compiled."""


def native_read(
    past: Float[Array, "lines memory"],
    fresh: Float[Array, "lines samples"],
    index: Int[Array, "ways count_or_1"],
    lag: Float[Array, "ways count_or_1"],
    count: int,
    kernel: Float[np.ndarray, "taps powers"],
) -> Float[Array, "lines count"]:
    """`ddspfx.signal.delay.lagged_read` by a native kernel, for a kernel whose shape is in `SHAPES`."""
    rows = tuple(map(tuple, kernel.tolist()))
    (y,) = _read.bind(past, fresh, index, lag, count=count, kernel=rows, order=0, both=False)
    return jnp.asarray(y)


@lru_cache
def polynomials(kernel: Frozen, order: int, both: bool) -> Float[np.ndarray, "orders taps powers"]:
    """The taps' polynomials, oldest sample first, derived `order` times, and once more if `both`."""
    rows = np.array(kernel)[::-1]
    powers = np.arange(rows.shape[1])
    derived = [rows]
    for _ in range(order + both):
        derived.append(np.roll(derived[-1] * powers, -1, axis=1))
    return np.stack(derived[order:])


def _reading(past: Any, fresh: Any, index: Any, lag: Any, *, count: int, kernel: Frozen, order: int, both: bool) -> Any:
    shape = jax.ShapeDtypeStruct((*past.shape[:-1], count), past.dtype)
    taps = jnp.asarray(polynomials(kernel, order, both), past.dtype)
    parity = {"order": np.int64(order)} if taps.shape[1] > 8 else {}
    target = register("sinc_read" if taps.shape[1] > 8 else "line_read")
    return jax.ffi.ffi_call(target, [shape] * (1 + both))(past, fresh, index, lag, taps, **parity)


def _laying(bar: Any, index: Any, lag: Any, *, kernel: Frozen, order: int, sizes: tuple[int, int]) -> Any:
    shapes = [jax.ShapeDtypeStruct((*bar.shape[:-1], size), bar.dtype) for size in sizes]
    taps = jnp.asarray(polynomials(kernel, order, False), bar.dtype)
    parity = {"order": np.int64(order)} if taps.shape[1] > 8 else {}
    target = register("sinc_lay" if taps.shape[1] > 8 else "line_lay")
    return jax.ffi.ffi_call(target, shapes)(bar, index, lag, taps, **parity)


def _every(rows: Any, lines: tuple[int, ...]) -> Any:
    """A row for each line, as a product with ones: XLA sums its slope over lines much slower than it multiplies."""
    count = rows.shape[-1]
    shared = math.prod(lines) * count // rows.size
    if shared > 1:
        rows = jnp.matmul(jnp.ones((shared, 1), rows.dtype), rows.reshape(-1, 1, count), precision="highest")
    return rows.reshape(*lines, count)


def _read_moved(given: Any, moved: Any, *, count: int, kernel: Frozen, order: int, both: bool) -> Any:
    past, _, index, lag = given
    bind = partial(_read.bind, count=count, kernel=kernel)
    by_lag = not isinstance(moved[3], ad.Zero)
    values = bind(*given, order=order, both=both or by_lag)
    slopes = [*values[1:], *bind(*given, order=order + 2, both=False)] if both and by_lag else values[1:]
    values = values[: 1 + both]
    tangents = []
    if not all(isinstance(m, ad.Zero) for m in moved[:2]):
        lines = [ad.instantiate_zeros(m) for m in moved[:2]]
        tangents.append(bind(*lines, index, lag, order=order, both=both))
    if by_lag:
        steps = _every(moved[3], past.shape[:-1])
        tangents.append([slope * steps for slope in slopes])
    return values, [sum(t[1:], t[0]) for t in zip(*tangents, strict=True)]


def _lay_moved(given: Any, moved: Any, *, kernel: Frozen, order: int, sizes: tuple[int, int]) -> Any:
    bar, index, lag = given
    bind = partial(_lay.bind, kernel=kernel, sizes=sizes)
    tangents = []
    if not isinstance(moved[0], ad.Zero):
        tangents.append(bind(moved[0], index, lag, order=order))
    if not isinstance(moved[2], ad.Zero):
        tangents.append(bind(bar * _every(moved[2], bar.shape[:-1]), index, lag, order=order + 1))
    return bind(*given, order=order), [sum(t[1:], t[0]) for t in zip(*tangents, strict=True)]


def _read_back(
    bars: Any, past: Any, fresh: Any, index: Any, lag: Any, *, count: int, kernel: Frozen, order: int, both: bool
) -> Any:
    sizes = tuple((line.aval if ad.is_undefined_primal(line) else line).shape[-1] for line in (past, fresh))
    laid = [
        _lay.bind(bar, index, lag, kernel=kernel, order=order + more, sizes=sizes)
        for more, bar in enumerate(bars)
        if not isinstance(bar, ad.Zero)
    ]
    lines = [sum(parts[1:], parts[0]) for parts in zip(*laid, strict=True)] if laid else [None, None]
    asked = (bar if ad.is_undefined_primal(line) else None for line, bar in zip((past, fresh), lines, strict=True))
    return *asked, None, None


def _lay_back(bars: Any, bar: Any, index: Any, lag: Any, *, kernel: Frozen, order: int, sizes: tuple[int, int]) -> Any:
    if all(isinstance(b, ad.Zero) for b in bars):
        return None, None, None
    lines = map(ad.instantiate_zeros, bars)
    read = _read.bind(*lines, index, lag, count=bar.aval.shape[-1], kernel=kernel, order=order, both=False)
    return *read, None, None


def _batched(bind: Any, lined: int, given: Any, axes: Any, **sizes: Any) -> Any:
    """More lines at once: the batch becomes their first axis. Neighbouring lines may share a way, or all of them."""
    size = next(a.shape[axis] for a, axis in zip(given, axes, strict=True) if axis is not None)
    joined = []
    for place, (array, axis) in enumerate(zip(given, axes, strict=True)):
        if axis is not None:
            array = jnp.moveaxis(array, axis, 0)
        elif place < lined or array.size > array.shape[-1]:
            array = jnp.broadcast_to(array, (size, *array.shape))
        joined.append(array)
    done = bind(*joined, **sizes)
    return done, [0] * len(done)


def _primitive(name: str, run: Any, shapes: Any, lined: int, moved: Any, back: Any) -> Any:
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_impl(lambda *given, **sizes: jax.jit(partial(primitive.bind, **sizes))(*given))
    primitive.def_abstract_eval(shapes)
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=True), platform="cpu")
    ad.primitive_jvps[primitive] = moved
    ad.primitive_transposes[primitive] = back
    batching.primitive_batchers[primitive] = partial(_batched, primitive.bind, lined)
    return primitive


_read = _primitive(
    "read_line",
    _reading,
    lambda past, fresh, index, lag, *, count, both, **_: [past.update(shape=(*past.shape[:-1], count))] * (1 + both),
    2,
    _read_moved,
    _read_back,
)
_lay = _primitive(
    "lay_line",
    _laying,
    lambda bar, index, lag, *, sizes, **_: [bar.update(shape=(*bar.shape[:-1], size)) for size in sizes],
    1,
    _lay_moved,
    _lay_back,
)
