"""Delays against shifted sines, their slopes against finite differences, and windows against plain gathers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.blocks.chain import Serial
from ddspfx.blocks.delay import FixedDelay, VariableDelay
from ddspfx.clock import Clock
from ddspfx.listing import put, slots
from ddspfx.render import render
from ddspfx.signal.delay import lagrange_taps
from ddspfx.signal.interpolation import NAMES, kernel
from ddspfx.signal.windows import cut, lay
from ddspfx.slot import AbstractSource
from ddspfx.source.trajectory import Trajectory
from ddspfx.testing import in_pieces

RATE = 44_100
OMEGA = 0.5
# The interpolation error of a polynomial of order N: omega^(N + 1) max prod |u - k| / (N + 1)!, here at u = 1/2.
ERRORS = {"linear": 0.25 / 2, "lagrange3": 0.5625 / 24, "lagrange5": 3.516 / 720, "lagrange7": 43.07 / 40_320}

# float32 knows a delay of 100 samples to 8e-6 samples, and the slope of the sine is 0.5.
SINGLE = 5e-6


def sine(samples, omega=OMEGA):
    return np.sin(omega * np.asarray(samples, np.float64))


def bound(name, omega=OMEGA):
    taps = kernel(name).shape[0]
    return SINGLE + (0.0 if name == "sinc" else ERRORS[name] * omega**taps * 1.05)


@pytest.mark.parametrize("name", NAMES)
def test_constant_delay_shifts_a_sine(name):
    lag, n = 100.43, np.arange(600)
    y = render(VariableDelay(0.0, 0.005, lag / RATE, name), sine(n).astype(np.float32), RATE)
    assert np.abs(y - sine(n - lag))[150:].max() < bound(name)


@pytest.mark.parametrize("name", NAMES)
def test_trajectory_bends_a_sine(name):
    n, t = np.arange(12_000), np.arange(0, 0.28, 1 / 200)
    trajectory = Trajectory.fit(t, 0.16 + 3e-4 * np.sin(2 * np.pi * 9 * t), 0.28, RATE)
    y = render(VariableDelay(0.1, 0.2, trajectory, name), sine(n).astype(np.float32), RATE)
    wanted = sine(n - trajectory(n / RATE) * RATE)
    assert np.abs(y - wanted)[8_000:].max() < bound(name)


def test_sinc_is_flat_to_three_quarters_of_nyquist():
    omega, lag, n = 0.75 * np.pi, 40.5, np.arange(400)
    y = render(VariableDelay(0.0, 0.005, lag / RATE, "sinc"), sine(n, omega).astype(np.float32), RATE)
    assert np.abs(y - sine(n - lag, omega))[100:].max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_no_delay_is_transparent_once_the_latency_is_removed(name):
    x = np.random.default_rng(0).standard_normal((2, 300)).astype(np.float32)
    assert np.abs(render(VariableDelay(0.0, 0.005, 0.0, name), x, RATE) - x).max() < 3e-6


def test_latency_is_only_what_the_shortest_delay_does_not_cover():
    assert [VariableDelay(0.0, 0.005, 0.001, name).latency(RATE) for name in NAMES] == [0, 1, 2, 3, 15]
    assert VariableDelay(15 / RATE, 0.005, 0.001, "sinc").latency(RATE) == 0


def test_channels_may_have_delays_of_their_own():
    n = np.arange(400)
    x = np.stack([sine(n), sine(n)]).astype(np.float32)
    lags = np.array([30.0, 77.5])
    constant = VariableDelay(0.0, 0.005, lags / RATE, "lagrange7")
    knots = np.repeat([[0.0], [47.5 / RATE]], 12, axis=1)
    moving = VariableDelay(0.0, 0.005, Trajectory(30, knots, RATE), "lagrange7")
    wanted = np.stack([sine(n - lag) for lag in lags])
    for block in (constant, moving):
        assert np.abs(render(block, x, RATE) - wanted)[:, 150:].max() < bound("lagrange7")


def test_another_sample_rate_keeps_the_base_to_the_last_digit():
    trajectory = Trajectory(40_001, np.zeros(50), RATE)
    wanted = 40_001 * 48_000 / RATE
    n = np.arange(46_000)
    y = render(VariableDelay(0.5, 1.0, trajectory, "lagrange7"), sine(n).astype(np.float32), 48_000)
    assert np.abs(y - sine(n - wanted))[44_000:].max() < bound("lagrange7")


def test_a_delay_outside_is_held_at_the_end_and_its_slope_is_alive():
    class Ramp(AbstractSource):
        offset: jax.Array

        def read(self, channels, count, clock):
            return jnp.broadcast_to(self.offset, (1, count))

    x = jnp.asarray(sine(np.arange(400)))[None]

    def play(offset):
        block = VariableDelay(0.001, 0.002, Ramp(offset), "lagrange3")
        return block(x, block.init_state(1, RATE), Clock.zero(RATE))[0][0, 200:]

    held = play(jnp.asarray(0.002))
    assert np.array_equal(play(jnp.asarray(0.5)), held)
    slope = jax.grad(lambda offset: jnp.sum(play(offset) * jnp.cos(0.5 * jnp.arange(200))))(jnp.asarray(0.5))
    assert np.isfinite(slope) and abs(float(slope)) > 0


def slope_error(block, leaf_of, step=1e-6):
    """Relative difference of the slope along a random direction and its central difference, in float64."""
    x = jax.random.normal(jax.random.key(2), (1, 500))
    weights = jax.random.normal(jax.random.key(3), (1, 500))
    leaf = leaf_of(block)
    along = jax.random.normal(jax.random.key(4), leaf.shape)

    @jax.jit
    def loss(x, leaf):
        moved = eqx.tree_at(leaf_of, block, leaf)
        return jnp.sum(weights * in_pieces(moved, x, Clock.zero(RATE), (200,))[0])

    to_signal, to_leaf = jax.grad(loss, argnums=(0, 1))(x, leaf)
    size = step * jnp.abs(leaf).max()
    by_leaf = (loss(x, leaf + size * along) - loss(x, leaf - size * along)) / (2 * size)
    by_signal = (loss(x + 1e-3 * x[:, ::-1], leaf) - loss(x, leaf)) / 1e-3
    wanted = jnp.array([jnp.sum(to_leaf * along), jnp.sum(to_signal * x[:, ::-1])])
    return float(jnp.abs(wanted / jnp.array([by_leaf, by_signal]) - 1).max())


@pytest.mark.parametrize("name", ["linear", "lagrange3", "sinc"])
def test_slope_of_a_trajectory(name):
    with jax.enable_x64(True):
        knots = 3e-4 * np.random.default_rng(1).standard_normal(12)
        block = VariableDelay(0.0, 0.01, Trajectory(90, knots, RATE), name)
        assert slope_error(block, lambda b: b.delay.knots) < 1e-5


def test_slope_of_a_fixed_delay():
    with jax.enable_x64(True):
        assert slope_error(FixedDelay(0.00123, 0.01), lambda b: b.delay.raw) < 1e-5


def test_fixed_delay_shifts_a_sine():
    n = np.arange(400)
    y = render(FixedDelay(50.25 / RATE, 0.01), sine(n).astype(np.float32), RATE)
    assert np.abs(y - sine(n - 50.25))[80:].max() < bound("lagrange3")


@pytest.mark.parametrize("order", [1, 3, 5, 7])
def test_kernels_are_lagranges_taps(order):
    powers = (0.3 - 0.5) ** np.arange(order + 1)
    taps = kernel("linear" if order == 1 else f"lagrange{order}") @ powers
    assert np.abs(taps - lagrange_taps(0.3 + (order - 1) // 2, order)).max() < 1e-12


def test_what_does_not_fit_is_refused():
    model = Serial(transport=VariableDelay(0.1, 0.2, 0.15))
    late = Trajectory.zero(1.0, RATE, base=RATE // 4)
    for put_in in (
        lambda: VariableDelay(0.0, 0.05, late),
        lambda: VariableDelay(0.0, 0.05, 0.06),
        lambda: put(model, "transport.delay", late),
        lambda: put(model, "transport.delay", 0.25),
        lambda: VariableDelay(0.1, 0.2).check(late),
    ):
        with pytest.raises(ValueError, match=r"must be within 0(\.1)? to 0\.(05|2) s"):
            put_in()
    with pytest.raises(ValueError, match="interpolation is 'cubic'"):
        VariableDelay(interpolation="cubic")
    with pytest.raises(ValueError, match="shortest"):
        VariableDelay(0.2, 0.1)
    with pytest.raises(ValueError, match="use VariableDelay"):
        FixedDelay(late)
    fits = put(model, "transport.delay", Trajectory.zero(1.0, RATE, base=RATE // 8))
    assert slots(fits)[0].text == "Trajectory" and slots(fits)[0].range.low == 0.1


def test_windows_are_gathers_in_every_mode():
    x = jax.random.normal(jax.random.key(0), (2, 40))
    first = jnp.array([[1, 5, 5, 9], [0, 3, 8, 37]])

    def gathered(x):
        return jnp.stack([jnp.take_along_axis(x, first + k, axis=1) for k in range(3)])

    assert np.array_equal(cut(x, first, 3), gathered(x))
    plain, ours = (
        jax.hessian(lambda x, f=f: jnp.sum(f(jnp.sin(x)) ** 3)) for f in (gathered, lambda x: cut(x, first, 3))
    )
    assert np.abs(ours(x) - plain(x)).max() < 1e-5
    tangent = jax.jvp(lambda x: cut(x, first, 3), (x,), (x,))[1]
    assert np.array_equal(tangent, gathered(x))
    many, places = jnp.stack([x, 2 * x], axis=1), jnp.stack([first, first[::-1]])
    mapped = jax.vmap(lambda x, f: cut(x, f, 3), in_axes=(1, 0), out_axes=2)(many, places)
    assert np.array_equal(mapped[:, :, 1], cut(2 * x, first[::-1], 3))
    windows = cut(x, first, 3)
    inner = jax.vmap(lambda s: jnp.sum(lay(s * windows, first, 40) * x))(jnp.array([1.0, 2.0]))
    assert np.allclose(inner, jnp.array([1.0, 2.0]) * jnp.sum(windows * windows), rtol=1e-5)
