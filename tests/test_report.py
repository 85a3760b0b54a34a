"""The page of a run: self-contained, complete, and safe with any name."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import fftconvolve, firwin

import ddspfx
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.report.excerpts import excerpts_of, read_excerpts
from ddspfx.report.page import write_report
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
    for part in ("listen", "figures", "compare", "device", "time", "parameters", "recordings"):
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
    model = ddspfx.Serial(tape=ddspfx.Tanh(-20.0), transport=ddspfx.VariableDelay(-0.002, 0.002, 0.0))
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
    page = write_report(folder).read_text()
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
