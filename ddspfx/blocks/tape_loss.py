"""What a tape and a head lose at short wavelengths: spacing, thickness, gap and azimuth."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ddspfx.blocks.shaped import AbstractShaped
from ddspfx.clock import Clock
from ddspfx.signal.magnitude import grid
from ddspfx.slot import SlotLike, param
from ddspfx.source.steady import refuse_source, steady

INCH = 0.0254
"""Metres."""
MICRON = 1e-6
ARC_MINUTE = np.pi / (180 * 60)
SLOT_NAMES = ("spacing", "thickness", "gap", "azimuth", "width", "speed")


def sinc(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """sin(u) / u."""
    return jnp.sinc(u / jnp.pi)


def mean_decay(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """(1 - exp(-u)) / u, with its limit 1 - u / 2 near zero."""
    near = u < 1e-3
    away = jnp.where(near, 1.0, u)
    return jnp.where(near, 1 - u / 2, -jnp.expm1(-away) / away)


class TapeLoss(AbstractShaped):
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

    def wanted(self, frequencies: ArrayLike, clock: Clock) -> Float[Array, "channels_or_1 frequencies"]:
        """The loss, or its inverse within `limit`."""
        loss = self.loss(frequencies, clock)
        if not self.inverse:
            return loss
        # A soft hold: 1 / sqrt(H² + least²) is smooth through the gap's null.
        least = 10 ** (-self.limit / 20)
        return float(np.sqrt(1 + least**2)) / jnp.sqrt(loss**2 + least**2)

    @classmethod
    def examples(cls) -> tuple["TapeLoss", ...]:
        return cls(azimuth=5.0), cls(phase="minimum", inverse=True)


__all__ = ["ARC_MINUTE", "INCH", "TapeLoss"]
