"""What a stylus loses because it touches the groove over a length: a low-pass that depends on the groove's speed."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Complex, Float

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.contact_spectrum import HALF, blended, half_ellipse, series
from ddspfx.signal.fir import fir
from ddspfx.signal.noise import filtered
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable, State

MICRON = 1e-6


class ContactLoss(AbstractBlock):
    """H(f) = 2 J1(k b) / (k b), k = 2 pi f / V: the stylus feels the mean of the groove over a half ellipse.

    `length` b (µm) is half the length of the contact along the groove, 3 to 4 µm for a new stylus and more for a worn
    or heavy one; `speed` V (m/s) is the groove's, a number or a source. The first null lies at 0.61 V / b. The FIR is
    linear in phase and `HALF` samples late, within -70 dB of H up to 0.45 of the sample rate. Where something moves,
    its taps are Chebyshev polynomials in (b / V)^2. Contacts longer than `longest` (s, of b / V) are held there; raises
    ValueError when it is not above 0.
    Sources: Kantrowitz (1963), "High-frequency stylus-groove relationships in phonograph cartridge transducers",
    J. Audio Eng. Soc. 11, and Hunt (1962), "The rational design of phonograph pickups", J. Audio Eng. Soc. 10, for
    losses by contact; the half ellipse is Hertz's pressure over a contact.
    """

    length: SlotLike = param(0.0, 40.0, "µm", default=4.0)
    speed: SlotLike = param(0.05, 3.0, "m/s", default=0.5)
    longest: float = eqx.field(static=True, default=8e-5)

    def __check_init__(self) -> None:
        if not self.longest > 0:
            raise ValueError(f"longest is {self.longest} s, but must be above 0")

    def latency(self, sample_rate: int) -> float:
        return float(HALF)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, 2 * HALF))

    def _share(self, x: Audio, clock: Clock) -> Readable:
        """(b / V)^2 over its greatest value, (channels or 1, count or 1)."""
        share = jnp.atleast_2d(MICRON / self.longest * read(self.length, x, clock) / read(self.speed, x, clock)) ** 2
        return jnp.minimum(share, 1.0)

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        taps = half_ellipse(self.longest * clock.sample_rate)
        share = self._share(x, clock.after(-HALF)).astype(x.dtype)
        if share.shape[1] == 1:
            return self._still(x, series(share, taps), state)
        line = jnp.concatenate([state.astype(x.dtype), x], axis=1)
        return blended(line, share, taps), line[:, x.shape[1] :]

    def _still(self, x: Audio, taps: Float[Array, "channels_or_1 taps"], state: State) -> tuple[Audio, State]:
        if taps.shape[0] > 1:
            return fir(x, taps, state)
        line = jnp.concatenate([state.astype(x.dtype), x], axis=1)
        return filtered(line, taps[0]), line[:, x.shape[1] :]

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "channels frequencies"]:
        """H at frequencies in Hz as the taps give it, latency removed; a source counts with its first value."""
        share = self._share(jnp.zeros((1, 1)), Clock.zero(sample_rate))[:, :1]
        taps = series(share, half_ellipse(self.longest * sample_rate))
        turns = np.asarray(frequencies, np.float64)[:, None] / sample_rate * (np.arange(taps.shape[1]) - HALF)
        return taps @ jnp.asarray(np.exp(-2j * np.pi * turns)).T

    @classmethod
    def examples(cls) -> tuple["ContactLoss", ...]:
        from ddspfx.source.groove import GrooveSpeed

        return cls(), cls(6.0, GrooveSpeed())


__all__ = ["ContactLoss"]
