"""Curves: memoryless blocks, each with its means over a segment, which an anti-aliased version needs."""

import abc

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ddspfx.block import AbstractBlock
from ddspfx.blocks.gain import amplitude
from ddspfx.clock import Clock
from ddspfx.signal.quadrature import Moments, Values, piecewise_moments, tanh_moments
from ddspfx.slot import SlotLike, param, read
from ddspfx.types import Audio, Readable, State


class AbstractCurve(AbstractBlock):
    """A block without memory: y[n] = f(x[n]).

    `curve` is f; `moments` are its mean and ramp over a segment, from which `Antialiased` is made. Both take
    the slots as `settings` reads them.
    """

    def settings(self, x: Audio, clock: Clock) -> tuple[Readable, ...]:
        """The slots of the curve for each sample of `x`."""
        return ()

    @abc.abstractmethod
    def curve(self, x: Values, *settings: Readable) -> Values:
        """f(x); leading axes before (channels, samples) are free."""

    @abc.abstractmethod
    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        """∫ f(a + t (b - a)) dt and ∫ t f(a + t (b - a)) dt for t from 0 to 1."""

    def init_state(self, channels: int, sample_rate: int) -> State:
        return ()

    def __call__(self, x: Audio, state: State, clock: Clock) -> tuple[Audio, State]:
        return self.curve(x, *self.settings(x, clock)), state


class Tanh(AbstractCurve):
    """Saturation with unit slope at the origin: y = tanh(g x) / g, g = 10^(drive / 20)."""

    drive: SlotLike = param(-24.0, 48.0, "dB", default=0.0)

    def settings(self, x: Audio, clock: Clock) -> tuple[Readable, ...]:
        return (amplitude(read(self.drive, x, clock)),)

    def curve(self, x: Values, *settings: Readable) -> Values:
        (gain,) = settings
        return jnp.tanh(gain * x) / gain

    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        (gain,) = settings
        mean, ramp = tanh_moments(gain * a, gain * b)
        return Moments(mean / gain, ramp / gain)


class SoftClip(AbstractCurve):
    """The cubic soft clipper, with unit slope at the origin and flat from |g x| = 3/2 on.

    y = s(g x) / g, s(u) = u - 4 u³ / 27 for |u| < 3/2, sign(u) beyond; g = 10^(drive / 20).
    Source: Smith (2010), "Physical Audio Signal Processing", cubic soft clipper, stretched so that it ends at 1.
    """

    drive: SlotLike = param(-24.0, 48.0, "dB", default=0.0)

    def settings(self, x: Audio, clock: Clock) -> tuple[Readable, ...]:
        return (amplitude(read(self.drive, x, clock)),)

    def curve(self, x: Values, *settings: Readable) -> Values:
        (gain,) = settings
        u = jnp.clip(gain * x, -1.5, 1.5)
        return (u - 4 / 27 * u**3) / gain

    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        (gain,) = settings
        return piecewise_moments(lambda x: self.curve(x, gain), a, b, (-1.5 / gain, 1.5 / gain), 3)


class HardClip(AbstractCurve):
    """y = max(-T, min(T, x)), T = 10^(threshold / 20)."""

    threshold: SlotLike = param(-60.0, 24.0, "dB", default=0.0)

    def settings(self, x: Audio, clock: Clock) -> tuple[Readable, ...]:
        return (amplitude(read(self.threshold, x, clock)),)

    def curve(self, x: Values, *settings: Readable) -> Values:
        (threshold,) = settings
        return jnp.clip(x, -threshold, threshold)

    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        (threshold,) = settings
        return piecewise_moments(lambda x: self.curve(x, threshold), a, b, (-threshold, threshold), 2)


class Polynomial(AbstractCurve):
    """A sum of Chebyshev polynomials, y = sum_k c_k T_k(x), so that c_k is the k-th harmonic of a full-scale cosine.

    Beyond |x| = 1 it goes on along its tangent, so a loud sample cannot explode. `coefficients`: (order + 1,),
    trained; left out, they are the identity of order 7. Raises ValueError for other than one row of at least two.
    Source: Le Brun (1979), "Digital waveshaping synthesis".
    """

    coefficients: Float[Array, " order_and_1"]

    def __init__(self, coefficients: Float[Array, " order_and_1"] | tuple[float, ...] = (0.0, 1.0) + 6 * (0.0,)):
        self.coefficients = jnp.asarray(coefficients, float)
        if self.coefficients.ndim != 1 or self.coefficients.size < 2:
            raise ValueError(f"coefficients has shape {self.coefficients.shape}, but must be (order + 1,), order >= 1")

    def curve(self, x: Values, *settings: Readable) -> Values:
        c, inside = self.coefficients, jnp.clip(x, -1.0, 1.0)
        later, latest = jnp.zeros_like(x), jnp.zeros_like(x)
        for k in range(c.size - 1, 0, -1):  # Clenshaw's recurrence
            latest, later = c[k] + 2 * inside * latest - later, latest
        return c[0] + inside * latest - later + self._end_slope(x) * (x - inside)

    def _end_slope(self, x: Values) -> Values:
        """f'(±1) at the nearer end: T_k'(1) = k², T_k'(-1) = (-1)^(k + 1) k²."""
        k = np.arange(self.coefficients.size)
        high, low = self.coefficients * k**2, self.coefficients * k**2 * (-1.0) ** (k + 1)
        return jnp.where(x > 0, jnp.sum(high), jnp.sum(low))

    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        return piecewise_moments(self.curve, a, b, (-1.0, 1.0), (self.coefficients.size + 2) // 2)


class Rational(AbstractCurve):
    """A quotient of polynomials without poles: y = sum_j a_j x^j / (1 + sum_k |b_k x^k|).

    `above` holds a_0 to a_5 and `below` b_1 to b_4, both trained. They start at the Padé approximant of tanh,
    (945 x + 105 x³ + x⁵) / (945 + 420 x² + 15 x⁴), whose tail is linear: a loud sample cannot explode.
    Raises ValueError for other shapes than (6,) and (4,). Source: Molina, Schramowski, Kersting (2019), "Padé
    activation units", for the degrees and the safe form; the modulus is taken of each term here, so that the
    only kink lies at the origin.
    """

    above: Float[Array, " 6"]
    below: Float[Array, " 4"]

    def __init__(
        self,
        above: Float[Array, " 6"] | tuple[float, ...] = (0.0, 1.0, 0.0, 1 / 9, 0.0, 1 / 945),
        below: Float[Array, " 4"] | tuple[float, ...] = (0.0, 4 / 9, 0.0, 1 / 63),
    ):
        self.above, self.below = jnp.asarray(above, float), jnp.asarray(below, float)
        if self.above.shape != (6,) or self.below.shape != (4,):
            raise ValueError(f"above and below have {self.above.shape}, {self.below.shape}, but must be (6,) and (4,)")

    def curve(self, x: Values, *settings: Readable) -> Values:
        # The slope of |b| at zero is one-sided, so that a term which starts at zero can be learned.
        below = jnp.where(self.below >= 0, self.below, -self.below)
        return _horner(self.above, x) / _horner(jnp.concatenate([jnp.ones(1, below.dtype), below]), jnp.abs(x))

    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        # Octaves: the poles lie at least 45 degrees from the axis, so 5 nodes leave 4.5^-10 on each.
        octaves = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
        return piecewise_moments(self.curve, a, b, (*(-k for k in octaves[::-1]), 0.0, *octaves), 5)


def _horner(coefficients: Float[Array, " terms"], x: Values) -> Values:
    """sum_k c_k x^k."""
    total = jnp.zeros_like(x)
    for k in range(coefficients.size - 1, -1, -1):
        total = total * x + coefficients[k]
    return total
