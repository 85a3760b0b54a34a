"""The tape simulator against closed forms, SciPy's integrator and the definitions of its processes."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.signal import welch

from ddspfx.blocks.anhysteretic import Anhysteretic
from ddspfx.clock import Clock
from ddspfx.data.devices.hiss import Colour, hiss
from ddspfx.data.devices.recording import TAPE, Bias, RecordHead, magnetised
from ddspfx.data.devices.replay import ReplayHead
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


def langevin(x):
    return np.where(np.abs(x) < 1e-3, x / 3, 1 / np.tanh(np.where(x == 0, 1, x)) - 1 / np.where(x == 0, 1, x))


def integrated_loop(fields):
    """M by LSODA in float64 along monotone pieces of the field, each a row that begins where the last one ended."""
    Ms, a, k, coupling, c = TAPE
    alpha = 3 * coupling * a / Ms

    def slope(H, M, sign):
        x = (H + alpha * M[0]) / a
        steep = 1 / 3 - x * x / 15 if abs(x) < 1e-2 else 1 / x**2 - 1 / np.sinh(x) ** 2
        pull = Ms * float(langevin(x)) - M[0]
        lossy = (1 - c) * pull / ((1 - c) * sign * k - alpha * pull) if sign * pull > 0 else 0.0
        return [(lossy + c * Ms / a * steep) / (1 - alpha * c * Ms / a * steep)]

    M, done = 0.0, []
    for row in fields:
        sign, step = np.sign(row[-1] - row[0]), abs(row[-1] - row[0]) / 20
        way = solve_ivp(slope, row[[0, -1]], [M], "LSODA", row, args=(sign,), rtol=1e-8, atol=1.0, max_step=step)
        M, done = way.y[0, -1], [*done, way.y[0]]
    return np.stack(done)


@pytest.mark.parametrize("share", [1.0, 2.0])
def test_a_steady_field_under_bias_leaves_what_the_equation_says(share):
    steady, half = 1e4, np.pi * (np.arange(9)[:, None] - 0.5 + np.linspace(0, 1, 101)[None])
    fields = steady + share * TAPE.coercivity * np.sin(half)
    fields[0] = np.linspace(0, fields[0, -1], 101)
    told = np.trapezoid(integrated_loop(fields)[-2:], dx=0.01).mean()
    found = magnetised(np.full((1, 400), steady), RATE, Bias(share, 6e4, 32), substeps=4)
    assert found[0, 300] == pytest.approx(told, rel=5e-3)


@pytest.mark.parametrize("solver", ["rk2", "rk4", "newton"])
def test_without_bias_the_loop_is_that_of_the_equation_and_costs_energy(solver):
    phase = 2 * np.pi * np.arange(1_200) / 400
    H = 6e4 * np.sin(phase)[None] * np.minimum(1, np.arange(1_200) / 100)
    found = magnetised(H, RATE, Bias(0.0, oversampling=8), solver=solver)[0]
    turns = np.flatnonzero(np.diff(np.sign(np.diff(H[0])))) + 1
    pieces = [np.linspace(a, b, 201) for a, b in zip([0.0, *H[0, turns]], H[0, turns], strict=False)]
    told = integrated_loop(pieces)
    last = told[-1]
    begin, end = turns[len(told) - 2], turns[len(told) - 1]
    same = np.interp(H[0, begin:end], np.sort(pieces[-1]), last[np.argsort(pieces[-1])])
    assert np.abs(found[begin + 5 : end - 5] - same[5:-5]).max() < 4e-3 * TAPE.saturation
    cycle = slice(700, 1_101)
    assert np.trapezoid(H[0, cycle], found[cycle]) > 0.5 * 4 * TAPE.coercivity * np.ptp(found) / 2
    assert np.abs(found).max() <= TAPE.saturation


def test_the_bias_closes_the_loop():
    H = 1e4 * np.sin(2 * np.pi * np.arange(1_200) / 400)[None]
    areas = []
    for share in (0.0, 1.2):
        M = magnetised(H, RATE, Bias(share, oversampling=16))
        areas.append(np.trapezoid(H[0, 700:1_101], M[0, 700:1_101]) / (np.ptp(H) * np.ptp(M[:, 700:])))
    assert areas[0] > 0.02 and abs(areas[1]) < 0.004


def test_the_replay_head_loses_what_the_formula_says():
    head = ReplayHead(bump=0.0)
    for f in (200.0, 3_000.0, 12_000.0):
        k = 2 * np.pi * f / (7.5 * 0.0254)
        asked = np.exp(-k * 0.8e-6) * (1 - np.exp(-k * 2.5e-6)) / (k * 2.5e-6) * np.sin(k * 1.5e-6) / (k * 1.5e-6)
        tone = np.sin(2 * np.pi * f * np.arange(20_000) / RATE)[None]
        assert np.allclose(head.play(tone, RATE, 7.5)[:, 5_000:-5_000], asked * tone[:, 5_000:-5_000], atol=1e-4)
    boost = ReplayHead(spacing=0, thickness=0, gap=0, bump=3.0).play(np.eye(1, 2**16), RATE, 15.0)
    response = np.abs(np.fft.rfft(boost[0]))
    top = np.argmax(response)
    assert top * RATE / 2**16 == pytest.approx(15 * 0.0254 / 3e-3, rel=0.01)
    assert 20 * np.log10(response[top]) == pytest.approx(3.0, abs=0.01)


def test_the_record_head_and_the_bias_say_what_they_are():
    assert RecordHead().full_scale == pytest.approx(5e4, rel=1e-9)
    for rate in (44_100, 48_000, 96_000):
        own = rate * 16 / Bias().period(rate)
        assert 5e4 <= own <= 1e5
    with pytest.raises(ValueError, match="raise oversampling"):
        Bias(oversampling=2).period(RATE)
    with pytest.raises(ValueError, match="dry has shape"):
        TapeSimulator().play(np.zeros((3, 10)), RATE)


def test_modulation_noise_follows_the_signal_and_pieces_join():
    loud = 0.3 * np.sin(2 * np.pi * 1_000 * np.arange(20_000) / RATE)
    loud[10_000:] = 0
    told = TapeSimulator(modulation=-40.0, level=None).play(loud, RATE)
    ratio = told.modulation[0, 2_000:10_000].std() / told.clean[0, 2_000:10_000].std()
    assert 20 * np.log10(ratio) == pytest.approx(-40, abs=1.5)
    assert np.abs(told.modulation[0, 14_000:]).max() < 1e-5
    jump = np.abs(np.diff(told.magnetisation[0, 2_000:9_900], 3)).max()
    assert jump < 1.2 * (2 * np.pi * 1_000 / RATE) ** 3 * np.abs(told.magnetisation).max()


def test_the_anhysteretic_equivalent_has_the_loop_s_third_harmonic():
    """Another block for the same tape: `Anhysteretic` is fitted to still fields, not to tones."""
    model = Anhysteretic.of_loop(Bias().share * TAPE.coercivity, *TAPE)[0]
    wave = np.sin(2 * np.pi * np.arange(1_323) / 441)[None]
    for level in (-10, 0):
        H = 5e4 * 10 ** (level / 20) * wave
        loop, curve = magnetised(H, RATE), np.asarray(model.magnetisation(jnp.asarray(H), Clock.zero(RATE)))
        thirds = [np.abs(np.fft.rfft(M[0, -441:]))[[1, 3]] for M in (loop, curve)]
        ratios = [20 * np.log10(c / a) for a, c in thirds]
        assert ratios[0] == pytest.approx(ratios[1], abs=1.0)
