"""Convolution against SciPy in float64, in pieces, and its slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from ddspfx.blocks.fir import FIR
from ddspfx.clock import Clock
from ddspfx.signal.fir import direct, fir, overlap_save, short
from ddspfx.testing import in_pieces


def _taps(count, seed=0):
    return np.random.default_rng(seed).normal(size=count) * np.exp(-5 * np.arange(count) / count)


def _noise(channels, count, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (channels, count))


@pytest.mark.parametrize("taps, count", [(1, 50), (20, 5_000), (3_000, 30_000), (3_000, 4), (40_000, 9_000)])
def test_any_length_is_scipys_convolution(taps, count):
    h, x = _taps(taps), _noise(2, count)
    block = FIR(h)
    y, state = jax.jit(lambda x: block(x, block.init_state(2, 48_000), Clock.zero(48_000)))(jnp.asarray(x, float))
    wanted = signal.convolve(x, h[None])[:, :count]
    assert np.abs(np.asarray(y) - wanted).max() <= 1e-6 * np.abs(wanted).max()
    assert state.shape == (2, taps - 1)


def test_partitions_are_the_direct_sum_in_float64():
    with jax.enable_x64(True):
        line, h = jnp.asarray(_noise(2, 1_000)), jnp.asarray(np.stack([_taps(70), _taps(70, 2)]))
        assert jnp.abs(overlap_save(line, h) - direct(line, h)).max() < 1e-13


@pytest.mark.parametrize("taps, count", [(70, 9), (64, 8), (33, 32)])
def test_a_short_piece_is_the_direct_sum_values_and_slopes(taps, count):
    with jax.enable_x64(True):
        line, h = jnp.asarray(_noise(2, taps + count - 1)), jnp.asarray(_taps(taps))[None]
        weights = jnp.asarray(_noise(2, count, 3))
        slopes = [jax.grad(lambda *given, way=way: (weights * way(*given)).sum(), (0, 1)) for way in (short, direct)]
        assert jnp.abs(short(line, h) - direct(line, h)).max() < 1e-13
        for one, other in zip(*(slope(line, h) for slope in slopes), strict=True):
            assert jnp.abs(one - other).max() < 1e-13


def test_pieces_are_the_whole_however_they_are_convolved():
    """Pieces of 1 and 700 samples are summed directly and by FFT in turn; each channel has its own taps."""
    x, block = jnp.asarray(_noise(2, 2_000), float), FIR(np.stack([_taps(90), _taps(90, 3)]) / 4)
    clock = Clock.zero(44_100)
    whole, end = in_pieces(block, x, clock)
    pieces, last = jax.jit(in_pieces, static_argnums=3)(block, x, clock, (1, 700, 1_400, 1_430))
    assert jnp.abs(whole - pieces).max() <= 1e-6 * max(1.0, float(jnp.abs(whole).max()))
    assert (end == last).all()


@pytest.mark.parametrize("count", [3, 600])
def test_slopes_of_taps_and_signal_are_finite_differences(count):
    with jax.enable_x64(True):
        x, h, weights = jnp.asarray(_noise(1, count)), jnp.asarray(_taps(64)), jnp.asarray(_noise(1, count, 5))
        past = jnp.asarray(_noise(1, 63, 6))

        @jax.jit
        def loss(h, x):
            y, state = fir(x, h, past)
            return (weights * y**2).sum() + (state**2).sum()

        for place, value in enumerate((h, x)):
            along = jnp.asarray(_noise(*jnp.atleast_2d(value).shape, 7)).reshape(value.shape)
            slope = (jax.grad(loss, argnums=place)(h, x) * along).sum()
            ends = [loss(h + s * along, x) if place == 0 else loss(h, x + s * along) for s in (1e-5, -1e-5)]
            assert abs(float(slope) - float(ends[0] - ends[1]) / 2e-5) <= 1e-7 * abs(float(slope))


def test_the_response_is_the_sum_over_taps():
    h, f = _taps(33), np.array([0.0, 440.0, 20_000.0])
    wanted = signal.freqz(h, worN=f, fs=44_100)[1]
    assert np.abs(FIR(h).frequency_response(f, 44_100) - wanted).max() < 1e-5


@pytest.mark.parametrize(
    "taps, words", [([], "at least one"), ([1.0, np.inf], "not finite"), (np.ones((1, 1, 2)), "but")]
)
def test_errors_say_what_would_do(taps, words):
    with pytest.raises(ValueError, match=words):
        FIR(taps)


def test_taps_for_two_channels_refuse_three():
    with pytest.raises(ValueError, match="taps are for 2"):
        FIR(np.ones((2, 4))).init_state(3, 44_100)
