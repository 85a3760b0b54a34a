"""The tape simulator against closed forms, SciPy's integrator and the definitions of its processes."""

import numpy as np
import pytest
from scipy.signal import welch

from ddspfx.data.devices.hiss import Colour, hiss
from ddspfx.data.devices.tape import TapeSimulator
from ddspfx.data.devices.transport import Band, Transport, integrated, transport

STILL = Transport(capstan_depth=0, pulley_depth=0, wow=0, flutter=0, drift=0)
RATE = 44_100


def analogue(f, low, high):
    """|H|^2 of a Butterworth band-pass of fourth order, from its formula."""
    return 1 / (1 + ((f * f - low * high) / (f * (high - low))) ** 4)


@pytest.mark.parametrize("band", [Band(6.0, 30.0, 7e-4), Band(0.1, 2.0, 6e-4)])
def test_a_random_band_has_its_spectrum_and_depth(band):
    rate = 8 * band.high
    moved = integrated(band, np.arange(round(6_000 * rate / band.high)) / rate, 1, 0)
    f, density = welch(moved.speed, rate, nperseg=2**10, detrend=False)
    inside = (f > 1.2 * band.low) & (f < 1.5 * band.high)
    shape = analogue(f[inside], band.low, band.high)
    asked = shape * band.depth**2 / (np.pi / np.sqrt(8) * (band.high - band.low))
    assert np.std(moved.speed) == pytest.approx(band.depth, rel=0.05)
    assert np.abs(10 * np.log10(density[inside] / asked)).mean() < 0.6


def test_a_line_has_the_depth_and_the_frequency_of_its_wheel():
    rolling = Transport(
        capstan_depth=1e-3, harmonics=(1.0,), jitter=0, pulley_depth=0, wow=0, flutter=0, drift=0, heads=None
    )
    speed = rolling.travel(20, 500, 3).speed
    turn = 7.5 * 0.0254 / (np.pi * 0.0078)
    phase = 2 * np.pi * turn * np.arange(speed.size) / 500
    weights = np.linalg.lstsq(np.stack([np.sin(phase), np.cos(phase)], 1), speed, rcond=None)[0]
    assert np.hypot(*weights) == pytest.approx(1e-3, rel=1e-6)


def test_the_delay_is_the_integral_of_the_speed_and_a_window_of_a_longer_one():
    moved = Transport().travel(5, 20_000, 4)
    slope = (moved.delay[2:] - moved.delay[:-2]) * 10_000
    assert np.abs(slope - moved.speed[1:-1]).max() < 1e-3 * moved.speed.std()
    assert np.array_equal(transport(2, 100, 4), transport(5, 200, 4)[:400:2])
    assert not np.allclose(transport(2, 100, 4), transport(2, 100, 5))
    assert np.all(STILL.travel(1, 100, 0).delay == 0)


def test_both_heads_see_the_tape_and_replay_alone_sees_more():
    live, replayed = (np.stack([transport(5, 100, s, heads=h) for s in range(60)]) for h in (0.16, None))
    assert 2e-5 < live.std() < 2e-4 < replayed.std()
    assert abs(live.mean()) < 3 * live.mean(axis=1).std() / np.sqrt(60)


def test_hiss_has_its_density_and_goes_on():
    whole = hiss(2**19, RATE, 1)
    f, density = welch(whole, RATE, nperseg=4_096, detrend=False)
    error = 10 * np.log10(density[10:-50] / Colour().density(f[10:-50]))
    assert np.abs(error).mean() < 0.4 and abs(error.mean()) < 0.1
    assert 20 * np.log10(whole.std()) == pytest.approx(Colour().level, abs=0.1)
    assert np.allclose(hiss(5_000, RATE, 1), whole[:5_000], atol=1e-12)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="seconds is -1"):
        transport(-1, 100, 0)
    with pytest.raises(ValueError, match="flutter is -1"):
        transport(1, 100, 0, flutter=-1)
    with pytest.raises(ValueError, match="samples is -1"):
        hiss(-1, 100, 0)


def test_the_machine_repeats_itself_and_tells_the_truth():
    tone = 0.3 * np.sin(2 * np.pi * 1_000 * np.arange(8_000) / RATE)
    told = TapeSimulator(seed=3).play(np.stack([tone, 0.5 * tone]), RATE)
    again = TapeSimulator(seed=3).play(np.stack([tone, 0.5 * tone]), RATE)
    assert np.array_equal(told.wet, again.wet) and told.wet.shape == (2, 8_000)
    assert np.array_equal(told.wet, told.clean + told.modulation + told.hiss)
    assert np.array_equal(told.hiss[0], hiss(8_000, RATE, 3))
    assert np.allclose(told.delay[0] - 0.02, transport(8_000 / RATE, RATE, 3), atol=1e-15)
    assert not np.allclose(TapeSimulator(seed=4).play(tone, RATE).wet, told.wet[:1])
    assert np.abs(told.trajectory(400)(np.arange(8_000) / RATE) - told.delay[0]).max() * RATE < 1e-3
