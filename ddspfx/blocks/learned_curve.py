"""Curves of no formula: a spline through trained heights, and a small network."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ddspfx.blocks.curve import AbstractCurve
from ddspfx.signal.quadrature import Moments, Values, piecewise_moments, tanh_moments
from ddspfx.types import Audio, RandomKey, Readable, Scalar

CUBIC = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6
"""Row p, column j: the weight of height j in the coefficient of t^p, on each piece of a uniform cubic B-spline."""


class SplineCurve(AbstractCurve):
    """A cubic B-spline on uniform knots from -reach to reach, on along its tangents beyond: smooth to f''.

        y = sum_j h_j B3(x / d - j),  d = 2 reach / pieces

    `heights`: (pieces + 3,), trained, the identity at first. The slope of a B-spline lies between its heights'
    differences, so |f'| <= max |h_(j+1) - h_j| / d everywhere (`steepness`); with `limit` given the differences
    are held to it, as the curve is used, and the slope passes to the heights.
    Source: Hou, Samaras, Kurc, Gao, Saltz (2017), "ConvNets with smooth adaptive activation functions for
    regression", AISTATS; de Boor (1978), "A practical guide to splines", ch. IX to XI. Raises ValueError
    for fewer than two pieces, or a reach or limit that is not positive.
    """

    heights: Float[Array, " pieces_and_3"]
    reach: float = eqx.field(static=True)
    limit: float | None = eqx.field(static=True)

    def __init__(self, pieces: int = 16, reach: float = 1.0, limit: float | None = None):
        if pieces < 2 or not reach > 0 or not (limit is None or limit > 0):
            raise ValueError(
                f"pieces is {pieces}, reach {reach}, limit {limit}, but pieces must be at least 2, the others positive"
            )
        self.reach, self.limit = float(reach), None if limit is None else float(limit)
        self.heights = jnp.asarray((np.arange(pieces + 3) - 1 - pieces / 2) * 2 * reach / pieces, float)

    @property
    def pieces(self) -> int:
        """Into how many cubics the reach is divided."""
        return self.heights.size - 3

    @property
    def spacing(self) -> float:
        """From knot to knot."""
        return 2 * self.reach / self.pieces

    def steepness(self) -> Scalar:
        """A bound on |f(x) - f(y)| / |x - y|, the Lipschitz constant, never above `limit`."""
        return jnp.max(jnp.abs(jnp.diff(self.held()))) / self.spacing

    def held(self) -> Float[Array, " pieces_and_3"]:
        """The heights with their differences held to `limit`, the middle one staying."""
        if self.limit is None:
            return self.heights
        rise, most = jnp.diff(self.heights), self.limit * self.spacing
        rise = rise + jax.lax.stop_gradient(jnp.clip(rise, -most, most) - rise)
        path = jnp.concatenate([jnp.zeros(1, rise.dtype), jnp.cumsum(rise)])
        middle = self.heights.size // 2
        return path - path[middle] + self.heights[middle]

    def curve(self, x: Values, *settings: Readable) -> Values:
        heights, inside = self.held(), jnp.clip(x, -self.reach, self.reach)
        place = (inside + self.reach) / self.spacing
        piece = jnp.clip(jnp.floor(place), 0, self.pieces - 1).astype(int)
        ends = jnp.stack([heights[2] - heights[0], heights[-1] - heights[-3]]) / (2 * self.spacing)
        return _cubic(heights, piece, place - piece) + jnp.where(x > 0, ends[1], ends[0]) * (x - inside)

    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        knots = [float(k) for k in np.linspace(-self.reach, self.reach, self.pieces + 1)]
        return piecewise_moments(self.curve, a, b, knots, 3)


def _cubic(heights: Float[Array, " heights"], piece: Int[Array, "..."], t: Values) -> Values:
    """The spline on each `piece` at t, 0 to 1, by Horner's rule on gathered coefficients."""
    rows = jnp.stack([heights[j : heights.size - 3 + j] for j in range(4)])
    powers = jnp.asarray(CUBIC, heights.dtype) @ rows
    total = powers[3][piece]
    for p in (2, 1, 0):
        total = total * t + powers[p][piece]
    return total


class MLPCurve(AbstractCurve):
    """A network with one hidden layer beside the straight line: y = x + sum_i v_i (tanh(w_i x + b_i) - tanh b_i).

    It starts as the identity with bends spread over -1 to 1, keeps silence silent, and its anti-aliased means
    are as exact as those of `Tanh`, since each unit has its own in closed form. Raises ValueError for no units.
    """

    weight: Float[Array, " hidden"]
    bias: Float[Array, " hidden"]
    out: Float[Array, " hidden"]

    def __init__(self, hidden: int = 8, *, key: RandomKey):
        if hidden < 1:
            raise ValueError(f"hidden is {hidden}, but must be at least 1")
        self.weight = 1.0 + 3.0 * jax.random.uniform(key, (hidden,))
        self.bias = -self.weight * (2 * (jnp.arange(hidden) + 0.5) / hidden - 1)
        self.out = jnp.zeros(hidden)

    def _units(self, x: Values) -> tuple[Float[Array, "hidden ..."], Float[Array, "hidden ..."]]:
        """v and w x + b, a unit to the leading axis."""
        shape = (-1,) + (1,) * x.ndim
        return self.out.reshape(shape), self.weight.reshape(shape) * x + self.bias.reshape(shape)

    def _rest(self) -> Scalar:
        return jnp.sum(self.out * jnp.tanh(self.bias))

    def curve(self, x: Values, *settings: Readable) -> Values:
        out, u = self._units(x)
        return x + jnp.sum(out * jnp.tanh(u), axis=0) - self._rest()

    def moments(self, a: Audio, b: Audio, *settings: Readable) -> Moments:
        (out, start), (_, stop) = self._units(a), self._units(b)
        unit = tanh_moments(start, stop)
        line = Moments((a + b) / 2 - self._rest(), (a + 2 * b) / 6 - self._rest() / 2)
        return Moments(line.mean + jnp.sum(out * unit.mean, axis=0), line.ramp + jnp.sum(out * unit.ramp, axis=0))
