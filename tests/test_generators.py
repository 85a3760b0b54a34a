"""Generators against theory: spectra, seams, keys, steps of the diffusion, and the flow's likelihood."""

import itertools
from typing import NamedTuple

import jax
import numpy as np
import pytest

from ddspfx.clock import Clock
from ddspfx.generators.diffusion import Diffusion
from ddspfx.generators.edm import heun, levels, scales
from ddspfx.generators.find_lines import find_lines
from ddspfx.generators.flow import Flow
from ddspfx.generators.lines import Lines
from ddspfx.generators.mixture import Mixture
from ddspfx.generators.noise import density, generator, white
from ddspfx.generators.parametric import Parametric
from ddspfx.generators.prediction import reflections
from ddspfx.generators.table import table_of
from ddspfx.generators.unet import parameters
from ddspfx.generators.warped import filtered, response, unfiltered, whitener
from ddspfx.storage import load, save

RATE = 100.0


def autoregressive(takes: int, values: int, seed: int = 0) -> np.ndarray:
    """x_n = 1.2 x_n-1 - 0.6 x_n-2 + e_n, settled."""
    from scipy.signal import lfilter

    e = np.random.default_rng(seed).standard_normal((takes, values + 200))
    return np.asarray(lfilter([1.0], [1.0, -1.2, 0.6], e)[:, 200:])


def true_power(size: int) -> np.ndarray:
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    return np.asarray(1 / np.abs(1 - 1.2 * z + 0.6 * z**2) ** 2)


def transport_like(takes: int, values: int, seed: int = 0) -> np.ndarray:
    """A line of 7 Hz whose phase wanders, one of 20 Hz whose level varies by take, and noise."""
    lines = Lines(*(np.asarray(v) for v in ([7.0, 20.0], [3.0, 2.0], [0.0, 0.5], [0.4, 0.0], [[0.1, 0.4]] * 2)))
    return autoregressive(takes, values, seed) + np.stack(
        [lines.read((seed, i), 0, values, RATE) for i in range(takes)]
    )


@pytest.fixture(scope="module")
def parametric() -> Parametric:
    return Parametric.fit(transport_like(300, 2048), RATE, 512)


@pytest.fixture(scope="module")
def flow() -> Flow:
    return Flow.fit(autoregressive(100, 1024), RATE, 256, order=24)


def decibels(power: np.ndarray, to: np.ndarray, bands: int = 24) -> np.ndarray:
    edges = np.linspace(2, power.size - 2, bands + 1).astype(int)
    return np.array([10 * np.log10(power[a:b].sum() / to[a:b].sum()) for a, b in itertools.pairwise(edges)])


def test_noise_is_the_same_however_it_is_cut_and_other_keys_are_other_takes() -> None:
    whole = white((3,), "floor", -5000, 12_000)
    parts = [white((3,), "floor", start, 3000) for start in range(-5000, 7000, 3000)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole[:10], white((4,), "floor", -5000, 10))
    assert generator((1, 2), "a").random() != generator((1,), "a", 2).random()


def test_lines_are_found_with_their_wander_and_the_spread_of_their_level(parametric: Parametric) -> None:
    found = parametric.lines
    assert np.allclose(found.frequencies, [7.0, 20.0], atol=0.02)
    assert np.allclose(found.amplitudes, [3.0, 2.0], rtol=0.06)
    assert found.wander[0] == pytest.approx(0.4, abs=0.12)
    assert found.spreads[0] < 0.15 and found.spreads[1] == pytest.approx(0.5, abs=0.2)
    assert not np.size(find_lines(autoregressive(200, 1024), RATE).frequencies)


def test_the_parametric_spectrum_is_the_true_one(parametric: Parametric) -> None:
    takes = np.stack([parametric.read((9, i), 0, 512) for i in range(300)])
    assert np.abs(decibels(density(takes, 512), density(transport_like(900, 512, 5), 512))).max() < 0.5
    plain = Parametric.fit(autoregressive(300, 1024), RATE, 256)
    assert np.abs(decibels(density(plain.sample(1, 600), 256), true_power(256))).max() < 0.4


def test_takes_have_no_seams_and_keys_are_takes(parametric: Parametric, flow: Flow) -> None:
    for made in (parametric, flow):
        whole = made.read(jax.random.key(1), 0, 9000)
        cut = np.concatenate([made.read(jax.random.key(1), start, 3000) for start in (0, 3000, 6000)])
        assert np.allclose(whole, cut, atol=1e-9 * whole.std())
        other = made.read(jax.random.key(2), 0, 9000)
        assert abs(np.corrcoef(whole, other)[0, 1]) < 0.5
        assert made.sample(0, 3).shape == (3, made.length)


def test_a_trajectory_and_hiss_are_the_take(parametric: Parametric) -> None:
    found = parametric.trajectory(4, 3.0, base=7000)
    times = np.arange(20, 280) / RATE
    assert np.allclose(found(times) - 7000 / 44_100, parametric.read(4, 20, 260), atol=0.05)
    assert found.duration == pytest.approx(3.0) and int(found.base) > 0
    assert parametric.hiss(4, 2.0, 100).shape == (200,)
    faster = parametric.hiss(4, 2.0, 200)
    assert faster.shape == (400,) and np.corrcoef(faster[::2], parametric.read(4, 0, 200))[0, 1] > 0.98
    with pytest.raises(ValueError, match="seconds"):
        parametric.trajectory(0, -1.0)


def test_saved_generators_are_the_same_data(parametric: Parametric, flow: Flow, tmp_path) -> None:
    for name, made in (("p", parametric), ("f", flow)):
        again = load(save(made, tmp_path / name))
        assert np.allclose(again.read(5, 100, 300), made.read(5, 100, 300), atol=2e-4 * made.read(5, 100, 300).std())


def test_the_likelihood_of_a_gaussian_flow_is_the_closed_form(flow: Flow) -> None:
    from scipy.linalg import toeplitz
    from scipy.stats import multivariate_normal

    lags = np.fft.irfft(true_power(4096))[:64]
    parts = {"lines": Lines.none(), "whitener": np.zeros((0, 6)), "marginal": Mixture.normal()}
    exact = Flow(**parts, reflections=reflections(lags[:25]), variance=float(lags[0]), spread=0.0, rate=RATE, length=64)
    x = autoregressive(5, 64, 3)
    wanted = multivariate_normal(np.zeros(64), toeplitz(lags)).logpdf(x)
    assert np.allclose(exact.log_density(x), wanted, rtol=1e-8)
    assert np.allclose(flow.log_density(x), wanted, atol=4)
    assert np.allclose(flow.inverse(flow.forward(x)), x, atol=1e-9)


def test_the_mixture_is_invertible_and_learns_heavy_tails() -> None:
    from scipy.stats import norm

    random = np.random.default_rng(0)
    values = random.standard_normal(20_000) * np.where(random.random(20_000) < 0.1, 5.0, 1.0)
    found = Mixture.fit(values)
    far = np.concatenate([values[:2000], [-40.0, 40.0]])
    assert np.allclose(found.restored(found.normalised(far)), far, atol=1e-7)
    z = found.normalised(values)
    assert abs(np.mean(z**4) - 3) < 0.15 and abs(z.std() - 1) < 0.02
    true = np.mean(np.log(0.9 * norm.pdf(values) + 0.1 * norm.pdf(values, scale=5)))
    assert np.mean(found.log_density(values)) == pytest.approx(true, abs=2e-3)
    assert np.size(Mixture.fit(random.standard_normal(20_000)).weights) == 1


def test_preconditioning_is_karras_and_his_identities_hold() -> None:
    data, sigma = 0.5, np.geomspace(0.01, 80, 20)
    made = scales(data**2, sigma)
    assert np.allclose(made.skip, data**2 / (sigma**2 + data**2))
    assert np.allclose(made.out, sigma * data / np.sqrt(data**2 + sigma**2))
    assert np.allclose(made.into, 1 / np.sqrt(sigma**2 + data**2))
    # Input and target of unit variance, for data of the variance stated.
    assert np.allclose(made.into**2 * (data**2 + sigma**2), 1)
    assert np.allclose(((1 - made.skip) ** 2 * data**2 + made.skip**2 * sigma**2) / made.out**2, 1)
    steps = levels(16, 0.002, 80.0)
    assert steps[0] == 80 and steps[15] == pytest.approx(0.002) and steps[16] == 0
    assert steps[1] == pytest.approx((80 ** (1 / 7) + (0.002 ** (1 / 7) - 80 ** (1 / 7)) / 15) ** 7)


def test_heun_has_the_variance_of_a_gaussian_in_any_number_of_steps() -> None:
    power = jax.numpy.asarray([1e-4, 1.0, 30.0, 100.0])
    u = jax.random.normal(jax.random.key(0), (4000, 4))
    apply = lambda gains, x: gains * x  # noqa: E731

    def drawn(true: np.ndarray, steps: int) -> np.ndarray:
        """With the exact denoiser of another power, which F must make up for."""

        def network(u, s):
            own = scales(power, s)
            wanted, y = scales(true, s), u / own.into
            return (wanted.skip * y - own.skip * y) / own.out

        made = heun(network, apply, power, levels(steps, 0.02, 300.0), u)
        return np.asarray((made * power**0.5).var(axis=0))

    sampled = np.asarray(u).var(axis=0)
    assert np.allclose(drawn(np.asarray(power), 4), power * sampled, rtol=1e-5)
    other = np.asarray(power) * [1.5, 0.6, 1.3, 0.8]
    assert np.allclose(drawn(other, 48)[1:], other[1:] * sampled[1:], rtol=0.02)


def test_the_warped_whitener_is_monic_invertible_and_flattens_the_low_end() -> None:
    frequency = np.linspace(0, 22_050, 8193)
    power = (1 + 150 / (frequency + 5)) / (1 + (20 / (frequency + 1e-3)) ** 4) + 1e-9
    sos = whitener(power, 24, 0.97)
    left = 10 * np.log10(power * response(sos, power.size))[(frequency > 15) & (frequency < 2000)]
    assert left.std() < 0.3 and sos[:, 0].prod() == pytest.approx(1)
    assert max(np.abs(np.roots(row[:3])).max() for row in sos) < 1
    x = np.random.default_rng(0).standard_normal(4000)
    assert np.allclose(unfiltered(sos, filtered(sos, x)), x, atol=1e-8)


class Trained(NamedTuple):
    made: Diffusion
    losses: list[float]


@pytest.fixture(scope="module")
def trained() -> Trained:
    losses: list[float] = []
    takes, told = transport_like(150, 512), lambda _, value: losses.append(value)
    return Trained(Diffusion.fit(takes, RATE, 128, widths=(4, 4), updates=200, batch=32, steps=3, told=told), losses)


@pytest.fixture(scope="module")
def diffusion(trained: Trained) -> Diffusion:
    return trained.made


def test_the_network_learns_a_modulus_that_a_linear_denoiser_cannot_know(trained: Trained) -> None:
    assert trained.losses[-1] < 0.98


def test_the_spectrum_of_the_diffusion_is_the_data_s(diffusion: Diffusion) -> None:
    real = transport_like(600, 128, 7)
    assert np.abs(decibels(density(diffusion.sample(1, 1024), 128), density(real, 128), 12)).max() < 1.0
    assert parameters(diffusion.denoiser.network) < 5000


def test_an_endless_diffusion_has_no_seam_in_variance_or_increments(diffusion: Diffusion) -> None:
    takes = np.stack([diffusion.read((2, number), 0, 1024) for number in range(100)])
    assert np.allclose(diffusion.read((2, 3), 300, 200), takes[3, 300:500], atol=1e-3 * takes.std())
    for x in (takes, np.diff(takes, 2)):
        # By the place within half a window, where a seam would repeat.
        folded = x[:, : x.shape[1] // 64 * 64 - 64].reshape(100, -1, 8, 8)
        level = 10 * np.log10(np.mean(folded**2, axis=(0, 1, 3)))
        assert np.ptp(level) < 0.7


def test_diffusion_is_kept_as_data(diffusion: Diffusion, tmp_path) -> None:
    again = load(save(diffusion, tmp_path))
    assert np.allclose(again.read(1, 0, 200), diffusion.read(1, 0, 200), atol=1e-3)


def test_a_table_of_hiss_goes_round_without_a_seam(flow: Flow) -> None:
    table = table_of(flow, 3, 2, 100)
    clock = Clock.zero(100, 5)
    whole = table.read(2, 900, clock)
    parts = [table.read(2, 300, clock.after(start)) for start in (0, 300, 600)]
    assert np.array_equal(whole, np.concatenate(parts, axis=1)) and np.array_equal(whole[:, :200], whole[:, 200:400])
    values = np.stack([np.asarray(table_of(flow, number, 2, 100).values) for number in range(300)])
    spread = values.var(axis=0)
    assert 0.75 < spread[:25].mean() / spread[25:].mean() < 1.25
    jumps = np.mean((values[:, 0] - values[:, -1]) ** 2) / np.mean(np.diff(values) ** 2)
    assert 0.7 < jumps < 1.3
    with pytest.raises(ValueError, match="sample_rate"):
        table.read(1, 10, Clock.zero(200))
    with pytest.raises(ValueError, match="seconds"):
        table_of(flow, 0, 0, 100)
