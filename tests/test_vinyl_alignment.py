"""Records against their originals: start, speed, turning and skips, against a player whose motion is known."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from ddspfx.alignment.align import Alignment, align
from ddspfx.alignment.chain import best_chain, peaks
from ddspfx.alignment.interpolate import sample_at
from ddspfx.alignment.quick_frames import quick_correlations
from ddspfx.alignment.smoother import smoothed
from ddspfx.alignment.steps import stepped
from ddspfx.alignment.track import track
from ddspfx.alignment.turning import turning_of
from ddspfx.source.trajectory import Trajectory

RATE = 16_000
SKIPS = ((9.37, 1.8), (16.21, -1.8), (18.07, -1.8))


def music(seconds: float, seed: int) -> np.ndarray:
    """Noise bursts and notes over a quiet floor."""
    rng = np.random.default_rng(seed)
    x = 0.002 * rng.standard_normal(round(seconds * RATE))
    for start in rng.integers(0, len(x), int(12 * seconds)):
        t = np.arange(min(len(x) - start, 5000))
        pitch = 2 * np.pi * rng.uniform(80, 900) / RATE
        sound = rng.standard_normal(len(t)) + 2 * np.sin(pitch * t) + np.sin(2 * pitch * t)
        x[start : start + len(t)] += rng.uniform(0.05, 0.2) * sound * np.exp(-t / rng.uniform(200, 1500))
    return x


def place(times: np.ndarray, start: float, speed: float, skips=SKIPS) -> np.ndarray:
    """Seconds of dry at times of wet: a line, a drift, two harmonics of the revolution, and skips."""
    line = start + speed * times + 1e-5 * times**2
    turn = 2 * np.pi * (100 / 3) / 60 * line
    found = line + 4e-4 * np.sin(turn + 1) + 7e-5 * np.cos(2 * turn)
    return found + sum(jump * (times >= time) for time, jump in skips)


def record(x: np.ndarray, seconds: float, start: float, speed: float, skips=SKIPS) -> np.ndarray:
    """Bent, filtered, hissing and clicking."""
    rng = np.random.default_rng(5)
    t = np.arange(round(seconds * RATE)) / RATE
    breaks = [0, *(int(np.ceil(time * RATE)) for time, _ in skips), len(t)]
    at = place(t, start, speed, skips) * RATE
    y = np.concatenate([sample_at(x, at[a:b]) for a, b in pairwise(breaks)])
    y = y + 0.1 * y**2 + 0.15 * sosfilt(butter(1, 2000, "highpass", fs=RATE, output="sos"), y)
    y += 0.01 * y.std() * rng.standard_normal(len(y))
    y[rng.integers(0, len(y), int(4 * seconds))] += 6 * y.std()
    return y


def errors(found: Alignment, start: float, speed: float, skips=SKIPS) -> np.ndarray:
    """In samples at 44.1 kHz, where dry is heard and half a hundredth of a second away from the skips."""
    t = np.arange(0.1, found.length / RATE - 0.1, 0.01)
    true = place(t, start, speed, skips)
    near = np.any([np.abs(t - time) < 0.005 for time, _ in skips], axis=0) if skips else t < 0
    return ((t - true - found.delay(t)) * 44_100)[(true > 0.1) & ~near]


@pytest.mark.parametrize(("start", "speed", "sign"), [(4.321, 0.963, 1), (-3.2, 1.038, -1)])
def test_a_record_that_starts_anywhere_and_skips(start: float, speed: float, sign: int) -> None:
    x = music(36, 1)
    found = align(x, sign * record(x, 26, start, speed), RATE, transport="vinyl")
    assert found.polarity == sign and found.confidence > 0.5
    assert found.speed == pytest.approx(speed, abs=1e-3)
    assert [jump for _, jump in found.jumps] == pytest.approx([jump for _, jump in SKIPS], abs=2e-4)
    assert [time for time, _ in found.jumps] == pytest.approx([time for time, _ in SKIPS], abs=0.01)
    error = np.abs(errors(found, start, speed))
    assert np.median(error) < 0.7 and np.quantile(error, 0.99) < 4
    assert sum("skips" in w or "repeats" in w for w in found.warnings) == 3


def test_warp_plays_dry_along_the_curve() -> None:
    x = np.stack([music(30, 2), music(30, 6)])
    y = np.stack([record(row, 20, 3.1, 1.01, ((8.3, -1.8),)) for row in x])[::-1]
    found = align(x, y, RATE, transport="vinyl")
    assert found.swapped and max(map(abs, found.offset)) < 5e-6
    warped = found.warp(x.astype(np.float32))
    assert warped.dtype == np.float32 and warped.shape == y.shape
    assert np.corrcoef(warped[0], y[0])[0, 1] > 0.98 and np.corrcoef(warped[1], y[1])[0, 1] > 0.98
    assert np.allclose(found.stretch(x, 1000, 2000)[0], found.warp(x)[1, 1000:2000], atol=3e-3)


def test_track_follows_a_record_across_its_skips() -> None:
    x = np.stack([music(36, 7), music(36, 8)])
    wet = np.stack([record(row, 26, 4.321, 0.963) for row in x])
    found = track(x, wet, RATE, transport="vinyl")
    t = np.arange(0.1, 25.9, 0.01)
    error = (t - place(t, 4.321, 0.963) - found(t)) * 44_100
    error = np.abs(error - np.median(error))[np.all([np.abs(t - time) > 0.005 for time, _ in SKIPS], axis=0)]
    assert np.median(error) < 0.05 and np.quantile(error, 0.99) < 0.5
    assert [jump for _, jump in found.jumps] == pytest.approx([jump for _, jump in SKIPS], abs=1e-4)
    assert found.drift == pytest.approx(1 - 0.963, abs=1e-3) and np.nanmax(np.abs(found.knots)) < 0.05
    assert np.isfinite(found.deviation(t)).all()


def test_a_trajectory_keeps_drift_and_jumps_apart(tmp_path: Path) -> None:
    t = np.arange(0, 4, 0.005)
    total = 12.0 - 0.04 * t + 1e-4 * np.sin(t) - 1.8 * (t >= 1.5)
    made = Trajectory.fit(t, total, 4.0, RATE, drift=-0.04, jumps=[(1.5, 1.8)])
    assert np.allclose(made(t), total, atol=1e-6) and np.ptp(made.knots) < 1e-3
    made.save(tmp_path / "side.safetensors")
    again = Trajectory.load(tmp_path / "side.safetensors")
    assert again.jumps == made.jumps == ((1.5, 1.8),) and again.drift == -0.04
    assert np.array_equal(again(t), made(t))
    low, high = made.bounds() or (0.0, 0.0)
    assert high - low < 1e-3


def test_a_record_of_which_dry_holds_a_part() -> None:
    x = music(4, 9)
    found = align(x, record(x, 11, 0.5, 0.98, ()), RATE, transport="vinyl")
    assert found.confidence > 0.5 and not found.jumps
    assert np.abs(errors(found, 0.5, 0.98, ())[:200]).max() < 10


def test_odd_records_are_told() -> None:
    x, other = music(8, 3), music(8, 4)
    assert align(x, other, RATE, transport="vinyl").confidence < 0.3
    silent = align(x, np.zeros(5 * RATE), RATE, transport="vinyl")
    assert silent.confidence == 0 and silent.warnings == ("Wet is silent.",)
    with pytest.raises(ValueError, match="last a second"):
        align(x, x[: RATE // 2], RATE, transport="vinyl")
    with pytest.raises(ValueError, match="NaN"):
        align(x, np.full(RATE, np.nan), RATE, transport="vinyl")
    with pytest.raises(ValueError, match="tape or vinyl"):
        align(x, x, RATE, transport="wax")
    with pytest.raises(ValueError, match="nothing in common"):
        track(x, np.zeros(5 * RATE), RATE, transport="vinyl")
    with pytest.raises(ValueError, match="a record has none"):
        track(x, x, RATE, transport="vinyl", pilot=1)
    with pytest.raises(ValueError, match="both must have the same"):
        align(np.stack([x, x]), x, RATE, transport="vinyl")


def test_chain_jumps_only_where_it_pays() -> None:
    times = np.arange(40) * 0.1
    true = np.where(times < 2, 0.0, 1.8)
    rng = np.random.default_rng(0)
    places = np.stack([true + 1e-4 * rng.standard_normal(40), rng.uniform(-5, 5, 40)], axis=1)
    scores = np.stack([np.full(40, 50.0), np.full(40, 55.0)], axis=1)
    scores[10, 0] = -np.inf
    rows, columns = best_chain(times, places, scores, 1e-3, 0.0, lambda move: 100.0 + move)
    assert np.array_equal(rows, np.delete(np.arange(40), 10)) and not columns.any()
    rows, _ = best_chain(times, places[:, :1], scores[:, :1], 1e-3, 0.0, lambda move: np.full_like(move, np.inf))
    assert len(np.unique(true[rows])) == 1


def test_peaks_are_the_highest_and_apart() -> None:
    c = np.array([[0.0, 3.0, 2.9, 0.0, 1.0, 0.5, 2.0]])
    index, height = peaks(c, 3, 1)
    assert index.tolist() == [[1, 6, 4]] and height.tolist() == [[3.0, 2.0, 1.0]]


def test_steps_are_told_from_a_smooth_line() -> None:
    n = np.arange(600)
    line = 0.3 * np.sin(n / 80)
    values = line + 5.0 * (n >= 200) - 3.0 * (n >= 230) + 0.01 * np.random.default_rng(1).standard_normal(600)
    values[300] += 50
    found, steps = stepped(values, np.full(600, 1e-4), 1e-3, [200, 230])
    assert steps == pytest.approx([5, -3], abs=0.03) and np.abs(found - line).max() < 0.05
    alone, none = stepped(values[:200], np.full(200, 1e-4), 1e-3, [])
    assert len(none) == 0 and np.allclose(alone, smoothed(values[:200], np.full(200, 1e-4), 1e-3), atol=1e-6)


def test_turning_finds_the_revolution_and_bridges_a_pause() -> None:
    t = np.arange(0, 90, 0.02)
    places = 0.97 * t
    wow = 4e-4 * np.cos(2 * np.pi * 0.5571 * places + 1) + 1e-4 * np.sin(2 * np.pi * 1.1142 * places)
    values = places + 3e-3 * np.sin(t / 30) + wow + 2e-6 * np.random.default_rng(0).standard_normal(len(t))
    variances = np.full(len(t), 4e-12)
    pause = (t > 40) & (t < 42.5)
    values[pause] += 0.01
    variances[pause] = 1.0
    found = turning_of(places, values - 0.97 * t, variances, 0.02)
    assert found is not None and found.frequency == pytest.approx(0.5571, rel=1e-4)
    assert np.abs(found.harmonics(places, values - 0.97 * t, variances) - wow).max() < 2e-5
    assert turning_of(places, 3e-3 * np.sin(t / 30), variances, 0.02) is None


def test_quick_correlations_peak_at_the_lag() -> None:
    x = np.random.default_rng(2).standard_normal(RATE).astype(np.float32)
    y = np.roll(x, 3)
    scores = quick_correlations(x, y, 1536, 320, 8, 2, 40)
    assert scores.shape == (40, 33) and set(np.argmax(scores[4:-4], axis=1)) == {16 + 6}
    assert np.isfinite(quick_correlations(0 * x, y, 1536, 320, 8, 0, 60)).all()
