"""The delay at every moment, against synthetic transports, and the pieces of the method against what they claim."""

import numpy as np
import pytest
from scipy.fft import next_fast_len, rfft
from scipy.signal import butter, sosfilt

from ddspfx.alignment import windows
from ddspfx.alignment.banded import inverse_bands, solve_symmetric
from ddspfx.alignment.bands import bands_of
from ddspfx.alignment.gauss_newton import banded_product, knots_at, newton_step, prior_bands
from ddspfx.alignment.interpolate import Interpolant, sample_at
from ddspfx.alignment.lines import revolution
from ddspfx.alignment.phase import lateness
from ddspfx.alignment.process import burg
from ddspfx.alignment.response import filtered, spectrum_pair
from ddspfx.alignment.skew import skew
from ddspfx.alignment.slips import slips
from ddspfx.alignment.smoother import difference_bands, smoothed
from ddspfx.alignment.track import track
from ddspfx.alignment.variance import expected
from ddspfx.alignment.viterbi import best_path, refined
from ddspfx.alignment.waves import waves
from ddspfx.source.trajectory import Trajectory

RATE = 44_100


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise bursts and notes over a quiet floor."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    x = 0.003 * rng.standard_normal(count)
    for start in rng.integers(0, count, int(10 * seconds)):
        t = np.arange(min(count - start, 9000))
        pitch = 2 * np.pi * rng.uniform(80, 900) / RATE
        sound = rng.standard_normal(len(t)) + 2 * np.sin(pitch * t) + np.sin(2 * pitch * t)
        x[start : start + len(t)] += rng.uniform(0.05, 0.2) * sound * np.exp(-t / rng.uniform(400, 2500))
    return x


def transport(x: np.ndarray, latency: float, wow: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A driven, filtered, hissing machine whose time wanders; the sound and the delay in samples."""
    rng = np.random.default_rng(seed)
    t = np.arange(len(x)) / RATE
    flutter = sosfilt(butter(2, [6, 30], "bandpass", fs=RATE, output="sos"), rng.standard_normal(len(t)))
    speed = wow * np.sin(2 * np.pi * 0.9 * t) + 3e-4 * flutter / flutter.std()
    delay = latency + np.cumsum(speed)
    y = np.tanh(1.5 * sample_at(x, np.arange(len(x)) - delay) / np.max(np.abs(x)))
    y = sosfilt(butter(2, 11_000, fs=RATE, output="sos"), y)
    return y + y.std() * 10**-2.5 * rng.standard_normal(len(x)), delay


def rmse(found: np.ndarray, delay: np.ndarray) -> float:
    inner = slice(RATE // 20, -RATE // 20)
    return float(np.std((found - delay)[inner]))


def test_follows_a_tape_within_a_twentieth_of_a_sample() -> None:
    x = music(5)
    y, delay = transport(x, 662.3, 1e-3)
    trajectory = track(x, y, RATE)
    seconds = np.arange(len(x)) / RATE
    assert rmse(trajectory(seconds) * RATE, delay) < 0.05
    assert abs(np.mean(trajectory(seconds) * RATE - delay)) < 2  # the device's own filters
    assert rmse(track(x, y, RATE, refine=False)(seconds) * RATE, delay) < 1.0
    assert np.isfinite(trajectory.deviation(seconds)).all() and trajectory.rate == 200


def test_holds_where_wet_has_no_source() -> None:
    x = music(3)
    y, _ = transport(x, 9000.3, 5e-4)
    found = track(x, y, RATE, refine=False)(np.arange(len(x)) / RATE) * RATE
    assert np.ptp(found[:8900]) < 0.1


def notes(seconds: float, seed: int = 0) -> np.ndarray:
    """Plucked notes from 55 to 210 Hz: a path may slip by their periods."""
    rng = np.random.default_rng(seed)
    x = 1e-3 * rng.standard_normal(int(seconds * RATE))
    for start in range(0, len(x), 7000):
        t = np.arange(min(len(x) - start, 12_000))
        pitch = 2 * np.pi * 55 * 2 ** (rng.integers(0, 24) / 12) / RATE
        sound = np.sum([np.sin(k * pitch * t + k) / k for k in range(1, 12)], axis=0)
        x[start : start + len(t)] += 0.2 * sound * np.exp(-t / 6000) * np.minimum(1, t / 200)
    return x


@pytest.mark.parametrize("programme", [music, notes])
def test_follows_heavy_modulation(programme) -> None:
    x = programme(4)
    y, delay = transport(x, 1200, 0.05)
    seconds = np.arange(len(x)) / RATE
    assert np.ptp(delay) > 700
    assert rmse(track(x, y, RATE)(seconds) * RATE, delay) < 0.2


def test_bridges_silence_smoothly() -> None:
    x = music(5, seed=3)
    x[2 * RATE : 3 * RATE] = 0
    y, delay = transport(x, 300, 3e-4)
    trajectory = track(x, y, RATE)
    seconds = np.arange(len(x)) / RATE
    inside = slice(int(2.1 * RATE), int(2.9 * RATE))
    assert np.abs((trajectory(seconds) * RATE - delay)[inside]).max() < 40
    assert trajectory.deviation(2.5) > 5 * trajectory.deviation(1.0)


def test_stereo_with_exchanged_channels() -> None:
    x = np.stack([music(4, 1), music(4, 2)])
    wet = [transport(row, 500, 5e-4) for row in x]
    trajectory = track(x, np.stack([wet[1][0], wet[0][0]]), RATE)
    assert rmse(trajectory(np.arange(x.shape[1]) / RATE) * RATE, wet[0][1]) < 0.05


def test_viterbi_finds_the_best_allowed_path() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((6, 5))
    paths = np.stack(np.meshgrid(*[np.arange(5)] * 6, indexing="ij"), -1).reshape(-1, 6)
    allowed = paths[(np.abs(np.diff(paths, axis=1)) <= 1).all(1)]
    totals = scores[np.arange(6), allowed].sum(1) - 0.3 * (np.diff(allowed, axis=1) ** 2).sum(1)
    assert np.array_equal(best_path(scores, 1, 0.3), allowed[np.argmax(totals)])


def test_parabola_is_exact_on_a_parabola() -> None:
    index = np.arange(9.0)
    tops, curvature = refined(-((index - 4.3) ** 2)[None], np.array([4]))
    assert np.allclose(tops, 4.3) and np.allclose(curvature, 2)


def test_smoother_bridges_gaps_straight_and_ignores_outliers() -> None:
    t = np.arange(200.0)
    values = 3 + 0.5 * t
    values[::17] += 80
    variances = np.full(200, 0.01)
    values[90:120], variances[90:120] = -500.0, 1e12
    assert np.abs(smoothed(values, variances, 0.01) - (3 + 0.5 * t)).max() < 0.05


def test_bands_equal_dense_matrices() -> None:
    rng = np.random.default_rng(0)
    D = np.diff(np.eye(12), n=3, axis=0)
    bands = difference_bands(12, np.array([-1.0, 3.0, -3.0, 1.0]))
    bands[-1] += 0.1
    dense = D.T @ D + 0.1 * np.eye(12)
    c = rng.standard_normal(12)
    assert np.allclose(banded_product(bands, c), dense @ c)
    inverse = np.linalg.inv(dense)
    for a, row in enumerate(inverse_bands(bands)):
        assert np.allclose(row[: 12 - a], np.diag(inverse, a))
    assert np.allclose(solve_symmetric(bands, c), inverse @ c)
    knots = knots_at(50, 7.3)
    B = np.stack([knots.values(row) for row in np.eye(knots.knots)], axis=1)
    w = rng.uniform(1, 2, 50)
    assert np.allclose(banded_product(knots.gram(w), np.ones(knots.knots)), B.T @ (w * (B @ np.ones(knots.knots))))
    assert np.allclose(knots.project(w), B.T @ w) and np.allclose(B.sum(1), 1)


def test_newton_step_solves_a_linear_problem_but_for_its_mean() -> None:
    knots = knots_at(2000, 40.0)
    rng = np.random.default_rng(0)
    g, target = rng.uniform(0.5, 1, 2000), 0.1 * rng.standard_normal(knots.knots)
    R = 1e-6 * prior_bands(knots.knots, 1.0, 1.0, 1.0)
    step = newton_step(knots.gram(g * g), knots.project(g * g * knots.values(target)), R, np.zeros(knots.knots))
    assert np.allclose(step, target - target.mean(), atol=1e-3)


def test_interpolant_reads_value_and_slope_of_a_sine() -> None:
    n = np.arange(20_000)
    for hertz in (50, 1000, 15_000):
        w = 2 * np.pi * hertz / RATE
        at = np.random.default_rng(0).uniform(9000, 11_000, 500)
        faded = np.sin(w * n) * np.hanning(20_000) ** 0.01
        source = Interpolant.of(faded)
        assert np.abs(source(at) - np.sin(w * at)).max() < 2e-3
        assert np.abs(source.derivative(at) - w * np.cos(w * at)).max() < 1e-4 + 3e-3 * w


def test_response_recovers_a_filter() -> None:
    x = np.random.default_rng(0).standard_normal(200_000)
    y = sosfilt(butter(2, [100, 8000], "bandpass", fs=RATE, output="sos"), x)
    residual = (y - filtered(x, spectrum_pair(x, y)))[9000:-9000]
    assert np.sum(residual**2) < 1e-3 * np.sum(y**2)


def test_slips_of_a_period_are_found_where_they_are() -> None:
    x = notes(3)
    n = np.arange(len(x))
    late = np.where((n > 1.2 * RATE) & (n < 1.8 * RATE), 9.0, 0.0)
    y = sample_at(x, n - late) + 1e-4 * np.random.default_rng(0).standard_normal(len(x))
    count = next_fast_len(len(x) + 8192)
    found = slips([rfft(x, count)], [rfft(y, count)], 12, len(x), count, RATE)
    inside, outside = slice(int(1.3 * RATE), int(1.7 * RATE)), slice(int(0.2 * RATE), int(1.0 * RATE))
    assert np.abs(found[inside] - 9).max() < 0.6 and np.abs(found[outside]).max() < 0.6


def test_windows_of_a_long_recording_join(monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(9)
    y, delay = transport(x, 662.3, 1e-3)
    y = np.concatenate([y, np.zeros(6 * RATE)])  # the last window is silent
    for name, seconds in (("_LONGEST", 6.0), ("_WINDOW", 5.0), ("_OVERLAP", 1.5)):
        monkeypatch.setattr(windows, name, seconds)
    found = track(x, y, RATE)(np.arange(len(y)) / RATE) * RATE
    assert np.isfinite(found).all() and rmse(found[: len(x)], delay) < 0.05
    inner = found[RATE // 20 : len(x) - RATE // 20] - delay[RATE // 20 : -RATE // 20]
    assert np.abs(inner - np.median(inner)).max() < 1


def test_bands_share_out_every_frequency_once() -> None:
    count = 40_000
    total = np.zeros(count // 2 + 1)
    for band in bands_of(count, RATE):
        total[band.low : band.high] += band.window**2
    assert np.allclose(total[: int(0.98 * len(total))], 1)
    x = np.random.default_rng(0).standard_normal(count)
    energy = sum(np.sum(np.abs(band.of(rfft(x))) ** 2) * band.step / 2 for band in bands_of(count, RATE))
    assert energy == pytest.approx(np.sum(x**2), rel=1e-3)


def test_expected_residual_is_noise_and_a_share_of_the_signal() -> None:
    rng = np.random.default_rng(0)
    signal = rng.exponential(1.0, 4000) ** 2
    truth = 0.02 + 0.1 * signal
    residual = truth * rng.gamma(8, 1 / 8, 4000)
    residual[::50] *= 100  # where the delay is wrong
    assert np.median(np.abs(expected(residual, signal, slice(None)) / truth - 1)) < 0.2


def test_burg_finds_an_autoregression_across_gaps() -> None:
    rng = np.random.default_rng(0)
    x = sosfilt(np.array([[1, 0, 0, 1, -1.6, 0.8]]), rng.standard_normal(6000))
    stencil, variance = burg([x[:2500], x[3000:]])
    assert np.allclose(stencil[:3], [1, -1.6, 0.8], atol=0.05) and variance == pytest.approx(1, rel=0.1)


def test_waves_are_told_from_a_broad_process() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(2000) / 200
    broad = sosfilt(butter(2, [6, 30], "bandpass", fs=200, output="sos"), rng.standard_normal(2000))
    good = (t < 5) | (t > 6.5)
    line = 2 * np.sin(2 * np.pi * 0.731 * t + 1)
    frequencies, fit = waves(line + broad, good, 200)
    assert len(frequencies) == 1 and frequencies[0] == pytest.approx(0.731, abs=0.005)
    assert np.std((fit - line)[~good]) < 0.1
    assert len(waves(broad, good, 200)[0]) == 0


def test_lateness_of_a_minimum_phase_filter_is_its_pure_delay() -> None:
    w = np.pi * np.arange(4097) / 4096
    H = 1 / (1 - 0.5 * np.exp(-1j * w)) * np.exp(-1.3j * w)
    assert lateness(H, np.full(4097, 0.999), RATE) == pytest.approx(1.3, abs=0.01)


def test_revolution_of_a_record() -> None:
    t = np.arange(0, 60, 1 / 200)
    rng = np.random.default_rng(0)
    parts = sum(1e-3 / k**2 * np.cos(2 * np.pi * k * 0.5556 * t + k) for k in (1, 2, 3, 4))
    delay = 0.01 + 0.002 * t + parts + 2e-6 * rng.standard_normal(len(t))
    found = revolution(Trajectory.fit(t, delay, 60.0, RATE, 200), 0.55)
    assert found.speed == pytest.approx(-0.002, abs=1e-7) and found.frequency == pytest.approx(0.5556, rel=1e-6)
    assert np.allclose(found.amplitudes * np.arange(1, 5) ** 2, 1e-3, rtol=5e-3)
    assert np.abs(np.angle(np.exp(1j * (found.phases - np.arange(1, 5))))).max() < 5e-3
    with pytest.raises(ValueError, match="two revolutions"):
        revolution(Trajectory.zero(2.0, RATE), 0.5556)


def test_skew_of_two_channels_is_apart_from_the_transport() -> None:
    x = np.stack([music(5, 1), music(5, 2)])
    left, delay = transport(x[0], 500, 5e-4)
    t = np.arange(x.shape[1]) / RATE
    late = 1.3 + 0.3 * np.sin(2 * np.pi * 0.4 * t)
    right = sample_at(x[1], np.arange(len(t)) - delay - late)
    right = sosfilt(butter(2, 11_000, fs=RATE, output="sos"), np.tanh(1.5 * right / np.max(np.abs(x[1]))))
    wet = np.stack([left, right + 1e-3 * np.random.default_rng(5).standard_normal(len(t))])
    found = skew(x, wet, RATE, track(x, wet, RATE))
    error = (found.offset + found.wander(t)) * RATE - late
    assert np.sqrt(np.mean(error[RATE // 5 : -RATE // 5] ** 2)) < 0.12
    with pytest.raises(ValueError, match="both must have 2"):
        skew(x[0], wet[0], RATE, Trajectory.zero(5.0, RATE))
