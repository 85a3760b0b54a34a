"""Print-through: on the reel each turn of tape magnetises the next, and an echo is heard."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ddspfx.block import AbstractBlock
from ddspfx.blocks.filter import BandPass
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.render import render
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

WIDTH = 0.5
"""Q of the echo's band: its sides fall as slowly as k exp(-k b) rises and first falls."""


class PrintThrough(AbstractBlock):
    """y(t) = x(t) + 10^(level / 20) B(x(t - turn)), B a band-pass at `frequency`: the echo after one turn of the reel.

    The field of a layer b away magnetises best the wavelength 2 pi b, so `frequency` = v / (2 pi b): 600 Hz at 7.5
    ips and 50 µm. `turn` (s), 2 pi r / v, is at most `longest`; a source is refused by nobody but moves an echo that
    a reel does not. The tape wound tail out has this echo behind the sound, as here; what is printed ahead of it is
    `with_pre_echo`, offline. The line is a ring, so a call costs no more for a long turn. State: ring, place in it,
    filter. Raises ValueError when `longest` is not above 0. Source: Daniel and Axon (1950), "Accidental printing in
    magnetic recording", BBC Quarterly 5; Bertram, Stafford, Mills (1980), "The print-through phenomenon", JAES 28.
    """

    level: SlotLike = param(-120.0, 0.0, "dB", default=-55.0)
    turn: SlotLike = param(0.01, 10.0, "s", default=1.2, log=True)
    frequency: SlotLike = param(20.0, 20_000.0, "Hz", default=600.0, log=True)
    longest: float = eqx.field(static=True, default=2.0)

    def __check_init__(self) -> None:
        if not self.longest > 0:
            raise ValueError(f"longest is {self.longest} s, but must be above 0")

    def init_state(self, channels: int, sample_rate: int) -> State:
        size = math.ceil(self.longest * sample_rate) + 2
        return jnp.zeros((channels, size)), jnp.int32(0), self._band().init_state(channels, sample_rate)

    def _band(self) -> BandPass:
        return BandPass(self.frequency, WIDTH)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        ring, place, inner = state
        lag = jnp.minimum(read(self.turn, x, clock), self.longest) * clock.sample_rate
        echo = _past(ring, x, place, jnp.broadcast_to(lag, x.shape))
        heard, inner = self._band()(echo, inner, clock)
        # XLA writes the ring in place only where it sees that all reading comes first: this is never true.
        after = jnp.any(echo != echo).astype(jnp.int32)
        ring, place = _written(ring, x, place + after)
        return x + amplitude(read(self.level, x, clock)) * heard, (ring, place, inner)

    @classmethod
    def examples(cls) -> tuple["PrintThrough", ...]:
        return (cls(-20.0, turn=0.013, longest=0.02), cls(-20.0, turn=0.01, frequency=2_000.0, longest=0.0025))


def _past(ring: Audio, x: Audio, place: Int[Array, ""], lag: Float[Array, "channels samples"]) -> Audio:
    """x(n - lag), interpolated linearly, from the ring or from x itself."""
    size, count = ring.shape[1], x.shape[1]
    whole = jnp.floor(lag)
    late, rows = whole.astype(jnp.int32), jnp.arange(x.shape[0])[:, None]

    def at(late: Int[Array, "channels samples"]) -> Audio:
        since = jnp.arange(count) - late
        old = ring[rows, (place + since) % size]
        return jnp.where(since < 0, old, x[rows, jnp.clip(since, 0, count - 1)])

    near, far = at(late), at(late + 1)
    return near + (lag - whole) * (far - near)


def _written(ring: Audio, x: Audio, place: Int[Array, ""]) -> tuple[Audio, Int[Array, ""]]:
    size, count = ring.shape[1], x.shape[1]
    last = min(size, count)
    where = (place + (count - last) + jnp.arange(last)) % size
    ring = ring.at[:, where].set(x[:, count - last :].astype(ring.dtype), unique_indices=True)
    return ring, (place + count) % size


def with_pre_echo(block: PrintThrough, x: Any, sample_rate: int) -> Any:
    """The whole recording with both echoes, the one before a sound and the one after it; offline.

    x is (channels, samples) or (samples,), and so is the answer: y = P x + R P R x - x, P the block, R time reversed.
    """
    after = render(block, x, sample_rate)
    before = render(block, x[..., ::-1], sample_rate)[..., ::-1]
    return after + before - x


__all__ = ["PrintThrough", "with_pre_echo"]
