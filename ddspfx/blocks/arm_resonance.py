"""The arm and cartridge on the stylus's spring: no bass below their resonance."""

import jax.numpy as jnp
import numpy as np

from ddspfx.blocks.filter import AbstractSection
from ddspfx.clock import Clock
from ddspfx.signal.design import section
from ddspfx.signal.svf import Section
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable


class ArmResonance(AbstractSection):
    """H(s) = s² / (s² + s / Q + 1), s in units of f0 = 1 / (2 pi sqrt(M C)).

    What the cartridge hears is the stylus against the arm, which follows the groove below f0. `mass` M in g is the
    effective mass of arm and cartridge, `compliance` C of the stylus in µm/mN, `resonance` Q the height of the peak;
    12 g on 20 µm/mN stand at 10.3 Hz. Warps drive it. State: two integrators a channel. Source: Bauer (1963), "On the
    damping of phonograph arms", JAES 11.
    """

    mass: SlotLike = param(2.0, 100.0, "g", default=12.0, log=True)
    compliance: SlotLike = param(2.0, 100.0, "µm/mN", default=20.0, log=True)
    resonance: SlotLike = param(0.3, 10.0, "", default=2.0, log=True)

    def frequency(self, x: Audio, clock: Clock) -> Readable:
        """f0 in Hz."""
        return 1 / (2 * np.pi * jnp.sqrt(1e-6 * read(self.mass, x, clock) * read(self.compliance, x, clock)))

    def design(self, x: Audio, clock: Clock) -> Section:
        """The coefficients for the samples of `x`."""
        return section("high_pass", self.frequency(x, clock), read(self.resonance, x, clock), None, clock.sample_rate)


__all__ = ["ArmResonance"]
