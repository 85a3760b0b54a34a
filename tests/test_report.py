"""The page of a run: self-contained, complete, and safe with any name."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import fftconvolve, firwin

import ddspfx
from ddspfx.blocks.turned import Turned
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.models import Tape, Vinyl
from ddspfx.report.chain_picture import boxes, chain_picture, fitted_knobs
from ddspfx.report.effects import alone, effects_of
from ddspfx.report.excerpts import excerpts_of, read_excerpts
from ddspfx.report.page import write_report
from ddspfx.report.record_measure import clicks, sides, wow
from ddspfx.signal.warp import interpolate

RATE = 44_100


def made(folder: Path) -> Path:
    """A run of a small model on a second of noise with a beat, with excerpts."""
    random = np.random.default_rng(0)
    beat = 0.2 + np.abs(np.sin(2 * np.pi * 2 * np.arange(2 * RATE) / RATE))
    dry = 0.2 * random.normal(size=2 * RATE) * beat
    wet = np.tanh(3 * dry) / 3
    pair = Pair(Recording(dry, RATE, "<i>dry"), Recording(wet, RATE, "<i>wet"))
    model = ddspfx.Serial(tape=ddspfx.Tanh(3.0), hiss=ddspfx.Add(ddspfx.Noise(), -90.0))
    run = ddspfx.fit(model, pair, passes=2, sequences=2, segment=512, chunks=2, out=folder)
    excerpts_of(run, pair, folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("page") / "run")


def test_the_page_is_one_file_that_asks_for_nothing(folder) -> None:
    page = write_report(folder).read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"'](https?:)?//", page)
    assert not re.search(r"url\((?!#)", page) and "@import" not in page
    assert len(page) < 8_000_000


def test_every_part_is_there(folder) -> None:
    page = write_report(folder).read_text()
    for part in ("listen", "figures", "compare", "chain", "device", "time", "parameters", "recordings"):
        assert f'id="{part}"' in page
    for name in ("dry", "wet", "model"):
        assert f'data-name="{name}"' in page
    assert "tape.drive" in page and "dB" in page


def test_names_cannot_break_out(folder) -> None:
    page = write_report(folder).read_text()
    assert "<i>wet" not in page and "&lt;i&gt;wet" in page


def test_excerpts_are_what_was_scored(folder) -> None:
    heard = read_excerpts(folder)
    # No delay line, so nothing stands still and nothing is restored; hiss, so there is a noisy one and another take.
    assert heard is not None and set(heard.signals) == {"dry", "wet", "model", "full", "take"}
    noise = heard.signals["full"] - heard.signals["model"]
    other = heard.signals["take"] - heard.signals["model"]
    assert 0 < np.std(noise) < 0.02 and 0.9 < np.std(other) / np.std(noise) < 1.1
    assert abs(np.mean(noise * other)) < 0.1 * np.var(noise)
    rest = heard.signals["model"] - heard.signals["wet"]
    assert np.mean(rest**2) < 0.2 * np.mean(heard.signals["wet"] ** 2)


def swaying(folder: Path) -> tuple[ddspfx.Run, Path]:
    """A run of a delay line on noise that sways by 5 Hz, with excerpts."""
    random, time = np.random.default_rng(1), np.arange(2 * RATE) / RATE
    dry = 0.2 * fftconvolve(random.normal(size=time.size), firwin(101, [200, 6000], fs=RATE, pass_zero=False), "same")
    wet = interpolate(dry, np.arange(time.size) - 40 * (1 + np.sin(2 * np.pi * 5 * time)) / 40)
    pair = Pair(Recording(dry, RATE, "dry"), Recording(wet, RATE, "wet"))
    line = ddspfx.VariableDelay(-0.002, 0.002, 0.0)
    model = ddspfx.Serial(tape=ddspfx.Tanh(-20.0), transport=line, hiss=ddspfx.Add(ddspfx.Noise(), -80.0))
    run = ddspfx.fit(model, pair, passes=1, sequences=1, segment=256, chunks=1, out=folder)
    excerpts_of(run, pair, folder)
    return run, folder


def test_a_transport_is_heard_undone_and_measured(tmp_path) -> None:
    run, folder = swaying(tmp_path / "run")
    heard = read_excerpts(folder)
    assert heard is not None and {"still", "restored", "take"} <= set(heard.signals)
    inner = slice(RATE // 20, -RATE // 20)
    dry, wet, still, restored = (heard.signals[name][0, inner] for name in ("dry", "wet", "still", "restored"))

    def error(x: np.ndarray, y: np.ndarray) -> float:
        """Share of x that the best filter of 17 taps on y leaves: gain and lag are no error."""
        rows = np.stack([np.roll(y, lag) for lag in range(-8, 9)], axis=1)
        return float(np.sum((x - rows @ np.linalg.lstsq(rows, x)[0]) ** 2) / np.sum(x**2))

    assert error(dry, wet) > 0.01
    assert error(dry, restored) < 0.1 * error(dry, wet)
    assert error(dry, still) < 0.1 * error(dry, wet)
    # Three kinds of blocks, so each is heard alone: time moves as in the wet, hiss moves nothing, the curve next to.
    alone = {name: heard.signals[f"effect-{name}"][0, inner] for name in ("bend", "time", "noise")}
    assert error(wet, alone["time"]) < 0.1 * error(wet, alone["noise"])
    assert max(error(dry, alone["bend"]), error(dry, alone["noise"])) < 1e-3
    page = write_report(folder).read_text()
    assert page.count("Each effect alone") == 1 and 'data-name="effect-time"' in page
    for part in ('id="transport"', "Weighted, quasi-peak", "Line at 5", 'data-name="restored"', "Without transport"):
        assert part in page, part
    assert run.latents["transport.delay"][0].spread is not None  # the band in the picture


def test_a_run_without_excerpts_has_a_page_that_says_so(folder) -> None:
    for file in (folder / "audio").iterdir():
        file.unlink()
    page = write_report(folder).read_text()
    assert 'id="player"' not in page and "tape.drive" in page


def test_no_run_no_page(tmp_path) -> None:
    with pytest.raises(ValueError, match="holds no run"):
        write_report(tmp_path)


def test_the_chain_is_drawn_with_values_knobs_and_doubt() -> None:
    model = Turned(Vinyl().without("tracing"), position=40.0)
    told = [
        {"path": "knobs.position", "determined": True, "deviation": 1.5},
        {"path": "model.crosstalk.level", "determined": False, "deviation": None},
    ]
    found = {box.name: box for box in boxes(model, told)}
    assert list(found) == list(model.model.names)
    assert found["replay"].family == "tone" and "turnover 318 µs ← year" in found["replay"].lines
    assert found["crosstalk"].lines[0] == "level -28 dB ± ?" and found["rumble"].family == "noise"
    assert fitted_knobs(model, told) == "position 40 % ± 1.5"
    page = chain_picture(ddspfx.Serial(first=ddspfx.Tanh(3.0), second=Vinyl().worn), told)
    assert page.count("<svg") == 2 and "second" in page and chain_picture(ddspfx.Tanh()) == ""


def test_the_effects_of_a_record_are_parts_of_it_alone() -> None:
    player = Vinyl()
    effects = effects_of(player)
    assert {name for each in effects for name in each.blocks} == set(player.names)
    assert [each.label for each in effects_of(player, channels=1)] == [each.label for each in effects][:-1]
    turning = alone(Turned(player, position=40.0), effects[1])
    assert turning.names == ("time",)
    assert effects_of(ddspfx.Serial(tape=ddspfx.Tanh(3.0), tone=ddspfx.LowPass(8e3))) == ()
    assert {name for each in effects_of(Tape()) for name in each.blocks} == set(Tape().names)


def test_a_record_on_the_bench() -> None:
    kept = ("record", "time", "tracing", "contact", "dust", "scratches", "replay")
    player = Turned(Vinyl().without(*(name for name in Vinyl().names if name not in kept)), position=40.0)
    places = sides(player, RATE)
    rim, centre = (places[name][0] for name in ("rim", "centre"))
    # The second harmonic rho omega v / 2 V^2 grows as the groove slows: (146.3 / 60.3)^2 times.
    at_reference = int(np.argmin(np.abs(rim.velocity - 5.0)))
    assert rim.velocity[at_reference] == pytest.approx(5.0, rel=1e-3)
    ratio = centre.second[at_reference] / rim.second[at_reference]
    assert ratio == pytest.approx((146.3 / 60.3) ** 2, rel=0.05)
    treble = [np.interp(12_000.0, *places[name][1]) for name in ("rim", "centre")]
    assert treble[1] < treble[0]
    assert 30 < clicks(player, RATE).size < 120  # 1.07 a second
    motion = wow(player)
    assert motion is not None and motion.revolution == pytest.approx(100 / 180)
    highest = np.argmax(motion.peak)
    assert motion.frequency[highest] == pytest.approx(100 / 180, abs=0.01)
    assert motion.peak[highest] == pytest.approx(0.2, rel=0.1)
