"""A loop in hops against the loop written out sample by sample."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.blocks.feedback import Feedback
from ddspfx.blocks.gain import Gain
from ddspfx.clock import Clock
from ddspfx.testing import in_pieces

RATE = 48_000


def loop(gain=0.7, lag=101.0, block=None):
    return Feedback(Gain(-1.0) if block is None else block, lag / RATE, gain, shortest=0.001, longest=0.004)


def test_echoes_are_those_of_the_loop_written_out():
    with jax.enable_x64(True):
        x = np.random.default_rng(0).standard_normal((2, 700))
        y, sent = x.copy(), 10 ** (-1 / 20)
        for n in range(101, 700):
            y[:, n] += 0.7 * sent * y[:, n - 101]
        assert np.abs(in_pieces(loop(), jnp.asarray(x), Clock.zero(RATE), (5, 60, 61))[0] - y).max() < 1e-9


def test_a_fractional_comb_has_its_closed_form():
    with jax.enable_x64(True):
        lag, omega = 60.5, 0.2
        x = jnp.asarray(np.cos(omega * np.arange(6_000)))[None]
        y = np.asarray(in_pieces(loop(-0.8, lag, Gain(0.0)), x, Clock.zero(RATE))[0][0, -1_000:])
        n = np.arange(5_000, 6_000)
        wanted = np.real(np.exp(1j * omega * n) / (1 + 0.8 * np.exp(-1j * omega * lag)))
        assert np.abs(y - wanted).max() < 0.0234 * omega**4 * 0.8 * 25 + 1e-9


def test_slopes_of_gain_and_delay():
    with jax.enable_x64(True):
        block, x = loop(0.6, 60.3), jax.random.normal(jax.random.key(0), (1, 300))
        leaves = lambda b: (b.gain.raw, b.delay.raw)  # noqa: E731

        @jax.jit
        def loss(values):
            return jnp.sum(in_pieces(eqx.tree_at(leaves, block, values), x, Clock.zero(RATE), (170,))[0] ** 2)

        values = leaves(block)
        slopes = jax.grad(loss)(values)
        for place in (0, 1):
            moved = [tuple(v + s * 1e-6 * (i == place) for i, v in enumerate(values)) for s in (1, -1)]
            assert abs((loss(moved[0]) - loss(moved[1])) / 2e-6 / slopes[place] - 1) < 1e-5


def test_the_loudest_loop_dies_away():
    x = jnp.zeros((1, 40_000)).at[0, 0].set(1.0)
    y = in_pieces(loop(0.99, 60.5, Gain(0.0)), x, Clock.zero(RATE))[0]
    assert jnp.abs(y).max() <= 1.0 and jnp.abs(y[0, -100:]).max() < 0.01


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"within -0\.99 to 0\.99"):
        loop(1.0)
    with pytest.raises(ValueError, match=r"within 0\.001 to 0\.004"):
        loop(lag=1_000.0)
    with pytest.raises(ValueError, match="must be at least"):
        Feedback(Gain(), 0.00002, shortest=0.00001).init_state(1, RATE)
