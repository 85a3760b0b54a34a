"""Noise that follows the signal: what an uneven coating does to whatever is recorded on it."""

import equinox as eqx

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.slot import AbstractSource, SlotLike, param, read
from ddspfx.source.noise import Noise
from ddspfx.types import Audio, State


def _uneven() -> AbstractSource:
    """Skirts that fall off some hundred Hz from whatever is played; chosen."""
    return Noise.shaped((100.0, 1_000.0, 10_000.0), (0.0, -6.0, -20.0), seed=3, taps=64)


class ModulationNoise(AbstractBlock):
    """y = x (1 + 10^(level / 20) n), with n the source, noise of unit RMS: `level` dB below the signal, whatever it is.

    The noise of a steady tone is the spectrum of n on either side of it. Silence stays silent. Raises TypeError
    when `source` is not a source. Source: Daniel (1972), "Tape noise in audio recording", JAES 20, on noise behind
    the signal.
    """

    source: AbstractSource = eqx.field(default_factory=_uneven)
    level: SlotLike = param(-160.0, 0.0, "dB", default=-45.0)

    def __check_init__(self) -> None:
        if not isinstance(self.source, AbstractSource):
            raise TypeError(f"source is {self.source!r}, but must be a source: Noise(), Wander(...)")

    def init_state(self, channels: int, sample_rate: int) -> State:
        return ()

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        heard = self.source.read(x.shape[0], x.shape[1], clock)
        return x + amplitude(read(self.level, x, clock)) * heard * x, state


__all__ = ["ModulationNoise"]
