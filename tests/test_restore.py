"""Wow and flutter taken out, against transports whose trajectory is known, and what must be refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import fftconvolve, firwin

from ddspfx.alignment.denoised import denoised, floor
from ddspfx.alignment.missing import filled_in
from ddspfx.alignment.pilot import pilot_timing
from ddspfx.alignment.pilot_trajectory import pilot_trajectory
from ddspfx.alignment.restore import restore
from ddspfx.alignment.tone import tone_timing
from ddspfx.alignment.track import track
from ddspfx.audio import read_audio
from ddspfx.signal.warp import interpolate

RATE, SECONDS = 44_100, 8
COUNT = RATE * SECONDS
TIME = np.arange(COUNT) / RATE


def transport(seed: int = 0) -> np.ndarray:
    """Delay in seconds: wow at 0.55 and 0.9 Hz, 0.15 and 0.1 %, and flutter of 0.03 % from 6 to 30 Hz."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(COUNT))
    at = np.fft.rfftfreq(COUNT, 1 / RATE)
    flutter = np.fft.irfft(np.where((at > 6) & (at < 30), spectrum, 0), COUNT)
    speed = 1.5e-3 * np.sin(2 * np.pi * 0.55 * TIME) + 1e-3 * np.sin(2 * np.pi * 0.9 * TIME + 1)
    return np.cumsum(speed + 3e-4 * flutter / flutter.std()) / RATE


DELAY = transport()


def moved(x: np.ndarray, delay: np.ndarray = DELAY) -> np.ndarray:
    return interpolate(x, np.arange(len(x)) - delay * RATE)


def hiss(decibels: float, seed: int = 1) -> np.ndarray:
    return 10 ** (decibels / 20) * np.random.default_rng(seed).standard_normal(COUNT)


def pulses() -> np.ndarray:
    x = np.zeros(COUNT)
    x[100::441] = 1
    return 0.4 * fftconvolve(x, firwin(63, [0.01, 0.8], pass_zero=False), "same")


def speed_of(delay: np.ndarray, low: float, high: float) -> float:
    """RMS speed deviation between two frequencies in Hz, away from the ends."""
    speed = np.diff(delay - np.polyval(np.polyfit(TIME, delay, 1), TIME)) * RATE
    window = np.hanning(len(speed))
    spectrum, at = np.fft.rfft(speed * window), np.fft.rfftfreq(len(speed), 1 / RATE)
    return float(np.sqrt(np.sum(np.abs(spectrum[(at >= low) & (at < high)]) ** 2)))


def left(found: np.ndarray, delay: np.ndarray = DELAY) -> tuple[float, float]:
    """Wow and flutter that remain, dB against what there was."""
    bands = ((0.3, 6.0), (6.0, 40.0))
    wow, flutter = (20 * np.log10(speed_of(found - delay, *b) / speed_of(delay, *b)) for b in bands)
    return wow, flutter


def test_tone_of_3150_hz_at_60_db() -> None:
    wet = moved(0.5 * np.sin(2 * np.pi * 3150 * TIME)) + np.sqrt(0.125) * hiss(-60)
    restored, removed = restore(wet[None], RATE, tone=3150.0)
    assert restored.shape == (1, COUNT) and restored.dtype == np.float64
    wow, flutter = left(removed(TIME))
    assert wow < -70 and flutter < -45
    # Steady to the ear of a second analysis, and at its own frequency.
    again = tone_timing(restored[0], RATE, 3150.0)
    inner = (again.times > 0.2) & (again.times < SECONDS - 0.2)
    assert np.std(np.diff(again.delays[inner])) < 0.01 * np.std(np.diff(np.interp(again.times[inner], TIME, DELAY)))


def test_tone_takes_a_speed_error_out_and_programme_comes_back() -> None:
    rng = np.random.default_rng(3)
    programme = 0.3 * fftconvolve(
        rng.standard_normal(COUNT), firwin(101, [200, 6000], fs=RATE, pass_zero=False), "same"
    )
    tone = 0.02 * np.sin(2 * np.pi * 15_000 * TIME)
    delay = DELAY + 0.01 * (TIME - SECONDS / 2)
    wet = moved(programme + tone, delay).astype(np.float32)
    restored, removed = restore(np.stack([wet, wet]), RATE, tone=15_000.0)
    assert restored.dtype == np.float32
    assert abs(np.mean(removed(TIME))) < 1e-6
    # Only the whole file's mean delay is left; it is the same all along.
    shifted = moved(programme + tone, np.full(COUNT, np.mean(delay - removed(TIME))))
    inner = slice(RATE, -RATE)
    error = restored[0, inner] - shifted[inner]
    assert np.sum(error**2) < 1e-4 * np.sum(shifted[inner] ** 2)
    assert np.sum((wet[inner] - programme[inner]) ** 2) > np.sum(programme[inner] ** 2)


@pytest.mark.parametrize("pilot", [1, "R"])
def test_pilot_of_pulses(pilot: int | str) -> None:
    wet = moved(pulses()) + 0.4 * hiss(-70)
    restored, removed = restore(np.stack([hiss(-20), wet]), RATE, pilot=pilot)
    wow, flutter = left(removed(TIME))
    assert wow < -70 and flutter < -45
    assert np.std(np.diff(pilot_timing(restored[1], RATE).delays * RATE)) < 0.002


def test_pilot_with_missing_and_false_pulses() -> None:
    rng = np.random.default_rng(5)
    wet = moved(pulses()) + 0.4 * hiss(-75)
    for place in 100 + 441 * rng.choice(SECONDS * 100 - 4, 40, replace=False):
        wet[place - 15 : place + 40] = 0
    for place in rng.integers(1000, COUNT - 1000, 40):
        wet[place : place + 5] += rng.uniform(0.1, 1) * np.array([1, -0.8, 0.5, -0.2, 0.1])
    _, removed = restore(np.stack([wet, wet]), RATE, pilot=0)
    wow, flutter = left(removed(TIME))
    assert wow < -60 and flutter < -40


def test_pilot_keeps_the_mean_speed_and_bears_heavy_wow() -> None:
    delay = np.cumsum(0.02 * np.sin(2 * np.pi * 0.55 * TIME)) / RATE + 0.04 * TIME
    wet = moved(pulses(), delay) + 0.4 * hiss(-80)
    restored, removed = restore(np.stack([wet, wet]), RATE, pilot=0)
    assert abs(np.polyfit(TIME, removed(TIME), 1)[0]) < 1e-3
    assert np.std(np.diff(pilot_timing(restored[0], RATE).delays * RATE)) < 0.005


def test_pilot_that_is_a_tone() -> None:
    wet = moved(0.4 * np.sin(2 * np.pi * 3000 * TIME)) + hiss(-80)
    _, removed = restore(np.stack([wet, hiss(-20)]), RATE, pilot="l")
    wow, flutter = left(removed(TIME))
    assert wow < -50 and flutter < -45


def test_original_tells_the_delay() -> None:
    count = 4 * RATE
    dry = np.random.default_rng(0).standard_normal(count) * (1 + np.sin(2 * np.pi * 3 * TIME[:count]))
    dry = 0.1 * fftconvolve(dry, firwin(101, [100, 8000], fs=RATE, pass_zero=False), "same")
    delay = DELAY[:count] + 0.01
    restored, removed = restore(moved(dry, delay)[None], RATE, dry=dry[None])
    assert restored.shape == (1, count)
    inner = slice(RATE // 4, -RATE // 4)
    error = (removed(TIME[:count]) - delay)[inner]
    assert np.std(error) < 0.01 * np.std(delay[inner])  # -40 dB
    assert abs(np.mean(removed(TIME[:count]))) < 1e-6


def test_lost_values_of_a_sine_come_back() -> None:
    series = np.sin(0.9 * np.arange(400)) + 3 * np.sin(0.05 * np.arange(400))
    kept = np.setdiff1d(np.arange(400), [50, 51, 52, 120, 300, 301])
    assert np.abs(filled_in(kept, series[kept]) - series).max() < 1e-6
    assert np.allclose(filled_in(np.array([0, 1, 3, 4]), np.array([0.0, 1.0, 3.0, 4.0])), np.arange(5))


def test_refuses_what_it_cannot_do() -> None:
    noise = np.stack([hiss(-20, 1), hiss(-20, 2)])[:, : 3 * RATE]
    cases = (
        ({}, "none of dry, pilot and tone"),
        ({"pilot": 0, "tone": 50.0}, "pilot and tone given"),
        ({"pilot": 2}, "pilot is 2"),
        ({"pilot": "M"}, "pilot is M"),
        ({"pilot": 0}, "no pilot is found"),
        ({"tone": 3150.0}, "no steady tone stands out near 3150 Hz"),
        ({"tone": 30_000.0}, "tone is 30000 Hz"),
        ({"tone": -1.0}, "tone is -1 Hz"),
        ({"dry": np.roll(noise[::-1], 1234)[:, ::-1].copy()}, "nothing in common"),
    )
    for chosen, message in cases:
        with pytest.raises(ValueError, match=message) as caught:
            restore(noise, RATE, **chosen)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="wet is mono"):
        restore(noise[:1], RATE, pilot=0)
    with pytest.raises(ValueError, match="silent"):
        restore(np.zeros((2, RATE)), RATE, pilot=0)
    with pytest.raises(ValueError, match="silent"):
        restore(np.zeros((2, RATE)), RATE, tone=50.0)
    with pytest.raises(ValueError, match="must last"):
        restore(noise[:, :1000], RATE, tone=3150.0)
    with pytest.raises(ValueError, match="pilot"):
        restore(noise[:, :1000], RATE, pilot=0)


def test_noise_goes_and_what_moves_stays() -> None:
    rng = np.random.default_rng(7)
    n = np.arange(2000)
    moves = 0.1 * n + 5 * np.sin(0.06 * n) + 0.2 * np.sin(0.9 * n)
    noisy = moves + 0.05 * rng.standard_normal(n.size)
    assert np.std(denoised(noisy, 0.05) - moves) < 0.5 * 0.05
    assert np.abs(denoised(moves, 1e-6) - moves).max() < 1e-4
    assert np.array_equal(denoised(noisy[:50], 0.05), noisy[:50])
    assert np.isclose(floor(noisy), 0.05, rtol=0.2) and floor(moves) < 1e-4


@pytest.mark.parametrize("known", [True, False])
def test_the_programme_says_which_period_is_meant(known: bool) -> None:
    """A head 160 ms behind a pilot of 10 ms: sixteen periods that the pulses alone cannot tell."""
    rng = np.random.default_rng(8)
    programme = 0.2 * fftconvolve(
        rng.standard_normal(COUNT), firwin(101, [200, 6000], fs=RATE, pass_zero=False), "same"
    )
    sent = pulses()
    delay = DELAY - DELAY.mean() + 0.1632
    wet, heard = (np.tanh(moved(x, delay)) + hiss(-70, seed) for seed, x in ((1, programme), (2, sent)))
    found = pilot_trajectory(programme, wet, heard, RATE, dry_pilot=sent if known else None)
    inner = slice(RATE // 4, -RATE // 4)
    error = RATE * (found(TIME) - delay)[inner]
    assert np.abs(error.mean()) < 0.2
    assert error.std() < (0.005 if known else 0.05)
    assert found.spread is not None and 1e-5 < RATE * float(found.deviation(4.0)) < 0.01


def test_pilot_trajectory_of_the_real_machine() -> None:
    """Against the delay that was read off the pilot by other means; a constant is the shape of the pulses."""
    folder = Path(__file__).parents[2] / "shared/data/akai4000d"
    given = np.loadtxt(folder / "clip3_pilot_delay.csv", delimiter=",", skiprows=1)
    dry, sent, wet, heard = (read_audio(folder / f"clip3_{name}.wav")[0][0] for name in
                             ("input_L", "input_R", "target_L", "target_R"))  # fmt: skip
    found = pilot_trajectory(dry, wet, heard, RATE, dry_pilot=sent)
    error = RATE * found(given[:, 0]) - given[:, 1]
    assert abs(error.mean()) < 1.5 and error.std() < 0.006


def test_track_takes_a_pilot() -> None:
    sent, delay = pulses(), DELAY - DELAY.mean() + 0.0232
    programme = 0.2 * fftconvolve(hiss(0, 10), firwin(101, [200, 6000], fs=RATE, pass_zero=False), "same")
    wet = np.stack([moved(programme, delay) + hiss(-70), moved(sent, delay)])
    for dry in (np.stack([programme, sent]), programme[None]):
        found = track(dry, wet, RATE, pilot="R")
        inner = slice(RATE // 4, -RATE // 4)
        assert np.std(RATE * (found(TIME) - delay)[inner]) < (0.005 if len(dry) > 1 else 0.05)


def test_pilot_trajectory_refuses() -> None:
    rng = np.random.default_rng(9)
    sent, noise = pulses(), 0.1 * rng.standard_normal((2, COUNT))
    with pytest.raises(ValueError, match="which of the pilot's periods"):
        pilot_trajectory(noise[0], noise[1], sent, RATE, dry_pilot=sent)
    with pytest.raises(ValueError, match="no pilot is found"):
        pilot_trajectory(noise[0], noise[0], noise[1], RATE)
