"""An FIR from a magnitude, of linear or minimum phase, as matrix products."""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.types import Mono

DENSER = 4
"""How many times the taps the grid of the minimum phase has, so that its cepstrum hardly folds."""
FLOOR = 1e-5
"""-100 dB: a smaller magnitude is taken for this where its logarithm is needed."""


class Transforms(NamedTuple):
    """Matrices of a design: from the logarithm of the magnitude to the phase, and from H's two parts to the taps.

    Not FFTs: XLA works out a product of constants when it compiles, so that a stream pays nothing for a design.
    """

    phase: Float[np.ndarray, "bins bins"] | None
    even: Float[np.ndarray, "taps bins"]
    odd: Float[np.ndarray, "taps bins"]


def grid(size: int, sample_rate: int, phase: str) -> Float[np.ndarray, " bins"]:
    """The frequencies in Hz at which a magnitude is wanted for `size` taps of a phase.

    Raises ValueError for a size that is odd or below 2, and for another phase than "linear" and "minimum".
    """
    if size < 2 or size % 2:
        raise ValueError(f"size is {size}, but must be even and at least 2")
    if phase not in ("linear", "minimum"):
        raise ValueError(f"phase is {phase!r}, but must be 'linear' or 'minimum'")
    return np.fft.rfftfreq(size if phase == "linear" else DENSER * size, 1 / sample_rate)


def taps_of(magnitude: Float[Array, " bins"], size: int, phase: str) -> Mono:
    """`size` taps with this magnitude on `grid`: of linear phase, `size` / 2 late, or of minimum phase, not late.

    Linear: the inverse transform, turned by half; the magnitude may be negative, and is met exactly on the grid.
    Minimum: the phase is the Hilbert transform of the logarithm of the magnitude, here by the folded cepstrum
    (Oppenheim and Schafer, 2010, "Discrete-Time Signal Processing", 13.5); the taps fade over the last quarter.
    """
    tables = transforms(size, phase)
    even, odd = (jnp.asarray(table, magnitude.dtype) for table in (tables.even, tables.odd))
    if tables.phase is None:
        return _product(even, magnitude)
    kept = jnp.abs(magnitude)
    angle = _product(jnp.asarray(tables.phase, kept.dtype), jnp.log(jnp.maximum(kept, FLOOR)))
    return _product(even, kept * jnp.cos(angle)) + _product(odd, kept * jnp.sin(angle))


def _product(table: Float[Array, "rows bins"], values: Float[Array, " bins"]) -> Float[Array, " rows"]:
    return jnp.matmul(table, values, precision="highest")


@functools.lru_cache(maxsize=16)
def transforms(size: int, phase: str) -> Transforms:
    """The matrices for `size` taps, in float64."""
    count = size if phase == "linear" else DENSER * size
    turns = 2 * np.pi / count * np.arange(count // 2 + 1)
    twice = np.full(count // 2 + 1, 2.0)
    twice[0] = twice[-1] = 1.0
    places = (np.arange(size) - size // 2 if phase == "linear" else np.arange(size))[:, None]
    fade = 1.0 if phase == "linear" else _fade(size)[:, None]
    even, odd = fade * np.cos(places * turns) * twice / count, -fade * np.sin(places * turns) * twice / count
    if phase == "linear":
        return Transforms(None, even, odd)
    whole = np.arange(count // 2 + 1)[:, None] * turns
    cepstrum = twice[:, None] * np.cos(whole) * twice / count
    return Transforms(-np.sin(whole).T @ cepstrum, even, odd)


def _fade(size: int) -> Float[np.ndarray, " taps"]:
    quarter = size // 4
    fade = np.ones(size)
    fade[size - quarter :] = 0.5 + 0.5 * np.cos(np.pi * (np.arange(quarter) + 0.5) / max(quarter, 1))
    return fade


__all__ = ["grid", "taps_of"]
