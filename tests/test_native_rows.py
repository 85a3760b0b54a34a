"""Native recurrences in batches: takes, slopes alone, and both, on one channel and on several."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.signal.envelope import smooth
from ddspfx.signal.native.library import pure
from ddspfx.signal.svf import Section, cascade, svf


def _still(x, p):
    sections = tuple(Section(*(p * (v + i / 9) for v in (0.3, 0.9, 0.2, 0.5, 1.0))) for i in range(2))
    return cascade(x, sections, jnp.zeros((x.shape[0], 2, 2)))[0]


def _moving(x, p):
    g = p * 0.2 + 0.1 * jnp.cos(jnp.arange(x.shape[1]))[None]
    return svf(x, Section(g, *(p * v for v in (0.9, 0.2, 0.5, 1.0))), jnp.zeros((x.shape[0], 2)))[0]


def _smoothed(x, p):
    return smooth(jnp.abs(x), 0.3 * p, 0.01 * p, jnp.zeros(x.shape[0]))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("play", [_still, _moving, _smoothed])
def test_batches_of_takes_and_of_slopes_are_each_by_itself(play, channels):
    with jax.enable_x64(True):
        rng = np.random.default_rng(channels)
        x, takes = jnp.asarray(rng.normal(size=(channels, 150))), jnp.asarray(rng.normal(size=(4, channels, 150)))

        def slopes(x, weights):
            return jnp.concatenate([slope.ravel() for slope in jax.vjp(play, x, jnp.ones(()))[1](weights)])

        def both(x, takes):
            shared = jax.vmap(slopes, (None, 0))(x, takes)
            own = jax.vmap(jax.vmap(slopes, (None, 0)), (0, None))(takes, takes)
            return jax.vmap(play, (0, None))(takes, jnp.ones(())), shared, own

        found = jax.jit(both)(x, takes)
        with pure():
            wanted = jax.jit(lambda *given: both(*given))(x, takes)
        for one, other in zip(found, wanted, strict=True):
            assert jnp.abs(one - other).max() <= 1e-11 * jnp.abs(other).max()
