"""Scratches across the grooves: clicks that come back with every revolution."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from ddspfx.clock import Clock
from ddspfx.signal.groove import RPMS
from ddspfx.signal.noise import bits, stream, uniform
from ddspfx.signal.phase import WORD
from ddspfx.slot import AbstractSource, Constant, SlotLike, param
from ddspfx.source.groove import FASTEST, SLOWEST
from ddspfx.source.pulses import LONGEST, REACH, SHORTEST, pulse, scattered, velocity, window
from ddspfx.source.steady import refuse_source, steady
from ddspfx.source.turns import WORDS, Turns, turns
from ddspfx.types import Counter, Readable

SLANTED = 0.2
"""Turns; the most by which a scratch drifts in its life."""
CLEAR = 0.5 - 0.125 - SLANTED / 2
"""Turns between the beginning of a scratch's own turn and its click, at least."""


class Scratches(AbstractSource):
    """sum_i sum_m h_i v(t - t_im), one click a turn from each of `count` scratches: t_im = (m + angle_im) 60 / rpm.

    A scratch lives in an epoch of `lifetime` turns, for a quarter of it up to the whole; then another takes its place
    elsewhere on the disc. Its angle, the epoch's beginning, its life, its duration (`shortest` to `longest` seconds,
    even over their logarithm), its height (log-normal: median one, `spread` dB of standard deviation, random sign)
    and its share on each wall are drawn from the key. It drifts in angle by up to `slant` turns an epoch either way,
    a radial scratch (0) not at all: then its clicks are 60 / rpm seconds apart to 1e-4 samples. It fades in and out
    over its life. Heights and durations have slopes. Raises ValueError where a source is given for a slot, or a
    negative count.
    """

    count: int = eqx.field(static=True, default=3)
    lifetime: SlotLike = param(2.0, 2000.0, "turns", default=60.0, log=True)
    spread: SlotLike = param(0.0, 24.0, "dB", default=6.0)
    slant: SlotLike = param(0.0, SLANTED, "turns", default=0.01)
    shortest: SlotLike = param(SHORTEST, LONGEST, "s", default=1e-4, log=True)
    longest: SlotLike = param(SHORTEST, LONGEST, "s", default=5e-4, log=True)
    rpm: SlotLike = param(SLOWEST, FASTEST, "rpm", default=RPMS[0])
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count is {self.count}, but must be 0 or more")
        for name in ("lifetime", "spread", "slant", "shortest", "longest", "rpm"):
            refuse_source(getattr(self, name), name)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        rpm = self._steady("rpm", clock)
        now = turns(rpm, clock.second[None], clock.sample[None], clock.sample_rate)
        run = _turns_met((count - 1) / clock.sample_rate)
        lines = jnp.arange(self.count, dtype=jnp.int32)
        heights, waves, places = jax.vmap(lambda line: self._line(line, rpm, now, run, channels, clock))(lines)
        rows = jnp.moveaxis(heights, 1, 0).reshape(channels, -1)
        return scattered(rows, waves.reshape(rows.shape[1], -1), places.reshape(rows.shape[1], -1), count)

    def _line(
        self, line: Int[Array, ""], rpm: Float[Array, ""], now: Turns, run: Counter, channels: int, clock: Clock
    ) -> tuple[Float[Array, "channels turns"], Float[Array, "turns window"], Int[Array, "turns window"]]:
        """Heights, clicks and their places of one scratch after another, a click a turn.

        Its turns begin half a turn before it.
        """
        start = bits(stream(clock.key, "scratches", self.seed), -1 - line[None], -1 - line[None], 2)[:, 0]
        own = now.word[0] - start[0]
        turn = (now.whole[0] - (now.word[0] < start[0]).astype(jnp.uint32)).astype(jnp.int32)
        angles, heights, duration = self._drawn(line, turn + run, start[1], channels, clock)
        samples = 60 / rpm * clock.sample_rate
        near = jnp.rint((run + (jnp.asarray(angles, float) - jnp.asarray(own, float)) * WORD) * samples)
        near = near.astype(jnp.int32)
        aim = angles + start[0]
        # A float32 tells the place in a long take only about; where the disc stands there corrects it.
        near = near - jnp.rint(self._past(rpm, near, aim, clock) * samples).astype(jnp.int32)
        places = near[:, None] + window(clock.sample_rate)
        distance = self._past(rpm, places, aim[:, None], clock) * samples
        shape = pulse(duration, clock.sample_rate)
        waves = velocity(type(shape)(*(field[:, None] for field in shape)), distance)
        return heights, jnp.where(jnp.abs(distance) < REACH * clock.sample_rate, waves, 0.0), places

    def _past(
        self, rpm: Float[Array, ""], samples: Int[Array, "..."], aim: UInt32[Array, "..."], clock: Clock
    ) -> Float[Array, "..."]:
        """By how many turns the disc stands past an angle, `samples` after the block's first."""
        at = clock.after(samples)
        word = turns(rpm, at.second, at.sample, clock.sample_rate).word
        return jnp.asarray((word - aim).astype(jnp.int32), float) * WORD

    def _drawn(
        self, line: Int[Array, ""], turn: Int[Array, " turns"], offset: UInt32[Array, ""], channels: int, clock: Clock
    ) -> tuple[UInt32[Array, " turns"], Float[Array, "channels turns"], Float[Array, " turns"]]:
        """Of each turn: the angle, the heights on the walls (0 where the scratch is not there), and the duration."""
        lifetime = jax.lax.stop_gradient(self._steady("lifetime", clock))
        length = jnp.rint(lifetime).astype(jnp.int32)
        moved = turn + (offset >> 16).astype(jnp.int32) % length
        epoch, within = moved // length, moved % length
        words = bits(stream(clock.key, "scratches", self.seed), epoch, jnp.full_like(epoch, line), 6)
        draw = uniform(words)
        life = jnp.rint(lifetime * (0.25 + 0.75 * draw[0]))
        begins = jnp.floor(draw[1] * (lifetime - life))
        age = (within - begins + 0.5) / life
        present = (age > 0) & (age < 1)
        fade = jnp.where(present, jnp.sin(jnp.pi * jnp.clip(age, 0.0, 1.0)), 0.0)
        size = jnp.exp(self._steady("spread", clock) * (jnp.log(10.0) / 20) * _normal(draw[2])) * fade
        sign = 1.0 - 2.0 * jnp.asarray(words[2] & 1, float)
        tilt = jnp.pi * (0.25 + draw[4])
        walls = [jnp.sqrt(2.0) * (jnp.cos(tilt) if i % 2 == 0 else -jnp.sin(tilt)) for i in range(channels)]
        heights = jnp.stack([sign * size * (wall if channels > 1 else 1.0) for wall in walls])
        slant = jax.lax.stop_gradient(self._steady("slant", clock)) * (2 * draw[3] - 1)
        step = jnp.rint(slant * float(WORDS) / lifetime).astype(jnp.int32)
        place = jnp.uint32(WORDS // 2) + (words[5] >> 2) + (step * (within - length // 2)).astype(jnp.uint32)
        short, long = jnp.log(self._steady("shortest", clock)), jnp.log(self._steady("longest", clock))
        duration = jnp.exp(short + uniform(words[5] << 16) * (long - short))
        return place - jnp.uint32(WORDS // 8), heights, duration

    def _steady(self, name: str, clock: Clock) -> Float[Array, ""]:
        return steady(getattr(self, name), name, 1, clock).reshape(())

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))


def _turns_met(seconds: float) -> Counter:
    """Turns, counted from that in which a block begins, whose click it may hold.

    A click is at least `CLEAR` of a turn away from the ends of its turn, so a short block meets only its own.
    """
    spent = (seconds + 2 * REACH) * FASTEST / 60
    return jnp.arange(0 if spent < CLEAR else -1, 1 if spent < CLEAR else int(spent) + 2, dtype=jnp.int32)


def _normal(u: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.asarray(2.0**0.5 * jax.lax.erf_inv(2.0 * u - 1.0))


__all__ = ["Scratches"]
