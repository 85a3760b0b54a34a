"""Deviations of fitted numbers: against closed forms, and against what a fit really scatters by."""

import numpy as np

import ddspfx
from ddspfx.alignment.align import Alignment
from ddspfx.fit.confidence import confidence
from ddspfx.fit.coordinates import coordinates
from ddspfx.fit.latents import stack
from ddspfx.fit.least_squares import least_squares
from ddspfx.fit.takes import Take
from ddspfx.render import render
from ddspfx.report.tables import parameters

RATE = 44_100
COUNT = RATE
NOISE = 0.01


def music(seed: int = 0, channels: int = 1) -> np.ndarray:
    """Pink-like noise, half of the band empty so that slopes are well sampled."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.normal(size=(channels, COUNT))) / np.sqrt(np.arange(COUNT // 2 + 1) + 20)
    spectrum[:, COUNT // 4 :] = 0
    x = np.fft.irfft(spectrum, COUNT)
    return (0.2 * x / np.std(x)).astype(np.float32)


def take(dry: np.ndarray, wet: np.ndarray, trajectory: ddspfx.Trajectory | None = None) -> Take:
    """A pair that is aligned already."""
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, wet.shape[1])
    return Take("toy", dry, np.asarray(wet, np.float32), RATE, still, (0, wet.shape[1]), trajectory)


def noisy(model: ddspfx.AbstractBlock, x: np.ndarray, seed: int = 1) -> np.ndarray:
    """What the model plays, in white noise."""
    return render(model, x, RATE) + NOISE * np.random.default_rng(seed).normal(size=x.shape)


def test_gain_and_delay_in_white_noise_have_their_bound() -> None:
    x = music()
    model = ddspfx.Serial(level=ddspfx.Gain(-3.0), echo=ddspfx.FixedDelay(0.00101, 0.002))
    heard = take(x, noisy(model, x))
    start, stop = heard.inside
    y = render(model, x, RATE)[:, start:stop].astype(np.float64)
    turn = 2j * np.pi * np.fft.rfftfreq(COUNT, 1 / RATE)
    slope = np.fft.irfft(turn * np.fft.rfft(render(model, x, RATE).astype(np.float64)), COUNT)[:, start:stop]
    level, delay = confidence(model, [heard])
    assert (level.path, delay.path) == ("level.level", "echo.delay")
    np.testing.assert_allclose(level.deviation, 20 / np.log(10) * NOISE / np.sqrt(np.sum(y**2)), rtol=0.05)
    np.testing.assert_allclose(delay.deviation, NOISE / np.sqrt(np.sum(slope**2)), rtol=0.1)
    assert level.determined and level.seen == "waveform"
    assert level.as_json()["percent"] == level.percent


def test_coloured_noise_and_two_channels_count_by_frequency() -> None:
    x = music(channels=2)
    model = ddspfx.Serial(level=ddspfx.Gain(0.0))
    spectrum = np.fft.rfft(np.random.default_rng(2).normal(size=x.shape))
    colour = 0.003 * (1 + 20 / (1 + (np.fft.rfftfreq(COUNT, 1 / RATE) / 500) ** 2))
    mixing = np.array([[1.0, 0.0], [0.8, 0.6]])
    wet = x + mixing @ np.fft.irfft(spectrum * colour, COUNT)
    own = np.linalg.inv(mixing) @ np.fft.rfft(x, COUNT)
    bound = 20 / np.log(10) / np.sqrt(2 * np.sum(np.abs(own / colour) ** 2) / COUNT)
    (found,) = confidence(model, [take(x, wet)])
    np.testing.assert_allclose(found.deviation, bound, rtol=0.12)


def test_the_level_of_a_noise_has_the_bound_of_its_variance() -> None:
    x = 0 * music(channels=2)
    model = ddspfx.Serial(level=ddspfx.Gain(0.0), hiss=ddspfx.Add(ddspfx.Noise(seed=3), -40.0))
    heard = take(x, render(model, x, RATE, key=5))
    silent, likeness, hiss = confidence(model, [heard])
    count = heard.inside[1] - heard.inside[0]
    assert (hiss.path, hiss.seen) == ("hiss.level", "noise")
    np.testing.assert_allclose(hiss.deviation, 10 / np.log(10) * np.sqrt(1 / count), rtol=0.1)
    np.testing.assert_allclose(likeness.deviation, 1 / np.sqrt(count), rtol=0.1)
    assert silent.seen == "nothing" and silent.text == "not determined by this recording"
    assert silent.as_json()["deviation"] is None


def test_what_the_recording_does_not_excite_is_not_determined() -> None:
    x = music()
    model = ddspfx.Serial(low=ddspfx.LowShelf(200.0, 3.0), top=ddspfx.Peak(18_000.0, 1.0, 10.0))
    told = {one.path: one.determined for one in confidence(model, [take(x, noisy(model, x))])}
    assert told["low.gain"] and told["low.cutoff"]
    assert not told["top.gain"] and not told["top.resonance"]


def test_a_free_delay_takes_from_what_a_filter_could_be_told_by() -> None:
    x = music()
    path = ddspfx.Trajectory.zero(COUNT / RATE, RATE, base=10)
    model = ddspfx.Serial(tone=ddspfx.LowPass(6_000.0, 0.7), transport=ddspfx.VariableDelay(0.0, 0.001, 10 / RATE))
    heard = take(x, noisy(model, x), path)
    known = confidence(model, [heard], freeze=["transport.*"])
    freed = confidence(model, [heard], {"transport.delay": stack([path])}, freeze=["transport.*"])
    assert known[0].deviation < freed[0].deviation < 5 * known[0].deviation


def chain(low: float, gain: float, drive: float, top: float, level: float) -> ddspfx.Serial:
    """Five numbers that act on each other."""
    return ddspfx.Serial(
        low=ddspfx.LowShelf(low, gain), tape=ddspfx.Tanh(drive), top=ddspfx.LowPass(top), level=ddspfx.Gain(level)
    )


def test_least_squares_finds_what_acts_on_each_other_and_scatters_as_stated() -> None:
    truth, x = chain(200.0, 3.0, 12.0, 6_000.0, -3.0), 2 * music()
    wet, moves = render(truth, x, RATE), []
    model = least_squares(chain(1_000.0, 0.0, 3.0, 9_000.0, 0.0), {}, [take(x, wet)], [(0, COUNT)], rounds=12).model
    for found, true in zip(coordinates(model), coordinates(truth), strict=True):
        np.testing.assert_allclose(found.value, true.value, rtol=1e-3)
    for seed in range(1, 11):
        heard = take(x, wet + NOISE * np.random.default_rng([seed, 7]).normal(size=x.shape))
        found = least_squares(truth, {}, [heard], [heard.inside], rounds=2).model
        moves.append([a.value - b.value for a, b in zip(coordinates(found), coordinates(truth), strict=True)])
    stated = np.array([one.deviation for one in confidence(truth, [heard])])
    assert 0.7 < np.sqrt(np.mean((np.array(moves) / stated) ** 2)) < 1.4


def test_least_squares_moves_a_recordings_delay_with_the_slots() -> None:
    x, times = 2 * music(), np.arange(0, COUNT / RATE, 0.005)
    swing = 5 / RATE * np.sin(2 * np.pi * 3 * times)
    paths = [ddspfx.Trajectory.fit(times, 10 / RATE + share * swing, COUNT / RATE, RATE) for share in (1.0, 0.9)]
    line = ddspfx.VariableDelay(-0.001, 0.002, paths[0])
    truth = chain(200.0, 3.0, 12.0, 6_000.0, -3.0)
    wet = render(ddspfx.Serial(device=truth, transport=line), x, RATE)
    model = ddspfx.Serial(device=chain(300.0, 0.0, 6.0, 8_000.0, 0.0), transport=ddspfx.VariableDelay(-0.001, 0.002))
    heard, latents = take(x, wet), {"transport.delay": stack([paths[1]])}
    found = least_squares(model, latents, [heard], [(0, COUNT)], rounds=15)
    moved = np.asarray(found.latents["transport.delay"].knots[0]) - np.asarray(paths[0].knots)
    assert np.std(moved[10:-10]) * RATE < 0.05
    for one, true in zip(coordinates(found.model.device), coordinates(truth), strict=True):
        np.testing.assert_allclose(one.value, true.value, rtol=0.02)


def test_a_run_states_and_keeps_its_confidence(tmp_path) -> None:
    x = 2 * music()
    wet = render(ddspfx.Serial(tape=ddspfx.Tanh(9.0)), x, RATE)
    run = ddspfx.fit(
        ddspfx.Serial(tape=ddspfx.Tanh(0.0)), take(x, wet), passes=0, least_squares=8, confidence=1.0, out=tmp_path
    )
    assert abs(float(run.model.tape.drive.value) - 9.0) < 0.01 and run.figures["esr_validation"] < 1e-6
    (row,) = ddspfx.Run.load(tmp_path).confidence
    assert row == run.confidence[0] and row["path"] == "tape.drive" and row["determined"]
    assert "±" in parameters(run)[0]["sure"]
