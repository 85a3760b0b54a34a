"""What a tape and a head lose at short wavelengths: spacing, thickness, gap and azimuth."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Complex, Float

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.fir import fir
from ddspfx.signal.magnitude import grid, taps_of
from ddspfx.signal.noise import filtered
from ddspfx.slot import SlotLike, param
from ddspfx.source.steady import refuse_source, steady
from ddspfx.types import Audio, State

INCH = 0.0254
"""Metres."""
MICRON = 1e-6
ARC_MINUTE = np.pi / (180 * 60)
TAPS_RATE = 48_000
"""Hz at which `taps` is counted; another rate has as many more."""
PRODUCT = 4_096
"""Samples of a piece up to which one matrix product, made when a stream is compiled, beats a convolution."""
SLOT_NAMES = ("spacing", "thickness", "gap", "azimuth", "width", "speed")


def sinc(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """sin(u) / u."""
    return jnp.sinc(u / jnp.pi)


def mean_decay(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """(1 - exp(-u)) / u, with its limit 1 - u / 2 near zero."""
    near = u < 1e-3
    away = jnp.where(near, 1.0, u)
    return jnp.where(near, 1 - u / 2, -jnp.expm1(-away) / away)


class TapeLoss(AbstractBlock):
    """H(f) = exp(-k d) (1 - exp(-k delta)) / (k delta) sinc(k g / 2) sinc(k w tan(alpha) / 2), k = 2 pi f / v.

    `spacing` d between tape and head, `thickness` delta of the layer that is recorded, `gap` g of the replay head,
    in µm; `azimuth` alpha in arc minutes with the track's `width` w in mm; `speed` v in inches a second. All of it
    is even in space, so the tape itself shifts no phase: `phase` is "linear", an FIR of `taps` (at 48 kHz) that is
    half of them late, or "minimum", without latency, for equalisers that undo a loss. `inverse` gives 1 / H, held
    at `limit` dB. The slots stand still while they are read; a source in them is refused (ValueError), as are taps
    that are odd. Sources: Bertram (1994), "Theory of Magnetic Recording", ch. 5 and 6; Kadis (2012), "The Science
    of Sound Recording", for the same in audio; Chowdhury (2019), DAFx, loss effects.
    """

    spacing: SlotLike = param(0.0, 50.0, "µm", default=1.0)
    thickness: SlotLike = param(0.0, 50.0, "µm", default=6.0)
    gap: SlotLike = param(0.0, 25.0, "µm", default=3.0)
    azimuth: SlotLike = param(-60.0, 60.0, "'", default=0.0)
    width: SlotLike = param(0.1, 25.0, "mm", default=2.0)
    speed: SlotLike = param(0.5, 60.0, "ips", default=7.5)
    taps: int = eqx.field(static=True, default=192)
    phase: str = eqx.field(static=True, default="minimum")
    inverse: bool = eqx.field(static=True, default=False)
    limit: float = eqx.field(static=True, default=24.0)

    def __check_init__(self) -> None:
        grid(self.taps, 1, self.phase)
        for name in SLOT_NAMES:
            refuse_source(getattr(self, name), name)

    def loss(self, frequencies: ArrayLike, clock: Clock | None = None) -> Float[Array, "channels_or_1 frequencies"]:
        """The formula at frequencies in Hz, negative beyond a null of the gap."""
        clock = Clock.zero(1) if clock is None else clock
        d, delta, g, alpha, w, v = (steady(getattr(self, name), name, 1, clock) for name in SLOT_NAMES)
        k = jnp.asarray(2 * np.pi / INCH * np.asarray(frequencies, np.float64), float) / v
        tilt = sinc(k * (0.5e-3 * w) * jnp.tan(ARC_MINUTE * alpha)) * sinc(k * (0.5 * MICRON * g))
        return jnp.atleast_2d(jnp.exp(-k * (MICRON * d)) * mean_decay(k * (MICRON * delta)) * tilt)

    def _wanted(self, frequencies: ArrayLike, clock: Clock) -> Float[Array, "channels_or_1 frequencies"]:
        loss = self.loss(frequencies, clock)
        if not self.inverse:
            return loss
        # A soft hold: 1 / sqrt(H² + least²) is smooth through the gap's null.
        least = 10 ** (-self.limit / 20)
        return float(np.sqrt(1 + least**2)) / jnp.sqrt(loss**2 + least**2)

    def design(self, clock: Clock) -> Float[Array, "channels_or_1 taps"]:
        """The taps at the clock's rate."""
        size = self._size(clock.sample_rate)
        rows = self._wanted(grid(size, clock.sample_rate, self.phase), clock)
        return jnp.stack([taps_of(row, size, self.phase) for row in rows])

    def _size(self, sample_rate: int) -> int:
        return 2 * max(1, round(self.taps * sample_rate / TAPS_RATE / 2))

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "channels frequencies"]:
        """H at frequencies in Hz as the taps give it, latency removed."""
        taps = self.design(Clock.zero(sample_rate))
        places = np.arange(taps.shape[1]) - self.latency(sample_rate)
        turns = np.asarray(frequencies, dtype=np.float64)[:, None] / sample_rate * places
        return taps @ jnp.asarray(np.exp(-2j * np.pi * turns)).T

    def latency(self, sample_rate: int) -> float:
        return self._size(sample_rate) / 2 if self.phase == "linear" else 0.0

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, self._size(sample_rate) - 1))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        taps = self.design(clock)
        if taps.shape[0] > 1 or x.shape[1] > PRODUCT:
            return fir(x, taps, state)
        line = jnp.concatenate([state.astype(x.dtype), x], axis=1)
        return filtered(line, taps[0].astype(x.dtype)), line[:, x.shape[1] :]

    @classmethod
    def examples(cls) -> tuple["TapeLoss", ...]:
        return cls(azimuth=5.0), cls(phase="minimum", inverse=True)


__all__ = ["ARC_MINUTE", "INCH", "TapeLoss"]
