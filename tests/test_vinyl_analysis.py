"""The meters for records against records whose figures are known, made by NumPy alone, and against closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.vinyl_records import Record, record, replay
from ddspfx.analysis.motion import Motion
from ddspfx.analysis.vinyl.analyse import KEYS, VinylAnalysis, analyse_vinyl
from ddspfx.analysis.vinyl.clicks import find_clicks
from ddspfx.analysis.vinyl.equalisation import of_noise, of_response
from ddspfx.analysis.vinyl.equalisation import replay as curve
from ddspfx.analysis.vinyl.groove import replayed, velocity
from ddspfx.analysis.vinyl.hum import find_hum
from ddspfx.analysis.vinyl.prediction import bridged, predictor
from ddspfx.analysis.vinyl.quiet import pauses
from ddspfx.analysis.vinyl.turning import turning
from ddspfx.audio import write_audio
from ddspfx.cli import main

RATE = 44_100
SHARED = Path(__file__).parents[2] / "shared/data/cc0"


@pytest.fixture(scope="module")
def known() -> tuple[Record, VinylAnalysis]:
    made = record(9, seconds=20.0, lead=6.0)
    return made, analyse_vinyl(made.wet, RATE)


def test_the_groove_is_the_file_with_the_replay_curve_undone() -> None:
    x = np.random.default_rng(0).standard_normal((2, 4_000))
    assert np.allclose(replayed(velocity(x, RATE), RATE), x, atol=1e-9)
    impulse = np.eye(1, 44_100)[0]
    at = np.array([50, 200, 1_000, 4_000])
    found = 20 * np.log10(np.abs(np.fft.rfft(replayed(impulse, RATE))[at]))
    assert np.allclose(found, 20 * np.log10(np.abs(replay(at.astype(float)))), atol=0.5)


def test_a_gap_in_a_chord_is_bridged() -> None:
    t = np.arange(8_000) / RATE
    x = (
        np.sin(2 * np.pi * 441 * t)
        + 0.5 * np.sin(2 * np.pi * 3_150 * t)
        + 1e-4 * np.random.default_rng(1).normal(size=8_000)
    )
    whitener = predictor(x)
    assert whitener is not None and predictor(np.zeros(500)) is None
    assert np.abs(bridged(x, whitener, 4_000, 4_044) - x[4_000:4_044]).max() < 3e-3


def test_wow_its_phase_and_the_revolution_of_a_known_motion() -> None:
    t = 8 + np.arange(0, 30, 1 / 400)
    turn = 0.5556
    speed = 2e-3 + 1e-3 * np.cos(2 * np.pi * turn * t + np.radians(75)) + 2e-4 * np.cos(2 * np.pi * 2 * turn * t)
    speed += 2e-5 * np.sin(2 * np.pi * 0.05 * t) + 3e-4 * np.sin(2 * np.pi * 11 * t)
    found = turning(Motion(t, speed, 400.0, 100.0, "sum", True, np.zeros_like(t)))
    assert found.revolution is not None and abs(found.revolution.value / turn - 1) < 1e-4
    assert found.wow is not None and abs(found.wow.value - 0.1) < 1e-3
    assert found.phase is not None and abs(found.phase.value - 75) < 1
    assert found.flutter is not None and abs(found.flutter.value - 0.03 / np.sqrt(2)) < 5e-4
    assert found.speed_error is not None and abs(found.speed_error.value - 2_000) < 10
    still = Motion(
        t, np.zeros_like(t) + 1e-5 * np.random.default_rng(2).normal(size=t.size), 400.0, 100.0, "", False, t
    )
    assert turning(still).wow is None and turning(still).speed_error is None


def test_hum_is_told_from_a_resonance_at_its_side() -> None:
    rng, count = np.random.default_rng(3), 12 * RATE
    t, f = np.arange(count) / RATE, np.fft.rfftfreq(count, 1 / RATE)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal((1, count))) / (1 + (2 * 5 * (f / 45 - 1)) ** 2), count)
    noise *= 1e-3 / noise.std()
    hum = 2e-3 * np.sin(2 * np.pi * 49.97 * t) + 1e-3 * np.sin(2 * np.pi * 3 * 49.97 * t)
    found = find_hum(noise + hum, RATE, np.ones(count, bool))
    assert found is not None and abs(found.frequency - 49.97) < 2e-3
    assert abs(10 * np.log10(found.power / np.mean(hum**2))) < 0.5
    assert find_hum(noise, RATE, np.ones(count, bool)) is None


def test_clicks_are_found_counted_and_taken_out_of_a_tone() -> None:
    rng, count = np.random.default_rng(4), 4 * RATE
    x = 0.2 * np.sin(2 * np.pi * 1_000 * np.arange(count) / RATE) + 1e-3 * rng.standard_normal(count)
    places = np.arange(2_000, count - 2_000, 4_321)
    heights = np.geomspace(0.03, 0.3, len(places))
    struck = x.copy()
    for place, height in zip(places, heights, strict=True):
        struck[place : place + 8] += height * np.exp(-np.arange(8) / 2)
    found = find_clicks(struck[None], RATE)
    above = heights >= found.threshold
    assert abs(found.counted.sum() - above.sum()) <= 1 and above.sum() > len(places) / 2
    nearest = np.abs(found.places[:, None] - places).min(0)
    assert nearest[above].max() < 20
    assert np.sqrt(np.mean((found.cleaned[0] - x) ** 2)) < 2e-3


def test_the_figures_of_a_known_record(known: tuple[Record, VinylAnalysis]) -> None:
    made, found = known
    figures, truth = found.figures, made.truth
    assert tuple(figures) == KEYS
    for key, limit in (("revolution_hz", 1e-3 * truth["revolution_hz"]), ("wow_percent", 0.05 * truth["wow_percent"]),
                       ("wow_phase_deg", 5.0), ("speed_error_ppm", 20.0), ("hum_db", 1.0), ("rumble_db", 1.5),
                       ("hum_hz", 0.01), ("flutter_percent", 0.1 * truth["flutter_percent"])):  # fmt: skip
        assert abs(figures[key].value - truth[key]) < limit, key
    bands = figures["hiss_third_octaves_db"].value
    assert max(abs(bands[name] - level) for name, level in truth["hiss_third_octaves_db"].items()) < 1.2
    counted = figures["clicks_per_second"].value * found.clicks.searched.sum() / RATE
    wanted = int(np.sum(truth["heights_db"] >= figures["click_threshold_db"].value))
    assert abs(counted - wanted) <= max(2, 0.15 * wanted)


def test_what_a_sound_does_not_determine_is_none() -> None:
    rng = np.random.default_rng(5)
    noise = analyse_vinyl(1e-2 * rng.standard_normal(3 * 48_000), 48_000).figures
    assert all(noise[key] is None for key in ("revolution_hz", "wow_percent", "hum_hz", "crosstalk_db", "rumble_db"))
    assert noise["hiss_db"] is not None and abs(noise["hiss_db"].value + 40 - 10 * np.log10(22.298 / 24)) < 0.15
    t = np.arange(2 * RATE) / RATE
    swept = np.clip(2 * np.sin(2 * np.pi * (200 + 300 * t) * t), -1, 1)
    assert analyse_vinyl(np.stack([swept, 0 * swept]), RATE).figures["hiss_db"] is None
    assert not pauses(np.zeros((1, RATE)), RATE).any()


def test_curves_are_told_where_they_are_clear() -> None:
    at = np.geomspace(100, 16_000, 23)
    names = [f"{f:.0f}" for f in at]
    white = dict(zip(names, 10 * np.log10(at) - 100, strict=True))
    assert of_noise(white) is not None and of_noise(white).value == "none"
    odd = dict(zip(names, 20 * np.sin(at), strict=True))
    assert of_noise(odd) is None
    riaa, aes = curve(at, 3_180e-6, 318e-6, 75e-6), curve(at, np.inf, 531e-6, 0.0)
    found = of_response(at, riaa - aes)
    assert found is not None and found.value == "78, 300 Hz"


def test_refusals() -> None:
    noise = 0.1 * np.random.default_rng(6).standard_normal((1, RATE))
    with pytest.raises(ValueError, match="rpm is 1"):
        analyse_vinyl(noise, RATE, rpm=1.0)
    with pytest.raises(ValueError, match="silent"):
        analyse_vinyl(np.zeros(RATE), RATE)
    with pytest.raises(ValueError, match="must last"):
        analyse_vinyl(noise[:, :1_000], RATE)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = SHARED / "vinyl_hiss.flac"
    assert main(["analyse", "vinyl", str(file), "--json", "--out", str(tmp_path / "page.html")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(KEYS) < set(said) and -50 < said["hiss_db"]["value"] < -40 and said["wow_percent"] is None
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") >= 4 and "http" not in page.split("</style>")[1]
    write_audio(tmp_path / "silent.wav", np.zeros((1, RATE)), RATE)
    for wrong in ([str(tmp_path / "silent.wav")], [str(file), "--rpm", "fast"], 2 * [str(file)] + ["--dry", str(file)],
                  [str(tmp_path / "none.wav")], [str(file), "--out", str(tmp_path / "page.txt")]):  # fmt: skip
        assert main(["analyse", "vinyl", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
