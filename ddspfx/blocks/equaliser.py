"""Equalisers: graphic, with fixed bands, and parametric, with two shelves and peaks that have names."""

import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float
from numpy.typing import ArrayLike

from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import AbstractNamed
from ddspfx.blocks.filter import AbstractFilter, HighShelf, LowShelf, Peak
from ddspfx.clock import Clock
from ddspfx.signal.svf import Section, cascade, section_response
from ddspfx.slot import AbstractSlot, AbstractSource, SlotLike, param, read
from ddspfx.types import Audio, Readable, State

_PER_OCTAVE = {"octave": 1, "third_octave": 3}
_WIDTH = 1.5
"""A peak's width in bands between the points of half its gain in dB: narrower ripples more, wider fights more."""
_PROTOTYPE = 12.0
"""Gain in dB at which the peaks' leakage into each other is measured."""
_PASSES = 2
"""Corrections after the matrix: they take the error at the centres from 2.4 dB to 0.5 dB at worst (zigzag of 12 dB)."""
_TOP = 0.46
"""Share of the sample rate up to which a band is played; one above it stays flat."""


def centres(bands: str) -> Float[np.ndarray, " bands"]:
    """Exact centre frequencies in Hz: ten octaves from 31.6 Hz to 15.8 kHz, or 31 thirds from 20 Hz to 20 kHz.

    f = 1000 · 10^(0.3 n / b) for b bands an octave; printed on panels as 31.5, 63, 125 … and 20, 25, 31.5 ….
    Raises ValueError for other bands. Source: IEC 61260-1 (2014); ISO 266 (1997) for the names.
    """
    if bands not in _PER_OCTAVE:
        raise ValueError(f"bands is {bands!r}, but must be one of {', '.join(_PER_OCTAVE)}")
    steps = np.arange(-5, 5) if bands == "octave" else np.arange(-17, 14)
    return 1_000.0 * 10.0 ** (0.3 * steps / _PER_OCTAVE[bands])


class GraphicEQ(AbstractBlock):
    """A peak filter a band in a row, their gains corrected so that the response meets `gains` at the centres.

    `gains` in dB, a number a band (or one for all, or a source that moves all together); `bands` is "octave"
    (10 of them) or "third_octave" (31). Bands above 0.46 of the sample rate stay flat. A peak leaks into its
    neighbours' centres by a part of its gain that hardly depends on the gain, so one inverted matrix finds the
    peaks' gains, and two passes of the same matrix on what is still missing come within 0.5 dB, between
    -12 and 12 dB, of any wish. Raises ValueError for another number of gains than bands.

    Source: Välimäki and Liski (2017), "Accurate cascade graphic equalizer"; the bandwidths,
    compressed near half the sample rate, after Bristow-Johnson (2005).
    """

    gains: SlotLike = param(-24.0, 24.0, "dB", default=0.0)
    bands: str = eqx.field(static=True, default="octave")

    def __init__(self, gains: Any = 0.0, bands: str = "octave"):
        self.bands, count = bands, centres(bands).size
        if not isinstance(gains, AbstractSlot):
            if np.ndim(gains) > 1 or np.size(gains) not in (1, count):
                raise ValueError(f"gains has shape {np.shape(gains)}, but must be one number or {count}, one a band")
            gains = jnp.broadcast_to(jnp.asarray(gains, float), (count,))
        self.gains = gains

    def sections(self, x: Audio, clock: Clock) -> tuple[Section, ...]:
        """The bands' peaks for the samples of `x`."""
        wish = read(self.gains, x, clock)
        wish = wish[None] if isinstance(self.gains, AbstractSource) else wish.reshape(-1)
        g, k, matrix = _bands(self.bands, clock.sample_rate)
        wish = jnp.broadcast_to(wish, (g.size, *wish.shape[1:]))
        A = jnp.exp(float(np.log(10.0)) / 40 * _peak_gains(wish, g, k, matrix))
        return tuple(_peak(float(g[i]), float(k[i]), A[i]) for i in range(g.size))

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "*channels frequencies"]:
        """H at frequencies in Hz; a source counts with its first value."""
        return _product(self.sections(jnp.zeros((1, 1)), Clock.zero(sample_rate)), frequencies, sample_rate)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, centres(self.bands).size, 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return cascade(x, self.sections(x, clock), state)


def _peak(g: float, k: float, A: Readable) -> Section:
    one = jnp.ones_like(A)
    return Section(g * one, k / A, one, k * A, one)


@functools.cache
def _bands(
    bands: str, sample_rate: int
) -> tuple[Float[np.ndarray, " bands"], Float[np.ndarray, " bands"], Float[np.ndarray, "bands bands"]]:
    """The peaks' g and damping, and the matrix from wished gains to the peaks' own."""
    found = centres(bands)
    played = found <= _TOP * sample_rate
    w = 2 * np.pi * np.minimum(found / sample_rate, _TOP)
    g = np.tan(w / 2)
    k = 2 * np.sinh(np.log(2.0) / 2 * _WIDTH / _PER_OCTAVE[bands] * w / np.sin(w))
    A = 10 ** (_PROTOTYPE / 40)
    leakage = 10 * np.log10(_power(g, k * A) / _power(g, k / A)) / _PROTOTYPE
    matrix = np.zeros_like(leakage)
    matrix[np.ix_(played, played)] = np.linalg.inv(leakage[np.ix_(played, played)])
    return g, k, matrix


def _power(g: Float[np.ndarray, " bands"], k: Any) -> Any:
    """|1 - s² + j s k|² of each band (second axis) at each centre (first axis)."""
    s = (g[:, None] / g).reshape(g.size, g.size, *(1,) * (np.ndim(k) - 1))
    return (1 - s**2) ** 2 + (s * k) ** 2


def _peak_gains(
    wish: Float[Array, "bands *rest"],
    g: Float[np.ndarray, " bands"],
    k: Float[np.ndarray, " bands"],
    matrix: Float[np.ndarray, "bands bands"],
) -> Float[Array, "bands *rest"]:
    """The peaks' gains in dB that give `wish` at the centres."""
    damping = jnp.asarray(k).reshape(-1, *(1,) * (wish.ndim - 1))
    solve = functools.partial(jnp.tensordot, jnp.asarray(matrix), axes=1, precision="highest")
    gains = solve(wish)
    for _ in range(_PASSES):
        A = jnp.exp(float(np.log(10.0)) / 40 * gains)
        reached = 10 * jnp.log10(_power(g, damping * A) / _power(g, damping / A)).sum(1)
        gains = gains + solve(wish - reached)
    return gains


def _product(
    sections: Sequence[Section], frequencies: ArrayLike, sample_rate: int
) -> Complex[Array, "*channels frequencies"]:
    turns = jnp.asarray(frequencies, float) / sample_rate
    whole = section_response(sections[0], turns)
    for one in sections[1:]:
        whole = whole * section_response(one, turns)
    return whole


class ParametricEQ(AbstractNamed):
    """A low shelf, some peaks and a high shelf in a row: `eq.low_shelf`, `eq.peak1` …, `eq.high_shelf`.

    `ParametricEQ(4)` starts flat, with four peaks evenly spread in octaves from 100 Hz to 8 kHz; peaks may be
    given instead: `ParametricEQ([Peak(400.0, -3.0)], high_shelf=HighShelf(6e3, 2.0))`. Every slot of every part
    may be a signal, and parts without one run together as one system.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    blocks: tuple[AbstractFilter, ...]

    def __init__(
        self,
        peaks: int | Sequence[Peak] = 3,
        low_shelf: LowShelf | None = None,
        high_shelf: HighShelf | None = None,
    ):
        found = [Peak(f) for f in np.geomspace(100.0, 8_000.0, peaks)] if isinstance(peaks, int) else list(peaks)
        self.names = ("low_shelf", *(f"peak{i + 1}" for i in range(len(found))), "high_shelf")
        self.blocks = (low_shelf or LowShelf(80.0), *found, high_shelf or HighShelf(10_000.0))

    def frequency_response(self, frequencies: ArrayLike, sample_rate: int) -> Complex[Array, "*channels frequencies"]:
        """H at frequencies in Hz; a source counts with its first value."""
        return _product(self._sections(jnp.zeros((1, 1)), Clock.zero(sample_rate)), frequencies, sample_rate)

    def _sections(self, x: Audio, clock: Clock) -> tuple[Section, ...]:
        return tuple(block.design(x, clock) for block in self.blocks)

    def init_state(self, channels: int, sample_rate: int) -> State:
        return jnp.zeros((channels, len(self.blocks), 2))

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return cascade(x, self._sections(x, clock), state)


__all__ = ["GraphicEQ", "ParametricEQ", "centres"]
