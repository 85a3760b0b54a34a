"""The page of a run: self-contained, complete, and safe with any name."""

import re
from pathlib import Path

import numpy as np
import pytest

import ddspfx
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.report.excerpts import excerpts_of, read_excerpts
from ddspfx.report.page import write_report

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
    assert heard is not None and set(heard.signals) == {"dry", "wet", "model"}
    rest = heard.signals["model"] - heard.signals["wet"]
    assert np.mean(rest**2) < 0.2 * np.mean(heard.signals["wet"] ** 2)


def test_a_run_without_excerpts_has_a_page_that_says_so(folder) -> None:
    for file in (folder / "audio").iterdir():
        file.unlink()
    page = write_report(folder).read_text()
    assert 'id="player"' not in page and "tape.drive" in page


def test_no_run_no_page(tmp_path) -> None:
    with pytest.raises(ValueError, match="holds no run"):
        write_report(tmp_path)
