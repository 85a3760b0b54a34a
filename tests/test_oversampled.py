"""Oversampled: what it lets through, what it rejects, when it arrives, and the clock its block reads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Int

from ddspfx.block import AbstractBlock
from ddspfx.blocks.antialiased import Antialiased
from ddspfx.blocks.chain import Mix
from ddspfx.blocks.curve import Tanh
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.oversampled import FACTORS, Oversampled, faster
from ddspfx.clock import Clock
from ddspfx.render import render
from ddspfx.testing import in_pieces

RATE, COUNT = 48_000, 4_800
PASS = 20_000


class Tone(AbstractBlock):
    """A cosine of so many kHz that is a function of the clock alone, whatever comes in, its phase exact."""

    kilohertz: Int[Array, ""]

    def init_state(self, channels, sample_rate):
        return ()

    def __call__(self, x, state, clock):
        period = clock.sample_rate // 1_000
        _, sample = clock.run(x.shape[1])
        cycles = ((sample % period) * self.kilohertz % period) / period
        return jnp.broadcast_to(jnp.cos(2 * jnp.pi * cycles), x.shape), state


class Keep(AbstractBlock):
    """Adds the input, samples apart by `factor`, to its state: what the block inside has been given."""

    def init_state(self, channels, sample_rate):
        return jnp.zeros((channels, 0))

    def __call__(self, x, state, clock):
        return x, x


def response(y):
    """Levels in dB by frequency, one bin every `rate / len(y)`."""
    return 20 * np.log10(np.maximum(np.abs(np.fft.rfft(np.asarray(y, float))), 1e-12))


def run(block, x):
    return jax.jit(lambda x, s: block(x, s, Clock.zero(RATE)))(x, block.init_state(x.shape[0], RATE))


@pytest.mark.parametrize("factor", FACTORS)
def test_flat_and_whole_late(factor):
    block = Oversampled(Gain(0.0), factor)
    late = block.latency(RATE)
    impulse = jnp.zeros((1, COUNT)).at[0, 0].set(1.0)
    y = np.asarray(run(block, impulse)[0][0], float)
    assert late == int(late)
    assert int(np.argmax(y)) == late
    span = y[: 2 * int(late) + 1]
    np.testing.assert_allclose(span, span[::-1], atol=1e-6)  # linear phase about a whole sample
    level = response(y)[: PASS * COUNT // RATE + 1]
    assert np.abs(level).max() < 0.1


@pytest.mark.parametrize("factor", FACTORS)
def test_images_are_rejected(factor):
    impulse = jnp.zeros((1, COUNT)).at[0, 0].set(1.0)
    _, (_, up, _, _) = run(Oversampled(Keep(), factor), impulse)
    level = response(up[0]) - 20 * np.log10(factor)
    frequency = np.fft.rfftfreq(factor * COUNT, 1 / (factor * RATE))
    offset = np.abs((frequency + RATE / 2) % RATE - RATE / 2)  # what a component at this frequency is an image of
    images = (offset <= PASS) & (frequency > RATE / 2)
    assert level[images].max() < -80
    assert np.abs(level[frequency <= PASS]).max() < 0.1


@pytest.mark.parametrize("factor", FACTORS)
def test_aliases_are_rejected_and_the_clock_is_right(factor):
    tones = [48 * image + offset for image in range(factor // 2 + 1) for offset in (-20, -7, 1, 20)]
    tones = np.array([1] + [tone for tone in tones if 24 < tone < 24 * factor])
    clock = Clock(jnp.int32(-1), jnp.int32(0), jax.random.key(0), RATE)

    def out(tone):
        block = Oversampled(Tone(tone), factor)
        return block(jnp.zeros((1, 960)), block.init_state(1, RATE), clock)[0][0, 320:]

    y = np.asarray(jax.jit(jax.vmap(out))(tones))
    assert 20 * np.log10(np.abs(y[1:]).max()) < -80
    late = np.arange(960) - Oversampled(Gain(), factor).latency(RATE)
    np.testing.assert_allclose(y[0], np.cos(2 * np.pi * late / 48)[320:], atol=2e-4)


def test_the_clock_is_the_same_instant():
    clock = faster(Clock.zero(RATE).after(-5), 4)
    assert (int(clock.second), int(clock.sample), clock.sample_rate) == (-1, 4 * (RATE - 5), 4 * RATE)


def test_dry_and_wet_null():
    t = np.arange(4_096) / RATE
    x = jnp.asarray(0.3 * np.sin(2 * np.pi * 997 * t) + 0.3 * np.sin(2 * np.pi * 9_001 * t), float)[None]
    x = x * jnp.asarray(np.hanning(4_096), float)
    for factor in (2, 8):
        wet = Oversampled(Gain(0.0), factor)
        gone = Mix(wet, 0.5)
        y = render(gone, x, RATE)
        assert float(jnp.abs(y - x).max()) < 1e-4  # half dry, half wet, aligned
    turned, _ = run(Mix(wet, 0.0), x)
    late = int(wet.latency(RATE))
    np.testing.assert_array_equal(np.asarray(turned[:, late:]), np.asarray(x[:, :-late]))


def test_latency_counts_the_block_inside():
    plain = Oversampled(Tanh(), 4).latency(RATE)
    assert Oversampled(Antialiased(Tanh(), 1), 4).latency(RATE) == plain + 0.125
    whole = Oversampled(Antialiased(Tanh(), 2), 4).latency(RATE)
    assert whole == int(whole)


def test_one_sample_at_a_time_in_float64():
    with jax.enable_x64(True):
        block = Oversampled(Tanh(20.0), 4)
        x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 48)))
        clock = Clock.zero(RATE)
        whole, _ = in_pieces(block, x, clock)
        pieces, _ = jax.jit(lambda x: in_pieces(block, x, clock, (1, 2, 5, 40)))(x)
        assert whole.dtype == jnp.float64
        np.testing.assert_allclose(pieces, whole, atol=1e-13)


def test_gradient_against_finite_differences():
    from jax.test_util import check_grads

    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(1).normal(size=(1, 24)))

        def energy(x, drive):
            block = Oversampled(Tanh(drive), 2)
            y, _ = block(x, block.init_state(1, RATE), Clock.zero(RATE))
            return jnp.sum(y * jnp.arange(24))

        check_grads(jax.jit(energy), (10 * x, 12.0), order=1, modes=["rev"], rtol=1e-5)


def test_refuses_other_factors():
    with pytest.raises(ValueError, match="factor is 3, but must be one of 2, 4, 8, 16"):
        Oversampled(Tanh(), 3)
