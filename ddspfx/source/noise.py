"""Noise of unit RMS: white, pink, brown, even, or of a spectrum of its own."""

from collections.abc import Sequence
from typing import Literal, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ddspfx.clock import Clock
from ddspfx.signal.colour import coloured, spectrum_taps
from ddspfx.signal.noise import bits, filtered, gaussian, stream, uniform
from ddspfx.slot import AbstractSource, Constant, Param, SlotLike, param, read
from ddspfx.source.steady import refuse_source, steady
from ddspfx.types import Audio, Readable

Colour = Literal["white", "uniform", "pink", "brown"]
TAPS_RATE = 48_000
"""Hz at which `ShapedNoise.taps` is counted; another rate has as many more, so that the detail is the same."""


def correlated(own: Audio, correlation: Readable) -> Audio:
    """Channels of which the first is correlated with each other one by c in [-1, 1].

    y_0 = x_0, y_i = c x_0 + sqrt(1 - c^2) x_i, from independent x of unit variance; so each has unit
    variance, and with two channels mid and side have the powers (1 + c) / 2 and (1 - c) / 2. Further
    channels are correlated among one another by c^2. The first channel is the same however many there are.
    """
    left = 1.0 - correlation**2
    apart = left > 1e-12
    share = jnp.where(apart, jnp.sqrt(jnp.where(apart, left, 1.0)), 0.0)
    return jnp.concatenate([own[:1], (correlation * own[:1] + share * own)[1:]])


class Noise(AbstractSource):
    """Gaussian noise (or even, from -sqrt 3 to sqrt 3) of unit RMS; `level` belongs to the block that adds it.

    `colour` is white, uniform (white, evenly spread), pink (-3.01 dB an octave, down to about 0.5 Hz) or
    brown (-6.02 dB an octave, down to about 10 Hz). `correlation` runs from -1 (opposite) over 0
    (independent) to 1 (the same) between the first channel and each other one, see `correlated`. Two noises
    of one seed and colour in a model are the same noise: give each its own seed. `Noise.shaped` makes one of
    any spectrum. Raises ValueError for another colour.
    """

    colour: Colour = eqx.field(static=True, default="white")
    seed: int = eqx.field(static=True, default=0)
    correlation: SlotLike = param(-1.0, 1.0, "", default=0.0)

    def __check_init__(self) -> None:
        if self.colour not in get_args(Colour):
            raise ValueError(f"colour is {self.colour!r}, but must be one of {', '.join(get_args(Colour))}")

    @staticmethod
    def shaped(
        frequencies: Sequence[float],
        levels: SlotLike | Sequence[float],
        seed: int = 0,
        correlation: SlotLike = 0.0,
        taps: int = 512,
    ) -> "ShapedNoise":
        """Noise of unit RMS whose spectrum runs through `levels` (dB) at `frequencies` (Hz)."""
        heights = jnp.asarray(levels, float) if isinstance(levels, Sequence) else levels
        return ShapedNoise(tuple(frequencies), heights, seed, correlation, taps)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        own = self._own(channels, count, clock)
        return own if channels == 1 else correlated(own, read(self.correlation, own, clock))

    def _own(self, channels: int, count: int, clock: Clock) -> Audio:
        if self.colour == "pink" or self.colour == "brown":
            return coloured(self.colour, self.seed, channels, count, clock)
        words = bits(stream(clock.key, self.colour, self.seed), *clock.run(count), channels)
        return 12**0.5 * (uniform(words) - 0.5) if self.colour == "uniform" else gaussian(words)

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))


class ShapedNoise(AbstractSource):
    """Gaussian noise of unit RMS with a spectrum through `levels` (dB) at `frequencies` (Hz), made by `Noise.shaped`.

    Between the frequencies the level runs straight over log frequency; beyond them it holds. The levels are
    parameters; their mean falls out, since the RMS is one. An FIR designed in the call runs over white noise
    drawn again as far back as it reaches, so there is no state. `taps` is its length at 48 kHz, details finer
    than 4 * 48000 / taps Hz are smoothed. Raises ValueError where frequencies do not rise from above zero,
    are not as many as the levels, or a source is given for the levels.
    """

    frequencies: tuple[float, ...] = eqx.field(static=True, converter=lambda f: tuple(float(v) for v in f))
    levels: SlotLike = param(-160.0, 60.0, "dB")
    seed: int = eqx.field(static=True, default=0)
    correlation: SlotLike = param(-1.0, 1.0, "", default=0.0)
    taps: int = eqx.field(static=True, default=512)

    def __check_init__(self) -> None:
        f = np.asarray(self.frequencies)
        if f.size < 2 or f[0] <= 0 or not np.all(np.diff(f) > 0):
            raise ValueError(f"frequencies is {self.frequencies}, but must be two or more, rising from above 0 Hz")
        if isinstance(self.levels, Param) and np.shape(self.levels.raw) != f.shape:
            raise ValueError(f"levels has shape {np.shape(self.levels.raw)}, but must have one for each of {f.size}")
        if self.taps < 8:
            raise ValueError(f"taps is {self.taps}, but must be at least 8")
        refuse_source(self.levels, "levels")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        size = 2 * max(4, round(self.taps * clock.sample_rate / TAPS_RATE / 2))
        levels = jnp.broadcast_to(steady(self.levels, "levels", 1, clock).reshape(-1), (len(self.frequencies),))
        taps = spectrum_taps(levels, self.frequencies, size, clock.sample_rate)
        words = bits(stream(clock.key, "shaped", self.seed), *clock.after(1 - size).run(count + size - 1), channels)
        own = filtered(gaussian(words), taps)
        return own if channels == 1 else correlated(own, read(self.correlation, own, clock))

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))
