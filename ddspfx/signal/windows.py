"""Windows cut out of delay lines at any places, and their adjoint: windows laid back and added.

Both are primitives of their own, each the other's transpose, because XLA's own transpose of a gather is a
scatter, which on the CPU costs up to a hundred times the gather; laying windows back one after the other in
a loop costs as much as cutting them. Forward and reverse mode, any order, vmap and jit work as usual.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, Int

Lines = Float[Array, "lines length"]
Places = Int[Array, "lines count"]
Windows = Float[Array, "taps lines count"]


def cut(line: Lines, first: Places, taps: int) -> Windows:
    """windows[k, c, n] = line[c, first[c, n] + k], k = 0 ... taps - 1; `first` must lie in 0 to length - taps."""
    windows: Windows = _cut.bind(line, first, taps=taps)
    return windows


def lay(windows: Windows, first: Places, length: int) -> Lines:
    """line[c, j] = sum of windows[k, c, n] over all k and n with first[c, n] + k = j."""
    line: Lines = _lay.bind(windows, first, length=length)
    return line


def _gathered(line: Lines, first: Places, *, taps: int) -> Windows:
    lines, length = line.shape
    start = first + length * jnp.arange(lines, dtype=first.dtype)[:, None]
    places = start + jnp.arange(taps, dtype=first.dtype)[:, None, None]
    return line.reshape(-1).at[places].get(mode="promise_in_bounds")


def _scattered(windows: Windows, first: Places, *, length: int) -> Lines:
    taps, lines, _ = windows.shape
    places = first + jnp.arange(taps, dtype=first.dtype)[:, None, None]
    empty = jnp.zeros((lines, length), windows.dtype)
    return empty.at[jnp.arange(lines)[:, None], places].add(windows, mode="promise_in_bounds")


def _looped(windows: Windows, first: Places, *, length: int) -> Lines:
    taps = windows.shape[0]

    def one(given: Any) -> Float[Array, " length"]:
        def add(line: Any, window: Any) -> Any:
            place, values = window
            return lax.dynamic_update_slice(line, lax.dynamic_slice(line, (place,), (taps,)) + values, (place,)), None

        return lax.scan(add, jnp.zeros(length, windows.dtype), given)[0]

    line: Lines = lax.map(one, (first, jnp.moveaxis(windows, 0, 2)))
    return line


def _batched(bind: Any, given: Any, axes: Any, *, lines_axis: int, out_axis: int, **sizes: int) -> Any:
    """More lines at once: the batch joins the axis of lines, which in the first argument is `lines_axis`."""
    size = next(a.shape[axis] for a, axis in zip(given, axes, strict=True) if axis is not None)
    joined = []
    for array, axis, place in zip(given, axes, (lines_axis, 0), strict=True):
        array = _repeated(array, size) if axis is None else jnp.moveaxis(array, axis, 0)
        array = jnp.moveaxis(array, 0, place)
        joined.append(array.reshape(*array.shape[:place], -1, *array.shape[place + 2 :]))
    done = bind(*joined, **sizes)
    return done.reshape(*done.shape[:out_axis], size, -1, done.shape[-1]), out_axis


def _repeated(array: Array, size: int) -> Array:
    return jnp.broadcast_to(array, (size, *array.shape))


def _primitive(name: str, run: Any, shape: Any) -> Any:
    primitive = Primitive(name)
    primitive.def_impl(lambda *given, **sizes: jax.jit(partial(run, **sizes))(*given))
    primitive.def_abstract_eval(shape)
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=False))
    ad.defjvp(primitive, lambda t, _, first, **sizes: primitive.bind(t, first, **sizes), None)
    return primitive


_cut = _primitive("cut_windows", _gathered, lambda line, first, *, taps: line.update(shape=(taps, *first.shape)))
_lay = _primitive(
    "lay_windows", _scattered, lambda windows, first, *, length: windows.update(shape=(windows.shape[1], length))
)
mlir.register_lowering(_lay, mlir.lower_fun(_looped, multiple_results=False), platform="cpu")
ad.primitive_transposes[_cut] = lambda ct, line, first, *, taps: (lay(ct, first, line.aval.shape[1]), None)
ad.primitive_transposes[_lay] = lambda ct, windows, first, *, length: (cut(ct, first, windows.aval.shape[0]), None)
batching.primitive_batchers[_cut] = partial(_batched, _cut.bind, lines_axis=0, out_axis=1)
batching.primitive_batchers[_lay] = partial(_batched, _lay.bind, lines_axis=1, out_axis=0)
