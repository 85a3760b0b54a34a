"""Dynamics against plain float64 loops, the static curve in closed form, and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ddspfx
from ddspfx.clock import Clock
from ddspfx.signal.envelope import decibels, feedback_reduction, over, rate, smooth

RATE = 44_100


def signal(count=1500, channels=2):
    noise = np.random.default_rng(3).normal(size=(channels, count))
    return noise * (0.02 + 0.4 * (np.arange(count) // 300 % 2))


def alpha(milliseconds):
    return np.exp(-1 / (milliseconds * 1e-3 * RATE))


def branching(x, attack, release, start=0.0):
    y = np.zeros(len(x))
    for n, target in enumerate(x):
        a = attack if target > start else release
        start = y[n] = a * start + (1 - a) * target
    return y


def static(level, threshold, ratio, knee):
    """Output level in dB: Giannoulis, Massberg, Reiss (2012), eq. 4, as printed."""
    if 2 * (level - threshold) < -knee:
        return level
    if 2 * abs(level - threshold) <= knee:
        return level + (1 / ratio - 1) * (level - threshold + knee / 2) ** 2 / (2 * knee)
    return threshold + (level - threshold) / ratio


def play(block, x):
    x = jnp.asarray(x, float)
    y, _ = jax.jit(lambda x: block(x, block.init_state(x.shape[0], RATE), Clock.zero(RATE)))(x)
    return np.asarray(y)


@pytest.mark.parametrize("detector", ["peak", "rms"])
def test_the_envelope_is_the_plain_loop(detector):
    x = signal()
    y = play(ddspfx.EnvelopeFollower(3.0, 40.0, detector), x)
    for row, got in zip(x, y, strict=True):
        level = np.abs(row) if detector == "peak" else row**2
        wanted = branching(level, alpha(3), alpha(40))
        np.testing.assert_allclose(got, wanted if detector == "peak" else np.sqrt(wanted), atol=2e-6)


def test_a_step_reaches_one_minus_1_over_e_after_the_attack_and_falls_to_1_over_e_after_the_release():
    x = np.concatenate([np.ones(RATE // 10), np.zeros(RATE // 10)])[None]
    y = play(ddspfx.EnvelopeFollower(5.0, 20.0), x)[0]
    rise = np.argmax(y >= 1 - np.exp(-1)) + 1
    fall = np.argmax(y[RATE // 10 :] <= np.exp(-1)) + 1
    assert rise == pytest.approx(0.005 * RATE, abs=1)
    assert fall == pytest.approx(0.020 * RATE, abs=1)


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("detector", ["peak", "rms"])
def test_the_feedforward_compressor_is_the_plain_loop(detector, link):
    x = signal()
    block = ddspfx.Compressor(-24.0, 5.0, 2.0, 30.0, 8.0, 3.0, averaging=4.0, detector=detector, link=link)
    level = np.abs(x) if detector == "peak" else x**2
    if link:
        level = np.broadcast_to(level.max(0), x.shape)
    for row, got, source in zip(level, play(block, x), x, strict=True):
        if detector == "rms":
            row = branching(row, alpha(4), alpha(4))
        dB = (20 if detector == "peak" else 10) * np.log10(np.maximum(row, 1e-30))
        target = np.array([v - static(v, -24, 5, 8) for v in dB])
        q = branching(target, alpha(2), alpha(30))
        np.testing.assert_allclose(got, source * 10 ** ((3 - q) / 20), atol=1e-5)


def test_the_feedback_compressor_satisfies_its_own_equation_at_every_sample():
    x, (threshold, ratio, knee) = signal(), (-24.0, 30.0, 8.0)
    with jax.enable_x64(True):
        level = decibels(jnp.abs(jnp.asarray(x)), "peak")
        attack, release = rate(jnp.asarray(0.1), RATE), rate(jnp.asarray(30.0), RATE)
        q = feedback_reduction(level, threshold, ratio, knee, attack, release, jnp.zeros(2))
        heard = (ratio - 1) * over(level - q, threshold, knee)
        before = jnp.concatenate([jnp.zeros((2, 1)), q[:, :-1]], axis=1)
        speed = jnp.where(heard > before, attack, release)
        np.testing.assert_allclose(q, before + speed * (heard - before), atol=1e-9)
        assert float(q.max()) > 5


@pytest.mark.parametrize("topology", ["feedforward", "feedback"])
def test_steady_levels_lie_on_the_static_curve(topology):
    levels = np.array([-60.0, -31.0, -25.0, -10.0, 0.0])
    x = np.broadcast_to(10 ** (levels / 20)[:, None], (5, 3000))
    knee = 10.0 if topology == "feedforward" else 0.0
    block = ddspfx.Compressor(-28.0, 4.0, 0.5, 5.0, knee, topology=topology)
    y = 20 * np.log10(play(block, x)[:, -1])
    np.testing.assert_allclose(y, [static(v, -28, 4, knee) for v in levels], atol=2e-3)


def test_the_gain_reaches_its_share_after_the_attack_time():
    x = np.ones((1, RATE // 10))
    gain = 20 * np.log10(play(ddspfx.Compressor(-20.0, 4.0, 5.0, 100.0, 0.0), x)[0])
    assert np.argmax(gain <= -15 * (1 - np.exp(-1))) + 1 == pytest.approx(0.005 * RATE, abs=1)


def test_a_slot_may_be_a_signal():
    count = 800
    x = np.full((1, count), 0.5)
    sweep = np.linspace(-40, -10, count)
    with jax.enable_x64(True):
        level = jnp.full((1, count), 20 * np.log10(0.5))
        target = 0.75 * over(level, jnp.asarray(sweep)[None], 6.0)
        q = smooth(target, rate(jnp.asarray(1.0), RATE), rate(jnp.asarray(9.0), RATE), jnp.zeros(1))
        wanted = branching(
            [20 * np.log10(0.5) - static(20 * np.log10(0.5), t, 4, 6) for t in sweep], alpha(1), alpha(9)
        )
        np.testing.assert_allclose(q[0], wanted, atol=1e-9)
    lfo = ddspfx.Compressor(ddspfx.Constant(-30.0), 4.0, 1.0, 9.0)
    np.testing.assert_allclose(play(lfo, x), play(ddspfx.Compressor(-30.0, 4.0, 1.0, 9.0), x), atol=1e-6)


@pytest.mark.parametrize("topology", ["feedforward", "feedback"])
@pytest.mark.parametrize("detector", ["peak", "rms"])
def test_slopes_are_those_of_finite_differences(topology, detector):
    with jax.enable_x64(True):
        x = jnp.asarray(signal(200, 1))
        weights = jnp.cos(0.3 * jnp.arange(200))

        @jax.jit
        def loss(values):
            block = ddspfx.Compressor(*values, topology=topology, detector=detector)
            y, _ = block(x, block.init_state(1, RATE), Clock.zero(RATE))
            return jnp.sum(y * weights)

        values = jnp.array([-22.0, 5.0, 0.8, 11.0, 7.0, 1.0, 1.5])
        slopes = jax.jit(jax.grad(lambda v: loss(v)))(values)
        steps = 1e-5 * values
        for place in range(7):
            step = jnp.zeros(7).at[place].set(steps[place])
            wanted = (loss(values + step) - loss(values - step)) / (2 * steps[place])
            assert float(slopes[place]) == pytest.approx(float(wanted), rel=1e-5, abs=1e-7)


def test_what_is_not_known_is_named():
    with pytest.raises(ValueError, match="topology is 'sideways'"):
        ddspfx.Compressor(topology="sideways")
    with pytest.raises(ValueError, match="detector is 'ears'"):
        ddspfx.EnvelopeFollower(detector="ears")
