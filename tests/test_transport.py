"""The flutter meters against the standards' own tables, and against transports whose figures are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from ddspfx.analysis.lines import lines
from ddspfx.analysis.motion import trajectory_motion
from ddspfx.analysis.quasi_peak import FALL, FALL_TOLERANCE, PULSES, SINES, quasi_peak
from ddspfx.analysis.transport import analyse_transport, figures_of
from ddspfx.analysis.weighting import POINTS, weighted, weighting
from ddspfx.analysis.wow_flutter import aes6, band, iec_60386, rms, settled, two_sigma
from ddspfx.audio import write_audio
from ddspfx.cli import main
from ddspfx.source.trajectory import Trajectory

RATE, SECONDS = 44_100, 10
TIME = np.arange(RATE * SECONDS) / RATE
SLOW = 1_000.0
STEPS = np.arange(20 * 1_000) / SLOW


def tone(*parts: tuple[float, float], frequency: float = 3_150.0, error: float = 0.0) -> np.ndarray:
    """A tone whose speed is 1 + error + sum of a sin 2πft, by its closed-form phase."""
    cycles = (1 + error) * TIME - sum(a / (2 * np.pi * f) * np.cos(2 * np.pi * f * TIME) for a, f in parts)
    return 0.5 * np.sin(2 * np.pi * frequency * cycles)


def gain_at(frequency: float) -> float:
    return float(weighting(np.array([frequency]))[0])


def test_the_curve_is_the_table() -> None:
    at, level = np.array(POINTS).T
    assert np.allclose(20 * np.log10(weighting(at)), level, atol=1e-9)
    fine = weighting(np.geomspace(0.05, 400, 2_000))
    top = int(np.argmax(fine))
    assert np.all(np.diff(fine[: top + 1]) > 0) and np.all(np.diff(fine[top:]) < 0)


@pytest.mark.parametrize("frequency", [0.5, 4.0, 20.0, 100.0])
def test_a_sine_through_the_filter_has_the_curve_and_comes_late(frequency: float) -> None:
    heard = settled(weighted(np.sin(2 * np.pi * frequency * STEPS), SLOW), SLOW)
    assert np.isclose(np.sqrt(2) * rms(heard), gain_at(frequency), rtol=0.01)
    impulse = np.zeros(20_000)
    impulse[10_000] = 1
    answer = np.abs(weighted(impulse, SLOW))
    assert answer[:9_990].max() < 0.02 * answer[10_000:].max()


@pytest.mark.parametrize(("length", "reads", "tolerance"), PULSES)
def test_the_pointer_reads_the_standards_pulses(length: float, reads: float, tolerance: float) -> None:
    """One-sided pulses of the sine's peak-to-peak size, one a second."""
    time = np.arange(0, 8, 1 / SLOW)
    shown = quasi_peak(np.where(time % 1 < length - 1e-9, 1.0, 0.0), SLOW)[-1_000:]
    assert abs(shown.max() - reads) <= tolerance
    if length == 0.1:
        assert abs(shown.min() - FALL) <= FALL_TOLERANCE


def test_the_pointers_readings_of_sines_are_what_the_curve_takes_out() -> None:
    for frequency, reads in zip(*SINES, strict=True):
        if frequency >= 0.5:
            shown = quasi_peak(np.sin(2 * np.pi * frequency * STEPS), SLOW)
            assert np.isclose(shown[-10_000:].max(), reads, rtol=0.01)
            shown = settled(iec_60386(1e-3 * np.sin(2 * np.pi * frequency * STEPS), SLOW), SLOW)[5_000:]
            assert np.isclose(shown.max(), 1e-3 * gain_at(frequency), rtol=0.02)


def test_two_sigma_of_noise_and_of_a_sine() -> None:
    noise = np.random.default_rng(0).standard_normal(200_000)
    assert np.isclose(two_sigma(noise), 1.96, atol=0.02)
    assert np.isclose(two_sigma(np.sin(2 * np.pi * 4 * STEPS)), np.sin(0.475 * np.pi), rtol=1e-3)
    assert np.isclose(aes6(1e-3 * np.sin(2 * np.pi * 4 * STEPS), SLOW), 1e-3, rtol=0.01)


def test_bands_share_the_power_between_them() -> None:
    noise = np.random.default_rng(1).standard_normal(60_000)
    parts = [band(noise, SLOW, low, high) for low, high in ((0.0, 0.5), (0.5, 6.0), (6.0, 100.0), (100.0, 500.0))]
    assert np.isclose(sum(rms(part) ** 2 for part in parts), rms(noise) ** 2, rtol=0.01)


@pytest.mark.parametrize("frequency", [4.0, 0.75, 20.0])
@pytest.mark.parametrize("carrier", [3_150.0, 3_000.0])
def test_a_tone_with_a_tenth_of_a_per_cent(frequency: float, carrier: float) -> None:
    found = analyse_transport(tone((1e-3, frequency), frequency=carrier, error=-2e-3), RATE).figures
    wanted = 0.1 * gain_at(frequency)
    for name in ("weighted_peak_percent", "weighted_quasi_peak_percent", "weighted_two_sigma_percent"):
        assert np.isclose(found[name].value, wanted, rtol=0.03), name
    assert np.isclose(found["weighted_rms_percent"].value, wanted / np.sqrt(2), rtol=0.02)
    assert np.isclose(found["unweighted_rms_percent"].value, 0.1 / np.sqrt(2), rtol=0.02)
    inside = "wow" if frequency < 6 else "flutter"
    assert np.isclose(found[f"{inside}_rms_percent"].value, 0.1 / np.sqrt(2), rtol=0.02)
    assert np.isclose(found[f"{inside}_peak_percent"].value, 0.1, rtol=0.03)
    assert abs(found["speed_error_ppm"].value + 2_000) < 1
    assert np.isclose(found["speed_error_percent"].value, -0.2, rtol=1e-3)


def test_sums_and_their_lines() -> None:
    found = analyse_transport(tone((1e-3, 5 / 9), (4e-4, 10 / 9), (5e-4, 9.4), (3e-4, 300.0)), RATE)
    figures = found.figures
    wow = figures["wow_rms_percent"]  # of some 4.4 turns, so not exactly that of whole ones
    assert abs(wow.value - 100 * np.hypot(1e-3, 4e-4) / np.sqrt(2)) < 2 * wow.deviation < 0.02
    assert np.isclose(figures["flutter_rms_percent"].value, 0.05 / np.sqrt(2), rtol=0.02)
    assert np.isclose(figures["scrape_rms_percent"].value, 0.03 / np.sqrt(2), rtol=0.02)
    by_frequency = {round(line.frequency, 2): line for line in found.lines}
    assert [by_frequency[f].name for f in (0.56, 1.11, 9.4, 300.0)] == ["record at 33⅓", "2 × 0.556 Hz", "", ""]
    assert np.isclose(by_frequency[9.4].peak, 5e-4, rtol=0.01)
    assert np.isclose(by_frequency[300.0].peak, 3e-4, rtol=0.01)


def test_noise_clipping_and_stereo_are_borne_and_said() -> None:
    clean = tone((1e-3, 4.0), (5e-4, 20.0), frequency=3_000.0)
    hiss = np.random.default_rng(2).standard_normal((2, clean.size))
    quiet = analyse_transport(clean, RATE).figures
    wet = np.stack([0.1 * hiss[0], np.clip(3 * clean, -0.7, 0.7) + 5e-3 * hiss[1]])
    noisy = analyse_transport(wet, RATE).figures
    for name in ("wow_rms_percent", "flutter_rms_percent", "weighted_rms_percent"):
        assert abs(noisy[name].value - quiet[name].value) < 3 * noisy[name].deviation + 0.01 * quiet[name].value
    # Above 100 Hz there is nothing but the noise, and the figure's deviation says so.
    assert noisy["scrape_rms_percent"].deviation > 0.5 * noisy["scrape_rms_percent"].value
    assert quiet["scrape_rms_percent"].value < 1e-4


def test_heavy_wow_does_not_hide_what_the_tone_was() -> None:
    found = analyse_transport(tone((3e-2, 0.6), (1e-3, 10.0)), RATE)
    assert found.motion.source == "tone of 3150 Hz"
    assert abs(found.figures["speed_error_ppm"].value) < 100 + 3 * found.figures["speed_error_ppm"].deviation
    assert np.isclose(found.figures["wow_peak_percent"].value, 3.0, rtol=0.03)
    assert np.isclose(found.figures["flutter_rms_percent"].value, 0.1 / np.sqrt(2), rtol=0.05)


def test_what_cannot_be_known_is_none() -> None:
    pulses = np.zeros(TIME.size)
    places = np.arange(100, TIME.size - 200, 441) / RATE
    late = places + 1e-3 / (2 * np.pi * 3) * (1 - np.cos(2 * np.pi * 3 * places))
    for place in late[np.random.default_rng(6).random(late.size) > 0.03]:
        n = np.arange(int(place * RATE) - 30, int(place * RATE) + 31)
        pulses[n] += 0.5 * np.sinc(0.7 * (n - place * RATE)) * np.hanning(61)
    found = analyse_transport(np.stack([0.1 * np.random.default_rng(3).standard_normal(TIME.size), pulses]), RATE)
    assert found.motion.source == "pilot" and 40 < found.motion.top <= 50
    assert found.figures["scrape_rms_percent"] is None and found.figures["speed_error_ppm"] is None
    assert np.isclose(found.figures["wow_rms_percent"].value, 0.1 / np.sqrt(2), rtol=0.02)
    odd = analyse_transport(tone((1e-3, 4.0), frequency=2_000.0), RATE)
    assert odd.figures["speed_error_ppm"] is None and odd.figures["wow_rms_percent"] is not None
    short = analyse_transport(tone((1e-3, 20.0))[:RATE], RATE).figures
    assert short["drift_rms_percent"] is None and short["wow_rms_percent"] is None


def test_a_trajectory_is_a_transport_too() -> None:
    times = np.arange(0, 8, 1 / 800)
    delay = -1e-3 / (2 * np.pi * 5) * np.cos(2 * np.pi * 5 * times)
    found = figures_of(trajectory_motion(Trajectory.fit(times, delay, 8.0, RATE)))
    assert np.isclose(found.figures["wow_rms_percent"].value, 0.1 / np.sqrt(2), rtol=0.02)
    assert found.figures["scrape_rms_percent"] is None


def test_noise_alone_has_no_lines() -> None:
    noise = np.random.default_rng(4).standard_normal(20_000)
    assert lines(noise, SLOW, 400.0) == []


def test_refusals() -> None:
    noise = 0.1 * np.random.default_rng(5).standard_normal((2, 2 * RATE))
    for chosen, message in (
        ({}, "no test tone and no pilot"),
        ({"tone": 3_150.0, "pilot": 0}, "pilot and tone given"),
        ({"pilot": 3}, "pilot is 3"),
        ({"tone": 3_150.0}, "no steady tone stands out"),
    ):
        with pytest.raises(ValueError, match=message):
            analyse_transport(noise, RATE, **chosen)


def test_the_command_writes_a_page_a_picture_and_an_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "<i>tone.wav"
    write_audio(file, tone((1e-3, 4.0)), RATE)
    assert main(["analyse", "transport", str(file), "--json", "--out", str(tmp_path / "page.html")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert abs(said["weighted_quasi_peak_percent"]["value"] - 0.1) < 0.003
    assert said["weighted_quasi_peak_percent"]["deviation"] < 0.01
    assert abs(said["lines"][0]["frequency_hz"] - 4) < 1e-3
    page = (tmp_path / "page.html").read_text()
    assert "<i>tone" not in page and page.count("<svg") == 6 and "http" not in page.split("</style>")[1]
    assert main(["analyse", "transport", str(file), "--out", str(tmp_path / "page.png")]) == 0
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert "Weighted, quasi-peak" in capsys.readouterr().out


def test_its_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "transport", "--help"]) == 0
    assert "Examples:\n    ddspfx analyse transport" in capsys.readouterr().out
