"""The record player as one plays it."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ddspfx import Clock, Stream, at, quiet, render
from ddspfx.audio import read_audio, write_audio
from ddspfx.cli import main
from ddspfx.control import controls
from ddspfx.models import Vinyl
from ddspfx.models.pressing import PRESSINGS

RATE = 44_100
LEVEL = 10 ** (-12 / 20)
KNOBS = [
    *("rpm", "year", "wow", "warp", "flutter", "drift", "wear", "drive", "position", "stylus", "dust", "scratch"),
    *("hiss", "rumble", "hum", "width", "mix"),
]
NOISES = ("grain", "hiss", "dust", "scratches", "rumble", "motor", "warp", "hum")


def tone(frequency: float, count: int = RATE // 2, level: float = LEVEL) -> np.ndarray:
    wave = level * np.sin(2 * np.pi * frequency * np.arange(count) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def decibels(y: np.ndarray, frequency: float) -> float:
    """Level of a tone about that of `tone`, by a Hann window."""
    window = np.hanning(y.size)
    column = np.exp(-2j * np.pi * frequency * np.arange(y.size) / RATE)
    return float(20 * np.log10(2 * np.abs(column @ (y * window)) / window.sum() / LEVEL + 1e-12))


@functools.cache
def still() -> Vinyl:
    """Without what moves and what makes noise."""
    return Vinyl().without(*NOISES, "time")


def heard(model: Vinyl, x: np.ndarray) -> np.ndarray:
    return np.asarray(render(model, x, RATE), np.float64)


def test_it_has_the_knobs_of_a_player() -> None:
    assert sorted(controls(Vinyl())) == sorted(KNOBS)


def test_recording_and_replay_cancel_in_the_middle() -> None:
    y = heard(still(), tone(1_000.0))[0, RATE // 4 :]
    # The wrong wall adds what crosstalk lets through, 4 % at -28 dB, where both are alike.
    assert decibels(y, 1_000.0) == pytest.approx(20 * np.log10(1 + 10 ** (-28 / 20)), abs=0.1)


def test_a_side_grows_dull_and_bent_towards_its_end() -> None:
    x = tone(12_000.0, level=0.02)
    treble = [decibels(heard(at(still(), position=p), x)[0, RATE // 4 :], 12_000.0) for p in (0.0, 100.0)]
    assert treble[1] < treble[0] - 0.5
    x = tone(1_000.0)
    second = [decibels(heard(at(still(), position=p), x)[0, RATE // 4 :], 2_000.0) for p in (0.0, 50.0, 100.0)]
    assert second[0] < second[1] - 2 < second[2] - 4


def test_a_year_sets_band_and_width() -> None:
    x = tone(9_000.0, level=0.02)
    level = {year: decibels(heard(at(still(), year=year), x)[0, RATE // 4 :], 9_000.0) for year in (1935.0, 1975.0)}
    assert level[1935.0] < level[1975.0] - 3
    sides = np.array([[1.0], [-1.0]], np.float32) * tone(1_000.0)
    mono, stereo = (heard(at(still(), year=year), sides)[0, RATE // 4 :] for year in (1950.0, 1975.0))
    assert decibels(mono, 1_000.0) < -60 < -1 < decibels(stereo, 1_000.0)


def test_quiet_is_silent_and_noise_has_another_take_a_key() -> None:
    # What is left of a quiet record is hum and warp, which are no chance.
    nothing = np.zeros((2, RATE // 2), np.float32)
    player = Vinyl().without("hum", "warp", "motor", "rumble", "time", "tracing", "angle", "contact", "mistracking")
    assert np.abs(heard(quiet(player), nothing)).max() < 1e-6
    takes = [np.asarray(render(player, nothing, RATE, key=key)) for key in (0, 1)]
    assert np.abs(takes[0] - takes[1]).max() > 1e-4
    louder = at(player, dust=100.0, hiss=-50.0)
    assert np.std(heard(louder, nothing)) > 2 * np.std(takes[0])


@pytest.mark.parametrize(("channels", "name"), [(1, "78"), (2, "worn single")])
def test_a_pressing_streams_what_it_renders(channels: int, name: str) -> None:
    player = Vinyl(name, hidden=4, sample_rate=RATE, key=jax.random.key(3))
    x = (0.1 * np.random.default_rng(0).normal(size=(channels, 2_048))).astype(np.float32)
    whole, _ = jax.jit(lambda x, s, c: player(x, s, c))(x, player.init_state(channels, RATE), Clock.zero(RATE, 5))
    stream = Stream(player, channels, RATE, 512, key=5)
    pieces = np.concatenate([np.asarray(stream(x[:, i : i + 512])) for i in range(0, 2_048, 512)], axis=1)
    np.testing.assert_allclose(pieces, whole, atol=3e-6)
    assert 0.05 < np.abs(pieces).max() < 1.0


def test_knobs_have_slopes() -> None:
    x = jnp.asarray(0.3 * np.random.default_rng(0).normal(size=(2, 1_024)), jnp.float32)
    player = still().without(
        "bass", "angle", "contact", "mistracking", "worn", "arm", "cartridge", "crosstalk", "width"
    )

    def loss(drive, position, year):
        model = at(player, drive=drive, position=position, year=year)
        return jnp.sum(model(x, model.init_state(2, RATE), Clock.zero(RATE))[0] ** 2)

    slopes = jax.jit(jax.grad(loss, (0, 1, 2)))(jnp.asarray(3.0), jnp.asarray(40.0), jnp.asarray(1968.0))
    assert all(np.isfinite(s) and abs(float(s)) > 1e-6 for s in slopes)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="pressing is 'cd'"):
        Vinyl("cd")
    with pytest.raises(ValueError, match="key is None"):
        Vinyl(hidden=8)
    with pytest.raises(ValueError, match="no block is called lathe"):
        Vinyl().without("lathe")


def test_pressings_are_presets_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ddspfx.models.catalogue import recipe

    assert set(recipe("vinyl").presets) == set(PRESSINGS)
    write_audio(tmp_path / "in.wav", 0.1 * np.random.default_rng(0).normal(size=(2, 2_000)), RATE)
    words = ["render", "vinyl", str(tmp_path / "in.wav"), str(tmp_path / "out.wav"), "--preset", "worn single"]
    assert main([*words, "--control", "year=1962", "--block-size", "2048"]) == 0
    y = read_audio(tmp_path / "out.wav")[0]
    assert y.shape == (2, 2_000) and 0.01 < np.abs(y).max() < 1
    assert main([*words[:4], "--preset", "gramophone"]) == 2
    assert "worn single" in capsys.readouterr().err


def test_a_file_of_one_channel_is_played_as_one() -> None:
    player = at(Vinyl("45 single"), year=1962)
    x = jnp.zeros((1, 64))
    y, _ = jax.eval_shape(player, x, player.init_state(1, RATE), Clock.zero(RATE))
    assert y.shape == (1, 64)
