"""Pink and brown noise on the clock's own grid, without a state; and FIRs for a spectrum given in dB."""

from functools import lru_cache
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.clock import Clock
from ddspfx.signal.noise import bits, filtered, gaussian, stream
from ddspfx.types import Audio, Counter, Mono

SLOPES = {"pink": 1, "brown": 2}
"""alpha of the power spectrum 1 / f^alpha."""
SLOWEST = {"pink": 1, "brown": 16}
"""Knots a second of the slowest part; the spectrum is flat below half of it, about."""
SPLINE_POWER = 151 / 315
"""Variance of a cubic B-spline with independent knots of variance one: the integral of its square."""
POLYNOMIAL = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6
"""From four knots to the coefficients of 1, u, u^2, u^3. Source: de Boor (1978), chapter X."""
PLACE_BITS = 24
"""A counter's low bits hold the place in the second, those above them the octave, 0 for white noise."""


class Recipe(NamedTuple):
    """Octave-rate parts, fastest first, and the FIR over white noise that makes what lies above them."""

    rates: tuple[int, ...]
    weights: tuple[float, ...]
    taps: Float[np.ndarray, " taps"]


def _octaves(f: Float[np.ndarray, " n"], rates: Float[np.ndarray, " k"], slope: int) -> Float[np.ndarray, " n"]:
    return np.asarray((rates[:, None] ** -slope * np.sinc(f / rates[:, None]) ** 8).sum(axis=0))


@lru_cache(maxsize=32)
def recipe(colour: Literal["pink", "brown"], sample_rate: int) -> Recipe:
    """The parts of 1 / f^alpha of unit RMS: B-splines with r knots a second, r = 2^k, have spectra sinc(f / r)^8.

    Weighed by r^-alpha, octave upon octave adds up to 1 / f^alpha within 0.02 dB (pink) or 0.07 dB (brown).
    The fastest has at most a quarter of the sample rate, and what faster ones would give is one short FIR.
    """
    slope = SLOPES[colour]
    top = int(np.log2(max(min(sample_rate / 4, (2**31 - 1) // sample_rate), SLOWEST[colour])))
    rates = 2.0 ** np.arange(top, int(np.log2(SLOWEST[colour])) - 1, -1)
    octave = np.geomspace(1.0, 2.0, 64, endpoint=False)
    mean = np.mean(_octaves(octave, 2.0 ** np.arange(-24, 30), slope) * octave**slope)
    f = np.fft.rfftfreq(16_384, 1 / sample_rate)
    above = _octaves(f, 2.0 ** np.arange(top + 1, top + 30), slope) / mean
    exact = np.maximum(np.maximum(f, 1.0) ** -slope - _octaves(f, rates, slope) / mean, 0.0)
    blended = above + (exact - above) * np.clip(4 * f / rates[0] - 1, 0.0, 1.0)
    size = 2 ** int(np.ceil(np.log2(6 * sample_rate / rates[0])))
    taps = np.roll(np.fft.irfft(np.sqrt(sample_rate * blended)), size // 2)[: size + 1] * np.kaiser(size + 1, 4.0)
    weights = np.sqrt(rates ** (1 - slope) / mean)
    rms = np.sqrt((weights**2).sum() * SPLINE_POWER + (taps**2).sum())
    return Recipe(tuple(int(r) for r in rates), tuple((weights / rms).tolist()), taps / rms)


def smooth(knots: Audio, index: Counter, fraction: Float[Array, " samples"]) -> Audio:
    """The cubic B-spline through random `knots` at `fraction` of the interval that takes knots index to index + 3.

    The four knots of each interval are first made the four coefficients of its polynomial, in a matrix
    product: XLA would fuse anything lighter into the gathers, and draw every knot again for every sample.
    """
    windows = jnp.stack([knots[:, k : knots.shape[1] - 3 + k] for k in range(4)], axis=-1)
    rows = []
    for row in windows @ jnp.asarray(POLYNOMIAL, float):
        a, b, c, d = (row[:, power].at[index].get(mode="promise_in_bounds") for power in range(4))
        rows.append(a + fraction * (b + fraction * (c + fraction * d)))
    return jnp.stack(rows)


def _finer(knots: Audio, odd: Counter, count: int) -> Audio:
    """The same splines with twice the knots: (1, 6, 1) / 8 at the old ones, (1, 1) / 2 between."""
    left, middle, right = knots[:, :-2], knots[:, 1:-1], knots[:, 2:]
    both = jnp.stack([(left + 6 * middle + right) / 8, (middle + right) / 2], axis=-1)
    flat = both.reshape(knots.shape[0], -1)
    return jnp.where(odd == 0, flat[:, :count], flat[:, 1 : count + 1])


def _counters(second: Counter, tick: Counter, count: int, rates: tuple[int, ...]) -> tuple[Counter, Counter, Counter]:
    """First knot of each octave, and the counters of all knots, for `count` knots of the fastest from `tick` on.

    Octave l needs its knots from floor((tick + 2) / 2^l) - 2 on, half as many as the octave before and three
    more; the slower ones take equal rows, which compile in a fifth of the time of fourteen sizes.
    """
    octaves = np.arange(len(rates))
    first = (tick + 2) // jnp.asarray(2**octaves, jnp.int32) - 2
    sizes = [count] + [count // 2 + 3] * (len(rates) - 1)
    octave = np.repeat(octaves, sizes)
    run = first[octave] + jnp.asarray(np.concatenate([np.arange(size) for size in sizes]), jnp.int32)
    rate = np.asarray(rates)[octave]
    # Rates are powers of two: a shift and a mask divide ten times faster than a division.
    whole, place = run >> jnp.asarray(np.log2(rate), jnp.int32), run & jnp.asarray(rate - 1, jnp.int32)
    return first, second + whole, place + jnp.asarray((octave + 1) << PLACE_BITS, jnp.int32)


def _knots(drawn: Audio, first: Counter, count: int, weights: Float[Array, " octaves"]) -> Audio:
    """Knots of the fastest spline, all slower ones refined into them."""
    channels, size = drawn.shape[0], count // 2 + 3
    slower = jnp.moveaxis(drawn[:, count:].reshape(channels, -1, size), 1, 0) * weights[1:, None, None]

    def refine(knots: Audio, octave: tuple[Audio, Counter]) -> tuple[Audio, None]:
        own, odd = octave
        return own + _finer(knots, odd, size), None

    start = jnp.zeros((channels, size))
    knots, _ = jax.lax.scan(refine, start, (slower[::-1], first[1:][::-1] % 2))
    return weights[0] * drawn[:, :count] + _finer(knots, first[0] % 2, count)


def coloured(colour: Literal["pink", "brown"], seed: int, channels: int, count: int, clock: Clock) -> Audio:
    """Noise of unit RMS with a power spectrum of 1 / f (pink) or 1 / f^2 (brown), independent by channel.

    A sum of cubic B-splines with random knots at octave rates, whose knots all refine into those of the
    fastest, and a short FIR over white noise for the octaves above. Source: Gardner (1978), "White and brown
    music, fractal curves and one-over-f fluctuations", for Voss's sum of octave-rate noises; the splines and
    their exact refinement, which are ours, take its ripple away.
    """
    plan = recipe(colour, clock.sample_rate)
    index, fraction = clock.ticks(count, plan.rates[0])
    reach = (count - 1) * plan.rates[0] // clock.sample_rate + 5
    tick = clock.sample * plan.rates[0] // clock.sample_rate - 1
    first, seconds, places = _counters(clock.second, tick, reach, plan.rates)
    back = plan.taps.size - 1
    second, sample = clock.after(-back).run(count + back)
    key = stream(clock.key, colour, seed)
    drawn = gaussian(bits(key, jnp.concatenate([second, seconds]), jnp.concatenate([sample, places]), channels))
    white, own = drawn[:, : count + back], drawn[:, count + back :]
    slow = smooth(_knots(own, first, reach, jnp.asarray(plan.weights, float)), index - index[0], fraction)
    return jnp.asarray(slow + filtered(white, jnp.asarray(plan.taps, float)))


def _places(frequencies: tuple[float, ...], size: int, sample_rate: int) -> Float[np.ndarray, "bins bands"]:
    """Weights that read levels at each bin of an FFT: straight lines over log frequency, held at the ends."""
    bins = np.log(np.maximum(np.fft.rfftfreq(size, 1 / sample_rate), 1e-3))
    unit = np.eye(len(frequencies))
    return np.stack([np.interp(bins, np.log(frequencies), row) for row in unit], axis=1)


def spectrum_taps(levels: Float[Array, " bands"], frequencies: tuple[float, ...], size: int, sample_rate: int) -> Mono:
    """An FIR of unit energy whose magnitude runs through `levels` (dB) at `frequencies` (Hz), of linear phase."""
    taps = level_taps(levels, frequencies, size, sample_rate)
    return jnp.asarray(taps / jnp.sqrt(jnp.sum(taps**2)))


def level_taps(levels: Float[Array, " bands"], frequencies: tuple[float, ...], size: int, sample_rate: int) -> Mono:
    """An FIR whose magnitude runs through `levels` (dB) at `frequencies` (Hz), of linear phase.

    The inverse FFT of the magnitudes, centred, times a Hann window, so that details finer than
    4 sample_rate / size Hz are smoothed.
    """
    magnitude = jnp.exp(float(np.log(10) / 20) * (jnp.asarray(_places(frequencies, size, sample_rate), float) @ levels))
    window = jnp.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), float)
    return jnp.asarray(jnp.roll(jnp.fft.irfft(magnitude, size), size // 2) * window)
