"""The native Jiles-Atherton kernel beside the pure one: values, slopes, batches, and what is not a number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.signal.jiles_atherton import Magnetics, magnetise
from ddspfx.signal.native.library import pure

SOLVERS = [("rk2", 2), ("rk4", 3), ("newton", 2)]
SATURATION = 4e5


def varied(channels, samples, dtype):
    """A field with long ways, which are leapt over, and one that stands still; a row of every shape; M and H before."""
    random = np.random.default_rng(channels)
    H = random.normal(size=(channels, samples)) * 6e4
    H[:, samples // 2 : samples // 2 + 3] = H[:, samples // 2 : samples // 2 + 1]

    def spread(*shape):
        return random.uniform(0.7, 1.3, shape)

    material = (
        np.array(SATURATION),
        2.2e4 * spread(channels, 1),
        2.7e4 * spread(channels, samples),
        0.3 * spread(1, samples),
        0.4 * spread(1, 1),
    )
    starts = random.normal(size=(2, channels)) * np.array([[1e5], [1e4]])
    weights = random.normal(size=(channels, samples))
    return jax.tree.map(lambda value: jnp.asarray(value, dtype), (H, *starts, material, weights))


def weighed(H, M0, H0, material, weights, solver, substeps):
    M = magnetise(H, M0, H0, Magnetics(*material), solver, substeps)
    return jnp.sum(weights * M) / SATURATION, M


def slopes_and_values(solver, substeps, plainly):
    def play(*arrays):
        return jax.grad(weighed, argnums=(0, 1, 2, 3), has_aux=True)(*arrays, solver, substeps)

    if not plainly:
        return jax.jit(play)

    def alone(*arrays):
        with pure():
            return play(*arrays)

    return jax.jit(alone)


def assert_close(found, wanted, bound):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, atol=bound * float(np.abs(other).max()))


@pytest.mark.parametrize(("solver", "substeps"), SOLVERS)
def test_values_and_slopes_equal_the_pure_kernels(solver, substeps):
    with jax.enable_x64(True):
        native, plain = (slopes_and_values(solver, substeps, plainly) for plainly in (False, True))
        arrays = varied(11, 37, jnp.float64)
        (slopes, M), (wanted, exact) = native(*arrays), plain(*arrays)
        np.testing.assert_allclose(M, exact, atol=1e-13 * SATURATION)
        assert_close(slopes, wanted, 1e-11)
    rounded, M = slopes_and_values(solver, substeps, False)(*varied(11, 37, jnp.float32))
    np.testing.assert_allclose(M, exact, atol=2e-6 * SATURATION)
    assert_close(rounded, wanted, 1e-4)


@pytest.mark.parametrize("channels", [1, 2, 8, 9, 17, 40])
def test_any_number_of_channels_plays_as_each_of_them_alone(channels):
    H, M0, H0, (Ms, a, k, share, c), _ = varied(channels, 30, jnp.float32)
    together = magnetise(H, M0, H0, Magnetics(Ms, a, k, share, c), "rk4", 1)
    for i in range(0, channels, 7):
        one = slice(i, i + 1)
        alone = magnetise(H[one], M0[one], H0[one], Magnetics(Ms, a[one], k[one], share, c), "rk4", 1)
        np.testing.assert_allclose(together[one], alone, atol=1e-6 * SATURATION)


def test_a_batch_of_takes_plays_as_each_of_them_alone():
    takes = [varied(channels, 20, jnp.float32) for channels in (3, 3)]
    takes[1] = jax.tree.map(lambda value: 0.9 * value, takes[0])
    play = slopes_and_values("rk4", 1, False)
    together = jax.vmap(play)(*jax.tree.map(lambda *values: jnp.stack(values), *takes))
    for i, take in enumerate(takes):
        assert_close(jax.tree.map(lambda value, i=i: value[i], together), play(*take), 1e-5)
    shared = jax.vmap(play, in_axes=(0, None, None, None, None))(jnp.stack([takes[0][0], takes[1][0]]), *takes[0][1:])
    assert_close(jax.tree.map(lambda value: value[0], shared), play(*takes[0]), 1e-5)


@pytest.mark.parametrize("solver", ["rk2", "rk4", "newton"])
def test_every_cut_gives_the_same(solver):
    H, M0, H0, (Ms, _, _, _, c), _ = varied(3, 45, jnp.float32)
    material = Magnetics(Ms, jnp.float32(2.2e4), jnp.float32(2.7e4), jnp.float32(0.3), c)
    whole = magnetise(H, M0, H0, material, solver, 2)
    for cut in (1, 8, 16, 44):
        first = magnetise(H[:, :cut], M0, H0, material, solver, 2)
        second = magnetise(H[:, cut:], first[:, -1], H[:, cut - 1], material, solver, 2)
        np.testing.assert_allclose(jnp.concatenate([first, second], 1), whole, atol=1e-6 * SATURATION)


@pytest.mark.parametrize("solver", ["rk2", "rk4", "newton"])
def test_what_is_not_a_number_stays_so_in_its_channel_alone(solver):
    H, M0, H0, (Ms, *_), _ = varied(3, 24, jnp.float32)
    material = Magnetics(Ms, *map(jnp.float32, (2.2e4, 2.7e4, 0.3, 0.4)))
    M = magnetise(H.at[1, 9].set(jnp.nan), M0, H0, material, solver, 1)
    assert np.isnan(M[1, 9:]).all() and np.isfinite(M[1, :9]).all() and np.isfinite(M[::2]).all()


@pytest.mark.parametrize("solver", ["rk2", "rk4", "newton"])
def test_silence_denormals_and_the_far_have_finite_slopes_and_bounded_values(solver):
    play = slopes_and_values(solver, 1, False)
    _, _, _, (Ms, *_), weights = varied(4, 20, jnp.float32)
    H = jnp.zeros((4, 20)).at[1].set(1e-40).at[2].set(1e30 * (-1.0) ** jnp.arange(20)).at[3].set(1e9)
    material = (Ms, *map(jnp.float32, (2.2e4, 2.7e4, 0.3, 0.4)))
    slopes, M = play(H, jnp.zeros(4), jnp.zeros(4), material, weights)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((slopes, M)))
    assert (np.abs(M) <= SATURATION).all()
    np.testing.assert_array_equal(M[0], 0.0)
    np.testing.assert_allclose(np.abs(M[2:]), SATURATION, rtol=1e-4)


def reference():
    with jax.enable_x64(True), pure():
        n = np.arange(2000)
        H = 6e4 * np.sin(0.02 * n)[None] * np.array([[1.0], [0.3]]) + 2e4 * np.sin(0.11 * n)
        material = Magnetics(3.5e5, 2.2e4, 2.8e4, 0.5, 0.17)
        return H, np.asarray(magnetise(jnp.asarray(H), jnp.zeros(2), jnp.zeros(2), material, "rk4", 1))


def test_single_precision_follows_double_precision_for_long():
    H, wanted = reference()
    material = Magnetics(*map(jnp.float32, (3.5e5, 2.2e4, 2.8e4, 0.5, 0.17)))
    M = magnetise(jnp.asarray(H, jnp.float32), jnp.zeros(2), jnp.zeros(2), material, "rk4", 1)
    np.testing.assert_allclose(M / 3.5e5, wanted / 3.5e5, atol=3e-6)
