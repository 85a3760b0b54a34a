"""A cascade of second-order sections given by their coefficients, as SciPy writes them."""

from typing import Self

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float
from numpy.typing import ArrayLike

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.design import Sections, from_sos, to_sos
from ddspfx.signal.svf import Section, cascade, section_response
from ddspfx.types import Audio, State


class Biquad(AbstractBlock):
    """Second-order sections in a row: H(z) = prod (b0 + b1 z⁻¹ + b2 z⁻²) / (a0 + a1 z⁻¹ + a2 z⁻²).

    `Biquad(b, a)` takes up to three coefficients of each, or (sections, 3); `Biquad.from_sos` takes SciPy's
    (sections, 6). What is stored and trained is the state-variable form (`signal.svf.Section`), which float32
    holds at 20 Hz and 192 kHz, where it cannot hold a1 and a2; log g and log damping, so that no optimiser can
    make it unstable. It belongs to the sample rate it was designed for. State: two integrators a section.
    Raises ValueError for another shape, for what is not finite, and for an unstable section.
    """

    log_g: Float[Array, " sections"]
    log_damping: Float[Array, " sections"]
    high: Float[Array, " sections"]
    band: Float[Array, " sections"]
    low: Float[Array, " sections"]

    def __init__(self, b: ArrayLike = (1.0, 0.0, 0.0), a: ArrayLike = (1.0, 0.0, 0.0)):
        found = from_sos(np.concatenate([_three(b, "b"), _three(a, "a")], axis=1))
        self.log_g, self.log_damping = jnp.asarray(np.log(found.g)), jnp.asarray(np.log(found.damping))
        self.high, self.band, self.low = jnp.asarray(found.high), jnp.asarray(found.band), jnp.asarray(found.low)

    @classmethod
    def from_sos(cls, sos: ArrayLike) -> Self:
        """The cascade that `scipy.signal.sosfilt(sos, x)` runs. Raises ValueError for other than six columns."""
        rows = np.atleast_2d(np.asarray(sos, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != 6:
            raise ValueError(f"sos has shape {rows.shape}, but must be (sections, 6): b0 b1 b2 a0 a1 a2")
        return cls(rows[:, :3], rows[:, 3:])

    def to_sos(self) -> Float[np.ndarray, "sections 6"]:
        """The coefficients as SciPy takes them, in float64, a0 = 1."""
        log_g, log_damping, *mix = (np.asarray(c, dtype=np.float64) for c in self._stored())
        return to_sos(Sections(np.exp(log_g), np.exp(log_damping), *mix))

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, " frequencies"]:
        """H at frequencies in Hz."""
        turns = jnp.asarray(frequencies, float) / sample_rate
        whole = Section(*(c[:, None] for c in self._coefficients()))
        return jnp.prod(section_response(whole, turns), axis=0)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, self.log_g.shape[0], 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        whole = self._coefficients()
        return cascade(x, tuple(Section(*(c[i] for c in whole)) for i in range(self.log_g.shape[0])), state)

    def _stored(self) -> tuple[Float[Array, " sections"], ...]:
        return self.log_g, self.log_damping, self.high, self.band, self.low

    def _coefficients(self) -> Section:
        return Section(jnp.exp(self.log_g), jnp.exp(self.log_damping), self.high, self.band, self.low)

    @classmethod
    def examples(cls) -> tuple["Biquad", ...]:
        """A Butterworth low-pass of fourth order at a quarter of Nyquist, and a first-order section."""
        fourth = [[0.0102, 0.0204, 0.0102, 1.0, -1.3209, 0.4327], [1.0, 2.0, 1.0, 1.0, -1.6300, 0.7684]]
        return cls.from_sos(fourth), cls((0.5, 0.1), (1.0, -0.8))


def _three(given: ArrayLike, name: str) -> Float[np.ndarray, "sections 3"]:
    rows = np.atleast_2d(np.asarray(given, dtype=np.float64))
    if rows.ndim != 2 or not 1 <= rows.shape[1] <= 3:
        raise ValueError(
            f"{name} has shape {np.shape(given)}, but must have up to 3 coefficients: (3,) or (sections, 3)"
        )
    return np.pad(rows, ((0, 0), (0, 3 - rows.shape[1])))


__all__ = ["Biquad"]
