"""A compressor with a one-pole attack and release, beside torchcomp."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench.case import Asked, Kernel, Peer, Place, Problem, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Right, Side, float32, jax_side, torch_right, torch_side
from benchmarks.kernels.loops import smoothed
from benchmarks.kernels.signals import RATE, noise, weights_like
from ddspfx.signal.envelope import decibels, over, smooth

BEND = 1e-3
"""A level in dB so near the threshold lies on either side of it by rounding: the curve bends there."""
NEVER = (-200.0, 0.5)
"""An expander's threshold and ratio that leave everything alone."""
CLOSE = 1e-5
"""A target nearer than this to the gain before it rises or falls by rounding: its slope jumps there."""


def level(size: Size) -> np.ndarray:
    """The size of a noise that swells and fades."""
    time = np.arange(size.samples) / RATE + 0.21 * np.arange(size.batch)[:, None]
    return (np.abs(noise(size)) * 10 ** (np.sin(2 * np.pi * 1.7 * time)) + 1e-4).astype(np.float32)


def settings(batch: int) -> Arrays:
    """Threshold in dB, ratio, and the rates of attack and release: 1 - exp(-1 / (tau fs))."""
    values = {"threshold": -24.0, "ratio": 4.0, "attack": 1 / (5e-3 * RATE), "release": 1 / (80e-3 * RATE)}
    return float32({name: np.full(batch, value) for name, value in values.items()})


def gain(x: jax.Array, threshold: jax.Array, ratio: jax.Array, attack: jax.Array, release: jax.Array) -> jax.Array:
    """torchcomp's gain: the static curve in dB, the smoothing on the gain itself, which falls during the attack."""
    reduction = (1 - 1 / ratio[:, None]) * over(decibels(x, "peak"), threshold[:, None], jnp.zeros((), x.dtype))
    target = jnp.exp(-float(np.log(10) / 20) * reduction)
    return smooth(target, release[:, None], attack[:, None], jnp.ones(x.shape[0], x.dtype))


def chain(x: Any, threshold: Any, ratio: Any, attack: Any, release: Any) -> Any:
    from torchcomp import compexp_gain

    return compexp_gain(x, threshold, ratio, *NEVER, attack, release)


def core(x: Any, attack: Any, release: Any) -> Any:
    from torchcomp.core import compressor_core

    return compressor_core(x, x.new_ones(len(x)), attack, release)


def peer(function: Callable[..., Any], arrays: Arrays, weights: np.ndarray, device: str) -> Side:
    """A function of torchcomp's. Raises ImportError when it is not installed."""
    import_module("torchcomp")
    return torch_side(function, arrays, weights, device)


def slopes(function: Callable[..., Any], arrays: Arrays, weights: np.ndarray) -> Arrays:
    """Those of torchcomp in float64; none where it is not installed."""
    return torch_right(function, arrays, weights).slopes if find_spec("torchcomp") else {}


def judged(value: np.ndarray, target: np.ndarray, found: Arrays) -> Right:
    """The reference, the slope by x unknown where rounding decides between attack and release."""
    before = np.concatenate([np.ones((len(value), 1)), value[:, :-1]], axis=1)
    near = np.abs(target - before) < CLOSE
    return Right(
        value, {name: np.where(near, np.nan, slope) if name == "x" else slope for name, slope in found.items()}
    )


def right(arrays: Arrays, weights: np.ndarray) -> Right:
    """The output by a loop in NumPy; the slopes by torchcomp in float64, where it is there."""
    x, threshold, ratio, attack, release = (value.astype(float) for value in arrays.values())
    reduction = (1 - 1 / ratio[:, None]) * np.maximum(20 * np.log10(x) - threshold[:, None], 0)
    target = 10 ** (-reduction / 20)
    found = dict(slopes(chain, arrays, weights))
    if "x" in found:
        at_the_bend = np.abs(20 * np.log10(x) - threshold[:, None]) < BEND
        found["x"] = np.where(at_the_bend, np.nan, found["x"])
    return judged(smoothed(target, attack, release, 1.0), target, found)


class Compressor(Kernel):
    """The gain of a compressor."""

    name = "compressor"
    asked = Asked(1e-6, 1.0, 2.5, 1e-5)
    sizes = (Size(10 * RATE, 8),)
    note = "torchcomp.compexp_gain with its expander idle, and the same from `decibels`, `over` and `smooth`"

    def problem(self, size: Size, place: Place) -> Problem:
        x = level(size)
        arrays, weights = {"x": x, **settings(size.batch)}, weights_like(x)
        return Problem(
            jax_side(gain, arrays, weights, place.jax),
            {"torchcomp": Peer(lambda: peer(chain, arrays, weights, place.torch))},
            lambda: right(arrays, weights),
            Work(2 * x.nbytes, 30.0 * x.size),
            Work(3 * x.nbytes, 60.0 * x.size),
        )


class Smoothing(Kernel):
    """The attack and release alone."""

    name = "attack and release"
    asked = Asked(1e-6, 1.0, 2.5, 1e-5)
    sizes = (Size(10 * RATE, 8),)
    note = "torchcomp's compressor_core, and `smooth`"

    def problem(self, size: Size, place: Place) -> Problem:
        x = np.minimum(level(size), 1).astype(np.float32)
        rates = {name: settings(size.batch)[name] for name in ("attack", "release")}
        arrays, weights = {"x": x, **rates}, weights_like(x)

        def ours(x: jax.Array, attack: jax.Array, release: jax.Array) -> jax.Array:
            return smooth(x, release[:, None], attack[:, None], jnp.ones(x.shape[0], x.dtype))

        def reference() -> Right:
            value = smoothed(x.astype(float), *(rate.astype(float) for rate in rates.values()), 1.0)
            return judged(value, x, slopes(core, arrays, weights))

        return Problem(
            jax_side(ours, arrays, weights, place.jax),
            {"torchcomp": Peer(lambda: peer(core, arrays, weights, place.torch))},
            reference,
            Work(2 * x.nbytes, 3.0 * x.size),
            Work(3 * x.nbytes, 9.0 * x.size),
        )
