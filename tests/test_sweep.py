"""A sweep does what its file says, once, however often it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ddspfx.audio import write_audio
from ddspfx.cli import main
from ddspfx.sweep.config import Sweep
from ddspfx.sweep.page import table, write_page
from ddspfx.sweep.plan import fits
from ddspfx.sweep.study import STARTS, Study

RATE = 44_100
CONFIG = """
recordings = ["*_dry.wav"]
model = "linear"
workers = 1
out = "{out}"
executor = "{executor}"

[settings]
passes = 400
solve = []
segment = 512
chunks = 2
sequences = 2
warm_up = 256
validate_every = 4
patience = 1000
time = "none"

[vary]
learning_rate = [0.01, 0.001]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One device twice, once with a wet file in which nothing was recorded."""
    place = tmp_path_factory.mktemp("sweep")
    random = np.random.default_rng(0)
    x = 0.2 * random.normal(size=RATE)
    for name, wet in (("good", np.convolve(x, [0.5, 0.3, -0.2])[:RATE]), ("lost", np.zeros(RATE))):
        write_audio(place / f"{name}_dry.wav", x, RATE)
        write_audio(place / f"{name}_wet.wav", wet, RATE)
    for name, executor in (("whole", "local"), ("killed", "processes")):
        (place / f"{name}.toml").write_text(CONFIG.format(out=name, executor=executor))
    return place


def started(folder: Path, name: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "ddspfx", "sweep", f"{name}.toml", "--json"]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(folder / "programs")}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(words, cwd=folder, env=environment, **pipes)


def finished(folder: Path, name: str) -> dict[str, Any]:
    process = started(folder, name)
    out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    figures: dict[str, Any] = json.loads(out)
    return figures


def runs(folder: Path, name: str) -> dict[str, tuple[bytes, ...]]:
    """The weights of every fit, by the fit's own name."""
    places = (folder / name / "fits").iterdir()
    return {p.name: tuple(f.read_bytes() for f in sorted(p.glob("model/*"))) for p in places}


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of the table without what it cost."""
    told = json.loads((folder / name / "sweep.json").read_text())
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "core_seconds", "memory_mb", "bytes")} for row in told
    ]


def killed_half_done(folder: Path) -> tuple[Path, int]:
    """SIGKILL to the sweep once one fit is finished and another has a checkpoint; the first one and its time."""
    process = started(folder, "killed")
    until = time.monotonic() + 200
    done: list[Path] = []
    begun: list[Path] = []
    while time.monotonic() < until and process.poll() is None and not (done and len(begun) > len(done)):
        done = list(folder.glob("killed/fits/*/run.json"))
        begun = list(folder.glob("killed/fits/*/candidates/*/checkpoint.safetensors"))
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(done) == 1 and len(begun) == 2
    return done[0], done[0].stat().st_mtime_ns


def test_a_killed_sweep_goes_on_to_the_same_results(folder: Path) -> None:
    """The whole one by submitit, the killed one by our own processes: who runs the fits changes nothing."""
    whole = finished(folder, "whole")
    assert (whole["fits"], whole["done"], whole["failed"], whole["left"]) == (4, 2, 2, 0)
    first, made = killed_half_done(folder)
    figures = finished(folder, "killed")
    assert {**figures, "page": ""} == {**whole, "page": ""}
    assert first.stat().st_mtime_ns == made, "a finished fit was done again"
    assert runs(folder, "killed") == runs(folder, "whole")
    assert rows(folder, "killed") == rows(folder, "whole")
    log = (folder / "killed/logs/worker-0.log").read_text()
    assert "resumed after pass" in log and log.count("good_wet {'learning_rate': 0.01}: start") == 1
    assert "nothing in common" in (folder / "killed/sweep.html").read_text()


def one_line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["sweep", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recordins = ['x']", "the key 'recordins'"),
        ("workers = 2", "recordings"),
        ("recordings = ['.']\nworkers = 0", "workers is 0"),
        ("recordings = ['.']\nmodel = 'tap'", "model is 'tap', but must be one of auto, linear"),
        ("recordings = ['.']\n[settings]\npases = 3", "settings.pases"),
        ("recordings = ['.']\n[vary]\nlearning_rat = [0.1]", "learning_rat is no setting: write learning_rate"),
        ("recordings = ['.']\n[vary]\nlearning_rate = [-1]", "learning_rate may not be -1"),
        ("recordings = ['.']\n[vary]\nlearning_rate = { low = 1, high = 0 }", "vary.learning_rate.range"),
        ("recordings = ['.']\n[vary]\nlearning_rate = { low = 1, hihg = 2 }", "vary.learning_rate.range"),
        ("recordings = ['nowhere']", "'nowhere', which holds no pairs"),
        ("recordings = [", "no TOML that can be read"),
    ],
)
def test_a_wrong_file_is_answered_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "sweep.toml").write_text(text)
    assert said in one_line(capsys, str(tmp_path / "sweep.toml"))
    assert not (tmp_path / "sweep").exists()


def test_without_optuna_the_cure_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "pip install 'ddspfx[sweep]'" in one_line(capsys, str(folder / "whole.toml"))


def sweep(**changes: Any) -> Sweep:
    return Sweep(**{"recordings": ["*_dry.wav"], "model": "linear", **changes})


def test_every_recording_meets_every_combination(folder: Path) -> None:
    vary = {"seed": [1, 2, 3], "model": ["linear", "curve"]}
    asked = fits(sweep(vary=vary, settings={"passes": 7}), folder)
    assert len(asked) == len({fit.key for fit in asked}) == 12
    assert {(fit.name, fit.model, fit.settings["seed"]) for fit in asked} == {
        (name, model, seed) for name in ("good_wet", "lost_wet") for model in vary["model"] for seed in vary["seed"]
    }
    assert all(fit.settings["passes"] == 7 for fit in asked)
    together = fits(sweep(vary=vary, together=True), folder)
    assert [fit.name for fit in together] == ["2 recordings"] * 6


def test_places_in_a_range_fill_it_and_stay_when_more_are_asked_for(folder: Path) -> None:
    vary = {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}, "patience": {"low": 2, "high": 9, "whole": True}}
    few, many = (fits(sweep(vary=vary, points=count, together=True), folder) for count in (4, 32))
    assert [fit.key for fit in few] == [fit.key for fit in many[:4]]
    places = np.log10([fit.varied["learning_rate"] for fit in many])
    assert np.all(np.histogram(places, 4, (-4, -1))[0] == 8)
    assert {type(fit.varied["patience"]) for fit in many} == {int}


def test_a_fit_is_claimed_by_one_and_claimed_again_when_its_owner_dies(tmp_path: Path, folder: Path) -> None:
    asked = fits(sweep(vary={"seed": [1, 2]}, together=True), folder)
    mine, other = Study(tmp_path), Study(tmp_path)
    mine.queue(asked)
    with mine.claimed() as first, other.claimed() as second, mine.claimed() as third:
        assert first is not None and second is not None and third is None
        assert {first.fit.key, second.fit.key} == {fit.key for fit in asked}
        other.finished(second.number, 0.25, {"esr": 0.25})
    with other.claimed() as again:
        assert again is not None and again.fit == first.fit and again.starts == 2
        other.failed(again.number, "silent")
    assert [row["state"] for row in mine.rows(asked)] == ["fail", "complete"]
    mine.queue(asked)
    assert [row["state"] for row in mine.rows(asked)] == ["waiting", "complete"]
    for _ in range(STARTS):
        with mine.claimed() as claim:
            assert claim is not None
    with mine.claimed() as claim:
        assert claim is None
    assert "died" in mine.rows(asked)[0]["reason"] and mine.is_over()


def test_what_is_no_longer_asked_for_leaves_the_queue(tmp_path: Path, folder: Path) -> None:
    study = Study(tmp_path)
    one, other = (fits(sweep(vary={"seed": [seed]}, together=True), folder) for seed in (1, 2))
    study.queue(one)
    study.queue(other)
    assert [row["state"] for row in study.rows([*one, *other])] == ["fail", "waiting"]
    study.queue([*one, *other])
    assert [row["state"] for row in study.rows([*one, *other])] == ["waiting", "waiting"]


def made_up(esr: float, **varied: Any) -> dict[str, Any]:
    cost = {"seconds": 3.0, "memory_mb": 400, "bytes": 10_000, "parameters": 12}
    return {"key": f"k{esr}", "name": "a", "varied": varied, "model": "tape", "state": "complete", "esr": esr, **cost}


def test_the_page_has_one_table_and_one_plot(tmp_path: Path) -> None:
    lost = {"key": "x", "name": "b<i>", "varied": {"seed": 3}, "model": "tape", "state": "fail", "reason": "is silent"}
    told = [made_up(0.1, seed=1), made_up(0.01, seed=2), lost]
    page = write_page(tmp_path, told).read_text()
    assert page.count("<table") == 1 and page.count("<figure>") == 1 and "http" not in page.replace("http://www.w3", "")
    assert page.index("1 %") < page.index("10 %") < page.index("is silent") and "b&lt;i&gt;" in page
    assert "Error against seed" in page
    assert "Error of every fit" in write_page(tmp_path, [made_up(e / 100) for e in range(1, 60)]).read_text()
    assert [row["end"] for row in table(told)] == ["1 %", "10 %", "fail"]
    assert "Fits done" in write_page(tmp_path, [lost]).read_text()


def test_a_key_that_no_sweep_has_is_refused_from_python() -> None:
    with pytest.raises(ValidationError, match="wrokers"):
        sweep(wrokers=2)
