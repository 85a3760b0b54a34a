"""Magnetic hysteresis as an audio block: a head's field in, a tape's magnetisation out."""

import equinox as eqx
import jax.numpy as jnp

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.signal.jiles_atherton import Magnetics, magnetise
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, State

FULL_SCALE_FIELD = 5e4
"""Field of a full-scale sample at a drive of 0 dB, A/m: about twice the coercivity of ferric tape."""
_SATURATION, _SHAPE, _COERCIVITY = 3.5e5, 2.2e4, 2.7e4
"""Ferric tape, A/m: the tape parameters of Chowdhury (2019), DAFx, with alpha = 1.6e-3."""
_COUPLING, _REVERSIBILITY = 1.6e-3 * _SATURATION / (3 * _SHAPE), 0.5
UNIT_MAGNETISATION = _SATURATION * _REVERSIBILITY / 3 * FULL_SCALE_FIELD / _SHAPE / (1 - _COUPLING * _REVERSIBILITY)
"""Magnetisation of a full-scale sample out, A/m: a faint signal passes the default settings at gain 1."""


class Hysteresis(AbstractBlock):
    """Jiles-Atherton hysteresis: H = 10^(drive/20) FULL_SCALE_FIELD x, y = M(H) / UNIT_MAGNETISATION.

    `saturation` Ms, `shape` a (how slowly the curve bends) and `coercivity` k (how wide the loop is) are in
    A/m. `coupling` is alpha Ms / (3 a), the interaction of domains, whose range keeps it below 1, where the
    curve would become many-valued. `reversibility` c is the share of magnetisation that follows the field
    without loss: 0.17 in Chowdhury, who adds the bias as a signal, and higher here in place of an AC bias. A
    faint signal's gain is proportional to c, so more than half of the default's loudness is reversible.
    `solver` is "rk2", "rk4" or "newton"; `substeps` a sample are its own default when left out.
    |y| <= Ms / UNIT_MAGNETISATION for any input. Aliasing is left to `Oversampled`.
    Sources: Jiles and Atherton (1986), J. Magn. Magn. Mater. 61; Chowdhury (2019), "Real-time physical
    modelling for analog tape machines", DAFx; Holters and Zölzer (2016), DAFx. The equation stands at
    `ddspfx.signal.jiles_atherton.magnetise`.
    """

    drive: SlotLike = param(-24.0, 24.0, "dB", default=0.0)
    saturation: SlotLike = param(1e5, 1e6, "A/m", default=_SATURATION, log=True)
    shape: SlotLike = param(5e3, 1e5, "A/m", default=_SHAPE, log=True)
    coercivity: SlotLike = param(1e3, 1e5, "A/m", default=_COERCIVITY, log=True)
    coupling: SlotLike = param(0.0, 0.95, "", default=_COUPLING)
    reversibility: SlotLike = param(0.0, 0.95, "", default=_REVERSIBILITY)
    solver: str = eqx.field(static=True, default="rk4")
    substeps: int | None = eqx.field(static=True, default=None)

    def init_state(self, channels: int, sample_rate: int) -> State:
        """M and H of the last sample, A/m: a demagnetised tape."""
        return jnp.zeros(channels), jnp.zeros(channels)

    def material(self, x: Audio, clock: Clock) -> Magnetics:
        """The slots as the material's constants."""
        slots = (self.saturation, self.shape, self.coercivity, self.coupling, self.reversibility)
        return Magnetics(*(read(slot, x, clock) for slot in slots))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        H = FULL_SCALE_FIELD * amplitude(read(self.drive, x, clock)) * x
        before, field = state
        M = magnetise(H, before, field, self.material(x, clock), self.solver, self.substeps)
        return M / UNIT_MAGNETISATION, (M[:, -1], H[:, -1])
