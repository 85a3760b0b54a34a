"""The hiss of a groove's surface: a spectrum per wall, louder and softer with the revolution, and worn."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ddspfx.clock import Clock
from ddspfx.signal.colour import level_taps
from ddspfx.signal.groove import RPMS
from ddspfx.signal.noise import bits, filtered, gaussian, stream
from ddspfx.slot import AbstractSource, Constant, Param, SlotLike, param, read
from ddspfx.source.groove import FASTEST, SLOWEST
from ddspfx.source.noise import TAPS_RATE
from ddspfx.source.steady import refuse_source, steady
from ddspfx.source.turns import turns_of
from ddspfx.types import Audio, Mono, Readable

HARMONICS = 4
KNOTS = (30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 20_000.0)
"""Hz."""
LEAST = 1e-6
"""Of the power, -60 dB: what a correlation of 1 or -1 leaves of the other movement."""
LEVELS = (-2.75, -2.75, 0.0, -1.24, -7.27, -11.59, -12.94)
"""dB, of a record: see `surface_noise.MEASURED`."""


class SurfaceHiss(AbstractSource):
    """g(t) m(angle) n(t): Gaussian noise of unit RMS with a spectrum per wall, modulated by the revolution.

        m = (1 + sum_k depth_k cos 2 pi k (angle - phase_k)) / sqrt(1 + sum_k depth_k^2 / 2),  k = 1 to 4

    `levels` (dB) at `frequencies` (Hz) are spectral densities, for both walls alike or a row a wall; between them the
    level runs straight over log frequency, beyond them it holds. Their mean falls out since the RMS is one. `depth` is
    one number, which the k-th harmonic has 1 / k^2 of, or one a harmonic; `phase` (turns) alike. `growth` in dB is
    what wear adds, a number, a knob or a source that follows the side (`Wear`). `correlation` is that of the walls, one
    number or one a frequency: 1 moves sideways (left = right), -1 up and down (left = -right).
    Noise is drawn again as far back as the FIR of `taps` (at 48 kHz) reaches: there is no state. Raises ValueError
    where a source is given for another slot, frequencies do not rise or are not as many as the levels.
    """

    frequencies: tuple[float, ...] = eqx.field(static=True, converter=lambda f: tuple(float(v) for v in f))
    levels: SlotLike = param(-160.0, 60.0, "dB")
    depth: SlotLike = param(0.0, 1.0, "", default=0.1)
    phase: SlotLike = param(-1.0, 1.0, "turns", default=0.0)
    growth: SlotLike = param(-40.0, 40.0, "dB", default=0.0)
    correlation: SlotLike = param(-1.0, 1.0, "", default=0.0)
    rpm: SlotLike = param(SLOWEST, FASTEST, "rpm", default=RPMS[0])
    seed: int = eqx.field(static=True, default=0)
    taps: int = eqx.field(static=True, default=256)

    def __init__(
        self,
        frequencies: Sequence[float] = KNOTS,
        levels: SlotLike | Sequence[float] | Sequence[Sequence[float]] = LEVELS,
        depth: SlotLike = 0.1,
        phase: SlotLike = 0.0,
        growth: SlotLike = 0.0,
        correlation: SlotLike | Sequence[float] = 0.0,
        rpm: SlotLike = RPMS[0],
        seed: int = 0,
        taps: int = 256,
    ):
        self.frequencies, self.depth, self.phase, self.growth = tuple(frequencies), depth, phase, growth
        self.levels = jnp.asarray(levels, float) if isinstance(levels, Sequence) else levels
        self.correlation = jnp.asarray(correlation, float) if isinstance(correlation, Sequence) else correlation
        self.rpm, self.seed, self.taps = rpm, seed, taps

    def __check_init__(self) -> None:
        f = np.asarray(self.frequencies)
        if f.size < 2 or f[0] <= 0 or not np.all(np.diff(f) > 0):
            raise ValueError(f"frequencies is {self.frequencies}, but must be two or more, rising from above 0 Hz")
        if isinstance(self.levels, Param) and np.shape(self.levels.raw)[-1:] != f.shape:
            raise ValueError(f"levels has shape {np.shape(self.levels.raw)}, but must have one for each of {f.size}")
        if isinstance(self.correlation, Param) and np.size(self.correlation.raw) not in (1, f.size):
            raise ValueError(f"correlation has {np.size(self.correlation.raw)} numbers, but must have 1 or {f.size}")
        if self.taps < 8:
            raise ValueError(f"taps is {self.taps}, but must be at least 8")
        for name in ("levels", "depth", "phase", "correlation", "rpm"):
            refuse_source(getattr(self, name), name)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        size = 2 * max(4, round(self.taps * clock.sample_rate / TAPS_RATE / 2))
        own = self._coloured(channels, count, size, clock)
        gain = jnp.exp(float(np.log(10) / 20) * read(self.growth, own, clock))
        return own * gain * self._modulation(count, clock)

    def _coloured(self, channels: int, count: int, size: int, clock: Clock) -> Audio:
        """Lateral and vertical noise, each with its share of the walls' spectra."""
        second, sample = clock.after(1 - size).run(count + size - 1)
        white = gaussian(bits(stream(clock.key, "surface hiss", self.seed), second, sample, 2))
        levels = steady(self.levels, "levels", 1, clock).reshape(-1, len(self.frequencies))
        correlation = steady(self.correlation, "correlation", 1, clock).reshape(-1)
        shares = [10 * jnp.log10(jnp.maximum((1 + sign * correlation) / 2, LEAST)) for sign in (1.0, -1.0)]
        walls = []
        for row in levels:
            taps = [level_taps(row + share, self.frequencies, size, clock.sample_rate) for share in shares]
            unit = jnp.sqrt(jnp.sum(jnp.stack(taps) ** 2))
            walls.append([filtered(white[k : k + 1], taps[k] / unit)[0] for k in range(2)])
        parts = [walls[i % len(walls)] for i in range(channels)]
        return jnp.stack(
            [lateral + vertical if i % 2 == 0 else lateral - vertical for i, (lateral, vertical) in enumerate(parts)]
        )

    def _modulation(self, count: int, clock: Clock) -> Mono:
        angle = turns_of(steady(self.rpm, "rpm", 1, clock).reshape(()), count, clock).angle
        order = jnp.arange(1.0, HARMONICS + 1)
        given = steady(self.depth, "depth", 1, clock).reshape(-1)
        depth = given / order**2 if given.shape[0] == 1 else given
        phase = steady(self.phase, "phase", 1, clock).reshape(-1)
        swing = sum(
            depth[k] * jnp.cos(2 * np.pi * (k + 1) * (angle - jnp.broadcast_to(phase, (HARMONICS,))[k]))
            for k in range(HARMONICS)
        )
        return jnp.asarray((1.0 + swing) / jnp.sqrt(1.0 + jnp.sum(depth**2) / 2))

    def quiet(self) -> AbstractSource:
        return Constant(jnp.zeros(()))


class Wear(AbstractSource):
    """amount (rim + (centre - rim) p(t)) in dB, p from 0 at the first groove to 1 at the last: wear, worse inside.

    `amount` (0 to 1) is for the knob; `position` is where on the side the take plays, a number or `SidePosition`.
    """

    amount: SlotLike = param(0.0, 1.0, "", default=0.5)
    position: SlotLike = param(0.0, 1.0, "", default=0.0)
    rim: SlotLike = param(-40.0, 40.0, "dB", default=6.0)
    centre: SlotLike = param(-40.0, 40.0, "dB", default=12.0)

    def __check_init__(self) -> None:
        for name in ("amount", "rim", "centre"):
            refuse_source(getattr(self, name), name)

    def read(self, channels: int, count: int, clock: Clock) -> Readable:
        amount, rim, centre = (
            steady(getattr(self, name), name, 1, clock).reshape(()) for name in ("amount", "rim", "centre")
        )
        place = read(self.position, jnp.zeros((1, count)), clock)
        return jnp.broadcast_to(amount * (rim + (centre - rim) * place), (1, count))


__all__ = ["SurfaceHiss", "Wear"]
