"""Jiles-Atherton hysteresis by RK4, one step a sample, beside the same loop in numba at float64."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench.case import Asked, Bench, Kernel, Peer, Place, Problem, Row, Size
from benchmarks.bench.limit import Work
from benchmarks.bench.sides import Arrays, Right, Side, float32, jax_side
from benchmarks.kernels.signals import RATE, weights_like
from ddspfx.signal.jiles_atherton import Magnetics, magnetise

MATERIAL = {"saturation": 3.5e5, "shape": 2.2e4, "coercivity": 2.8e4, "coupling": 0.5, "reversibility": 0.17}
"""Chowdhury's tape (2019): Ms, a and k in A/m, alpha Ms / (3 a), and c."""


def field(size: Size) -> np.ndarray:
    """Some partials that swing through the whole loop, in A/m; slow enough for one step a sample."""
    time = np.arange(size.samples) / RATE + 0.013 * np.arange(size.batch)[:, None]
    waves = np.sin(2 * np.pi * 110 * time) + 0.5 * np.sin(2 * np.pi * 523 * time + 1) + 0.2 * np.sin(7_000 * time)
    rise = np.minimum(np.arange(size.samples) / (0.02 * RATE), 1)
    return (6e4 * waves * (0.3 + 0.7 * np.sin(2 * np.pi * 1.5 * time) ** 2) * rise).astype(np.float32)


def ours(field: jax.Array, **material: jax.Array) -> jax.Array:
    zero = jnp.zeros(field.shape[0], field.dtype)
    return magnetise(field, zero, zero, Magnetics(**material), solver="rk4", substeps=1)


@functools.cache
def numba_loop() -> Callable[..., np.ndarray]:
    """The textbook's equation and Kutta's rule, channel by channel. Raises ImportError without numba."""
    from numba import njit

    @njit(fastmath=True)
    def slope(h: float, m: float, sign: float, k: float, alpha: float, c: float) -> float:
        x = h + alpha * m
        if abs(x) < 1e-3:
            curve, steep = x / 3 - x**3 / 45, 1 / 3 - x * x / 15
        else:
            coth = 1 / np.tanh(x)
            curve = coth - 1 / x
            steep = 1 / (x * x) - coth * coth + 1
        gap = curve - m
        pull = (1 - c) * gap / ((1 - c) * sign * k - alpha * gap) if sign * gap > 0 else 0.0
        return (pull + c * steep) / (1 - alpha * c * steep)

    @njit(fastmath=True)
    def run(H: np.ndarray, Ms: float, a: float, k: float, coupling: float, c: float) -> np.ndarray:
        M = np.empty_like(H)
        kappa, alpha = k / a, 3 * coupling
        for channel in range(H.shape[0]):
            m, h = 0.0, 0.0
            for n in range(H.shape[1]):
                d = H[channel, n] / a - h
                s = 1.0 if d > 0 else (-1.0 if d < 0 else 0.0)
                if s != 0:
                    k1 = slope(h, m, s, kappa, alpha, c)
                    k2 = slope(h + d / 2, m + d / 2 * k1, s, kappa, alpha, c)
                    k3 = slope(h + d / 2, m + d / 2 * k2, s, kappa, alpha, c)
                    k4 = slope(h + d, m + d * k3, s, kappa, alpha, c)
                    m += d * (k1 + 2 * k2 + 2 * k3 + k4) / 6
                h += d
                M[channel, n] = Ms * m
        return M

    return run


def right(arrays: Arrays, weights: np.ndarray) -> Right:
    """numba's output, and its central differences by the material."""
    run = numba_loop()
    H, *material = (value.astype(float) for value in arrays.values())
    slopes = {}
    for place, name in enumerate(MATERIAL):
        ends = []
        for sign in (1, -1):
            moved = [value * (1 + sign * 1e-6 * (i == place)) for i, value in enumerate(material)]
            ends.append(np.vdot(run(H, *moved), weights.astype(float)))
        slopes[name] = np.array((ends[0] - ends[1]) / (2e-6 * material[place]))
    return Right(run(H, *material), slopes)


class Hysteresis(Kernel):
    """The magnetisation of a tape."""

    name = "Jiles-Atherton, RK4"
    asked = Asked(1e-4, 7.0, 13.0, 1e-3)
    sizes = (Size(RATE, 8),)
    note = "backward: forward and gradient as a multiple of the own forward, at most"

    def problem(self, size: Size, place: Place) -> Problem:
        H = field(size)
        arrays, weights = float32({"field": H, **MATERIAL}), weights_like(H)
        wide = [value.astype(float) for value in arrays.values()]

        def numba_side() -> Side:
            run = numba_loop()
            return Side(lambda: run(*wide))

        return Problem(
            jax_side(ours, arrays, weights, place.jax),
            {"numba float64": Peer(numba_side)},
            lambda: right(arrays, weights),
            Work(2 * H.nbytes, 4 * 40.0 * H.size),
            Work(3 * H.nbytes, 3 * 4 * 40.0 * H.size),
        )

    def rows(self, bench: Bench) -> Iterator[Row]:
        for row in super().rows(bench):
            row |= in_own_forward(row)
            yield row


def in_own_forward(row: Row) -> dict[str, Any]:
    """The gradient as a multiple of the own forward pass, which should be small."""
    both, forward = (row[f"{way}_seconds"]["ddspfx"]["median"] for way in ("backward", "forward"))
    return {"backward": both / forward, "backward_peer": "own forward", "backward_at_most": True}
