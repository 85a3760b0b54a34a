"""Trajectories: the spline against SciPy, the clock after ten hours, the way there and back, and files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx.clock import Clock
from ddspfx.signal.spline import basis, basis_slope, extremes
from ddspfx.source.trajectory import Trajectory

RATE = 44_100
SECONDS = 3.0


def delay(t):
    """A tape: 160 ms, 20 ppm, wow and flutter."""
    return 0.16 + 2e-5 * t + 4e-4 * np.sin(2 * np.pi * 0.8 * t) + 2e-6 * np.sin(2 * np.pi * 22 * t + 1)


def tape(**given):
    t = np.arange(0, SECONDS + 1e-9, 1 / 400)
    return Trajectory.fit(t, delay(t), SECONDS, RATE, **given)


def test_it_reads_what_it_says():
    trajectory, clock = tape(), Clock.zero(RATE).after(RATE // 3)
    times = (np.arange(RATE) + RATE // 3) / RATE
    wanted = trajectory(times) - int(trajectory.base) / RATE
    assert np.abs(trajectory.read(2, RATE, clock)[0] - wanted).max() < 1e-9


def test_the_spline_is_scipys():
    from scipy.interpolate import BSpline

    trajectory = tape()
    knots = np.asarray(trajectory.knots, np.float64)
    reference = BSpline(np.arange(-3, len(knots) + 1) / 200, knots, 3)
    times = np.random.default_rng(0).uniform(0, SECONDS, 1_000)
    assert np.abs(trajectory(times) - int(trajectory.base) / RATE - reference(times)).max() < 1e-15


def test_it_is_exact_after_ten_hours():
    knots = 1e-3 * np.random.default_rng(0).standard_normal(200 * 36_010 + 3, np.float32)
    trajectory = Trajectory(7_056, knots, RATE)
    clock = Clock(jnp.int32(36_004), jnp.int32(44_000), jax.random.key(0), RATE)
    times = 36_004 + (44_000 + np.arange(2_000)) / RATE
    assert np.abs(trajectory.read(1, 2_000, clock)[0] - (trajectory(times) - 0.16)).max() < 1e-9


def test_it_holds_at_its_ends():
    trajectory = tape()
    ends = trajectory(np.array([0.0, SECONDS]))
    assert np.array_equal(trajectory(np.array([-5.0, 50.0])), ends)
    before, after = (trajectory.read(1, 3, Clock.zero(RATE).after(n))[0] for n in (-1_000, 10 * RATE))
    assert np.abs(np.stack([before, after]).T - (ends - int(trajectory.base) / RATE)).max() < 1e-9
    assert trajectory.duration == SECONDS


def test_fit_follows_and_bridges():
    t = np.linspace(0, SECONDS, 1_000)
    assert np.abs(tape()(t) - delay(t)).max() < 2e-8
    given = np.arange(0, SECONDS, 1 / 400)
    given = given[(given < 1.0) | (given > 1.05)]
    noisy = delay(given)
    noisy[5], weights = np.nan, np.ones(given.size)
    noisy[50], weights[50] = 9.0, 0.0
    bridged = Trajectory.fit(given, noisy, SECONDS, RATE, weights=weights)
    assert np.abs(bridged(t) - delay(t))[t < 2.98].max() < 5e-6  # twice the flutter, which nothing saw in the gap
    sparse = np.arange(0, SECONDS + 1e-9, 1 / 100)
    assert np.abs(Trajectory.fit(sparse, delay(sparse), SECONDS, RATE)(t) - delay(t))[10:-10].max() < 3e-7


def test_channels_may_differ():
    t = np.arange(0, SECONDS, 1 / 400)
    both = Trajectory.fit(t, np.stack([delay(t), delay(t) + 1e-4]), SECONDS, RATE)
    assert both.knots.shape == (2, 603) and both.read(2, 10, Clock.zero(RATE)).shape == (2, 10)
    assert np.abs(np.diff(both(t), axis=0) - 1e-4).max() < 1e-9
    x = np.random.default_rng(0).standard_normal((2, 9_000))
    assert np.abs(both.apply(x)[1] - Trajectory(both.base, both.knots[1], RATE).apply(x[1])).max() < 1e-12


def test_recordings_can_be_stacked():
    one, other = Trajectory.zero(1.0, RATE, base=100), Trajectory.zero(1.0, RATE, base=7_000)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), one, other)
    whole, fraction = jax.vmap(lambda trajectory: trajectory.split(48_000))(stacked)
    assert np.allclose(whole + fraction, np.array([100, 7_000]) * 48_000 / RATE) and stacked.bounds() is not None


@pytest.mark.parametrize("rate", [RATE, 48_000, 96_000, 192_000, 44_099, 8_000])
def test_the_base_at_another_rate_is_exact(rate):
    base = 2_000_003
    whole, fraction = Trajectory.zero(1.0, RATE, base=base).split(rate)
    assert int(whole) == base * rate // RATE
    assert abs(float(fraction) - base * rate % RATE / RATE) < 1e-7


def test_there_and_back():
    from scipy.signal import firwin, lfilter

    trajectory = tape()
    noise = np.random.default_rng(0).standard_normal((2, int(SECONDS * RATE)))
    x = lfilter(firwin(501, 0.78, window=("kaiser", 12.0)), 1, noise)
    error = (trajectory.undo(trajectory.apply(x)) - x)[:, 10_000:-20_000]
    assert 10 * np.log10(np.mean(error**2) / np.mean(x**2)) < -100


def test_apply_shifts_a_sine():
    trajectory, n = tape(), np.arange(60_000)
    y = trajectory.apply(np.sin(0.7 * n))
    assert np.abs(y - np.sin(0.7 * (n - trajectory(n / RATE) * RATE)))[10_000:50_000].max() < 1e-6


def test_a_delay_faster_than_time_cannot_be_undone():
    steep = Trajectory(0, np.linspace(0, 2.0, 203), RATE)
    with pytest.raises(ValueError, match="cannot be undone"):
        steep.undo(np.zeros(1_000))


def test_bounds_are_the_extremes():
    knots = np.random.default_rng(0).standard_normal(40)
    trajectory = Trajectory(RATE, knots, RATE, 10)
    dense = trajectory(np.linspace(0, 3.7, 200_001))
    assert np.allclose(trajectory.bounds(), (dense.min(), dense.max()), atol=1e-7)
    assert jax.jit(lambda k: jnp.float32(Trajectory(0, k, RATE).bounds() is None))(jnp.zeros(5)) == 1.0
    assert extremes(np.zeros(6)) == (0.0, 0.0)


def test_the_basis_adds_up_and_its_slope_is_its_own():
    u = np.linspace(0, 1, 11)
    assert np.allclose(sum(basis(u)), 1) and np.allclose(sum(basis_slope(u)), 0)
    for value, slope in zip(zip(basis(u + 1e-6), basis(u - 1e-6), strict=True), basis_slope(u), strict=True):
        assert np.allclose((value[0] - value[1]) / 2e-6, slope, atol=1e-9)


def test_files_bring_it_back(tmp_path):
    t = np.arange(0, SECONDS + 1e-9, 1 / 400)
    trajectory = tape(spread=np.full(t.size, 2e-7))
    trajectory.save(tmp_path / "a.safetensors")
    same = Trajectory.load(tmp_path / "a.safetensors")
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(trajectory), jax.tree.leaves(same), strict=True))
    assert (same.sample_rate, same.rate) == (RATE, 200)
    trajectory.to_csv(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().startswith("seconds,delay_seconds,deviation_seconds\n0.000")
    again = Trajectory.from_csv(tmp_path / "a.csv", RATE)
    assert np.abs(again(t) - trajectory(t)).max() < 2e-9 and np.allclose(again.deviation(t), 2e-7)
    assert np.isnan(tape().deviation(t)).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.safetensors"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "header"),
        ("time,delay\n0,1\n", "header"),
        ("seconds,delay_seconds\n0,0.1\n", "at least 2"),
        ("seconds,delay_seconds\n0,0.1\n0,0.2\n", "grow"),
        ("seconds,delay_seconds\n0,0.1\n1,abc\n", "line 3"),
        ("seconds,delay_seconds\n0,0.1\n1,nan\n", "line 3"),
        ("seconds,delay_seconds\n0,0.1\n1\n", "line 3"),
    ],
)
def test_a_malformed_csv_is_one_clear_line(tmp_path, text, said):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        Trajectory.from_csv(tmp_path / "bad.csv", RATE)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00" * 50)
    save_file({"weights": np.zeros(3)}, tmp_path / "other.safetensors")
    for read in (lambda: Trajectory.from_csv(tmp_path / "bytes", RATE), lambda: Trajectory.load(tmp_path / "bytes")):
        with pytest.raises(ValueError, match="is not"):
            read()
    with pytest.raises(ValueError, match="must be 'ddspfx trajectory 1'"):
        Trajectory.load(tmp_path / "other.safetensors")


def test_what_makes_no_trajectory_is_refused():
    for make, said in (
        (lambda: Trajectory(0, np.zeros(3), RATE), "at least 4"),
        (lambda: Trajectory(0, np.zeros(9), RATE, 0), "rate is 0"),
        (lambda: Trajectory.zero(0.0, RATE), "duration"),
        (lambda: Trajectory.fit([0.0, 1.0], [np.nan, np.nan], 1.0, RATE), "no finite value"),
        (lambda: Trajectory.fit([0.0, 1.0], [0.0], 1.0, RATE), "one value for each"),
    ):
        with pytest.raises(ValueError, match=said):
            make()
