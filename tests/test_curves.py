"""Curves: their shapes, their means over a segment against QUADPACK, float32 against float64, and slopes."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from numpy.polynomial import chebyshev
from scipy.integrate import quad

from ddspfx.blocks.antialiased import Antialiased
from ddspfx.blocks.curve import HardClip, Polynomial, Rational, SoftClip, Tanh
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.learned_curve import MLPCurve, SplineCurve
from ddspfx.clock import Clock
from ddspfx.signal.quadrature import tanh_moments
from ddspfx.source.lfo import LFO

CLOCK = Clock.zero(48_000)
FULL = 10.0
"""+20 dBFS."""


def _spline(limit=None):
    spline = SplineCurve(limit=limit)
    return eqx.tree_at(lambda s: s.heights, spline, spline.heights + 0.1 * jnp.sin(jnp.arange(19.0)))


def _mlp():
    return eqx.tree_at(lambda m: m.out, MLPCurve(key=jax.random.key(0)), 0.2 * jnp.cos(jnp.arange(8.0)))


CURVES = {
    "tanh": lambda: Tanh(47.0),
    "tanh, gentle": lambda: Tanh(-23.0),
    "soft clip": lambda: SoftClip(47.0),
    "soft clip, gentle": lambda: SoftClip(-6.0),
    "hard clip": lambda: HardClip(-6.0),
    "hard clip, low": lambda: HardClip(-48.0),
    "polynomial": lambda: Polynomial((0.1, 0.8, 0.2, -0.1, 0.05, 0.0, 0.02)),
    "rational": lambda: Rational(below=(0.1, 0.4, -0.2, 0.02)),
    "spline": _spline,
    "mlp": _mlp,
}
named = pytest.mark.parametrize("make", CURVES.values(), ids=CURVES.keys())


def widened(curve):
    """The same parameters, to the bit, in float64."""
    parameters, rest = eqx.partition(curve, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), parameters), rest)


def signal(count=3_000):
    """Leaps up to +20 dBFS, steps of every size down to one unit in the last place, rests, and zeros."""
    rng = np.random.default_rng(0)
    loud = rng.uniform(-FULL, FULL, count)
    steps = np.repeat(loud[: count // 5], 5) + 10.0 ** rng.uniform(-9, 0, count) * rng.normal(size=count)
    quiet = rng.normal(size=count) * 10.0 ** rng.uniform(-8, 0, count)
    x = np.concatenate([loud, steps, quiet, np.zeros(4), [1e-41, -1e-41, 1.0, 0.0, -1.0]])
    return np.clip(x, -FULL, FULL).astype(np.float32)[None]


def played(block, x):
    x = jnp.asarray(x, float)
    return np.asarray(jax.jit(lambda x, s: block(x, s, CLOCK)[0])(x, block.init_state(1, 48_000)), np.float64)


@named
def test_float32_keeps_the_digits_of_float64(make):
    curve, x = make(), signal()
    for order in (1, 2):
        single = played(Antialiased(curve, order), x)
        with jax.enable_x64(True):
            double = played(Antialiased(widened(curve), order), x)
        assert np.abs(single - double).max() <= 1e-5, float(np.abs(single - double).max())


ENDS = ((0.0, 0.3), (-0.2, 0.25), (9.7, -9.9), (0.9, 1.3), (-10.0, -3.0), (0.31, 0.31 + 1e-5), (2.0, 2.0))
BENDS = np.unique([sign * k for sign in (-1, 1) for k in (*np.linspace(0, 1, 9), 0.002, 0.004, 0.008, 0.02, 0.3, 3.0)])
"""Where QUADPACK is told to look closer."""


@named
def test_means_against_quadpack(make):
    with jax.enable_x64(True):
        curve = make()
        a, b = jnp.asarray(ENDS).T[:, None]
        settings = curve.settings(a, CLOCK)
        mean, ramp = (np.asarray(m)[0] for m in jax.jit(lambda a, b: curve.moments(a, b, *settings))(a, b))
        f = in_numpy(curve, settings)
    for (start, stop), *got in zip(ENDS, mean, ramp, strict=True):
        assert abs(integral(f, start, stop, 0, kinks(curve, settings)) - got[0]) < 2e-6 * max(1, abs(got[0]))
        assert abs(integral(f, start, stop, 1, kinks(curve, settings)) - got[1]) < 2e-6 * max(1, abs(got[1]))


def integral(f, start, stop, power, bends):
    """∫ t^power f(start + t (stop - start)) dt over 0 to 1, cut where f bends."""
    way = stop - start
    places = sorted({0.0, 1.0, *(t for k in bends if way and 0 < (t := (k - start) / way) < 1)})
    pieces = itertools.pairwise(places)
    return sum(quad(lambda t: t**power * f(start + t * way), p, q, epsabs=1e-11)[0] for p, q in pieces)


def kinks(curve, settings):
    if isinstance(curve, SoftClip):
        return np.array([-1.5, 1.5]) / float(settings[0])
    return np.array([-1.0, 1.0]) * float(settings[0]) if isinstance(curve, HardClip) else BENDS


def in_numpy(curve, settings):
    """f in plain NumPy; a learned curve is looked up in a fine table of itself."""
    if isinstance(curve, Tanh | SoftClip):
        gain, cubic = float(settings[0]), isinstance(curve, SoftClip)
        return lambda x: (np.clip(gain * x, -1.5, 1.5) - 4 / 27 * np.clip(gain * x, -1.5, 1.5) ** 3 if cubic
                          else np.tanh(gain * x)) / gain  # fmt: skip
    if isinstance(curve, HardClip):
        return lambda x: np.clip(x, -float(settings[0]), float(settings[0]))
    grid = np.linspace(-FULL, FULL, 400_001)
    table = np.asarray(jax.jit(lambda x: curve.curve(x))(jnp.asarray(grid)))
    return lambda x: np.interp(x, grid, table)


def test_tanh_means_of_far_segments():
    ends = ((2_500.0, 2_501.5), (-2_500.0, 2_400.0), (1e-3, 5e3), (30.0, -2.0), (0.0, 8.0), (3.0, 0.0), (0.1, 1.0))
    with jax.enable_x64(True):
        mean, ramp = (np.asarray(m) for m in tanh_moments(*jnp.asarray(ends).T))
    for (start, stop), *got in zip(ends, mean, ramp, strict=True):
        for power in (0, 1):
            assert abs(integral(np.tanh, start, stop, power, np.arange(-20.0, 21.0)) - got[power]) < 1e-7


@named
def test_slopes_against_finite_differences(make):
    with jax.enable_x64(True):
        curve = make()
        x = jnp.asarray([[0.11, 0.93, 1.41, -2.3, -2.29, 0.02, 0.021, 0.4]])
        parameters, rest = eqx.partition(curve, eqx.is_inexact_array)

        def both(x, parameters):
            whole = eqx.combine(parameters, rest)
            plain, _ = whole(x, (), CLOCK)
            smooth = Antialiased(whole, 2)
            y, _ = smooth(x, smooth.init_state(1, 48_000), CLOCK)
            return jnp.stack([plain, y])

        check_grads(jax.jit(both), (x, parameters), order=1, modes=["rev"], eps=1e-5, rtol=2e-4, atol=2e-4)


@named
def test_slopes_at_rest_are_the_curves_own(make):
    curve, x = make(), jnp.full((1, 1), 0.003)
    settings = curve.settings(x, CLOCK)
    mean = jax.jit(jax.grad(lambda x: curve.moments(x, x, *settings).mean.sum()))(x)
    own = jax.jit(jax.grad(lambda x: curve.curve(x, *settings).sum()))(x)
    np.testing.assert_allclose(mean, own, rtol=1e-5)


def test_shapes():
    x = jnp.linspace(-3.0, 3.0, 601)[None]
    np.testing.assert_allclose(played(Tanh(12.0), x), np.tanh(10**0.6 * np.asarray(x)) / 10**0.6, atol=1e-6)
    np.testing.assert_allclose(played(SoftClip(), x).max(), 1.0, atol=1e-6)
    np.testing.assert_allclose(played(HardClip(-6.0), x), np.clip(x, -(10**-0.3), 10**-0.3), atol=1e-6)
    np.testing.assert_allclose(played(Rational(), x), np.tanh(x), atol=2e-3)
    for identity in (Polynomial(), SplineCurve(), MLPCurve(key=jax.random.key(1))):
        np.testing.assert_allclose(played(identity, x), x, atol=2e-6)


def test_polynomial_is_chebyshev_inside_and_its_tangent_outside():
    c = (0.1, 0.8, 0.2, -0.1, 0.05)
    x = np.linspace(-1, 1, 101)
    np.testing.assert_allclose(played(Polynomial(c), x[None])[0], chebyshev.chebval(x, c), atol=1e-6)
    slope = chebyshev.chebval(-1.0, chebyshev.chebder(c))
    beyond = chebyshev.chebval(-1.0, c) + slope * -3.0
    np.testing.assert_allclose(played(Polynomial(c), np.array([[-4.0]])), beyond, rtol=1e-6)


def test_spline_is_scipys_inside():
    from scipy.interpolate import BSpline

    spline = _spline()
    x = np.linspace(-1, 1, 401)[:-1]
    knots = np.arange(-3, spline.pieces + 4) * spline.spacing - spline.reach
    want = BSpline(knots, np.asarray(spline.heights, float), 3)(x)
    np.testing.assert_allclose(played(spline, x[None])[0], want, atol=2e-6)


def test_spline_holds_its_bound():
    x = np.linspace(-2, 2, 8_001)
    for limit in (None, 0.9):
        spline = _spline(limit)
        slope = np.abs(np.diff(played(spline, x[None])[0]) / np.diff(x)).max()
        assert slope <= float(spline.steepness()) + 2e-3
    assert float(spline.steepness()) <= 0.9 + 1e-5
    assert float(_spline().steepness()) > 1.2


def test_gradient_of_a_long_piece():
    """One more than 65,536 segments: a reduction over pieces crashed XLA here."""
    block = Antialiased(HardClip(-6.0), 2)
    x = jnp.ones((2, 65_536))
    slope = jax.jit(jax.grad(lambda x: block(x, block.init_state(2, 48_000), CLOCK)[0].sum()))(x)
    assert np.isfinite(np.asarray(slope)).all()


def test_drive_may_be_a_signal():
    moving = Tanh(LFO(5.0, 12.0, 12.0))
    x = jnp.linspace(-1.0, 1.0, 64)[None]
    for order in (1, 2):
        assert np.isfinite(played(Antialiased(moving, order), x)).all()
    assert np.abs(played(moving, x) - played(Tanh(12.0), x)).max() > 1e-3


def test_refusals():
    with pytest.raises(TypeError, match="must be a curve"):
        Antialiased(Gain())
    with pytest.raises(ValueError, match="order is 3"):
        Antialiased(Tanh(), 3)
    with pytest.raises(ValueError, match="-24 to 48 dB"):
        Tanh(60.0)
    with pytest.raises(ValueError, match="coefficients"):
        Polynomial((1.0,))
    with pytest.raises(ValueError, match="pieces is 1"):
        SplineCurve(1)
