"""The native reads of a delay line against the pure ones, in every mode of differentiation, and at the line's ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.blocks.delay import remembered
from ddspfx.signal.delay import lagged_read, moving_read
from ddspfx.signal.interpolation import NAMES, kernel
from ddspfx.signal.native.library import available, pure

MEMORY, COUNT = 60, 150
NOISE = np.random.default_rng(0)
LAGS = {
    "slow": 30 + 3 * np.sin(0.02 * np.arange(COUNT)),
    "fast": 30 + 11 * np.sin(0.5 * np.arange(COUNT)),
    "still": np.full(1, 27.3),
    "outside": NOISE.uniform(-400, 400, COUNT),
}


def arrays(lag, channels=2, ways=1, dtype=np.float64):
    past, x = (NOISE.standard_normal((channels, size)) for size in (MEMORY, COUNT))
    return tuple(jnp.asarray(a, dtype) for a in (past, x, LAGS[lag] + 0.1 * np.arange(ways)[:, None]))


def both_ways(function, *given):
    """What the native and the pure kernel make of it, compiled."""

    def plain(*given):
        with pure():
            return function(*given)

    return (jax.tree.leaves(jax.jit(f)(*given)) for f in (function, plain))


def reader(name, count=COUNT):
    return lambda past, x, lag: lagged_read(past, x, jnp.full((1, 1), past.shape[1]), lag, kernel(name), count)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lag", LAGS)
def test_values_and_slopes_are_those_of_the_pure_kernel(name, lag):
    read = reader(name)

    def loss(*given):
        return jnp.sum(jnp.sin(read(*given)) * jnp.cos(jnp.arange(COUNT)))

    def everything(*given):
        return read(*given), jax.grad(loss, (0, 1, 2))(*given)

    with jax.enable_x64(True):
        for found, wanted in zip(*both_ways(everything, *arrays(lag, ways=2)), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-11 * max(1.0, np.abs(wanted).max()))
    single = read(*arrays(lag, dtype=np.float32))
    with pure():
        wanted = read(*arrays(lag, dtype=np.float32))
    assert single.dtype == np.float32 and single.shape == wanted.shape


@pytest.mark.parametrize("name", ["linear", "lagrange5", "sinc"])
def test_slopes_of_slopes_forward_and_reverse(name):
    read = reader(name)

    def slopes(*given):
        return jax.grad(lambda *g: jnp.sum(read(*g) ** 3), (0, 1, 2))(*given)

    def everything(*given):
        return (
            jax.jvp(slopes, given, tuple(jnp.cos(g) for g in given)),
            jax.grad(lambda *g: sum(jnp.sum(jnp.sin(s)) for s in slopes(*g)), (0, 1, 2))(*given),
        )

    with jax.enable_x64(True):
        for found, wanted in zip(*both_ways(everything, *arrays("fast")), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("axes", [(0, 0, 0), (None, 0, None), (0, 0, None), (None, None, 0)])
def test_a_batch_joins_the_lines(axes):
    past, x, lag = arrays("fast", ways=2, dtype=np.float32)
    given = [jnp.stack([a, 0.9 * a, a[::-1]]) if axis == 0 else a for a, axis in zip((past, x, lag), axes, strict=True)]

    def everything(*given):
        slopes = jax.grad(lambda *g: jnp.sum(jax.vmap(reader("lagrange3"), axes)(*g) ** 2), (0, 1, 2))
        return jax.vmap(reader("lagrange3"), axes)(*given), slopes(*given)

    for found, wanted in zip(*both_ways(everything, *given), strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["linear", "sinc"])
def test_single_precision_is_kept_to_its_last_digits(name):
    past, x, lag = arrays("slow", dtype=np.float32)
    wanted = np.asarray(reader(name)(past, x, lag))
    with jax.enable_x64(True):
        right = np.asarray(reader(name)(*(jnp.asarray(a, np.float64) for a in (past, x, lag))))
    assert np.abs(wanted - right).max() < 1e-6 * np.abs(right).max()


@pytest.mark.parametrize("name", ["lagrange3", "sinc"])
def test_a_lag_that_is_no_number_is_heard_there_alone_and_leaves_no_array(name):
    past, x, lag = arrays("slow", dtype=np.float32)
    wrong = lag.at[0, jnp.array([3, 70, 149])].set(jnp.array([jnp.nan, jnp.inf, -jnp.inf]))
    y, clean = reader(name)(past, x, wrong), reader(name)(past, x, lag)
    heard = np.zeros(COUNT, bool)
    heard[[3, 70, 149]] = True
    assert np.isnan(y[:, heard]).all()
    np.testing.assert_allclose(y[:, ~heard], clean[:, ~heard], atol=1e-6)
    far = reader(name)(past, x, lag.at[0, 5].set(1e30).at[0, 6].set(-1e30))
    assert np.isfinite(far).all()


def test_the_place_may_come_as_whole_samples_and_a_fraction():
    past, x, lag = arrays("fast", dtype=np.float32)
    line, whole = jnp.concatenate([past, x], axis=1), jnp.floor(lag)
    index = MEMORY + jnp.arange(COUNT) - whole.astype(int)
    y = moving_read(line, index, lag - whole, kernel("lagrange5"))
    np.testing.assert_allclose(y, reader("lagrange5")(past, x, lag), atol=1e-6)


@pytest.mark.parametrize("count", [1, 59, 60, 150])
def test_what_is_remembered_is_the_end(count):
    past, x, _ = arrays("slow", dtype=np.float32)
    wanted = np.concatenate([past, x[:, :count]], axis=1)[:, count:]
    assert np.array_equal(remembered(past, x[:, :count]), wanted)


def test_the_native_kernel_is_what_was_tested():
    from ddspfx.signal.native.library import loaded

    text = jax.jit(reader("linear")).lower(*arrays("slow", dtype=np.float32)).as_text()
    assert ("line_read" in text) == (loaded() is not None) == available()
