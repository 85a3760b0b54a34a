"""Noise: its spectra, its moments, and that it is the same wherever a block begins."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import interpolate, signal, stats

from ddspfx.block import quiet
from ddspfx.blocks.add import Add
from ddspfx.clock import Clock
from ddspfx.signal import colour, noise
from ddspfx.source.noise import Noise, ShapedNoise

RATE = 48_000


@eqx.filter_jit
def take(source, count, clock, channels=2):
    return source.read(channels, count, clock)


def clock_at(second, sample=0, rate=RATE, key=0):
    clock = Clock.zero(rate, key).after(sample)
    return eqx.tree_at(lambda c: c.second, clock, clock.second + jnp.int32(second))


def octave_levels(y, rate, slope, low=20.0, high=20_000.0):
    """Level in dB of each octave from `low`, the slope f^-slope taken out, by Welch's method."""
    f, power = signal.welch(np.asarray(y, float), rate, nperseg=32_768)
    edges = low * 2.0 ** np.arange(np.log2(high / low) + 1)
    flat = power.mean(axis=0)[1:] * f[1:] ** slope
    return np.array([10 * np.log10(flat[(f[1:] >= a) & (f[1:] < b)].mean()) for a, b in itertools.pairwise(edges)])


def test_uniform_and_gaussian_are_finite_and_even_at_the_ends():
    words = jnp.array([0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], jnp.uint32)
    u, z = noise.uniform(words), noise.gaussian(words)
    assert float(u[0]) > 0 and float(u[-1]) < 1
    np.testing.assert_allclose(u + u[::-1], 1.0, atol=1e-7)
    assert np.isfinite(z).all() and 5 < float(z[-1]) < 5.4
    np.testing.assert_allclose(z, stats.norm.ppf(np.asarray(u, float)), rtol=1e-3, atol=1e-6)


def test_white_noise_has_the_moments_of_a_normal_distribution():
    z = np.asarray(take(Noise(), 2**18, Clock.zero(RATE)), float).ravel()
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * z.size)
    assert abs(stats.skew(z)) < 0.015 and abs(stats.kurtosis(z)) < 0.03
    assert stats.kstest(z, "norm").pvalue > 0.01


def test_even_noise_is_even_and_of_unit_rms():
    y = np.asarray(take(Noise("uniform"), 2**16, Clock.zero(RATE)), float).ravel()
    assert abs(y.std() - 1) < 0.01
    assert stats.kstest(y, stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("name", "slope", "rate"),
    [("white", 0, 48_000), ("pink", 1, 44_100), ("pink", 1, 48_000), ("pink", 1, 96_000), ("brown", 2, 48_000)],
)
def test_spectra_fall_as_they_should(name, slope, rate):
    y = take(Noise(name, seed=3), 20 * rate, Clock.zero(rate))
    levels = octave_levels(y, rate, slope)
    np.testing.assert_allclose(levels - levels.mean(), 0.0, atol=0.5)
    # Most of brown noise lies in the 10 Hz around its corner: 20 s hold a few hundred independent values of it.
    error = {0: 0.01, 1: 0.02, 2: 0.035}[slope]
    np.testing.assert_allclose(np.std(y, axis=1), 1.0, atol=3 * error)
    assert abs(np.corrcoef(y)[0, 1]) < 3 * error


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize(("name", "slope", "ripple"), [("pink", 1, 0.05), ("brown", 2, 0.1)])
def test_the_recipe_adds_up_to_the_slope(name, slope, ripple, rate):
    plan = colour.recipe(name, rate)
    f = np.geomspace(20.0, min(20_000.0, 0.47 * rate), 400)
    rates, weights = np.array(plan.rates, float), np.array(plan.weights)
    parts = (weights**2 / rates)[:, None] * np.sinc(f / rates[:, None]) ** 8
    _, top = signal.freqz(plan.taps, worN=f, fs=rate)
    level = 10 * np.log10((parts.sum(axis=0) + np.abs(top) ** 2 / rate) * f**slope)
    assert np.ptp(level) < 2 * ripple
    assert (weights**2).sum() * 151 / 315 + (plan.taps**2).sum() == pytest.approx(1.0)


def test_slow_knots_refine_into_the_same_spline():
    rates, count, second, tick = (8, 4, 2, 1), 40, 5, 3
    first, seconds, places = colour._counters(jnp.int32(second), jnp.int32(tick), count, rates)
    drawn = np.random.default_rng(0).normal(size=(1, len(seconds)))
    size = count // 2 + 3
    for octave in (1, 3):
        fine = colour._knots(jnp.asarray(drawn), first, count, jnp.asarray(np.eye(4)[octave]))[0]
        row = drawn[0, count + (octave - 1) * size :][:size]
        start = second * rates[octave] + int(first[octave])
        slow = interpolate.BSpline(np.arange(start - 2, start + size + 2) * 2.0**octave, row, 3)
        begin = second * rates[0] + tick
        quick = interpolate.BSpline(np.arange(begin - 2, begin + count + 2), np.asarray(fine, float), 3)
        t = np.linspace(begin + 1, begin + count - 2.001, 300)
        np.testing.assert_allclose(quick(t), slow(t), atol=1e-5)
        here = slice(count + (octave - 1) * size, count + octave * size)
        expected = [divmod(start + k, rates[octave]) for k in range(size)]
        found = zip(np.asarray(seconds[here]), np.asarray(places[here]) - ((octave + 1) << 24), strict=True)
        assert [(int(s), int(p)) for s, p in found] == expected


LEVELS = {100.0: 0.0, 400.0: -12.0, 1_600.0: -6.0, 6_400.0: -30.0, 16_000.0: -24.0}


def test_shaped_noise_has_the_levels_it_was_given():
    shaped = Noise.shaped(list(LEVELS), list(LEVELS.values()), taps=2_048)
    y = take(shaped, 10 * RATE, Clock.zero(RATE), 1)
    f, power = signal.welch(np.asarray(y, float)[0], RATE, nperseg=4_096)
    wanted = np.interp(np.log(f[6:-200]), np.log(list(LEVELS)), list(LEVELS.values()))
    error = signal.savgol_filter(10 * np.log10(power[6:-200]) - wanted, 31, 1)
    inside = slice(20, -20)
    assert np.abs(error[inside] - np.median(error)).max() < 0.8
    assert np.std(y) == pytest.approx(1.0, abs=0.02)


def test_shaped_levels_are_exact_away_from_the_corners_and_at_every_rate():
    for rate in (44_100, 96_000):
        size = 2 * round(1_024 * rate / RATE)
        taps = colour.spectrum_taps(jnp.asarray(list(LEVELS.values())), tuple(LEVELS), size, rate)
        middle = np.sqrt(np.array(list(LEVELS)[:-1]) * np.array(list(LEVELS)[1:]))[1:]
        _, h = signal.freqz(np.asarray(taps, float), worN=middle, fs=rate)
        got = 20 * np.log10(np.abs(h))
        wanted = np.array([-9.0, -18.0, -27.0])
        np.testing.assert_allclose(got - got.mean(), wanted - wanted.mean(), atol=0.1)
        assert float(jnp.sum(taps**2)) == pytest.approx(1.0, abs=1e-5)


def test_levels_have_the_slope_of_finite_differences():
    with jax.enable_x64(True):
        source, clock = Noise.shaped([100.0, 1_000.0, 8_000.0], [0.0, -6.0, -20.0], taps=64), Clock.zero(RATE, 1)

        def loss(raw):
            moved = eqx.tree_at(lambda s: s.levels.raw, source, raw)
            return jnp.sum(jnp.sin(moved.read(2, 50, clock)))

        raw, loss = source.levels.raw, jax.jit(loss)
        slope = jax.grad(loss)(raw)
        for place in range(3):
            step = jnp.zeros(3).at[place].set(1e-5)
            assert (loss(raw + step) - loss(raw - step)) / 2e-5 == pytest.approx(float(slope[place]), rel=1e-6)


@pytest.mark.parametrize("colour_name", ["white", "pink"])
def test_channels_are_correlated_as_asked(colour_name):
    count = 2**17
    spread = 5 / np.sqrt(count) if colour_name == "white" else 0.1
    for wanted in (-1.0, -0.5, 0.0, 0.7, 1.0):
        y = np.asarray(take(Noise(colour_name, correlation=wanted), count, Clock.zero(RATE)), float)
        assert np.corrcoef(y)[0, 1] == pytest.approx(wanted, abs=spread)
        assert y.std(axis=1) == pytest.approx(1.0, abs=0.15 if colour_name == "pink" else 0.01)


def test_correlation_has_a_finite_slope_at_both_ends():
    def loss(raw):
        source = eqx.tree_at(lambda s: s.correlation.raw, Noise(), raw)
        return jnp.sum(source.read(2, 16, Clock.zero(RATE)) ** 3)

    slopes = jax.vmap(jax.grad(loss))(jnp.array([0.0, 0.5, 1.0]))
    assert np.isfinite(slopes).all() and float(slopes[1]) != 0


def test_other_channels_keys_seeds_and_colours_are_other_noise():
    count = 2**14
    rows = [np.asarray(take(Noise(), count, Clock.zero(RATE), 5))]
    rows += [np.asarray(take(Noise(seed=s), count, Clock.zero(RATE), 1)) for s in (1, 2, -1)]
    rows += [
        np.asarray(take(Noise(), count, Clock.zero(RATE, 1), 1)),
        np.asarray(take(Noise("uniform"), count, Clock.zero(RATE), 1)),
    ]
    together = np.corrcoef(np.concatenate(rows)) - np.eye(10)
    assert np.abs(together).max() < 5 / np.sqrt(count)
    np.testing.assert_array_equal(rows[0][:1], take(Noise(), count, Clock.zero(RATE), 1))


SOURCES = [
    Noise(),
    Noise("pink"),
    Noise("brown", correlation=0.3),
    Noise.shaped([100.0, 5_000.0], [0.0, -20.0], taps=128),
]


@pytest.mark.parametrize("source", SOURCES, ids=["white", "pink", "brown", "shaped"])
def test_noise_is_the_same_wherever_a_block_begins(source):
    """Across whole seconds, below zero, and after ten hours."""
    for second in (-1, 35_999):
        clock = clock_at(second, RATE - 150)
        whole = np.asarray(take(source, 400, clock))
        for start in (1, 149, 151, 263):
            part = np.asarray(take(source, 100, clock.after(start)))
            np.testing.assert_allclose(part, whole[:, start : start + 100], atol=1e-6)


def test_noise_after_ten_hours_is_as_good_and_another():
    early, late = (np.asarray(take(Noise("pink"), RATE, clock_at(s), 1), float)[0] for s in (10, 36_010))
    assert abs(np.corrcoef(early, late)[0, 1]) < 0.3
    np.testing.assert_allclose(
        signal.welch(late, RATE, nperseg=512)[1][4:].mean(),
        signal.welch(early, RATE, nperseg=512)[1][4:].mean(),
        rtol=0.1,
    )


def test_a_batch_of_takes_is_each_take():
    keys = jax.random.split(jax.random.key(5), 3)
    batch = jax.jit(jax.vmap(lambda key: Noise().read(3, 64, Clock.zero(RATE, key))))(keys)
    for row, key in zip(batch, keys, strict=True):
        np.testing.assert_allclose(row, take(Noise(), 64, Clock.zero(RATE, key), 3), atol=1e-6)


def test_double_precision_is_the_same_noise():
    single = np.asarray(take(Noise("brown"), 64, clock_at(7)))
    with jax.enable_x64(True):
        double = take(Noise("brown"), 64, clock_at(7))
        assert double.dtype == jnp.float64
        np.testing.assert_allclose(single, double, atol=2e-6)


def test_filtered_is_a_convolution():
    random = np.random.default_rng(1)
    for size, count in ((1, 5), (2, 64), (65, 200), (130, 3)):
        x, taps = random.normal(size=(2, count + size - 1)), random.normal(size=size)
        expected = np.stack([np.convolve(row, taps, mode="valid") for row in x])
        np.testing.assert_allclose(noise.filtered(jnp.asarray(x), jnp.asarray(taps)), expected, atol=1e-4)


def test_add_is_a_gain_on_its_source():
    x, clock = jnp.ones((2, 32)), Clock.zero(RATE)
    block = Add(Noise(), -20.0)
    added = block(x, (), clock)[0] - x
    np.testing.assert_allclose(added, 0.1 * take(Noise(), 32, clock), atol=1e-6)
    np.testing.assert_array_equal(quiet(block)(x, (), clock)[0], x)

    def power(level):
        return jnp.sum(Add(Noise(), level)(0 * x, (), clock)[0] ** 2)

    assert float(jax.grad(power)(-30.0)) == pytest.approx(float(power(-30.0)) * np.log(10) / 10, rel=1e-4)


def test_what_cannot_be_is_refused():
    for make, words in (
        (lambda: Noise("blue"), "colour is 'blue', but must be one of white"),
        (lambda: Noise(correlation=1.5), "must be within -1 to 1"),
        (lambda: Noise.shaped([100.0], [0.0]), "two or more"),
        (lambda: Noise.shaped([200.0, 100.0], [0.0, 0.0]), "rising"),
        (lambda: Noise.shaped([100.0, 200.0], [0.0, 0.0, 0.0]), "one for each of 2"),
        (lambda: ShapedNoise((100.0, 200.0), Noise()), "levels is filled by Noise, but must hold still"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(TypeError, match="must be a source"):
        Add(0.1)
