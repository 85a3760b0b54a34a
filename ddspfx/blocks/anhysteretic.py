"""Tape magnetised under AC bias: the smooth curve that bias makes of a hysteresis loop, and what it leaves of it."""

from typing import Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.blocks.hysteresis import FULL_SCALE_FIELD
from ddspfx.clock import Clock
from ddspfx.signal.bias import anhysteretic_fit, biased_langevin, nodes
from ddspfx.signal.envelope import smooth
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable, State

SATURATION, SHAPE = 3.5e5, 2.193e4
"""Ferric tape, A/m: Chowdhury (2019), DAFx; its 2.2e4 less what the coupling of domains takes."""
NOMINAL_BIAS = 5e4
"""A/m; 2.4 dB beyond the bias of greatest sensitivity, about where studios set it."""
BIASES = tuple(range(-12, 10, 2))
"""dB about the nominal bias at which the next table stands."""
EQUIVALENTS = (
    (26_900, 24_700, 31_700),
    (33_900, 30_800, 40_500),
    (42_400, 38_400, 51_800),
    (53_800, 48_200, 64_900),
    (69_800, 61_100, 79_600),
    (89_900, 78_100, 100_200),
    (110_800, 96_900, 129_500),
    (131_500, 115_700, 167_700),
    (147_800, 127_800, 211_700),
    (156_300, 128_900, 273_400),
    (146_900, 92_400, 399_600),
)
"""Swing, lag and rise in A/m that follow the biased loop of that tape (coercivity 27 kA/m, reversibility 0.17) within
3e-4 of saturation, its third harmonic within 1 dB: least squares as in `of_loop`, held near one row so that the rows
move smoothly."""
_SWING, _LAG, _RISE = EQUIVALENTS[BIASES.index(0)]
IRREVERSIBLE = 0.05
"""Share of a small field that the residual loop holds back, 0.45 dB: without it the faintest signals would stick."""
_SENSITIVITY = 0.7543
"""Share of the unbiased curve's slope that the bias leaves in these settings: 3 L' averaged over the offsets."""
UNIT_MAGNETISATION = SATURATION * _SENSITIVITY / 3 * FULL_SCALE_FIELD / SHAPE
"""Magnetisation of a full-scale sample out, A/m: a faint signal passes the default settings at gain 1."""


class Anhysteretic(AbstractBlock):
    """y = M(H) / UNIT_MAGNETISATION / g, H = g FULL_SCALE_FIELD x, g = 10^(drive / 20), M the mean over the bias

        M(H) = Ms / 2 sum_(+,-) mean over theta of L((H +- o(theta)) / a),  L(u) = coth u - 1 / u,
        o(theta) = s cos(theta) - lag tanh((s (1 + cos(theta)) - lag) / rise).

    An AC bias far above hearing carries the tape round its loop many times while the signal hardly moves, and what
    remains is a smooth curve: the mean of the branches on the way down and up. `saturation` Ms and `shape` a are the
    tape's; `swing` s, `lag` and `rise` say how far the bias carries the magnetisation along its curve, all in A/m.
    `of_loop` finds them for a Jiles-Atherton loop and a bias; `EQUIVALENTS` holds them for ferric tape. More bias
    makes the curve straighter and less sensitive. `residual` r (A/m) is the half width of the loop that is left,

        M(H - b),  db / d|H| = 0.05 (sign dH - b / r),

    independent of the rate as hysteresis is, and gone at 1 A/m. `drive` (dB) leaves the level of faint signals as it
    is. The mean is taken over `points` places of the bias. Aliasing is left to `Oversampled`. Raises ValueError for
    no points. Source of the loop: Jiles and Atherton (1986), J. Magn. Magn. Mater. 61; of its bias, Chowdhury
    (2019), DAFx; of the anhysteretic view of recording, Bertram (1994), "Theory of Magnetic Recording", ch. 10. The
    form of the offsets is ours.
    """

    drive: SlotLike = param(-24.0, 36.0, "dB", default=0.0)
    saturation: SlotLike = param(1e5, 1.5e6, "A/m", default=SATURATION, log=True)
    shape: SlotLike = param(2e3, 2e5, "A/m", default=SHAPE, log=True)
    swing: SlotLike = param(1e2, 1e6, "A/m", default=_SWING, log=True)
    lag: SlotLike = param(1e2, 1e6, "A/m", default=_LAG, log=True)
    rise: SlotLike = param(1e2, 1e6, "A/m", default=_RISE, log=True)
    residual: SlotLike = param(1.0, 1e4, "A/m", default=20.0, log=True)
    points: int = eqx.field(static=True, default=12)

    def __check_init__(self) -> None:
        nodes(self.points)

    @classmethod
    def of_loop(
        cls,
        bias: float = NOMINAL_BIAS,
        saturation: float = 3.5e5,
        shape: float = 2.2e4,
        coercivity: float = 2.7e4,
        coupling: float = 1.6e-3 * 3.5e5 / 6.6e4,
        reversibility: float = 0.17,
        drive: SlotLike = 0.0,
    ) -> tuple[Self, float]:
        """The equivalent of a Jiles-Atherton loop under a bias of that amplitude, and how far it is off.

        Fields in A/m; `coupling` is alpha Ms / (3 a). The curve is fitted by least squares to the mean of the loop
        over its last cycle at fields up to four shapes beyond the bias; the second answer is the RMS of what
        is left, as a share of saturation. Offline.
        """
        found = anhysteretic_fit(bias, shape, coercivity, coupling, reversibility)
        curve = cls(drive, saturation, found.shape, found.swing, found.lag, found.rise, residual=1.0, points=24)
        return curve, found.miss

    def magnetisation(self, H: Audio, clock: Clock) -> Audio:
        """M in A/m for a field in A/m, without the residual loop."""
        a = read(self.shape, H, clock)
        swing, lag, rise = (read(slot, H, clock) / a for slot in (self.swing, self.lag, self.rise))
        return read(self.saturation, H, clock) * biased_langevin(H / a, swing, lag, rise, self.points)

    def init_state(self, channels: int, sample_rate: int) -> State:
        """The field of the last sample and its lag, A/m."""
        return jnp.zeros(channels), jnp.zeros(channels)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        gain = amplitude(read(self.drive, x, clock))
        H = FULL_SCALE_FIELD * gain * x
        before, lag = state
        behind = self._behind(H, before, lag, read(self.residual, x, clock))
        M = self.magnetisation(H - behind, clock)
        return M / UNIT_MAGNETISATION / gain, (H[:, -1], behind[:, -1])

    def _behind(
        self, H: Audio, before: Float[Array, " channels"], lag: Float[Array, " channels"], residual: Readable
    ) -> Audio:
        """The residual lag: exact along the straight line from sample to sample."""
        way = H - jnp.concatenate([before[:, None].astype(H.dtype), H[:, :-1]], axis=1)
        rate = -jnp.expm1(-IRREVERSIBLE * jnp.abs(way) / residual)
        return smooth(jnp.sign(way) * residual, rate, rate, lag)

    @classmethod
    def examples(cls) -> tuple["Anhysteretic", ...]:
        return cls(), cls(12.0, swing=8e4, residual=5e3)


__all__ = ["UNIT_MAGNETISATION", "Anhysteretic"]
