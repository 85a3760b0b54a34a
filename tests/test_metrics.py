"""Metrics against pyloudnorm, the JAX losses and sums of sines whose figures are known."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pyloudnorm
import pytest
import scipy.signal

from ddspfx.losses import spectral
from ddspfx.metrics.distortion import alias_to_signal, decompose, thd, thd_n
from ddspfx.metrics.loudness import crest_factor, k_weighting, loudness
from ddspfx.metrics.score import score, summary, window
from ddspfx.metrics.spectral import mr_stft

RATE = 48_000


def noise(channels=2, count=RATE, seed=11):
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, count))


def later(x, samples):
    """`x` later by a fraction of a sample, exactly, as if it were periodic."""
    omega = 2 * np.pi * np.arange(x.shape[1] // 2 + 1) / x.shape[1]
    return np.fft.irfft(np.fft.rfft(x) * np.exp(-1j * omega * samples), x.shape[1])


def test_score_is_its_closed_forms_on_the_stretch_it_names():
    target = noise()
    prediction = target + 0.01 * noise(seed=12) + 0.001
    start, stop = 2400, 45_000
    found = score(prediction, target, RATE, start=start, stop=stop)
    error, wanted = (prediction - target)[:, start:stop], target[:, start:stop]
    assert found.esr == pytest.approx(np.sum(error**2) / np.sum(wanted**2), rel=1e-12)
    assert found.mae == pytest.approx(np.mean(np.abs(error)), rel=1e-12)
    assert (found.scored_from_s, found.scored_to_s) == (0.05, 0.9375)
    assert found.latency_samples == pytest.approx(0, abs=1e-3)
    assert (found.error_energy, found.target_energy) == pytest.approx((np.sum(error**2), np.sum(wanted**2)))
    spoilt = prediction.copy()
    spoilt[:, :start], spoilt[:, stop:] = 9.0, -9.0
    assert score(spoilt, target, RATE, start=start, stop=stop) == found


def test_one_channel_may_come_without_an_axis():
    p, t = noise(seed=1)[0], noise(seed=2)[0]
    assert score(p, t, RATE) == score(p[None], t[None], RATE)


def test_mr_stft_is_the_losses_own():
    p, t = noise(count=9000, seed=1), noise(count=9000, seed=2)
    with jax.enable_x64(True):
        expected = float(jax.jit(spectral.mr_stft)(jnp.asarray(p), jnp.asarray(t)))
    assert mr_stft(p, t) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("lag", [0.0, 0.31, -7.5, 1234.25, -411.9])
def test_latency_is_found_to_a_hundredth_of_a_sample(lag):
    target = noise(count=1 << 15) * scipy.signal.windows.tukey(1 << 15, 0.5)
    assert score(later(target, lag), target, RATE).latency_samples == pytest.approx(lag, abs=0.01)


def test_latency_of_bass_and_of_silence():
    count = RATE
    sections = scipy.signal.butter(4, 200, fs=RATE, output="sos")
    target = scipy.signal.sosfilt(sections, noise(1, count)) * scipy.signal.windows.tukey(count, 0.5)
    assert score(later(target, 3.4), target, RATE).latency_samples == pytest.approx(3.4, abs=0.02)
    assert score(0 * target, target, RATE).latency_samples == 0.0


def test_noise_is_measured_where_the_target_is_quiet():
    target = noise(1)
    target[:, : RATE // 5] *= 1e-4
    hiss = 10 ** (-60 / 20) * np.sqrt(2) * np.sin(0.7 * np.arange(RATE))[None]
    hiss[:, RATE // 5 :] *= 30
    assert score(target + hiss, target, RATE).noise_db == pytest.approx(-60, abs=0.02)
    assert score(target, target, RATE).noise_db == -200


def test_summary_tells_global_esr_from_the_mean_over_files():
    loud, quiet = noise(seed=1), 0.01 * noise(seed=2, count=RATE // 2)
    scores = [score(0.9 * loud, loud, RATE), score(0.5 * quiet, quiet, RATE)]
    together = summary(scores)
    energies = np.sum(loud**2), np.sum(quiet**2)
    assert together.esr == pytest.approx((0.01 * energies[0] + 0.25 * energies[1]) / sum(energies))
    assert together.esr_mean == pytest.approx((0.01 + 0.25) / 2)
    assert together.mae == pytest.approx((2 * scores[0].mae + scores[1].mae) / 3)
    assert list(json.loads(json.dumps(together._asdict()))) == (
        ["esr", "esr_mean", "mae", "mr_stft", "latency_samples", "noise_db", "scored_from_s", "scored_to_s"]
    )


def test_window_counts_only_output_whose_source_is_in_the_dry_file():
    assert window(48_000, 48_000, 0, RATE) == (2400, 45_600)
    assert window(48_000, 50_000, 1000.2, RATE) == (1001 + 2400, 45_600)
    assert window(50_000, 48_000, -99.5, RATE) == (2400, 45_600)
    assert window(48_000, 48_000, -99.5, RATE, margin=0.01) == (480, 48_000 - 100 - 480)
    with pytest.raises(ValueError, match="but must have more than 4800"):
        window(4800, 4800, 0, RATE)


def test_bad_signals_are_refused_in_one_line_that_names_them():
    good = noise(count=100)
    holed = good.copy()
    holed[1, 7] = np.nan
    for call, words in (
        (lambda: score(holed, good, RATE), "prediction holds NaN"),
        (lambda: score(good, holed / 0.0, RATE), "target holds NaN or infinity"),
        (lambda: score(good[:, :0], good, RATE), "prediction is empty"),
        (lambda: score(good[:, :50], good, RATE), "prediction has shape"),
        (lambda: score(good[None], good, RATE), "prediction has 3 axes"),
        (lambda: score(good, 0 * good, RATE), "target is silent"),
        (lambda: score(good, good, RATE, start=9, stop=9), "start and stop are 9 and 9"),
        (lambda: score(good, good, 0), "sample_rate is 0"),
        (lambda: summary([]), "scores is empty"),
        (lambda: loudness(noise(6), RATE), "x has 6 channels"),
        (lambda: loudness(good, RATE), "x has 100 samples"),
        (lambda: crest_factor(0 * good), "x is silent"),
        (lambda: thd(good, 100, RATE), "take one channel"),
        (lambda: thd(good[0], 100, RATE), "must last 4 periods"),
        (lambda: thd(good[0], RATE, RATE), "frequency is 48000 Hz"),
        (lambda: thd(0 * good[0], 5000, RATE), "x holds nothing at 5000 Hz"),
    ):
        with pytest.raises(ValueError, match=words) as caught, np.errstate(all="ignore"):
            call()
        assert "\n" not in str(caught.value)


def test_one_sample_has_a_score():
    found = score([0.5], [1.0], RATE)
    assert found.esr == 0.25
    assert np.isfinite(found).all()


def test_k_weighting_is_the_standards_table_at_48_khz():
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    high_pass = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48_000), [shelf, high_pass], atol=1e-8)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_loudness_is_pyloudnorms_with_both_gates(rate):
    x = noise(2, 5 * rate) * np.array([[1.0], [0.3]])
    x[:, : 2 * rate] *= 0.02
    x[:, : rate // 2] = 0
    peer = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(x.T)
    assert loudness(x, rate) == pytest.approx(peer, abs=1e-6)


def test_loudness_of_the_standards_sine_and_of_silence():
    sine = np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE)
    assert loudness(sine, RATE) == pytest.approx(-3.01, abs=0.005)
    assert loudness([sine, sine], RATE) == pytest.approx(0.0, abs=0.005)
    assert loudness(0 * sine, RATE) == -np.inf


def test_crest_factors_of_a_sine_and_a_square():
    sine = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    assert crest_factor(sine) == pytest.approx(10 * np.log10(2), abs=1e-3)
    assert crest_factor(np.sign(sine + 1e-9)) == pytest.approx(0.0, abs=1e-9)


def harmonics(frequency, amplitudes, count=20_011):
    n = np.arange(count)
    return sum(a * np.cos(2 * np.pi * k * frequency / RATE * n + k) for k, a in enumerate(amplitudes, 1))


@pytest.mark.parametrize("frequency", [161.7, 997.3, 7993.1])
def test_distortion_of_a_sum_of_harmonics(frequency):
    x = harmonics(frequency, (0.8, 0.1, 0.03)) + 0.2
    expected = np.hypot(0.1, 0.03) / 0.8
    assert thd(x, frequency, RATE) == pytest.approx(expected, rel=1e-9)
    assert thd_n(x, frequency, RATE) == pytest.approx(expected, rel=1e-9)
    assert alias_to_signal(x, frequency, RATE) < -200


def test_noise_counts_in_thd_n_and_lines_between_harmonics_as_aliases():
    x = harmonics(997.3, (0.8, 0.1)) + 0.001 * np.cos(0.9 * np.arange(20_011))
    assert thd(x, 997.3, RATE) == pytest.approx(0.125, rel=1e-4)
    assert thd_n(x, 997.3, RATE) == pytest.approx(np.hypot(0.1, 0.001) / 0.8, rel=1e-5)
    assert alias_to_signal(x, 997.3, RATE) == pytest.approx(10 * np.log10(1e-6 / (0.64 + 0.01)), abs=0.01)


def test_aliases_of_a_square_curve_are_those_it_folds():
    # x^2 and x^3 of a sine at 0.4 of the rate: 2 f0 and 3 f0 fold to between the harmonics, none of which but f0 fits.
    n, frequency = np.arange(20_011), 0.4003 * RATE
    sine = np.cos(2 * np.pi * frequency / RATE * n)
    shaped = sine + 0.2 * (2 * sine**2 - 1) + 0.1 * (4 * sine**3 - 3 * sine)
    assert alias_to_signal(shaped, frequency, RATE) == pytest.approx(10 * np.log10(0.04 + 0.01), abs=0.01)


def test_lines_and_rest_have_the_whole_energy():
    x = harmonics(997.3, (0.5, 0.2, 0.1)) + noise(1, 20_011)[0]
    lines = decompose(x, 997.3, RATE)
    assert np.sum(lines.amplitudes**2) / 2 + lines.residual == pytest.approx(np.mean((x - x.mean()) ** 2), rel=1e-3)
