"""Offset, speed, level, polarity and channels of a pair, against signals delayed by an independent Fourier shift."""

from pathlib import Path

import numpy as np
import pytest
from scipy.fft import irfft, rfft
from scipy.signal import butter, sosfilt

from ddspfx.alignment.align import Alignment, align
from ddspfx.alignment.correlation import global_peak
from ddspfx.alignment.interpolate import sample_at
from ddspfx.alignment.line import is_drift, robust_line

RATE = 44_100
SHARED = Path(__file__).parents[2] / "shared/data"


def drums(seconds: float = 10, seed: int = 0) -> np.ndarray:
    """Noise bursts that decay, at uneven times, over a quiet floor: broadband programme."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    x = 0.002 * rng.standard_normal(count)
    for start in rng.integers(0, count, int(6 * seconds)):
        length = min(count - start, 8000)
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / rng.uniform(300, 2500))
        x[start : start + length] += rng.uniform(0.1, 0.5) * burst
    return x


def bass(seconds: float = 10, seed: int = 0) -> np.ndarray:
    """Plucked notes between 40 and 160 Hz with harmonics to about 1 kHz."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    x = np.zeros(count)
    for start in np.arange(0, seconds - 0.4, 0.31):
        t = np.arange(int(0.5 * RATE)) / RATE
        pitch = 40 * 2 ** (rng.integers(0, 24) / 12)
        note = sum(np.sin(2 * np.pi * k * pitch * t + k) * np.exp(-k * 3 * t) / k for k in range(1, 8))
        place = int(start * RATE)
        held = note[: count - place] * np.minimum(1, 200 * t[: count - place])
        x[place : place + len(held)] += 0.2 * held
    return x


def shifted(x: np.ndarray, delay: float, length: int | None = None) -> np.ndarray:
    """`x` later by `delay` samples, through its Fourier phase."""
    count = 2 * len(x) + 2 * int(abs(delay)) + (length or 0)
    spectrum = rfft(x, count) * np.exp(-2j * np.pi * np.arange(count // 2 + 1) / count * delay)
    return irfft(spectrum, count)[: length or len(x)]


def noisy(y: np.ndarray, snr: float = 40, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return y + rng.standard_normal(y.shape) * np.sqrt(np.mean(y**2)) * 10 ** (-snr / 20)


def error(found: Alignment, delay: float) -> float:
    return abs(found.latency * RATE - delay)


@pytest.mark.parametrize(("piece", "limit"), [(drums, 0.002), (bass, 0.02)])
def test_pure_delay_to_the_thousandth_of_a_sample(piece, limit: float) -> None:
    x = piece()
    found = align(x, noisy(shifted(x, 1234.37)), RATE)
    assert error(found, 1234.37) < limit
    assert (found.speed, found.polarity, found.swapped, found.drift) == (1.0, 1, False, 0.0)
    assert abs(found.gain - 1) < 1e-3 and found.confidence > 0.9 and found.offset == (0.0,)


def test_whole_delay_is_exact() -> None:
    x = drums(4).astype(np.float32)
    wet = np.concatenate([np.zeros(777, np.float32), x])[:150_000]
    found = align(x, wet, RATE)
    assert np.array_equal(found.warp(x), wet[:150_000]) and found.warp(x).dtype == np.float32


def test_silence_at_the_start_and_five_seconds() -> None:
    x = drums(6)
    found = align(x, noisy(np.concatenate([np.zeros(3 * RATE), x]), 60), RATE)
    assert error(found, 3 * RATE) < 0.002
    late = align(x, noisy(shifted(x, 5 * RATE + 0.5, 11 * RATE), 60), RATE)
    assert error(late, 5 * RATE + 0.5) < 0.002
    quiet = align(x, np.concatenate([np.zeros(3 * RATE), x]), RATE)
    assert any("silent for its first 3" in warning for warning in quiet.warnings)


def test_polarity_and_gain() -> None:
    x = bass(6)
    found = align(x, -0.25 * noisy(shifted(x, 44.6)), RATE)
    assert found.polarity == -1 and abs(found.gain - 0.25) < 1e-3 and error(found, 44.6) < 0.02


@pytest.mark.parametrize("speed", [1.04, 0.96, 1.002])
def test_speed(speed: float) -> None:
    x = drums(8)
    count = int(8 * RATE / speed)
    wet = sample_at(x, speed * np.arange(count) - 300.25)
    found = align(x, noisy(wet), RATE)
    assert abs(found.speed - speed) * count < 0.05 and error(found, 300.25) < 0.05
    assert abs(found.drift - (1 - speed) * count / RATE) < 1e-5
    residual = (found.warp(x) - wet)[4000:-4000]
    assert np.sum(residual**2) < 1e-4 * np.sum(wet[4000:-4000] ** 2)


def test_flutter_is_no_speed_error() -> None:
    x = drums(6)
    n = np.arange(len(x))
    wander = 8 * np.sin(2 * np.pi * 0.31 * n / RATE + 1) + 3 * np.sin(2 * np.pi * 7.8 * n / RATE)
    found = align(x, noisy(sample_at(x, n - 7063.4 - wander)), RATE)
    assert found.speed == 1.0 and error(found, 7063.4 + wander.mean()) < 2


def wobbling(x: np.ndarray, delay: float, phase: float = 0) -> tuple[np.ndarray, float]:
    """`x` from a transport with .15 and .1 % of wow and .03 % of flutter; with the mean delay in samples."""
    t = np.arange(len(x)) / RATE
    speed = 1.5e-3 * np.sin(2 * np.pi * 0.55 * t + phase) + 1e-3 * np.sin(2 * np.pi * 0.9 * t + 4)
    wander = delay + np.cumsum(speed + 3e-4 * np.sin(2 * np.pi * 11 * t))
    return noisy(sample_at(x, np.arange(len(x)) - wander), 50), float(wander.mean())


@pytest.mark.parametrize(("seed", "phase"), [(1, 1.0), (3, 1.0)])
def test_bars_that_resemble_each_other_do_not_mislead_under_wobble(seed: int, phase: float) -> None:
    x = np.tile(drums(1.6, seed), 5) + 0.35 * drums(8, seed + 50)
    wet, delay = wobbling(x, 7056, phase)
    assert abs(global_peak(x[None], wet[None]).lag - delay) > RATE  # what a long correlation says is a bar off
    found = align(x, wet, RATE)
    assert error(found, delay) < 3 and found.confidence > 0.9


@pytest.mark.parametrize("seconds", [0.0, 0.025, 1.0, 5.0])
def test_a_loop_that_repeats_exactly_is_told_by_its_ends(seconds: float) -> None:
    x = np.tile(drums(2.5, 4), 4)
    wet = np.concatenate([np.zeros(int(seconds * RATE)), x])
    assert error(align(x, noisy(wet, 50), RATE), int(seconds * RATE)) < 0.01
    inside = wet[int((seconds + 1) * RATE) : int((seconds + 6) * RATE)]  # nothing tells: the smallest lag that fits
    assert error(align(x, noisy(inside, 50), RATE), -RATE) < 0.01


@pytest.mark.parametrize("speed", [1.04, 0.96])
def test_speed_of_a_nearly_pure_tone(speed: float) -> None:
    t = np.arange(8 * RATE) / RATE
    x = (np.sin(2 * np.pi * 65 * t) + 0.1 * np.sin(2 * np.pi * 130 * t)) * np.exp(-(t % 2.7)) * np.minimum(1, 20 * t)
    found = align(x, noisy(sample_at(x, speed * np.arange(int(8 * RATE / speed)) - 300.25)), RATE)
    told = found.confidence < 0.3 and any("wrong pair" in warning for warning in found.warnings)
    assert told or abs(found.speed - speed) < 1e-4


@pytest.mark.filterwarnings("error")
def test_a_single_click_warns_of_nothing_in_numpy() -> None:
    x = np.zeros(RATE)
    x[0] = 1.0
    assert abs(align(x, x, RATE).latency) < 1e-9


def test_filtering_and_clipping_device() -> None:
    x = drums(6)
    y = sosfilt(butter(2, [150, 3000], "bandpass", fs=RATE, output="sos"), shifted(x, 777))
    limit = 0.3 * np.quantile(np.abs(y), 0.9)
    found = align(x, noisy(np.clip(y, -limit, limit)), RATE)
    assert found.polarity == 1 and error(found, 777) < 6 and found.confidence > 0.8
    assert any("clipped" in warning for warning in align(x, np.clip(y, -limit, limit), RATE).warnings)


def test_stereo_swapped_and_offset_channels() -> None:
    x = np.stack([drums(5, 1), drums(5, 2)])
    wet = np.stack([shifted(x[1], 100), shifted(x[0], 103)])
    found = align(x, wet, RATE)
    assert found.swapped and any("exchanged" in warning for warning in found.warnings)
    assert abs((found.offset[1] - found.offset[0]) * RATE - 3) < 0.01
    straight = align(x, wet[::-1], RATE)
    assert not straight.swapped


def test_odd_pairs_are_told() -> None:
    x = drums(5)
    wrong = align(x, drums(5, seed=9), RATE)
    assert wrong.confidence < 0.3 and any("wrong pair" in warning for warning in wrong.warnings)
    exchanged = align(shifted(x, 4000), x, RATE)
    assert any("before dry" in warning for warning in exchanged.warnings) and error(exchanged, -4000) < 0.01
    silent = align(x, np.zeros(5000), RATE)
    assert silent.confidence == 0 and silent.warnings == ("Wet is silent.",) and silent.gain == 0
    faster = align(x, sample_at(x, 48_000 / 44_100 * np.arange(int(4.5 * RATE))), RATE)
    assert any("sample rates" in warning for warning in faster.warnings)


def test_bad_input() -> None:
    x = drums(1)
    with pytest.raises(ValueError, match="2 channels and wet 1"):
        align(np.stack([x, x]), x, RATE)
    with pytest.raises(ValueError, match="wet holds NaN"):
        align(x, np.full(5000, np.nan), RATE)
    with pytest.raises(ValueError, match="dry has shape"):
        align(np.zeros(0), x, RATE)
    assert abs(align(x[:300], x[:300], RATE).latency) < 1e-9


def test_line_survives_a_quarter_of_wrong_points() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(100.0)
    value = 3 + 0.2 * t + 0.01 * rng.standard_normal(100)
    value[rng.choice(100, 25, replace=False)] = rng.uniform(-500, 500, 25)
    line = robust_line(t, value, 0.01)
    assert abs(line.start - 3) < 0.01 and abs(line.slope - 0.2) < 2e-4 and is_drift(line, 100, 100)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings in ../shared/data")
def test_real_tape_machine() -> None:
    from ddspfx.audio import read_audio

    folder = SHARED / "akai4000d"
    for clip in (1, 2, 3):
        dry, rate = read_audio(folder / f"clip{clip}_input_L.wav")
        found = align(dry, read_audio(folder / f"clip{clip}_target_L.wav")[0], rate)
        assert 7060 < found.latency * rate < 7090 and found.speed == 1 and found.polarity == 1
