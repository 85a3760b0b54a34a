"""A tape that comes off its head for a moment: drop-outs."""

import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.tape_loss import INCH, MICRON
from ddspfx.clock import Clock
from ddspfx.signal.envelope import smooth
from ddspfx.slot import SlotLike, fill, param, read
from ddspfx.source.dropouts import Dropouts
from ddspfx.types import Audio, State

THREE_DECIBELS = 0.34657
"""ln(2) / 2: the k d at which exp(-k d) is 3 dB down, as a first-order low-pass is at its cutoff."""
TOUCHING = 1e-2
"""µm; less is contact, and no filter."""


class Lift(AbstractBlock):
    """y[n] = y[n-1] + r (x[n] - y[n-1]), r = 1 - exp(-2 pi f / fs), f = 0.3466 v / (2 pi d): a spacing d that moves.

    The spacing loss exp(-2 pi f d / v) of `TapeLoss`, as a first-order low-pass with the same 3 dB point, so that the
    `spacing` (µm) may move from sample to sample: a short one takes the treble alone, a long one all but the bass.
    It holds `Dropouts` unless given otherwise; a spacing of zero leaves the signal as it is. `speed` v is in inches
    a second. State: y[n-1]. Source: the spacing loss of Wallace (1951), "The reproduction of magnetically recorded
    signals", Bell Syst. Tech. J. 30.
    """

    spacing: SlotLike = param(0.0, 1e4, "µm")
    speed: SlotLike = param(0.5, 60.0, "ips", default=7.5)

    def __init__(self, spacing: SlotLike | None = None, speed: SlotLike = 7.5):
        ranges = {field.name: field.metadata["range"] for field in self.__dataclass_fields__.values()}
        self.spacing = fill(Dropouts() if spacing is None else spacing, ranges["spacing"])
        self.speed = fill(speed, ranges["speed"])

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros(channels)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        spacing = jnp.maximum(read(self.spacing, x, clock), TOUCHING)
        turns = THREE_DECIBELS / clock.sample_rate * (INCH / MICRON) * read(self.speed, x, clock) / spacing
        rate = jnp.broadcast_to(-jnp.expm1(-turns), x.shape)
        y = smooth(x, rate, rate, state)
        return y, y[:, -1]


__all__ = ["Lift"]
