"""LFO, wander, clicks and automation: exact on the clock, and of the statistics they claim."""

from fractions import Fraction

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal, stats

from ddspfx.block import quiet
from ddspfx.blocks.gain import Gain
from ddspfx.clock import Clock
from ddspfx.signal.phase import cycles
from ddspfx.slot import Constant
from ddspfx.source.automation import Automation
from ddspfx.source.clicks import WIDEST, Clicks
from ddspfx.source.lfo import LFO
from ddspfx.source.wander import LIMIT, RMS, Wander

RATE = 44_100
TEN_HOURS = 36_000


@eqx.filter_jit
def take(source, count, clock, channels=1):
    return source.read(channels, count, clock)


def clock_at(second, sample=0, rate=RATE, key=0):
    clock = Clock.zero(rate, key).after(sample)
    return eqx.tree_at(lambda c: c.second, clock, clock.second + jnp.int32(second))


def exact(rate, second, sample, sample_rate=RATE):
    """Cycles as a fraction of whole numbers: the float32 rate times the time, nothing rounded."""
    return Fraction(float(rate)) * (second + Fraction(int(sample), sample_rate))


@pytest.mark.parametrize("second", [0, -7, TEN_HOURS, 2**30])
def test_phase_is_exact_at_any_time(second):
    samples = np.arange(0, RATE, 2_971, dtype=np.int32)
    counted = jax.jit(lambda rate: cycles(rate, jnp.full(samples.shape, second, jnp.int32), samples, RATE))
    for rate in np.array([0.0123, 0.55, 1 / 3, 33.333, 99.7, 812.3], np.float32):
        index, rest = counted(rate)
        for whole, part, sample in zip(np.asarray(index), np.asarray(rest), samples, strict=True):
            error = (Fraction(int(whole)) + Fraction(float(part)) - exact(rate, second, sample)) % 2**32
            assert min(error, 2**32 - error) < 3e-7


def test_sine_and_triangle_after_ten_hours():
    samples = np.arange(0, 300)
    for shape, wave in (("sine", np.sin), ("triangle", lambda p: signal.sawtooth(p + np.pi / 2, 0.5))):
        lfo = LFO(5.3, 0.7, 2.0, shape, phase=0.2)
        got = take(lfo, 300, clock_at(TEN_HOURS))
        places = [float(exact(lfo.rate.value, TEN_HOURS, n) % 1) + 0.2 for n in samples]
        np.testing.assert_allclose(got[0], 2.0 + 0.7 * wave(2 * np.pi * np.array(places)), atol=5e-6)


def test_each_channel_may_have_its_own_phase():
    got = take(LFO(5.0, phase=[0.0, 0.5]), 100, Clock.zero(RATE), 2)
    assert got.shape == (2, 100)
    np.testing.assert_allclose(got[0], -got[1], atol=2e-6)


def test_random_lfo_goes_smoothly_through_even_draws():
    y = np.asarray(take(LFO(100.0, shape="random", seed=4), 60 * 8_000, Clock.zero(8_000)), float)[0]
    draws = y[::80]
    assert stats.kstest(draws, stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 0.06
    assert np.abs(y).max() <= 1 and np.abs(np.diff(y)).max() < 2 * 1.5 * 100 / 8_000 * 1.01


@pytest.mark.parametrize(
    "source", [LFO(7.0, phase=0.3), LFO(7.0, shape="random", phase=0.3), Wander(7.0), Wander(150.0)]
)
def test_slopes_of_rate_depth_and_centre(source):
    """Finite differences in float64, twenty seconds into the take."""
    with jax.enable_x64(True):
        source = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), source)
        leaves, tree = jax.tree.flatten(source)
        clock = clock_at(20)
        loss = jax.jit(lambda *leaves: jnp.sum(jnp.sin(jax.tree.unflatten(tree, leaves).read(1, 40, clock))))
        slopes = jax.jit(jax.grad(loss, argnums=tuple(range(len(leaves)))))(*leaves)
        for place, slope in enumerate(slopes):
            # The rate counts in steps of 2^-32 Hz, so the step must not be smaller, nor move the phase far.
            size = 3e-8 if place == 0 else 1e-5
            up, down = ([v + s * (i == place) for i, v in enumerate(leaves)] for s in (size, -size))
            numeric = (loss(*up) - loss(*down)) / (2 * size)
            assert float(numeric) == pytest.approx(float(slope), rel=2e-3, abs=1e-4)


def test_wander_has_unit_rms_and_its_band():
    rate = 4_000
    y = np.asarray(take(Wander(100.0, 0.5, 3.0, seed=2), 200 * rate, Clock.zero(rate)), float)[0]
    assert y.mean() == pytest.approx(3.0, abs=0.02)
    assert y.std() == pytest.approx(0.5, rel=0.02)
    f, power = signal.welch(y, rate, nperseg=1_024)
    level = 10 * np.log10(power / power[(f > 2) & (f < 25)].mean())
    assert level[(f > 90) & (f < 110)].mean() == pytest.approx(-3.0, abs=0.5)
    assert level[f > 460].max() < -40


def test_wander_is_bounded_and_says_so():
    low, high = Wander(200.0, -0.5, 3.0).bounds()
    assert high - 3.0 == pytest.approx(0.5 * LIMIT / RMS) and low == pytest.approx(6.0 - high)
    y = take(Wander(200.0, -0.5, 3.0), 2**17, Clock.zero(4_000))
    assert low <= float(y.min()) and float(y.max()) <= high
    drawn = stats.norm.expect(lambda z: np.clip(z, -LIMIT, LIMIT) ** 2)
    assert pytest.approx(drawn * 151 / 315, rel=1e-5) == RMS**2


def test_clicks_are_poisson_in_time_and_log_normal_in_height():
    seconds, rate = 40, 8_000
    source = Clicks(200.0, spread=6.0, width=1e-6, seed=1)
    y = np.asarray(take(source, seconds * rate, Clock.zero(rate), 2), float)
    counts = (np.abs(y) > 1e-4).reshape(2, -1, rate // 20).sum(axis=-1).ravel()
    assert counts.mean() == pytest.approx(10.0, abs=4 * np.sqrt(10 / counts.size))
    # A Bernoulli trial a sample thins the variance of the count by 1 - rate / sample_rate.
    assert counts.var() / counts.mean() == pytest.approx(1 - 200 / rate, abs=4 * np.sqrt(2 / counts.size))
    heights = y[np.abs(y) > 1e-4]
    decibels = 20 * np.log10(np.abs(heights))
    assert stats.kstest(decibels, stats.norm(0, 6).cdf).pvalue > 0.01
    assert abs(np.sign(heights).mean()) < 4 / np.sqrt(heights.size)
    assert abs(np.corrcoef(np.abs(y))[0, 1]) < 0.02
    gaps = np.diff(np.flatnonzero(np.abs(y[0]) > 1e-4)) / rate
    assert stats.kstest(gaps, stats.expon(scale=1 / 200).cdf).statistic < 0.04


def test_a_click_is_as_high_and_as_wide_at_every_sample_rate():
    for rate in (44_100, 96_000):
        y = np.asarray(take(Clicks(2.0, spread=0.0, width=WIDEST), 4 * rate, Clock.zero(rate)), float)[0]
        start = np.flatnonzero(np.abs(y) > 0.99)[0]
        n = np.arange(int(0.002 * rate))
        np.testing.assert_allclose(np.abs(y[start : start + n.size]), np.exp(-n / rate / WIDEST), atol=1e-3)


def test_clicks_have_slopes_in_spread_and_width():
    with jax.enable_x64(True):
        source, clock = Clicks(3_000.0), Clock.zero(RATE, 2)

        @jax.jit
        def loss(spread, width):
            moved = eqx.tree_at(lambda s: (s.spread.raw, s.width.raw), source, (spread, width))
            return jnp.sum(jnp.sin(moved.read(1, 200, clock)))

        at = (source.spread.raw, source.width.raw)
        slopes = jax.jit(jax.grad(loss, argnums=(0, 1)))(*at)
        for place in (0, 1):
            up, down = ([v + s * (i == place) for i, v in enumerate(at)] for s in (1e-6, -1e-6))
            assert (loss(*up) - loss(*down)) / 2e-6 == pytest.approx(float(slopes[place]), rel=1e-5)
            assert abs(float(slopes[place])) > 1e-3


SOURCES = {
    "sine": LFO(33.3),
    "random": LFO(900.0, shape="random"),
    "wander": Wander(200.0),
    "clicks": Clicks(5_000.0),
    "automation": Automation([-0.5, TEN_HOURS - 0.001, TEN_HOURS + 0.00101], [0.0, 1.0, -1.0]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_the_same_wherever_a_block_begins(name):
    source = SOURCES[name]
    for second in (-1, TEN_HOURS - 1):
        clock = clock_at(second, RATE - 150)
        whole = np.asarray(take(source, 400, clock))
        for start in (1, 149, 151, 263):
            part = np.asarray(take(source, 100, clock.after(start)))
            np.testing.assert_allclose(part, whole[:, start : start + 100], atol=1e-6)


@pytest.mark.parametrize("rate", [44_100, 192_000])
@pytest.mark.parametrize("second", [0, TEN_HOURS, -3])
def test_automation_is_the_line_through_its_points(second, rate):
    times = second + np.array([0.0, 0.0005, 0.000501, 0.001234567, 0.0018])
    values = np.array([1.0, 3.0, -2.0, 0.5, 0.25])
    clock = clock_at(second, -20, rate)
    t = np.array([float(second + Fraction(n, rate)) for n in range(-20, 380)])
    got = np.asarray(take(Automation(times, values), 400, clock))[0]
    np.testing.assert_allclose(got, np.interp(t, times, values), atol=2e-4 if second > 100 else 2e-5)
    steps = np.asarray(take(Automation(times, values, "step"), 400, clock))[0]
    nanoseconds = np.round((times - second) * 1e9).astype(int)
    reached = [sum(Fraction(n, rate) >= Fraction(int(x), 10**9) for x in nanoseconds) for n in range(-20, 380)]
    np.testing.assert_array_equal(steps, values[np.maximum(np.array(reached) - 1, 0)].astype(np.float32))


def test_automation_over_hours_and_far_away():
    source = Automation([0.0, 2 * TEN_HOURS], [0.0, 1.0])
    np.testing.assert_allclose(take(source, 50, clock_at(TEN_HOURS)), 0.5, atol=1e-6)
    np.testing.assert_array_equal(take(source, 50, clock_at(10 * TEN_HOURS)), 1.0)
    np.testing.assert_array_equal(take(source, 50, clock_at(-10 * TEN_HOURS)), 0.0)
    assert source.bounds() == (0.0, 1.0)
    np.testing.assert_array_equal(take(Automation([5.0], [2.5]), 50, Clock.zero(RATE)), 2.5)


def test_automation_has_slopes_that_share_out_each_sample():
    source, clock = Automation([0.0, 0.0003, 0.002], [0.0, 1.0, 5.0]), Clock.zero(RATE)

    def total(values):
        return jnp.sum(eqx.tree_at(lambda s: s.values, source, values).read(1, 200, clock))

    slope = jax.grad(total)(source.values)
    assert float(slope.sum()) == pytest.approx(200.0, rel=1e-5) and float(slope.min()) > 0


def test_automation_from_csv(tmp_path):
    path = tmp_path / "sweep.csv"
    path.write_text("\ufeffseconds, value\n0,200\n\n 1.5 , 8e3\n", encoding="utf-8")
    source = Automation.from_csv(path)
    np.testing.assert_allclose(take(source, 2, Clock.zero(RATE).after(RATE)), [[5_400.0, 5_400.118]], atol=2e-3)
    held = take(Automation.from_csv(path, "step"), 2, Clock.zero(RATE).after(RATE))
    np.testing.assert_array_equal(held, 200.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the header is ''"),
        ("time,value\n0,1\n", "line 1: the header is 'time,value', but must be 'seconds,value'"),
        ("seconds,value\n", "no points"),
        ("seconds,value\n0,1\n1,x\n", "line 3: '1,x' must be two numbers"),
        ("seconds,value\n0,1\n1\n", "line 3: '1' must be two numbers"),
        ("seconds,value\n0,1,2\n", "line 2: '0,1,2' must be two numbers"),
        ("seconds,value\n0,nan\n", "line 2: time is 0.0 and value is nan, but both must be finite"),
        ("seconds,value\n1,1\n\n0.5,1\n", "line 4: time is 0.5 seconds, but must come after 1.0"),
        ("seconds,value\n3e9,1\n", "line 2: time is 3000000000.0 seconds, but must be below 68 years"),
        ("seconds,value\n0,\udcff\n", "not a CSV text file"),
    ],
)
def test_a_bad_csv_is_refused_in_one_line(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"bad\.csv") as caught:
        Automation.from_csv(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_what_cannot_be_is_refused():
    for make, words in (
        (lambda: LFO(shape="square"), "shape is 'square', but must be one of sine, triangle, random"),
        (lambda: LFO(LFO(1.0, 0.1, 1.0)), "rate is filled by LFO, but must hold still"),
        (lambda: LFO(0.0), "must be within 0.001 to 1000 Hz"),
        (lambda: Wander(LFO(1.0, 0.1, 1.0)), "bandwidth is filled by LFO, but must hold still"),
        (lambda: Clicks(width=LFO(1.0, 1e-5, 2e-5)), "width is filled by LFO, but must hold still"),
        (lambda: Gain(LFO(1.0, 100.0)), "the span of LFO"),
        (lambda: Automation([0.0, 0.0], [1.0, 2.0]), "point 2: time is 0.0 seconds, but must come after 0.0"),
        (lambda: Automation([0.0], [1.0, 2.0]), "both must be"),
        (lambda: Automation([0.0], [1.0], "cubic"), "interpolation is 'cubic'"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


def test_quiet_takes_out_what_is_random():
    clock = Clock.zero(RATE)
    for source, value in ((Wander(centre=2.0), 2.0), (Clicks(), 0.0), (LFO(centre=2.0, shape="random"), 2.0)):
        silent = quiet(source)
        assert isinstance(silent, Constant)
        np.testing.assert_array_equal(silent.read(1, 4, clock), value)
    assert isinstance(quiet(LFO()), LFO) and isinstance(quiet(SOURCES["automation"]), Automation)
