"""Means of a curve over a segment of its argument, without the division that makes them lose their digits."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Values = Float[Array, "..."]

TANH_NODES = 5
"""Over a segment of length 1 the nearest poles, at ±iπ/2, leave 6.4^-10 = 1e-8."""

UNROLLED = 4
"""Fewer breaks than this are written out; more are a loop, which compiles faster and runs slower."""


class Moments(NamedTuple):
    """What a curve weighs on the way from a to b: mean = ∫ f(a + t (b - a)) dt, ramp = ∫ t f(a + t (b - a)) dt."""

    mean: Values
    ramp: Values


def legendre(nodes: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Places and weights of Gauss-Legendre quadrature on [0, 1]: exact for polynomials of degree 2 nodes - 1."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return (places + 1) / 2, weights / 2


def piecewise_moments(
    curve: Callable[[Values], Values], a: Values, b: Values, breaks: Sequence[Values | float], nodes: int
) -> Moments:
    """Mean and ramp of a continuous `curve` between `a` and `b`, by Gauss-Legendre on each piece between `breaks`.

    Exact for a curve that is a polynomial of degree 2 nodes - 2 between ascending breaks. Nothing is divided
    by the length of the segment but the places of the breaks, which are held fixed in the gradient: a
    continuous curve is the same on both sides of a break, so moving it changes nothing. The slopes are
    therefore means of f' themselves, finite for segments of any length, none included.
    """
    t = _crossings(a, b, breaks)
    places, weights = legendre(nodes)

    def add(total: Moments, ends: tuple[Values, Values]) -> tuple[Moments, None]:
        start, width = ends[0], ends[1] - ends[0]
        for place, weight in zip(places, weights, strict=True):
            here = start + width * float(place)
            value = jnp.abs(width) * float(weight) * curve(a + here * (b - a))
            total = Moments(total.mean + value, total.ramp + here * value)
        return total, None

    # A running sum: a reduction over a leading axis of pieces crashes XLA's CPU code (jax 0.10) in the gradient
    # where the length is one more than a power of two, as it is here for a piece of 65,536 samples.
    none = Moments(jnp.zeros_like(a), jnp.zeros_like(a))
    return jax.lax.scan(add, none, (t[:-1], t[1:]), unroll=len(breaks) < UNROLLED)[0]


def _crossings(a: Values, b: Values, breaks: Sequence[Values | float]) -> Float[Array, "pieces_and_1 ..."]:
    """Where, 0 to 1, the way from a to b meets each break, its two ends included."""
    length = b - a
    length = jnp.where(length == 0, jnp.finfo(a.dtype).tiny, length)
    ends = [jnp.broadcast_to(jnp.asarray(k, a.dtype), a.shape) for k in (-jnp.inf, *breaks, jnp.inf)]
    return jax.lax.stop_gradient(jnp.clip((jnp.stack(ends) - a) / length, 0.0, 1.0))


def tanh_moments(a: Values, b: Values) -> Moments:
    """Mean and ramp of tanh between `a` and `b`: closed form over more than 1, Gauss-Legendre over less.

    The closed form takes tanh as a sign and a remainder r(u) = tanh u - sign u. The sign's moments follow
    from where the segment crosses zero; the remainder's integrals are bounded,

        R1(u) = log(1 + e^-2|u|),  R2(u) = sign(u) (π²/12 + Li2(-e^-2|u|)) / 2,

    so that its differences keep all digits however far out the segment lies; those of log cosh do not.
    """
    length = b - a
    wide = jnp.abs(length) > 1
    short = piecewise_moments(jnp.tanh, a, jnp.where(wide, a, b), (), TANH_NODES)
    length = jnp.where(wide, length, 1.0)
    sign = _sign_moments(a, b, length)
    first, second = _remainder(b), _remainder_integral(b) - _remainder_integral(a)
    mean = sign.mean + (first - _remainder(a)) / length
    ramp = sign.ramp + first / length - second / length**2
    return Moments(jnp.where(wide, mean, short.mean), jnp.where(wide, ramp, short.ramp))


def _side(u: Values) -> Values:
    """The sign, zero being positive: slopes at a segment's end on zero are then one-sided, and right."""
    return jnp.where(u >= 0, 1.0, -1.0).astype(u.dtype)


def _sign_moments(a: Values, b: Values, length: Values) -> Moments:
    crossing = jnp.where(_side(a) == _side(b), 0.0, -a / length)
    return Moments(_side(b) * (1 - 2 * crossing), _side(b) * (0.5 - crossing**2))


def _remainder(u: Values) -> Values:
    return jnp.log1p(jnp.exp(-2 * _side(u) * u))


@jax.custom_jvp
def _remainder_integral(u: Values) -> Values:
    side = _side(u)
    return side / 2 * (np.pi**2 / 12 + jax.scipy.special.spence(1 + jnp.exp(-2 * side * u)))


@_remainder_integral.defjvp
def _remainder_integral_jvp(primals: tuple[Values], tangents: tuple[Values]) -> tuple[Values, Values]:
    # spence's own slope at 1 is 0 / 0; the integral's slope is what it integrates.
    return _remainder_integral(*primals), _remainder(*primals) * tangents[0]
