"""How loud one recording plays, moment by moment: tape that does not lie flat on the head."""

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State


class Level(AbstractBlock):
    """y = 10^(level / 20) x, with `level` in dB a number or a source that belongs to one recording.

    A tape's output wanders by some tenths of a decibel, and by several in a drop-out, as its coating and its
    contact with the head change. No device can foretell that, as it cannot foretell flutter: `fit` and
    `score_pair` follow it from the recording itself, as a spline in this slot.
    """

    level: SlotLike = param(-40.0, 20.0, "dB", default=0.0)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return ()

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return amplitude(read(self.level, x, clock)) * x, state


__all__ = ["Level"]
