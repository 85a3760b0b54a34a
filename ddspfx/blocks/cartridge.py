"""A magnetic cartridge: the stylus's tip on the elastic groove, and the coil on its load."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ddspfx.blocks.shaped import AbstractShaped
from ddspfx.clock import Clock
from ddspfx.signal.magnitude import grid
from ddspfx.slot import SlotLike, param
from ddspfx.source.steady import refuse_source, steady

SLOT_NAMES = ("tip", "resonance", "inductance", "resistance", "capacitance", "load")


class Cartridge(AbstractShaped):
    """|H(f)| of the tip's resonance times that of the loaded coil, each 0 dB at low frequencies.

        tip   1 / (1 - (f / f0)² + i f / (f0 Q))
        coil  (1 + R / Rl) / (1 + (R + s L) (1 / Rl + s C)),  s = 2 pi i f

    `tip` f0 in Hz is where the effective tip mass stands on the groove's compliance (12 to 25 kHz for vinyl), and
    `resonance` its Q. The coil has `inductance` L (mH) and `resistance` R (ohm), and works into the cable's
    `capacitance` C (pF) and the `load` Rl (kohm). Both are of minimum phase, and so is the FIR of `taps` (at 48 kHz).
    The slots stand still; a source in one is refused (ValueError). Sources: Hunt (1962), "The rational design of
    phonograph pickups", JAES 10; Hallgren (1975), "On the damping of phonograph styli", JAES 23, for the load.
    """

    tip: SlotLike = param(5_000.0, 50_000.0, "Hz", default=18_000.0, log=True)
    resonance: SlotLike = param(0.2, 10.0, "", default=1.2, log=True)
    inductance: SlotLike = param(0.01, 2_000.0, "mH", default=450.0, log=True)
    resistance: SlotLike = param(1.0, 5_000.0, "ohm", default=600.0, log=True)
    capacitance: SlotLike = param(10.0, 2_000.0, "pF", default=200.0, log=True)
    load: SlotLike = param(0.05, 200.0, "kohm", default=47.0, log=True)
    taps: int = eqx.field(static=True, default=96)
    phase: str = eqx.field(static=True, default="minimum")

    def __check_init__(self) -> None:
        grid(self.taps, 1, self.phase)
        for name in SLOT_NAMES:
            refuse_source(getattr(self, name), name)

    def wanted(self, frequencies: ArrayLike, clock: Clock) -> Float[Array, "channels_or_1 frequencies"]:
        """The formula at frequencies in Hz."""
        f0, Q, L, R, C, Rl = (steady(getattr(self, name), name, 1, clock) for name in SLOT_NAMES)
        f = jnp.asarray(np.asarray(frequencies, np.float64), float)[None]
        squared = (2 * np.pi * f) ** 2
        # Units that keep float32 far from its ends: ms for L / R in mH over ohm, s for C Rl.
        steps, times = L * C * 1e-15, C * 1e-12 * R + L / Rl * 1e-6
        still = 1 + R / (1e3 * Rl)
        coil = jnp.sqrt((still - squared * steps) ** 2 + squared * times**2) / still
        place = (f / f0) ** 2
        return 1 / (coil * jnp.sqrt((1 - place) ** 2 + place / Q**2))


__all__ = ["Cartridge"]
