"""Losses against auraloss, librosa, SciPy and closed forms; their slopes against finite differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from ddspfx.losses.combine import LOSSES, combine, named_loss
from ddspfx.losses.emphasis import a_weighting_gain, a_weighting_taps, emphasise, pre_emphasis
from ddspfx.losses.mel import hz_to_mel, log_mel, mel, mel_to_hz, mfcc
from ddspfx.losses.spectral import RESOLUTIONS, Resolution, Terms, mr_stft, stft
from ddspfx.losses.waveform import dc, esr, log_cosh, mae, mse, negative_si_sdr, si_sdr
from ddspfx.signal import spectra

RATE = 44_100
AURALOSS = {
    "esr": 0.14549512184561444,
    "dc": 0.0008132195344516332,
    "log_cosh": 0.0007656821174873145,
    "negative_si_sdr": -22.332702880956038,
    "mr_stft": 0.7302394958831542,
    "stft": 0.7305484406311176,
    "linear": 0.37926160724929114,
}
"""auraloss 0.4.0 on torch 2.13.0, in float64, of `pair()`: ESRLoss, DCLoss, LogCoshLoss, SISDRLoss(zero_mean=False),
MultiResolutionSTFTLoss, STFTLoss, STFTLoss(w_sc=0, w_log_mag=0, w_lin_mag=1)."""
LIBROSA = {"mel": 0.6506791815753818, "mfcc": 0.3495601679533295}
"""librosa 0.11, of `pair()`: melspectrogram(n_fft=2048, hop_length=512, n_mels=64, pad_mode="reflect"), logarithm,
mfcc(n_mfcc=20); means of the absolute differences."""


def pair(count=22_050):
    """A driven, noisy, offset decaying sine and its source, one channel."""
    rng, n = np.random.default_rng(1770), np.arange(count)
    target = 0.3 * np.sin(2 * np.pi * 0.01 * n) * np.exp(-n / 8000) + 0.05 * rng.standard_normal(count)
    return (np.tanh(1.4 * target) + 0.01 * rng.standard_normal(count) + 0.003)[None], target[None]


def single(*signals):
    return [jnp.asarray(x, jnp.float32) for x in signals]


def ours(prediction, target):
    losses = {name: LOSSES.get(name, partial(stft, terms=Terms(0, 0, 1))) for name in AURALOSS}
    values = jax.jit(lambda p, t: {name: loss(p, t) for name, loss in losses.items()})(prediction, target)
    return {name: float(value) for name, value in values.items()}


def test_agrees_with_figures_recorded_from_auraloss():
    for name, value in ours(*single(*pair())).items():
        # auraloss adds 1e-8 inside the logarithms of its log-cosh and SI-SDR.
        assert value == pytest.approx(AURALOSS[name], rel=1e-5, abs=2e-8), name


def test_agrees_with_auraloss_where_it_is_installed():
    auraloss, torch = pytest.importorskip("auraloss"), pytest.importorskip("torch")
    peers = {
        "esr": auraloss.time.ESRLoss(),
        "dc": auraloss.time.DCLoss(),
        "log_cosh": auraloss.time.LogCoshLoss(),
        "negative_si_sdr": auraloss.time.SISDRLoss(zero_mean=False),
        "mr_stft": auraloss.freq.MultiResolutionSTFTLoss(),
        "stft": auraloss.freq.STFTLoss(),
        "linear": auraloss.freq.STFTLoss(w_sc=0, w_log_mag=0, w_lin_mag=1),
    }
    values = ours(*single(*pair()))
    for name, peer in peers.items():
        assert float(peer(*(torch.tensor(x)[None] for x in pair()))) == pytest.approx(values[name], rel=1e-5, abs=2e-8)


def test_agrees_with_figures_recorded_from_librosa():
    p, t = single(*pair())
    assert float(mel(p, t, RATE)) == pytest.approx(LIBROSA["mel"], rel=1e-5)
    assert float(mfcc(p, t, RATE)) == pytest.approx(LIBROSA["mfcc"], rel=1e-5)


def test_waveform_losses_are_their_closed_forms():
    p, t = pair(1000)
    p, t = np.concatenate([p, 0.1 * p]), np.concatenate([t, -t])
    a, b = single(p, t)
    error = p - t
    expected = {
        mse: np.mean(error**2),
        mae: np.mean(np.abs(error)),
        esr: np.sum(error**2) / np.sum(t**2),
        dc: np.mean(error.mean(axis=1) ** 2) / np.mean(t**2),
        log_cosh: np.mean(np.log(np.cosh(error))),
    }
    for loss, value in expected.items():
        assert float(loss(a, b)) == pytest.approx(value, rel=1e-5), loss.__name__
    scale = np.sum(p * t) / np.sum(t**2)
    ratio = 10 * np.log10(np.sum((scale * t) ** 2) / np.sum((scale * t - p) ** 2))
    assert float(si_sdr(a, b)) == pytest.approx(ratio, abs=1e-4)
    assert float(negative_si_sdr(3 * a, b)) == pytest.approx(-ratio, abs=1e-4)


def test_log_cosh_is_exact_for_tiny_and_huge_errors():
    zero = jnp.zeros((1, 1))
    for error, value in ((1e-6, 5e-13), (1e-3, 5e-7), (1.0, np.log(np.cosh(1))), (1e4, 1e4 - np.log(2))):
        assert float(log_cosh(zero + error, zero)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("size", "hop", "length"), [(512, 128, 512), (512, 50, 240), (64, 7, 33)])
def test_stft_is_scipys(size, hop, length):
    x = np.random.default_rng(3).standard_normal((2, 1501))
    before = (size - length) // 2
    window = np.pad(scipy.signal.get_window("hann", length), (before, size - length - before))
    padded = np.pad(x, ((0, 0), (size // 2, size // 2)), mode="reflect")
    _, _, expected = scipy.signal.stft(
        padded, window=window, nperseg=size, noverlap=size - hop, boundary=None, padded=False
    )
    expected = expected.swapaxes(1, 2) * window.sum()
    with jax.enable_x64(True):
        found = spectra.stft(jnp.asarray(x), size, hop, length)
    assert found.shape == (2, 1 + 1501 // hop, size // 2 + 1)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-10)


def test_frames_are_the_windows_of_numpy():
    x = np.arange(46.0).reshape(2, 23)
    for length, hop in ((4, 2), (5, 3), (3, 5), (23, 7), (1, 1)):
        expected = np.lib.stride_tricks.sliding_window_view(x, length, axis=1)[:, ::hop]
        np.testing.assert_array_equal(spectra.frames(jnp.asarray(x), length, hop), expected)


def test_each_term_of_the_stft_distance_stands_alone():
    p, t = (np.concatenate([x, 0.5 * x[:, ::-1]]) for x in pair(4000))
    resolution = Resolution(256, 64)

    def reference(x):
        padded = np.pad(x, ((0, 0), (128, 128)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, 256, axis=1)[:, ::64]
        return np.fft.rfft(frames * scipy.signal.get_window("hann", 256))

    a, b = reference(p), reference(t)
    expected = {
        Terms(1, 0, 0, 0): np.sqrt(np.sum((abs(a) - abs(b)) ** 2) / np.sum(abs(b) ** 2)),
        Terms(0, 1, 0, 0): np.mean(abs(np.log(abs(a) / abs(b)))),
        Terms(0, 0, 1, 0): np.mean(abs(abs(a) - abs(b))),
        Terms(0, 0, 0, 1): np.mean(abs(a - b)),
    }
    for terms, value in expected.items():
        found = float(stft(*single(p, t), resolution=resolution, terms=terms))
        assert found == pytest.approx(value, rel=2e-5), terms


def test_mel_scale_is_slaneys():
    np.testing.assert_allclose(hz_to_mel(np.array([0.0, 500.0, 1000.0, 6400.0])), [0, 7.5, 15, 42])
    f = np.linspace(0, 20_000, 50)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(f)), f, atol=1e-8)


def test_mfcc_is_scipys_orthonormal_cosine_transform():
    with jax.enable_x64(True):
        p, t = (jnp.asarray(x[:, :6000]) for x in pair())
        resolution = Resolution(512, 256)
        logs = [np.asarray(log_mel(x, RATE, bands=16, resolution=resolution)) for x in (p, t)]
        found = mfcc(p, t, RATE, bands=16, coefficients=13, resolution=resolution)
    a, b = (scipy.fft.dct(x, type=2, norm="ortho")[..., :13] for x in logs)
    assert float(found) == pytest.approx(np.mean(abs(a - b)), rel=1e-12)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_a_weighting_is_the_standards_table(rate):
    # Exact frequencies of the bands: 10 ** (15 / 10) is called 31.5 Hz.
    table = {15: -39.4, 18: -26.2, 21: -16.1, 24: -8.6, 30: 0.0, 33: 1.2, 36: 1.0, 39: -1.1, 42: -6.6}
    frequency = 10 ** (np.array(list(table)) / 10)
    np.testing.assert_allclose(20 * np.log10(a_weighting_gain(frequency)), list(table.values()), atol=0.051)
    _, response = scipy.signal.freqz(a_weighting_taps(rate), worN=frequency, fs=rate)
    np.testing.assert_allclose(20 * np.log10(abs(response)), 20 * np.log10(a_weighting_gain(frequency)), atol=0.1)


def test_emphasis_is_scipys_filter_and_is_named():
    p, t = pair(3000)
    taps = a_weighting_taps(RATE)
    filters = {"first-order": [1, -0.85], "a-weighting": taps, "low-passed": np.convolve(taps, [1, 0.85])}
    for kind, b in filters.items():
        a, c = (scipy.signal.lfilter(b, 1, x) for x in (p, t))
        np.testing.assert_allclose(emphasise(*single(p), kind, RATE), a, atol=1e-6)
        expected = np.sum((a - c) ** 2) / np.sum(c**2)
        assert float(esr(*single(p, t), emphasis=kind, sample_rate=RATE)) == pytest.approx(expected, rel=1e-4)
        assert float(pre_emphasis(esr, kind, RATE)(*single(p, t))) == pytest.approx(expected, rel=1e-4)
        named = named_loss("esr_" + kind.replace("-", "_"), RATE)
        assert float(named(*single(p, t))) == pytest.approx(expected, rel=1e-4)


def test_combine_is_the_weighted_sum_by_name():
    p, t = single(*pair(4000))
    found = jax.jit(combine({"esr": 1.0, "mr_stft": 0.1, "dc": 0.5}))(p, t)
    expected = float(esr(p, t)) + 0.1 * float(jax.jit(mr_stft)(p, t)) + 0.5 * float(dc(p, t))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    once, twice = (jax.jit(combine({"mae": weight}))(p, t) for weight in (1.0, 2.0))
    assert float(twice) == pytest.approx(2 * float(once), rel=1e-6)
    assert float(jax.jit(combine({"mel": 1.0}, RATE))(p, t)) > 0


def test_errors_name_the_argument_and_the_cure():
    p, t = single(*pair(100))
    for call, words in (
        (lambda: combine({"esr": 1, "snr": 1}), "'snr', but must be one of dc, esr, esr_a_weighting"),
        (lambda: combine({}), "weights is empty"),
        (lambda: combine({"mel": 1}), "sample_rate is None"),
        (lambda: combine({"esr_a_weighting": 1}), "sample_rate is None"),
        (lambda: esr(p, t, emphasis="b-weighting"), "emphasis is 'b-weighting'"),
        (lambda: esr(p, t, emphasis="a-weighting"), "sample_rate is None"),
        (lambda: mr_stft(p, t, resolutions=()), "resolutions is empty"),
        (lambda: stft(p, t, resolution=Resolution(64, 16, 65)), "length is 65"),
        (lambda: stft(p, t, resolution=Resolution(64, 0)), "hop is 0"),
        (lambda: mfcc(p, t, RATE, coefficients=99), "coefficients is 99"),
        (lambda: spectra.frames(p, 101, 1), "x has 100 samples"),
        (lambda: spectra.reflect(p[:, :0], 3), "x has 0 samples"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize("name", ["esr", "log_cosh", "mr_stft", "esr_first_order", "negative_si_sdr", "stft"])
def test_slopes_are_finite_differences(name):
    with jax.enable_x64(True):
        p, t = (jnp.asarray(x[:, 500:2100]) for x in pair())
        direction = jnp.asarray(np.random.default_rng(5).standard_normal(p.shape))
        loss = jax.jit(LOSSES[name])
        # So small that hardly a bin's |log| turns its sign between the two.
        step = 1e-9
        difference = (loss(p + step * direction, t) - loss(p - step * direction, t)) / (2 * step)
        slope = jnp.sum(jax.jit(jax.grad(LOSSES[name]))(p, t) * direction)
    assert float(slope) == pytest.approx(float(difference), rel=1e-4)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_slopes_stay_finite_at_equality_and_in_silence(name):
    _, sound = single(*pair(1200))
    silence = jnp.zeros_like(sound)
    tiny = jnp.full_like(sound, 1e-41)
    cases = [(sound, sound), (silence, silence), (sound, silence), (silence, sound), (tiny, tiny), (tiny, silence)]
    p, t = (jnp.stack(signals) for signals in zip(*cases, strict=True))
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(named_loss(name, RATE), argnums=(0, 1))))(p, t)
    assert np.isfinite(values).all()
    assert all(np.isfinite(slope).all() for slope in slopes)
    if name != "negative_si_sdr":
        np.testing.assert_allclose(values[:2], 0.0, atol=1e-7)


def test_the_complex_term_has_finite_slopes():
    _, sound = single(*pair(1200))
    loss = jax.jit(jax.value_and_grad(lambda p, t: stft(p, t, resolution=RESOLUTIONS[2], terms=Terms(1, 1, 1, 1))))
    for x in (sound, jnp.zeros_like(sound)):
        value, slope = loss(x, x)
        assert float(value) == 0.0
        assert np.isfinite(slope).all()
