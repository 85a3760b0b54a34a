"""Flax networks as blocks: each equals its own direct application, and its variables are learned like others."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from ddspfx.blocks.flax import FlaxBlock
from ddspfx.clock import Clock
from ddspfx.control import Control, at

RATE = 44_100
KEY = jax.random.key(4)
X = jnp.asarray(0.4 * np.random.default_rng(0).standard_normal((2, 60)), float)


@eqx.filter_jit
def play(block, x):
    return block(x, block.init_state(x.shape[0], RATE), Clock.zero(RATE))[0]


class Curve(linen.Module):
    """Two dense layers; a linen network that is written out."""

    @linen.compact
    def __call__(self, rows):
        return linen.Dense(1)(jnp.tanh(linen.Dense(5)(rows)))


def test_a_linen_network_is_applied_sample_by_sample():
    variables = Curve().init(KEY, jnp.zeros((1, 1)))
    block = FlaxBlock(Curve(), variables, level=6.0)
    gain = 10 ** (6 / 20)
    np.testing.assert_allclose(play(block, X), Curve().apply(variables, gain * X[..., None])[..., 0] / gain, atol=1e-6)


def test_a_linen_cell_runs_as_linens_own_loop():
    cell = linen.GRUCell(4)
    block = FlaxBlock(cell, key=KEY)
    rows = linen.RNN(cell).apply({"params": {"cell": block.module.variables["params"]}}, X[..., None])
    np.testing.assert_allclose(play(block, X), rows @ block.readout, atol=1e-6)


def test_an_lstm_cell_with_its_pair_of_carries_runs():
    block = FlaxBlock(linen.OptimizedLSTMCell(3), key=KEY)
    state = block.init_state(2, RATE)
    assert [leaf.shape for leaf in jax.tree.leaves(state)] == [(2, 3), (2, 3)]
    assert play(block, X).shape == X.shape


@pytest.mark.parametrize("padding", ["CAUSAL", "VALID"])
def test_a_causal_convolution_with_context_equals_itself_on_the_whole(padding):
    network = linen.Sequential([linen.Conv(3, (3,), padding=padding), jnp.tanh, linen.Conv(1, (4,), padding=padding)])
    block = FlaxBlock(network, context=5, key=KEY)
    padded = jnp.pad(X, ((0, 0), (5, 0)))[..., None]
    whole = network.apply(block.module.variables, padded)[:, -60:, 0]
    np.testing.assert_allclose(play(block, X), whole, atol=1e-6)
    state, clock, pieces = block.init_state(2, RATE), Clock.zero(RATE), []
    for piece in jnp.split(X, [1, 4, 30], axis=1):
        y, state = block(piece, state, clock)
        pieces.append(y)
    np.testing.assert_allclose(jnp.concatenate(pieces, axis=1), whole, atol=1e-6)


def test_an_nnx_network_is_applied_sample_by_sample():
    network = nnx.Sequential(nnx.Linear(1, 5, rngs=nnx.Rngs(0)), jnp.tanh, nnx.Linear(5, 1, rngs=nnx.Rngs(1)))
    block = FlaxBlock(network, residual=True)
    assert sorted(block.module.variables) == [f"layers.{i}.{name}" for i in (0, 2) for name in ("bias", "kernel")]
    np.testing.assert_allclose(play(block, X), X + network(X[..., None])[..., 0], atol=1e-6)


def test_an_nnx_cell_runs_as_its_own_loop():
    cell = nnx.GRUCell(1, 3, rngs=nnx.Rngs(2))
    block = FlaxBlock(cell)
    carry, rows = jnp.zeros((2, 3)), []
    for n in range(10):
        carry, y = cell(carry, X[:, n, None])
        rows.append(y @ block.readout)
    np.testing.assert_allclose(play(block, X)[:, :10], jnp.stack(rows, axis=1), atol=1e-6)


def test_controls_are_further_inputs():
    block = FlaxBlock(Curve(), controls=(Control("drive", 0, 10, 5),), key=KEY)
    turned = play(at(block, drive=10), X)
    rows = jnp.stack([X, jnp.ones_like(X)], axis=-1)
    np.testing.assert_allclose(turned, Curve().apply(block.module.variables, rows)[..., 0], atol=1e-6)
    assert jnp.abs(turned - play(block, X)).max() > 1e-3


@pytest.mark.parametrize("network", [
    Curve(), nnx.Sequential(nnx.Linear(1, 4, rngs=nnx.Rngs(0)), jnp.tanh, nnx.Linear(4, 1, rngs=nnx.Rngs(1))),
])  # fmt: skip
def test_optax_trains_the_variables(network):
    import optax

    block = FlaxBlock(network, key=KEY)
    weights, rest = eqx.partition(block, eqx.is_inexact_array)
    optimiser = optax.adam(1e-2)
    loss = lambda weights: jnp.mean((play(eqx.combine(weights, rest), X) - jnp.tanh(3 * X)) ** 2)  # noqa: E731

    @jax.jit
    def step(weights, state):
        value, slope = jax.value_and_grad(loss)(weights)
        updates, state = optimiser.update(slope, state)
        return optax.apply_updates(weights, updates), state, value

    state, losses = optimiser.init(weights), []
    for _ in range(150):
        weights, state, value = step(weights, state)
        losses.append(float(value))
    assert losses[-1] < 0.1 * losses[0]


def test_slopes_of_the_variables_equal_finite_differences():
    with jax.enable_x64(True):
        block = FlaxBlock(linen.GRUCell(2, param_dtype=jnp.float64), key=KEY)
        weights, rest = eqx.partition(block, eqx.is_inexact_array)
        x = jnp.asarray(np.asarray(X), float)
        loss = jax.jit(lambda weights: jnp.sum(play(eqx.combine(weights, rest), x) ** 2))
        slope, rng = jax.jit(jax.grad(loss))(weights), np.random.default_rng(0)
        way = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), weights)
        ends = [loss(jax.tree.map(lambda a, b, s=s: a + s * b, weights, way)) for s in (1e-6, -1e-6)]
        expected = sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(slope), jax.tree.leaves(way), strict=True))
        assert float((ends[0] - ends[1]) / 2e-6) == pytest.approx(float(expected), rel=1e-6)


def test_what_is_no_flax_network_is_refused():
    with pytest.raises(TypeError, match="must be a flax"):
        FlaxBlock(jnp.tanh)
    with pytest.raises(ValueError, match="params and key are both missing"):
        FlaxBlock(Curve())
    with pytest.raises(ValueError, match="context is -1"):
        FlaxBlock(Curve(), context=-1, key=KEY)
