"""What an AC bias makes of Langevin's curve and of a Jiles-Atherton loop."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.signal.jiles_atherton import Magnetics, magnetise
from ddspfx.signal.langevin import langevin
from ddspfx.types import Readable

CYCLES, SAMPLES = 24, 96
"""Of the bias: until the mean of a cycle stands still to 1e-9, and the samples of one."""
FIELDS = 33


@functools.cache
def nodes(points: int) -> Float[np.ndarray, " points"]:
    """Gauss-Chebyshev nodes cos(theta) for the mean over a cycle. Raises ValueError for fewer than one."""
    if points < 1:
        raise ValueError(f"points is {points}, but must be at least 1")
    return np.cos((np.arange(points) + 0.5) / points * np.pi)


def biased_langevin(h: Array, swing: Readable, lag: Readable, rise: Readable, points: int) -> Array:
    """The mean of L(h +- o) over theta and signs, o = s c - lag tanh((s (1 + c) - lag) / rise), c = cos(theta).

    All in units of the shape. `o` is where the bias has carried the magnetisation on its way down: it starts at the
    top and stays behind the field by `lag` once the field has moved on by `rise`.
    """
    places = jnp.asarray(nodes(points).reshape(-1, *(1,) * h.ndim), h.dtype)
    offsets = behind(swing, lag, rise, places)
    value, _ = langevin(h + jnp.concatenate([offsets, -offsets]))
    # A matrix product: XLA's reduction over a leading axis is many times slower on the CPU.
    weights = jnp.full(2 * points, 0.5 / points, h.dtype)
    return jnp.tensordot(weights, value, 1, precision="highest")


def behind(swing: Readable, lag: Readable, rise: Readable, cosine: Array) -> Array:
    """Where on the curve the bias has carried the magnetisation, in the unit of the arguments."""
    return jnp.asarray(swing * cosine - lag * jnp.tanh((swing * (1 + cosine) - lag) / rise))


def loop_mean(
    fields: Float[np.ndarray, " fields"], bias: float, shape: float, coercivity: float, coupling: float, c: float
) -> Float[np.ndarray, " fields"]:
    """M / Ms of a Jiles-Atherton loop over its last cycle of bias, at each of these still fields (A/m).

    The field is ramped up in the first cycle and then stands still, so the tape has settled.
    """
    time = np.arange(CYCLES * SAMPLES) / SAMPLES
    H = fields[:, None] * np.minimum(time, 1.0) + bias * np.sin(2 * np.pi * time)
    rest = jnp.zeros(fields.size)
    material = Magnetics(*(jnp.asarray(v, float) for v in (1.0, shape, coercivity, coupling, c)))
    M = jax.jit(lambda H: magnetise(H, rest, rest, material, "rk4", 4))(jnp.asarray(H, float))
    last = np.asarray(M, np.float64).reshape(fields.size, CYCLES, SAMPLES)[:, -1]
    return np.asarray(last.mean(axis=1))


class Equivalent(NamedTuple):
    """Shape, swing, lag and rise in A/m of the curve nearest to a loop's mean, and the RMS of the rest over Ms."""

    shape: float
    swing: float
    lag: float
    rise: float
    miss: float


def anhysteretic_fit(bias: float, shape: float, coercivity: float, coupling: float, reversibility: float) -> Equivalent:
    """The biased Langevin curve nearest to a biased loop's mean, by least squares from four starts; A/m."""
    from scipy.optimize import least_squares

    fields = np.linspace(0.0, bias + 4 * shape, FIELDS + 1)[1:]
    wanted = loop_mean(fields, bias, shape, coercivity, coupling, reversibility)
    cosine = nodes(48)[:, None]

    def rest(p: Float[np.ndarray, "4"]) -> Float[np.ndarray, " fields"]:
        a, swing, lag, rise = np.exp(p)
        offset = swing * cosine - lag * np.tanh((swing * (1 + cosine) - lag) / rise)
        down, up = (_langevin((fields + side * offset) / a).mean(axis=0) for side in (1, -1))
        return np.asarray(0.5 * (down + up) - wanted)

    def miss(p: Float[np.ndarray, "4"]) -> Float[np.ndarray, " fields"]:
        # Over the field: harmonics are relative to the signal, so a faint one counts as a loud one.
        return np.asarray(rest(p) * shape / fields)

    shares = ((1.0, 0.5, 1.0), (1.0, 0.1, 0.3), (1.2, 0.3, 1.0), (2.2, 1.94, 2.59))
    starts = [np.log([shape, *(bias * np.array(share))]) for share in shares]
    tried = [least_squares(miss, start, x_scale=0.3, max_nfev=200) for start in starts]
    best = min(tried, key=lambda found: float(found.cost)).x
    a, swing, lag, rise = (float(v) for v in np.exp(best))
    return Equivalent(a, swing, lag, rise, float(np.sqrt(np.mean(rest(best) ** 2))))


def _langevin(u: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    near = np.abs(u) < 1e-3
    away = np.where(near, 1.0, u)
    return np.asarray(np.where(near, u / 3, 1 / np.tanh(away) - 1 / away))


__all__ = ["Equivalent", "anhysteretic_fit", "biased_langevin", "loop_mean", "nodes"]
