"""A linear response from a few numbers: second-order sections side by side, their poles fixed."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Complex, Float

from ddspfx.block import AbstractBlock
from ddspfx.clock import Clock
from ddspfx.signal.design import warp
from ddspfx.signal.svf import Section, section_response, svf
from ddspfx.types import Audio, State

LOWEST, HIGHEST = 18.0, 15_000.0
"""Hz between which the poles lie: beyond them a recording tells nothing about a tape machine."""
OVERLAP = 1.2
"""Width of a section over its distance to the next one: neighbours meet a little above their half power."""
BROADEST = 0.9
"""Largest damping ratio: at 1 a pair of poles would fall together on the real axis."""


class ParallelFilters(AbstractBlock):
    """H(s) = direct + Σ_k (low_k + band_k s_k) / (s_k² + 2 ζ s_k + 1), s_k = s in units of the k-th pole.

    `sections` poles lie at equal ratios from `lowest` to `highest` (Hz), their damping such that neighbours overlap;
    they are fixed, so the response is linear in its 2 sections + 1 numbers and a fit solves them exactly
    (`solve`). It is smooth by construction, at a resolution relative to frequency: what a recording does not
    excite is carried on from where it does. A section above the Nyquist frequency stays just below it. It starts
    as a wire. State: two integrators a section. Raises ValueError for fewer than two sections and for a range that
    does not rise.
    Source: Bank (2008), "Perceptually motivated audio equalization using fixed-pole parallel second-order filters",
    IEEE Signal Processing Letters 15.
    """

    direct: Float[Array, ""]
    low: Float[Array, " sections"]
    band: Float[Array, " sections"]
    lowest: float = eqx.field(static=True)
    highest: float = eqx.field(static=True)

    def __init__(self, sections: int = 16, lowest: float = LOWEST, highest: float = HIGHEST):
        if sections < 2:
            raise ValueError(f"sections is {sections}, but must be at least 2")
        if not 0 < lowest < highest:
            raise ValueError(f"lowest is {lowest} and highest {highest} Hz, but they must rise from above 0")
        self.direct = jnp.asarray(1.0, float)
        self.low, self.band = jnp.zeros(sections), jnp.zeros(sections)
        self.lowest, self.highest = float(lowest), float(highest)

    @property
    def cutoffs(self) -> Float[np.ndarray, " sections"]:
        """The poles' frequencies, Hz."""
        return np.geomspace(self.lowest, self.highest, self.low.shape[0])

    @property
    def weights(self) -> Float[Array, " numbers"]:
        """All numbers in one row: direct, low, band; in the order of `responses`."""
        return jnp.concatenate([self.direct[None], self.low, self.band])

    def with_weights(self, weights: ArrayLike) -> "ParallelFilters":
        """The same poles with these numbers, in the order of `weights`."""
        row = jnp.asarray(weights, self.low.dtype)
        count = self.low.shape[0]
        new = (row[0], row[1 : 1 + count], row[1 + count :])
        changed: ParallelFilters = eqx.tree_at(lambda block: (block.direct, block.low, block.band), self, new)
        return changed

    def _section(self, sample_rate: int, low: Array, band: Array) -> Section:
        cutoffs = self.cutoffs
        ratio = (cutoffs[-1] / cutoffs[0]) ** (1 / (len(cutoffs) - 1))
        damping = min(BROADEST, OVERLAP * (ratio - 1) / (ratio + 1))
        g = warp(jnp.asarray(cutoffs, low.dtype), sample_rate)
        return Section(g, jnp.full_like(g, 2 * damping), jnp.zeros_like(g), band, low)

    def responses(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "numbers frequencies"]:
        """The response that each of `weights` scales, at frequencies in Hz."""
        turns = jnp.asarray(frequencies, float) / sample_rate
        one, none = jnp.ones_like(self.low), jnp.zeros_like(self.low)
        rows = [
            section_response(Section(*(c[:, None] for c in self._section(sample_rate, *mix))), turns)
            for mix in ((one, none), (none, one))
        ]
        return jnp.concatenate([jnp.ones_like(rows[0][:1]), *rows])

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, " frequencies"]:
        """H at frequencies in Hz."""
        return self.weights @ self.responses(frequencies, sample_rate)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, self.low.shape[0], 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        channels, sections = x.shape[0], self.low.shape[0]
        one = self._section(clock.sample_rate, self.low, self.band)
        each = Section(*(jnp.tile(c, channels)[:, None] for c in one))
        y, end = svf(jnp.repeat(x, sections, axis=0), each, state.reshape(-1, 2))
        return self.direct * x + y.reshape(channels, sections, -1).sum(1), end.reshape(state.shape)


__all__ = ["ParallelFilters"]
