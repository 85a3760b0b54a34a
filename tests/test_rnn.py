"""Recurrent cells: the native kernels beside the pure ones, their slopes, and takes side by side."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.signal.native.library import available, pure
from ddspfx.signal.rnn import CELLS, GATES, Weights, fold, recur

KINDS = ("gru", "lstm")


def drawn(cell, hidden, samples=40, channels=2, inputs=1, seed=0, scale=0.7):
    """x, weights and states before the start."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: jnp.asarray(scale * rng.standard_normal(shape), float)  # noqa: E731
    width = GATES[cell] * hidden
    weights = Weights(draw(inputs, width), draw(hidden, width) / hidden**0.5, draw(4 * hidden))
    start = tuple(draw(channels, hidden) for _ in range(CELLS[cell]))
    return draw(samples, channels, inputs), fold(cell, weights), start


def values_and_slopes(cell, axes=None):
    """h and the last states, and the slopes of an uneven sum of them."""

    def loss(given):
        h, last = recur(cell, *given)
        ramp = jnp.cos(jnp.arange(h.size) * 0.3).reshape(h.shape)
        return jnp.sum(ramp * h**2) + sum(jnp.sum(s**3) for s in last), (h, last)

    found = jax.value_and_grad(loss, has_aux=True)
    return jax.jit(found if axes is None else jax.vmap(found, in_axes=axes))


def assert_near(found, expected, bound):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=bound * max(1.0, np.abs(b).max()))


def both_ways(cell, given, axes=None):
    found = values_and_slopes(cell, axes)(given)
    with pure():
        return found, values_and_slopes(cell, axes)(given)


def test_the_native_library_stands_here():
    assert available()


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize(
    ("hidden", "samples", "channels", "inputs"), [(1, 1, 1, 1), (6, 37, 3, 4), (16, 70, 1, 1), (37, 33, 11, 2)]
)
def test_native_equals_pure(cell, hidden, samples, channels, inputs):
    given = drawn(cell, hidden, samples, channels, inputs)
    assert_near(*both_ways(cell, given), bound=2e-5)
    with jax.enable_x64(True):
        assert_near(*both_ways(cell, drawn(cell, hidden, samples, channels, inputs)), bound=1e-12)


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("shared", [True, False])
def test_takes_side_by_side_equal_takes_alone(cell, shared):
    takes = [drawn(cell, 5, channels=2, seed=seed) for seed in range(3)]
    if shared:
        takes = [(x, takes[0][1], start) for x, _, start in takes]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *takes)
    given, axes = ((batch[0], takes[0][1], batch[2]), ((0, None, 0),)) if shared else (batch, ((0, 0, 0),))
    found = values_and_slopes(cell, axes)(given)
    for n, take in enumerate(takes):
        assert_near(jax.tree.map(lambda leaf, n=n: leaf[n], found), values_and_slopes(cell)(take), 2e-5)


@pytest.mark.parametrize("inner", [(0, None, 0), (0, 0, None)])
@pytest.mark.parametrize("outer", [(0, None, 0), (None, 0, 0)])
def test_takes_of_takes(inner, outer):
    given = drawn("gru", 4)
    rng = np.random.default_rng(3)
    for axes in (inner, outer):
        for n, axis in enumerate(axes):
            if axis == 0:
                widen = lambda leaf: leaf * jnp.asarray(rng.uniform(0.5, 1.5, (2,) + (1,) * leaf.ndim), float)  # noqa: E731
                given = (*given[:n], jax.tree.map(widen, given[n]), *given[n + 1 :])
    run = jax.vmap(jax.vmap(lambda *given: values_and_slopes("gru")(given), in_axes=inner), in_axes=outer)
    found = run(*given)
    with pure():
        assert_near(found, run(*given), 2e-5)


@pytest.mark.parametrize("cell", KINDS)
def test_shared_weights_get_the_slopes_of_all_takes(cell):
    x, weights, start = drawn(cell, 6, channels=1)
    xs = jnp.stack([x, 0.5 * x, -x])

    def loss(weights):
        return jnp.sum(jax.vmap(lambda x: recur(cell, x, weights, start)[0])(xs) ** 2)

    found = jax.jit(jax.grad(loss))(weights)
    with pure():
        assert_near(found, jax.jit(jax.grad(lambda w: loss(w)))(weights), 2e-5)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("cell", KINDS)
def test_slopes_equal_finite_differences(cell, native):
    with jax.enable_x64(True):
        given = drawn(cell, 3, samples=20)
        run = values_and_slopes(cell)
        if native:
            (_, _), slopes = run(given)
        else:
            with pure():
                (_, _), slopes = run(given)
        rng, step = np.random.default_rng(1), 1e-6
        for _ in range(6):
            way = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), given)
            ends = [run(jax.tree.map(lambda a, b, s=s: a + s * b, given, way))[0][0] for s in (step, -step)]
            expected = sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(way), strict=True))
            assert float((ends[0] - ends[1]) / (2 * step)) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("cell", KINDS)
def test_nan_stays_in_its_take(cell):
    x, weights, start = drawn(cell, 5, samples=8)
    h = np.asarray(recur(cell, x.at[3, 1].set(jnp.nan), weights, start)[0])
    assert np.isnan(h[3:, 1]).all() and np.isfinite(h[:3]).all() and np.isfinite(h[:, 0]).all()


@pytest.mark.parametrize("cell", KINDS)
def test_saturated_gates_stay_within_one(cell):
    x, weights, start = drawn(cell, 5, samples=50, scale=40.0)
    h, _ = recur(cell, x, weights, tuple(jnp.zeros_like(s) for s in start))
    assert float(jnp.abs(h).max()) <= 1.0
