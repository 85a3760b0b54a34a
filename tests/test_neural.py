"""Networks: the textbook's equations, slopes, memories, other sample rates, controls."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.blocks.mlp import MLP
from ddspfx.blocks.recurrent import GRU, LSTM
from ddspfx.blocks.tcn import TCN
from ddspfx.clock import Clock
from ddspfx.control import Control, Switch, at
from ddspfx.signal.rnn import Weights, fold, past_taps, recur
from ddspfx.slot import AbstractSource

RATE = 44_100
KEY = jax.random.key(3)
KNOBS = (Control("drive", 0, 10, 5), Switch("speed", ("slow", "fast")))


@eqx.filter_jit
def play(block, x, sample_rate=RATE):
    return block(x, block.init_state(x.shape[0], sample_rate), Clock.zero(sample_rate))[0]


def noise(count, channels=2, level=0.13, seed=0):
    return level * np.random.default_rng(seed).standard_normal((channels, count))


def shaken(block, seed=5):
    """The block with every weight moved, so that no bias is zero."""
    weights, rest = eqx.partition(block, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(weights)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [
        leaf + 0.2 * jax.random.normal(k, leaf.shape) * (leaf.ndim > 0) for leaf, k in zip(leaves, keys, strict=True)
    ]
    return eqx.combine(jax.tree.unflatten(tree, moved), rest)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru_by_hand(block, x):
    gain, hidden = 10 ** (18 / 20), block.output.size
    w, r, bias = (np.asarray(v, float) for v in (block.input, block.recurrent, block.bias))
    h, y = np.zeros(hidden), []
    columns = [slice(i * hidden, (i + 1) * hidden) for i in range(4)]
    for sample in x:
        reset, keep = (sigmoid(gain * sample * w[0, c] + bias[c] + h @ r[:, c]) for c in columns[:2])
        new = np.tanh(
            gain * sample * w[0, columns[2]] + bias[columns[2]] + reset * (h @ r[:, columns[2]] + bias[columns[3]])
        )
        h = (1 - keep) * new + keep * h
        y.append(sample + (h @ np.asarray(block.output, float) + float(block.offset)) / gain)
    return np.array(y)


def lstm_by_hand(block, x):
    gain, hidden = 10 ** (18 / 20), block.output.size
    w, r, bias = (np.asarray(v, float) for v in (block.input, block.recurrent, block.bias))
    h, c, y = np.zeros(hidden), np.zeros(hidden), []
    for sample in x:
        i, f, n, o = np.split(gain * sample * w[0] + bias + h @ r, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(n)
        h = sigmoid(o) * np.tanh(c)
        y.append(sample + (h @ np.asarray(block.output, float) + float(block.offset)) / gain)
    return np.array(y)


@pytest.mark.parametrize(("kind", "by_hand"), [(GRU, gru_by_hand), (LSTM, lstm_by_hand)])
def test_recurrent_equals_the_textbook(kind, by_hand):
    x = noise(300)
    for wide, bound in ((False, 3e-6), (True, 1e-12)):
        with jax.enable_x64(wide):
            block = shaken(kind(5, key=KEY))
            y = play(block, jnp.asarray(x, float))
            np.testing.assert_allclose(y, [by_hand(block, row) for row in x], atol=bound)


@pytest.mark.parametrize(("make", "sample_rate"), [
    (lambda: GRU(3, controls=KNOBS, key=KEY), 48_000),
    (lambda: TCN(3, 2, gated=True, controls=KNOBS, key=KEY), 44_100),
    (lambda: TCN(3, 2, controls=KNOBS, conditioning="concat", key=KEY), 48_000),
    (lambda: MLP((4,), 3, controls=KNOBS, key=KEY), 44_100),
])  # fmt: skip
def test_block_slopes_equal_finite_differences(make, sample_rate):
    with jax.enable_x64(True):
        weights, rest = eqx.partition(shaken(make()), eqx.is_inexact_array)
        x = jnp.asarray(noise(40))
        state, clock = eqx.combine(weights, rest).init_state(2, sample_rate), Clock.zero(sample_rate)
        loss = jax.jit(lambda weights: jnp.sum(eqx.combine(weights, rest)(x, state, clock)[0] ** 2 * 100))
        slope = jax.jit(jax.grad(loss))(weights)
        rng = np.random.default_rng(2)
        for _ in range(5):
            way = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), weights)
            ends = [loss(jax.tree.map(lambda a, b, s=s: a + s * b, weights, way)) for s in (1e-6, -1e-6)]
            expected = sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(slope), jax.tree.leaves(way), strict=True))
            assert float((ends[0] - ends[1]) / 2e-6) == pytest.approx(float(expected), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("kind", "cell", "cells"), [(GRU, "gru", 1), (LSTM, "lstm", 2)])
def test_memories_are_spread_from_one_to_a_thousand_samples(kind, cell, cells):
    block, hidden, small = kind(32, key=KEY), 32, 1e-3
    weights = fold(cell, Weights(block.input, block.recurrent, block.bias))
    start = (jnp.zeros((hidden, hidden)),) * (cells - 1) + (small * jnp.eye(hidden),)

    def step(states, _):
        states = recur(cell, jnp.zeros((1, hidden, 1)), weights, states)[1]
        return states, jnp.diag(states[-1])

    own = np.abs(np.asarray(jax.jit(lambda start: jax.lax.scan(step, start, length=4_000)[1])(start)))
    memories = np.sort(np.argmax(own < small / np.e, axis=0) + 1)
    assert memories[0] <= 2 and 700 <= memories[-1] <= 1_400
    decades = np.histogram(memories, [1, 10, 100, 2_000])[0]
    assert min(decades) >= 6


def test_level_brings_the_input_to_unit_rms_and_back():
    block, x = GRU(4, residual=False, key=KEY), jnp.asarray(noise(200), float)
    plain = eqx.tree_at(lambda b: b.level, block, GRU(4, level=0.0, key=KEY).level)
    gain = 10 ** (18 / 20)
    np.testing.assert_allclose(play(block, x), play(plain, gain * x) / gain, atol=1e-6)


def amplitudes(block, frequency, sample_rate, count=0.2):
    """DC and the complex harmonics of the response to a sine, fitted to its second half."""
    t = np.arange(int(count * sample_rate)) / sample_rate
    x = jnp.asarray(0.2 * np.sin(2 * np.pi * frequency * t)[None], float)
    late = t >= count / 2
    harmonics = 2 * np.pi * frequency * np.arange(1, int(20_000 / frequency) + 1)[:8]
    basis = np.concatenate([np.ones((1, t.size)), np.cos(np.outer(harmonics, t)), np.sin(np.outer(harmonics, t))])
    return np.linalg.lstsq(basis[:, late].T, np.asarray(play(block, x, sample_rate))[0, late], rcond=None)[0][1:]


@pytest.mark.parametrize("make", [
    lambda: GRU(16, residual=False, key=KEY), lambda: LSTM(16, residual=False, key=KEY),
    lambda: TCN(8, 5, residual=False, key=KEY), lambda: TCN(8, 4, gated=True, residual=False, key=KEY),
    lambda: MLP((8, 8), 6, residual=False, key=KEY),
])  # fmt: skip
def test_a_sine_sounds_the_same_at_other_rates(make):
    block = make()
    for frequency in (1_000, 5_000):
        expected = amplitudes(block, frequency, 44_100)
        for sample_rate in (48_000, 96_000):
            found = amplitudes(block, frequency, sample_rate)
            esr = np.sum((found - expected) ** 2) / np.sum(expected**2)
            decibels = 10 * np.log10(np.sum(found**2) / np.sum(expected**2))
            print(type(block).__name__, frequency, sample_rate, f"ESR {esr:.2e}, {decibels:+.4f} dB")
            assert esr < 0.01 and abs(decibels) < 0.5


@pytest.mark.parametrize("ratio", [48 / 44.1, 1.378, 1.5, 1.99, 2.0, 96 / 44.1, 3.5])
def test_a_past_read_between_samples_is_late_by_the_ratio_and_never_louder(ratio):
    taps = past_taps(ratio)
    lags = np.arange(1, taps.size + 1)
    response = np.exp(-1j * np.outer(np.linspace(0, np.pi, 500), lags)) @ taps
    assert taps.sum() == pytest.approx(1) and taps @ lags == pytest.approx(ratio)
    assert np.abs(response).max() <= 1 + 1e-9


def test_a_lower_rate_is_refused_with_the_cure():
    for block in (GRU(2, key=KEY), LSTM(2, key=KEY), TCN(2, 1, key=KEY), MLP((2,), 2, key=KEY)):
        with pytest.raises(ValueError, match=r"sample_rate is 32000, but must be at least 44100.*resample"):
            block.init_state(1, 32_000)
    assert play(MLP((2,), key=KEY), jnp.zeros((1, 8)), 8_000).shape == (1, 8)


@pytest.mark.parametrize("gated", [False, True])
def test_tcn_is_dilated_convolution(gated):
    with jax.enable_x64(True):
        block, x = shaken(TCN(3, 3, gated=gated, residual=False, key=KEY)), noise(200, 1)[0]
        gain = 10 ** (18 / 20)
        h, y = np.outer(np.asarray(block.input), gain * x), np.full(200, float(block.offset))
        for place, layer in enumerate(block.layers):
            weight = np.asarray(layer.weight).reshape(-1, 3, 3)
            z = np.repeat(np.asarray(layer.bias)[:, None], 200, axis=1)
            for out, k, into in np.ndindex(weight.shape):
                comb = np.zeros(k * 2**place + 1)
                comb[-1] = weight[out, k, into]
                z[out] += np.convolve(h[into], comb)[:200]
            z = np.tanh(z[:3]) * sigmoid(z[3:]) if gated else np.tanh(z)
            h, y = h + np.asarray(layer.onwards) @ z, y + np.asarray(layer.output) @ z
        np.testing.assert_allclose(play(block, jnp.asarray(x)[None])[0], y / gain, atol=1e-12)


def test_tcn_hears_its_receptive_field():
    block = TCN(2, 3, key=KEY)
    assert block.receptive_field == 1 + 2 * (1 + 2 + 4) and TCN(key=KEY).receptive_field == 511
    slope = jax.grad(lambda x: play(block, x)[0, -1])(jnp.asarray(noise(40, 1), float))[0]
    assert np.flatnonzero(slope).tolist() == list(range(40 - block.receptive_field, 40))


def test_mlp_is_dense_layers_on_the_last_samples():
    with jax.enable_x64(True):
        block, x = shaken(MLP((4, 3), 3, key=KEY)), noise(50, 1)[0]
        gain = 10 ** (18 / 20)
        h = gain * np.stack([np.concatenate([np.zeros(k), x])[:50] for k in range(3)])
        for layer in block.layers:
            h = np.tanh(np.asarray(layer.weight) @ h + np.asarray(layer.bias)[:, None])
        y = x + (np.asarray(block.output) @ h + float(block.offset)) / gain
        np.testing.assert_allclose(play(block, jnp.asarray(x)[None])[0], y, atol=1e-12)


class Step(AbstractSource):
    """2 before sample 100, then 9."""

    def read(self, channels, count, clock):
        return jnp.where(clock.run(count)[1] < 100, 2.0, 9.0)[None]


@pytest.mark.parametrize("make", [
    lambda: GRU(4, controls=KNOBS, key=KEY), lambda: LSTM(4, controls=KNOBS, key=KEY),
    lambda: TCN(4, 2, controls=KNOBS, key=KEY), lambda: MLP((4,), controls=KNOBS, conditioning="concat", key=KEY),
])  # fmt: skip
def test_controls_are_heard_and_automation_turns_them_in_time(make):
    block, x = make(), jnp.asarray(noise(200), float)
    low, high = play(at(block, drive=2), x), play(at(block, drive=9), x)
    turned = play(at(block, drive=Step()), x)
    assert jnp.abs(low - high).max() > 1e-3
    assert jnp.abs(play(block, x) - play(at(block, speed="fast"), x)).max() > 1e-3
    np.testing.assert_allclose(turned[:, :100], low[:, :100], atol=1e-6)
    assert jnp.abs(turned - low)[:, 100:].max() > 1e-3
    if isinstance(block, MLP):
        np.testing.assert_allclose(turned[:, 100:], high[:, 100:], atol=1e-6)


def test_what_makes_no_network_is_refused():
    with pytest.raises(ValueError, match="hidden is 0, but must be at least 1"):
        GRU(0, key=KEY)
    with pytest.raises(ValueError, match="conditioning is 'glue', but must be one of film, concat"):
        TCN(2, 1, conditioning="glue", key=KEY)
    with pytest.raises(ValueError, match="kernel"):
        TCN(2, 1, kernel=1, key=KEY)
    with pytest.raises(ValueError, match="window"):
        MLP((2,), 0, key=KEY)
    with pytest.raises(TypeError, match=r"controls holds 3\.0, but must hold Control or Switch"):
        LSTM(2, controls=(3.0,), key=KEY)
