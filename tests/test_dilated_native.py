"""The native layer of dilated convolution against the pure one: values, slopes, takes together, what falls back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.signal.dilated import Weights, dilated
from ddspfx.signal.native.library import pure

NOISE = np.random.default_rng(0)


def arrays(units, rows, taps, step, count, lead=(), dtype=np.float64):
    """Weights, h of two channels and its past."""
    shapes = ((rows, units * taps), (rows,), (units, units), (units,))
    weights = Weights(*(jnp.asarray(NOISE.standard_normal((*lead, *shape)) / 2, dtype) for shape in shapes))
    sounds = (NOISE.standard_normal((*lead, 2, units, size)) for size in (count, (taps - 1) * step))
    return (weights, *(jnp.asarray(sound, dtype) for sound in sounds))


def everything(taps, step):
    lags = tuple(k * step for k in range(taps))

    def loss(weights, h, past):
        done = dilated(weights, h, past, lags)
        return sum(jnp.sum(jnp.sin(array) * jnp.cos(jnp.arange(array.shape[-1]))) for array in done), done

    return jax.value_and_grad(loss, (0, 1, 2), has_aux=True)


def both_ways(function, *given):
    def plain(*given):
        with pure():
            return function(*given)

    return zip(*(jax.tree.leaves(jax.jit(f)(*given)) for f in (function, plain)), strict=True)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize(
    ("units", "taps", "step", "count"), [(3, 2, 1, 5), (4, 3, 8, 200), (16, 3, 64, 300), (5, 3, 200, 150), (1, 2, 3, 1)]
)
def test_values_and_slopes_are_those_of_the_pure_layer(gated, units, taps, step, count):
    """Pieces shorter than a chunk of the kernel, longer ones, and ones that are shorter than the past."""
    with jax.enable_x64(True):
        given = arrays(units, units * (1 + gated), taps, step, count)
        for found, wanted in both_ways(everything(taps, step), *given):
            np.testing.assert_allclose(found, wanted, atol=1e-11 * max(1.0, np.abs(wanted).max()))


@pytest.mark.parametrize("gated", [False, True])
def test_single_precision_is_as_good_as_the_pure_layer(gated):
    for found, wanted in both_ways(everything(3, 4), *arrays(6, 6 * (1 + gated), 3, 4, 400, dtype=np.float32)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))


def test_takes_go_together_with_their_own_weights_or_the_same():
    with jax.enable_x64(True):
        own = arrays(3, 3, 2, 5, 140, lead=(2, 2))
        same = (jax.tree.map(lambda weight: weight[0, 0], own[0]), *own[1:])
        mixed = (jax.tree.map(lambda weight: weight[0], own[0]), *own[1:])
        run = everything(2, 5)
        for given, axes in ((own, ((0, 0),) * 2), (same, ((None, 0),) * 2), (mixed, ((None, 0), (0, 0)))):
            outer, inner = ((weights, sound, sound) for weights, sound in axes)
            for found, wanted in both_ways(jax.vmap(jax.vmap(run, inner), outer), *given):
                np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_a_nan_is_heard_as_late_as_the_layer_hears():
    weights, h, past = arrays(2, 2, 2, 7, 300, dtype=np.float32)
    _, heard, _ = dilated(weights, h.at[0, 1, 100].set(jnp.nan), past, (0, 7))
    assert np.flatnonzero(np.isnan(heard[0])).tolist() == [100, 107] and np.isfinite(heard[1]).all()


def test_a_condition_enters_before_the_curve_and_lags_need_not_be_even():
    with jax.enable_x64(True):
        weights, h, past = arrays(2, 2, 2, 3, 50)
        onwards, heard, _ = dilated(weights, h, past, (0, 3), jnp.zeros_like)
        np.testing.assert_array_equal(onwards, h)
        assert not heard.any()
        by_lag = weights.weight.reshape(2, 2, 2)
        spread = jnp.zeros((2, 4, 2)).at[:, 1].set(by_lag[:, 0]).at[:, 3].set(by_lag[:, 1]).reshape(2, 8)
        uneven = dilated(weights, h, past, (1, 3))
        even = dilated(weights._replace(weight=spread), h, past, (0, 1, 2, 3))
        for found, wanted in zip(uneven, even, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-13)
