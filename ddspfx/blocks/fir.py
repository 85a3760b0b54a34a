"""A finite impulse response: a cabinet, a room, any linear device as it was measured."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float
from numpy.typing import ArrayLike

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.fir import fir
from ddspfx.types import Audio, State


class FIR(AbstractBlock):
    """y[n] = sum_k taps[k] x[n - k]; the taps are parameters, (taps,) or (channels, taps).

    Few taps are summed directly, many by FFT, with no latency in either case. They belong to one sample rate:
    resample them for another. `centre` says how many of the first taps are pre-roll: they count as latency, so
    a response that begins before its main tap stays where it is in time. State: the last taps - 1 samples of
    input. Raises ValueError for no taps, for taps that are not finite, for a centre that is not one of them,
    and for another number of channels than they have.
    """

    taps: Float[Array, "*channels taps"]
    centre: int = eqx.field(static=True)

    def __init__(self, taps: ArrayLike = (1.0,), centre: int = 0):
        given = jnp.asarray(taps, float)
        if given.ndim not in (1, 2) or not given.size:
            raise ValueError(f"taps has shape {given.shape}, but must be (taps,) or (channels, taps), at least one")
        if not np.isfinite(np.asarray(given)).all():
            raise ValueError("taps has entries that are not finite")
        if not 0 <= centre < given.shape[-1]:
            raise ValueError(f"centre is {centre}, but must be one of the {given.shape[-1]} taps, counted from 0")
        self.taps, self.centre = given, int(centre)

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "*channels frequencies"]:
        """H at frequencies in Hz, latency removed."""
        places = np.arange(self.taps.shape[-1]) - self.centre
        turns = np.asarray(frequencies, dtype=np.float64)[:, None] / sample_rate * places
        return self.taps @ jnp.asarray(np.exp(-2j * np.pi * turns)).T

    def latency(self, sample_rate: int) -> float:
        return float(self.centre)

    def init_state(self, channels: int, sample_rate: int) -> State:
        if self.taps.ndim == 2 and self.taps.shape[0] != channels:
            raise ValueError(f"x has {channels} channels, but the taps are for {self.taps.shape[0]}")
        return jnp.zeros((channels, self.taps.shape[-1] - 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return fir(x, self.taps, state)

    @classmethod
    def examples(cls) -> tuple["FIR", ...]:
        k = np.arange(600)
        return cls([0.5, 0.3, -0.2]), cls(np.exp(-k / 90) * np.cos(0.3 * k) / 20)


__all__ = ["FIR"]
