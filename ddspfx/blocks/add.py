"""A source put into a chain: hiss, hum, crackle."""

import equinox as eqx

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.slot import AbstractSource, SlotLike, param, read
from ddspfx.source.noise import Noise
from ddspfx.types import Audio, State


class Add(AbstractBlock):
    """y = x + 10^(level / 20) s, with s the source (`Noise` of unit RMS when none is given).

        Add(Noise("pink"), -60.0)

    `level` is in dB: for noise its RMS, for clicks the median height, 0 dB being full scale. Raises
    TypeError when `source` is not a source.
    """

    source: AbstractSource = eqx.field(default_factory=Noise)
    level: SlotLike = param(-160.0, 0.0, "dB", default=-60.0)

    def __check_init__(self) -> None:
        if not isinstance(self.source, AbstractSource):
            raise TypeError(f"source is {self.source!r}, but must be a source: Noise(), LFO(...), Clicks(...)")

    def init_state(self, channels: int, sample_rate: int) -> State:
        return ()

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        heard = self.source.read(x.shape[0], x.shape[1], clock)
        return x + amplitude(read(self.level, x, clock)) * heard, state
