"""The schemes of a fit: the delay fitted on, as tracked, or out of the targets; and what belongs to a recording."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy import signal as scipy_signal

import ddspfx
from ddspfx.alignment.align import Alignment
from ddspfx.alignment.gauss_newton import banded_product, prior_bands
from ddspfx.fit.latents import stack
from ddspfx.fit.level import even, levels_followed
from ddspfx.fit.prior import improbability, stiffness
from ddspfx.fit.settings import Settings
from ddspfx.fit.solve_filters import filters_solved
from ddspfx.fit.takes import Take, demodulated
from ddspfx.fit.trainer import Trainer

RATE = 44_100
SECONDS = 2.0
QUICK = {"sequences": 4, "segment": 512, "chunks": 4, "warm_up": 512, "validate_every": 10, "match_noise": False}


def music(seed: int = 0) -> np.ndarray:
    """Pink noise with a beat, (1, samples)."""
    count = round(SECONDS * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count)) / np.sqrt(np.arange(count // 2 + 1) + 20)
    spectrum[np.fft.rfftfreq(count, 1 / RATE) > 10_000] = 0
    x = np.fft.irfft(spectrum, count)
    beat = 0.3 + np.abs(np.sin(2 * np.pi * 3 * np.arange(count) / RATE))
    return (0.3 * x / np.std(x) * beat)[None]


def wobble() -> ddspfx.Trajectory:
    """7 ms, wandering by 0.1 ms."""
    times = np.arange(0, SECONDS, 0.002)
    return ddspfx.Trajectory.fit(times, 0.007 + 1e-4 * np.sin(2 * np.pi * 1.3 * times), SECONDS, RATE)


def take(dry: np.ndarray, wet: np.ndarray, trajectory: ddspfx.Trajectory | None = None) -> Take:
    """A pair that is aligned already."""
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, wet.shape[1])
    start = 0 if trajectory is None else round(0.008 * RATE)
    covered = (start, wet.shape[1])
    return Take("toy", dry.astype(np.float32), wet.astype(np.float32), RATE, still, covered, trajectory)


def machine() -> tuple[Take, float]:
    """A saturation behind a transport that wobbles, and its drive in dB."""
    x, path = music(), wobble()
    return take(x, path.apply(np.tanh(4 * x) / 4), path), 20 * float(np.log10(4))


@pytest.mark.parametrize("time", ["demodulated", "tracked", "joint"])
def test_every_scheme_finds_the_device_behind_a_transport(time: str) -> None:
    heard, drive = machine()
    line = {} if time == "demodulated" else {"transport": ddspfx.VariableDelay(0.0, 0.02, 0.007, "lagrange7")}
    model = ddspfx.Serial(tape=ddspfx.Tanh(0.0), **line)
    run = ddspfx.fit(model, heard, time=time, passes=30, learning_rate=0.03, **QUICK)
    assert abs(float(run.model.tape.drive.value) - drive) < 0.2
    assert run.figures["esr_validation"] < 5e-4
    assert list(run.latents) == ([] if time == "demodulated" else ["transport.delay"])


def test_without_the_delay_no_fit_comes_near() -> None:
    heard, _ = machine()
    run = ddspfx.fit(ddspfx.Serial(tape=ddspfx.Tanh(0.0)), heard, time="none", passes=2, **QUICK)
    assert run.figures["esr_validation"] > 0.5


def test_a_demodulated_target_lies_on_the_dry() -> None:
    x, path = music(), wobble()
    flat = demodulated(take(x, path.apply(x), path))
    start, stop = flat.inside
    assert flat.trajectory is None and stop < x.shape[1] - 300
    assert np.max(np.abs(flat.wet[:, start:stop] - x[:, start:stop])) < 1e-4
    with pytest.raises(ValueError, match="no tracked delay"):
        demodulated(take(x, x))


def test_a_delay_line_stands_still_for_demodulated_targets() -> None:
    heard, _ = machine()
    model = ddspfx.Serial(tape=ddspfx.Tanh(12.0), transport=ddspfx.VariableDelay(-0.01, 0.01, 0.0))
    run = ddspfx.fit(model, heard, time="demodulated", passes=0, **QUICK)
    (still,) = run.latents["transport.delay"]
    assert np.all(still(np.linspace(0, SECONDS, 9)) == 0.0) and run.figures["esr_validation"] < 0.1


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="joint"):
        Settings(time="supervised")


def device() -> np.ndarray:
    """Second-order sections of a high-pass, a head bump and a treble loss, for SciPy."""
    high = scipy_signal.butter(2, 30.0, "highpass", fs=RATE, output="sos")
    loss = scipy_signal.butter(1, 12_000.0, fs=RATE, output="sos")
    bump = np.concatenate(scipy_signal.iirpeak(90.0, 2.0, fs=RATE))[None]
    bump[0, :3] = 0.4 * bump[0, :3] + bump[0, 3:]
    return np.concatenate([high, bump, loss])


def test_a_bank_of_filters_is_solved_even_where_hardly_anything_plays() -> None:
    x = music()
    noise = 1e-4 * np.random.default_rng(1).normal(size=x.shape)
    faint = scipy_signal.sosfilt(scipy_signal.butter(4, 60.0, "highpass", fs=RATE, output="sos"), x)
    wet = scipy_signal.sosfilt(device(), faint) + noise
    part = (4_000, x.shape[1] - 2_000)
    found = {e: filters_solved(ddspfx.ParallelFilters(16), [faint], [wet], [part], RATE, e) for e in (0.0, 1.0)}
    frequencies = np.geomspace(45, 9_000, 200)
    truth = scipy_signal.sosfreqz(device(), frequencies, fs=RATE)[1]
    errors = {e: np.abs(np.asarray(bank.frequency_response(frequencies, RATE)) - truth) for e, bank in found.items()}
    assert np.max(errors[1.0]) < 0.06 and np.sqrt(np.mean(errors[0.0] ** 2)) < 0.05


def test_a_fit_solves_a_bank_and_hears_the_level_of_its_recording() -> None:
    x = music()
    times = np.arange(x.shape[1]) / RATE
    decibels = 1.5 * np.sin(2 * np.pi * 0.8 * times)
    wet = 10 ** (decibels / 20) * scipy_signal.sosfilt(device(), x)
    model = ddspfx.Serial(level=ddspfx.Level(), response=ddspfx.ParallelFilters(16))
    settings = {"solve": ["response"], "passes": 0, "validation": 0.0, **QUICK}
    run = ddspfx.fit(model, take(x, wet), alternations=4, **settings)
    (level,) = run.latents["level.level"]
    heard = level(times) - np.mean(level(times))
    inside = slice(4_000, -4_000)
    assert np.sqrt(np.mean((heard - decibels + np.mean(decibels))[inside] ** 2)) < 0.1
    assert run.figures["esr_training"] < 2e-3
    without = ddspfx.fit(ddspfx.Serial(response=ddspfx.ParallelFilters(16)), take(x, wet), **settings)
    assert without.figures["esr_training"] > 5 * run.figures["esr_training"]


def test_a_level_is_followed_exactly_when_the_model_is_the_device() -> None:
    x = music()
    times = np.arange(x.shape[1]) / RATE
    decibels = 2.0 * np.sin(2 * np.pi * times)
    heard = take(x, 10 ** (decibels / 20) * x)
    model, latents = ddspfx.Serial(level=ddspfx.Level()), {"level.level": stack([even(heard)])}
    for _ in range(3):
        latents = levels_followed(model, latents, [heard], hold_mean=False)
    row = ddspfx.Trajectory(0, latents["level.level"].knots[0], RATE, 25)
    assert np.max(np.abs(row(times) - decibels)[4_000:-4_000]) < 0.02


def test_the_knots_carry_the_prior_of_the_tracker() -> None:
    random = np.random.default_rng(4)
    knots = 1e-4 * np.cumsum(random.normal(size=(2, 60)), axis=1)
    path = ddspfx.Trajectory(0, knots, RATE, 200)
    firm = stiffness(path)
    dense = 0.0
    for row, first in zip(knots, np.asarray(firm.first)[:, 0], strict=True):
        bands = prior_bands(60, 1 / 200, 200 / first, 30.0)
        dense += row @ banded_product(bands, row)
    found = improbability({"transport.delay": path}, {"transport.delay": firm}, 1_000)
    assert np.isclose(float(found), dense / 300, rtol=2e-3)


def test_gradient_alone_moves_the_knots_towards_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    heard, _ = machine()
    truth, times = wobble(), np.linspace(0.1, 1.9, 500)
    rough = ddspfx.Trajectory.fit(times, truth(times) + 4e-6 * np.sin(20 * times), SECONDS, RATE)
    model = ddspfx.Serial(tape=ddspfx.Tanh(12.04), transport=ddspfx.VariableDelay(0.0, 0.02, 0.007, "lagrange7"))
    monkeypatch.setattr(Trainer, "_refine", lambda trainer: None)
    begun = dataclasses.replace(heard, trajectory=rough)
    run = ddspfx.fit(model, begun, passes=20, learning_rate=0.03, validation=0.0, freeze=["tape.*"], **QUICK)
    (moved,) = run.latents["transport.delay"]
    before, after = (np.std((path(times) - truth(times))[50:-50]) for path in (rough, moved))
    assert after < 0.6 * before


def test_a_run_tells_delays_from_levels(tmp_path: Path) -> None:
    x = music()
    blocks = {"level": ddspfx.Level(), "transport": ddspfx.VariableDelay(0.0, 0.02, 0.007)}
    path = wobble()
    run = ddspfx.fit(ddspfx.Serial(**blocks), take(x, path.apply(x), path), passes=0, **QUICK)
    assert list(run.latents) == ["transport.delay", "level.level"]
    run.save(tmp_path)
    (delay,) = ddspfx.Run.load(tmp_path).delays
    assert abs(float(delay(1.0)) - float(path(1.0))) < 1e-6
