"""Sources joined: added up, and scaled by a slot."""

import equinox as eqx
import jax.numpy as jnp

from ddspfx.clock import Clock
from ddspfx.slot import AbstractSource, SlotLike, param
from ddspfx.source.steady import steady
from ddspfx.types import Readable


class Sum(AbstractSource):
    """s(t) = sum_i s_i(t): wow and flutter and drift together. Raises ValueError when there is none."""

    sources: tuple[AbstractSource, ...] = eqx.field(converter=tuple)

    def __check_init__(self) -> None:
        if not self.sources:
            raise ValueError("sources is empty, but must hold at least one source")

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        heard = [source.read(channels, count, clock) for source in self.sources]
        return sum(heard[1:], heard[0])

    def bounds(self) -> tuple[float, float] | None:
        spans = [source.bounds() for source in self.sources]
        known = [span for span in spans if span is not None]
        if len(known) < len(spans):
            return None
        return sum(low for low, _ in known), sum(high for _, high in known)

    def quiet(self) -> AbstractSource:
        return Sum(tuple(source.quiet() for source in self.sources))


class Scaled(AbstractSource):
    """s(t) = amount s_0(t): a source of unit size whose size is a slot, so that a knob can turn it."""

    source: AbstractSource
    amount: SlotLike = param(0.0, 1.0, "", default=1.0)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        return jnp.asarray(steady(self.amount, "amount", channels, clock) * self.source.read(channels, count, clock))

    def quiet(self) -> AbstractSource:
        return Scaled(self.source.quiet(), self.amount)
