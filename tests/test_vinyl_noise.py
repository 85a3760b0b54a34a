"""Sources of a record: its time base, hiss, rumble, clicks and scratches, each against what it claims."""

from fractions import Fraction

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal, stats

from ddspfx.block import quiet
from ddspfx.blocks.delay import VariableDelay
from ddspfx.clock import Clock
from ddspfx.control import Control, at
from ddspfx.models.pressing import Pressing
from ddspfx.models.vinyl_parts import turntable
from ddspfx.signal.spin import change_speed, spin_down, spin_up
from ddspfx.slot import Constant
from ddspfx.source.groove import SidePosition
from ddspfx.source.lfo import LFO
from ddspfx.source.pulses import pulse, velocity
from ddspfx.source.rumble import MotorHum, Rumble
from ddspfx.source.scratches import Scratches
from ddspfx.source.surface_clicks import SurfaceClicks
from ddspfx.source.surface_hiss import SurfaceHiss, Wear
from ddspfx.source.turns import turns
from ddspfx.source.warble import Warble, off_centre, warped

RATE = 44_100
TEN_HOURS = 36_000
SOURCES = {
    "revolution": Warble(0.3, 0.1, eighth=0.05, phases=0.2, rpm=45.0),
    "clicks": SurfaceClicks(200.0, longest=1e-3),
    "scratches": Scratches(40, 2.0, slant=0.2, rpm=78.26),
    "hiss": SurfaceHiss(levels=((0.0,) * 7, (0.0, -3.0, 0.0, 2.0, 0.0, -5.0, 0.0)), taps=64, depth=0.5),
    "rumble": Rumble((10.0, 40.0), (3.0, 8.0), (0.0, -3.0)),
    "hum": MotorHum(50.0, (0.0, -6.0)),
}


@eqx.filter_jit
def take(source, count, clock, channels=2):
    return source.read(channels, count, clock)


def clock_at(second, sample=0, rate=RATE, key=0):
    clock = Clock.zero(rate, key).after(sample)
    return eqx.tree_at(lambda c: c.second, clock, clock.second + jnp.int32(second))


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_wherever_a_block_begins(name):
    source = SOURCES[name]
    for second in (-1, TEN_HOURS - 1):
        clock = clock_at(second, RATE - 3_000)
        whole = np.asarray(take(source, 6_000, clock))
        assert np.isfinite(whole).all() and np.abs(whole).max() > 0
        scale = max(1.0, float(np.abs(whole).max()))
        for start in (1, 2_950, 2_999, 3_001, 5_263):
            part = np.asarray(take(source, 100, clock.after(start)))
            np.testing.assert_allclose(part, whole[..., start : start + 100], atol=1e-6 * scale)


@pytest.mark.parametrize("rpm", [100 / 3, 45.0, 78.0, 33.1])
def test_turns_are_exact_after_ten_hours(rpm):
    sample = np.arange(0, RATE, 3_001, dtype=np.int32)
    thirds = round(3 * rpm) if rpm != 33.1 else Fraction(float(np.float32(3) * np.float32(rpm)))
    for second in (-7, 0, TEN_HOURS):
        found = jax.jit(lambda s: turns(jnp.float32(rpm), jnp.full(sample.shape, s), sample, RATE))(jnp.int32(second))
        for n, whole, word in zip(sample, found.whole, found.word, strict=True):
            error = (
                Fraction(int(whole))
                + Fraction(int(word), 2**32)
                - Fraction(thirds, 180) * (second + Fraction(int(n), RATE))
            )
            error = (error + 2**31) % 2**32 - 2**31
            assert abs(error) < (1e-9 + 1.2e-10 * abs(second)) * (1 if rpm != 33.1 else 100)


def test_the_time_base_is_its_harmonics():
    source = Warble(0.3, 0.1, 0.0, eighth=0.05, phases=(0.1, -0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.4), rpm=45.0)
    t = np.arange(4_000) * 10 / RATE
    got = np.asarray(take(source, 40_000, Clock.zero(RATE)), float)[0, ::10]
    asked = sum(
        a / 100 / (2 * np.pi * k * 0.75) * np.sin(2 * np.pi * (k * 0.75 * t + p))
        for k, a, p in ((1, 0.3, 0.1), (2, 0.1, -0.2), (8, 0.05, 0.4))
    )
    np.testing.assert_allclose(got, asked, atol=2e-9)
    low, high = source.bounds()
    assert low < got.min() and got.max() < high < 0.0011


def test_a_delay_line_knows_what_a_disc_does():
    knob = Control("wow", 0, 1, 0.1, unit="%", start=0.0, stop=1.0)
    reach = Warble(knob, 0.0, 0.0).bounds()[1]
    assert reach == pytest.approx(0.01 / (2 * np.pi / 1.8), rel=1e-5)
    VariableDelay(-0.004, 0.004, Warble(knob))
    with pytest.raises(ValueError, match="the span of Warble"):
        VariableDelay(-0.001, 0.001, Warble(knob))
    assert off_centre(0.2, 100.0) == pytest.approx(0.2)
    assert warped(1.0, 300.0, 20.0, 230.0) == pytest.approx(100 * np.pi / 300 * 20 / np.sqrt(230**2 - 400))


def test_a_scratch_comes_back_after_exactly_one_revolution():
    """The clicks' phase spectra tell their places to thousandths of a sample, in a take's tenth hour."""
    rpm = 100 / 3
    source = Scratches(1, 2_000.0, slant=0.0, rpm=rpm, seed=3)
    clock = clock_at(TEN_HOURS)
    period = 60 / rpm * RATE
    first = int(np.argmax(np.abs(np.asarray(take(source, int(period), clock))[0]))) - 400
    places = []
    for turn in (0, 1, 2, 7, 40):
        whole = round(turn * period)
        wave = np.asarray(take(source, 801, clock.after(first + whole))[0], float)
        spectrum = np.fft.rfft(wave, 4_096)[10:60]
        slope = np.polyfit(np.arange(10, 60), np.unwrap(np.angle(spectrum)), 1)[0]
        places.append(whole - slope * 4_096 / (2 * np.pi))
    spacing = np.diff(places) / np.diff([0, 1, 2, 7, 40])
    np.testing.assert_allclose(spacing, period, atol=2e-3)


def test_clicks_are_those_listed():
    source, clock = SurfaceClicks(100.0, longest=1e-3, both=0.3, seed=2), Clock.zero(RATE, 5).after(10_000)
    listed = source.arrivals(1.0, clock)
    played = np.asarray(take(source, RATE, clock), float)
    t = (10_000 + np.arange(RATE)) / RATE
    expected = np.zeros((2, RATE))
    long = listed.durations > 6e-4
    for row in zip(*(field[long] for field in listed), strict=True):
        second, height, duration, left, right = row
        u = 4 * (t - second) / duration
        wave = height * u * np.exp((1 - u**2) / 2)
        expected += np.stack([left * wave, right * wave])
    apart = np.ones(RATE, bool)
    for second in listed.seconds[~long]:
        apart[np.abs(t - second) < 2e-3] = False
    inside = slice(200, RATE - 200)
    assert long.sum() > 5 and apart.sum() > 2_000
    error = np.abs(played - expected)[:, apart][:, inside]
    assert error.max() < 0.03 * np.abs(expected).max()


def test_clicks_are_poisson_pareto_and_locked_to_the_disc():
    source = SurfaceClicks(40.0, tail=1.5, locking=0.8, phase=0.25, seed=1)
    seconds = 400.0
    listed = source.arrivals(seconds, Clock.zero(RATE))
    size = listed.seconds.size
    assert size == pytest.approx(40 * seconds, abs=4 * np.sqrt(40 * seconds))
    heights = np.abs(listed.heights)
    kept = heights[heights < 50]
    assert stats.kstest(kept, lambda x: (1 - x**-1.5) / (1 - 50**-1.5)).pvalue > 0.01
    vector = np.exp(2j * np.pi * listed.seconds / 1.8).mean()
    assert abs(vector) == pytest.approx(0.4, abs=0.03)
    assert np.angle(vector) / (2 * np.pi) == pytest.approx(0.25, abs=0.02)
    assert (listed.left & listed.right).mean() == pytest.approx(0.65, abs=0.02)
    loud = source.arrivals(seconds, Clock.zero(RATE), above=3.0)
    np.testing.assert_array_equal(loud.seconds, listed.seconds[heights >= 3])


def test_a_pulse_is_band_limited_and_sounds_alike_at_every_rate():
    fine = 16
    for duration in (2e-5, 6e-5, 2e-4, 1e-3):
        levels = []
        for rate in (44_100, 96_000):
            shape = pulse(jnp.asarray(duration), rate)
            t = np.arange(-2_000, 2_000) / fine
            wave = np.asarray(jax.jit(velocity)(shape, jnp.asarray(t)), float)
            power = np.abs(np.fft.rfft(wave, 2**17)) / fine / rate
            f = np.fft.rfftfreq(2**17, 1 / fine / rate)
            assert power[f > 0.6 * rate].max() < 0.006 * power.max()
            assert power[0] < 1e-3 * power.max()
            levels.append(np.interp([200.0, 2_000.0, 8_000.0], f, power))
        assert np.abs(20 * np.log10(levels[0][:2] / levels[1][:2])).max() < 1.0
        if duration < 1e-4:
            assert abs(20 * np.log10(levels[0][2] / levels[1][2])) < 1.5
    assert np.abs(wave).max() == pytest.approx(1.0, abs=0.02)


def test_hiss_has_its_spectrum_per_wall_and_turns_with_the_disc():
    rate = 8_000
    rows = ((0.0, 0.0, -10.0), (-6.0, 0.0, -20.0))
    source = SurfaceHiss((200.0, 1_000.0, 3_000.0), rows, depth=0.6, phase=0.1, growth=6.0, taps=2_048)
    y = np.asarray(take(source, 90 * rate, Clock.zero(rate)), float)
    np.testing.assert_allclose(20 * np.log10(y.std(axis=1)), 6.0, atol=0.15)
    f, power = signal.welch(y, rate, nperseg=1_024)
    level = 10 * np.log10(np.stack([np.interp([200.0, 1_000.0, 3_000.0], f, row) for row in power]))
    np.testing.assert_allclose(level - level[:, 1:2], rows, atol=1.0)
    angle = 2 * np.pi * np.arange(y.shape[1]) / rate / 1.8
    squares = (y**2).mean(axis=0)
    depths = 0.6 / np.arange(1, 5) ** 2
    grid = np.linspace(0, 2 * np.pi, 3_600, endpoint=False)
    asked = (1 + sum(d * np.cos(k * (grid - 0.2 * np.pi)) for k, d in enumerate(depths, 1))) ** 2
    for k in (1, 2):
        found = 2 * np.abs((squares * np.exp(-1j * k * angle)).mean()) / squares.mean()
        assert found == pytest.approx(2 * np.abs((asked * np.exp(-1j * k * grid)).mean()) / asked.mean(), abs=0.05)


def test_rumble_resonates_up_and_down():
    rate = 1_000
    y = np.asarray(
        take(Rumble((13.5, 30.0), (6.0, 10.0), (0.0, -10.0), lateral=0.1), 600 * rate, Clock.zero(rate)), float
    )
    assert y.std(axis=1) == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(y)[0, 1] == pytest.approx(-0.8, abs=0.05)
    f, power = signal.welch(y[0] - y[1], rate, nperseg=8_192)
    near = (f > 8) & (f < 20)
    assert f[near][np.argmax(power[near])] == pytest.approx(13.5, abs=0.6)
    wide = np.ptp(f[near][power[near] > 0.5 * power[near].max()])
    assert wide == pytest.approx(13.5 / 6, rel=0.25)
    both = [power[(f > c / 1.4) & (f < c * 1.4)].sum() for c in (13.5, 30.0)]
    assert 10 * np.log10(both[1] / both[0]) == pytest.approx(-10, abs=1)


def test_hum_and_wear():
    hum = np.asarray(take(MotorHum(50.0, (0.0, -20.0), lateral=0.25), RATE, Clock.zero(RATE)), float)
    np.testing.assert_allclose(hum[1], -0.5 * hum[0], atol=1e-6)
    assert (hum[0] ** 2).mean() == pytest.approx(1.01, rel=1e-4)
    worn = Wear(0.5, SidePosition(0.25, 20.0), 4.0, 12.0)
    np.testing.assert_allclose(take(worn, 8, Clock.zero(RATE)), 3.0, atol=1e-4)


SLOPES = {
    "revolution": (Warble(0.3), lambda s: s.wow.raw),
    "tail": (SurfaceClicks(200.0), lambda s: s.tail.raw),
    "spread": (Scratches(40, 2.0, rpm=78.26), lambda s: s.spread.raw),
    "hiss": (SurfaceHiss(taps=64), lambda s: s.levels.raw),
    "frequencies": (Rumble((13.5,), (5.0,), (0.0,)), lambda s: s.frequencies.raw),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slopes(name):
    """Finite differences in float64."""
    source, leaf = SLOPES[name]
    with jax.enable_x64(True):
        source = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), source)
        clock = clock_at(20, 500)
        scale = 1e4 if name == "revolution" else 1.0
        loss = jax.jit(lambda x: jnp.sum(jnp.sin(scale * eqx.tree_at(leaf, source, x).read(2, 4_000, clock))))
        here = leaf(source)
        slope = jax.jit(jax.grad(loss))(here)
        step = jnp.zeros_like(here).ravel().at[0].set(1e-6).reshape(here.shape)
        numeric = (loss(here + step) - loss(here - step)) / 2e-6
        assert np.isfinite(slope).all()
        assert float(slope.ravel()[0]) == pytest.approx(float(numeric), rel=1e-3, abs=1e-6)
        assert abs(float(numeric)) > 1e-5


def test_quiet_and_what_cannot_be():
    for name, source in SOURCES.items():
        assert isinstance(quiet(source), Constant) == (name not in ("revolution", "hum"))
    for make, words in (
        (lambda: Scratches(-1), "count is -1"),
        (lambda: SurfaceClicks(tail=LFO(1.0, 0.1, 2.0)), "tail is filled by LFO"),
        (lambda: SurfaceHiss((100.0, 50.0), (0.0, 0.0)), "rising"),
        (lambda: SurfaceHiss((100.0, 500.0), (0.0, 0.0, 0.0)), "one for each of 2"),
        (lambda: Rumble((10.0, 20.0)), "but must have as many"),
        (lambda: Warble(rpm=5.0), "must be within 10 to 100 rpm"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


def test_speed_is_what_the_knobs_say():
    rate = 2_000
    source = at(turntable(Pressing())["time"], wow=0.3, warp=2.0, flutter=0.1, drift=0.0).delay
    delay = np.asarray(take(source, 180 * rate, Clock.zero(rate), 1), float)[0]
    speed = 100 * np.gradient(delay) * rate
    lines = 2 * np.fft.rfft(speed[: 90 * rate]) / (90 * rate)
    assert abs(lines[50]) == pytest.approx(0.3, rel=0.02)
    # 2 mm up and down twice a turn, 100 mm from the axis, on an arm of 230 mm whose pivot is 15 mm high.
    assert abs(lines[100]) == pytest.approx(100 * 15 / np.sqrt(230**2 - 15**2) * 2 / 100, rel=0.03)
    fast = signal.sosfiltfilt(signal.butter(4, 5.0, "high", fs=rate, output="sos"), speed)
    assert fast.std() == pytest.approx(0.1, rel=0.12)


def test_a_platter_starts_stops_and_changes_speed():
    rate, tau = 8_000, 0.2
    t = np.arange(4 * rate) / rate
    x = np.sin(2 * np.pi * 500 * t)
    up, down = spin_up(x, rate, tau), spin_down(np.stack([x, x]), rate, 1.0, tau)
    n = np.arange(1_200, up.size - 100) / rate
    asked = np.sin(2 * np.pi * 500 * (n - tau * (1 - np.exp(-n / tau))))
    np.testing.assert_allclose(up[1_200:-100], asked, atol=2e-5)
    assert up.size == x.size + round(tau * rate)
    np.testing.assert_allclose(down[:, 100:rate], [x[100:rate]] * 2, atol=1e-6)
    assert down.shape == (2, np.ceil((1 + tau * np.log(100)) * rate))


def test_a_faster_disc_does_not_alias():
    rate = 8_000
    t = np.arange(4 * rate) / rate
    for tone, heard in ((1_000.0, 1.0), (3_300.0, 0.0)):
        y = change_speed(np.sin(2 * np.pi * tone * t), rate, 100 / 3, 45.0, at=0.5, time_constant=0.02)
        late = y[rate : 2 * rate]
        position = 0.5 + 1.35 * (np.arange(rate) / rate + 0.5) - 0.35 * 0.02
        np.testing.assert_allclose(late, heard * np.sin(2 * np.pi * tone * position), atol=2e-4)
    with pytest.raises(ValueError, match="at is 1"):
        change_speed(t, rate, 0.0, 45.0, 45.0, at=1.0)
    with pytest.raises(ValueError, match="start \\+ stop is 0"):
        change_speed(t, rate, 0.0, 0.0, 45.0)
