"""A block that runs at a multiple of the sample rate, so that what it adds above Nyquist does not fold back."""

import equinox as eqx

from ddspfx.block import AbstractBlock
from ddspfx.blocks.curve import Tanh
from ddspfx.clock import Clock
from ddspfx.signal import halfband
from ddspfx.signal.delay import fixed_delay, fixed_delay_state
from ddspfx.types import Audio, State

FACTORS = (2, 4, 8, 16)
EDGE = 20_000 / 44_100
"""The pass band, a share of the sample rate: 20 kHz at 44.1 kHz, 21.8 kHz at 48 kHz."""
REJECTION = 100.0
"""Images and aliases that fall into the pass band, in dB; several stages and float32 leave more than 80."""


class Oversampled(AbstractBlock):
    """A block at 2, 4, 8 or 16 times the sample rate, between cascaded half-band filters.

    Each doubling is a linear-phase FIR in two phases (one of them a plain delay), the first the sharpest:
    images and aliases below 0.4535 of the sample rate are more than 80 dB down and the response is flat to there
    within 0.01 dB. What the block makes between that and Nyquist folds about Nyquist, above the pass band.
    The block reads a clock at its own rate that stands at the same instant, moved back by the way up. The
    latency is a whole number of samples if the block's own is one at its rate. Raises ValueError for
    another factor.
    Source: polyphase half-band decimation, Vaidyanathan (1993), "Multirate Systems and Filter Banks", 4.6.
    """

    block: AbstractBlock
    factor: int = eqx.field(static=True, default=4)

    def __check_init__(self) -> None:
        if self.factor not in FACTORS:
            raise ValueError(f"factor is {self.factor}, but must be one of {', '.join(map(str, FACTORS))}")

    def init_state(self, channels: int, sample_rate: int) -> State:
        stages = _stages(self.factor)
        return (
            tuple(halfband.up_state(channels, taps) for taps in stages),
            self.block.init_state(channels, self.factor * sample_rate),
            fixed_delay_state(channels, self._rest(sample_rate)),
            tuple(halfband.down_state(channels, taps) for taps in reversed(stages)),
        )

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        stages, (ups, inner, rest, downs) = _stages(self.factor), state
        ups, downs = list(ups), list(downs)
        for i, taps in enumerate(stages):
            x, ups[i] = halfband.up(x, ups[i], taps)
        x, inner = self.block(x, inner, faster(clock, self.factor).after(-_way(stages)))
        x, rest = fixed_delay(x, self._rest(clock.sample_rate), rest)
        for i, taps in enumerate(reversed(stages)):
            x, downs[i] = halfband.down(x, downs[i], taps)
        return x, (tuple(ups), inner, rest, tuple(downs))

    def _rest(self, sample_rate: int) -> int:
        """Samples of the high rate that make the latency whole, as far as the block's own is."""
        late = 2 * _way(_stages(self.factor)) + self.block.latency(self.factor * sample_rate)
        return int(-(late // 1) % self.factor)

    def latency(self, sample_rate: int) -> float:
        inner = self.block.latency(self.factor * sample_rate)
        return (2 * _way(_stages(self.factor)) + inner + self._rest(sample_rate)) / self.factor

    @classmethod
    def examples(cls) -> tuple["Oversampled", ...]:
        return (cls(Tanh(24.0), 4),)


def faster(clock: Clock, factor: int) -> Clock:
    """The same instant on a clock of `factor` times the sample rate."""
    return Clock(clock.second, clock.sample * factor, clock.key, clock.sample_rate * factor)


def _stages(factor: int) -> list[halfband.Taps]:
    """The filters on the way up; each next one has twice the room between the pass band and its image."""
    doublings = factor.bit_length() - 1
    return [halfband.halfband(EDGE / 2**i, REJECTION) for i in range(doublings)]


def _way(stages: list[halfband.Taps]) -> int:
    """The delay of one way, in samples of the highest rate: each stage's is counted at the rate it makes."""
    return sum(halfband.delay(taps) << (len(stages) - 1 - i) for i, taps in enumerate(stages))
