"""A fit that is killed at any moment and resumed is the same fit."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from ddspfx.audio import write_audio
from ddspfx.cli import main
from ddspfx.fit.run import Run

RATE = 44_100
CONFIG = """
passes = 600
solve = []
segment = 512
chunks = 2
sequences = 2
warm_up = 256
validate_every = 4
patience = 1000
time = "none"
"""
"""The linear model with its taps fitted by gradient: little to compile, and a checkpoint every few milliseconds."""
FIT = ["fit", "dry.wav", "wet.wav", "--model", "linear", "--config", "fit.toml"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("resume")
    x = 0.2 * np.random.default_rng(0).normal(size=RATE)
    write_audio(place / "dry.wav", x, RATE)
    write_audio(place / "wet.wav", np.convolve(x, [0.5, 0.3, -0.2])[:RATE], RATE)
    (place / "fit.toml").write_text(CONFIG)
    return place


def started(folder: Path, out: str, *more: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "ddspfx", *FIT, "--out", out, *more]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(folder: Path, out: str, *more: str) -> str:
    process = started(folder, out, *more)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return said


def passed(run: Path) -> int:
    """The pass of the checkpoint on disk, 0 before there is one."""
    checkpoint = run / "candidates/linear/checkpoint.safetensors"
    if not checkpoint.is_file():
        return 0
    with safe_open(checkpoint, framework="numpy") as file:
        return int(json.loads(file.metadata()["notes"])["pass"])


def kill_after(process: "subprocess.Popen[str]", run: Path, number: int, delay: float) -> None:
    """SIGKILL some moments after the checkpoint has passed a number."""
    until = time.monotonic() + 120
    while passed(run) <= number and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(delay)
    process.kill()
    process.communicate()


def check_whole(run: Path) -> None:
    """Everything that has its final name can be read."""
    for file in run.rglob("*.json"):
        if not file.name.endswith(".part"):
            json.loads(file.read_text())
    for file in run.rglob("model-*.safetensors"):
        if not file.name.endswith(".part"):
            assert hashlib.sha256(file.read_bytes()).hexdigest()[:16] in file.name
    passed(run)


def outcome(run: Path) -> tuple[list[bytes], dict[str, object]]:
    text = json.loads((run / "run.json").read_text())
    for row in text["history"]:
        del row["seconds"]
    return [file.read_bytes() for file in sorted(run.glob("model/*"))], text


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_same_fit(folder: Path) -> None:
    finished(folder, "whole")
    random = np.random.default_rng(1)
    for number, least in enumerate((-1, 0, 200)):
        process = started(folder, "killed", *(["--resume"] if number else []))
        kill_after(process, folder / "killed", least, float(random.uniform(0, 0.2)))
        check_whole(folder / "killed")
    assert 0 < passed(folder / "killed") < 600
    assert not (folder / "killed/run.json").exists()
    assert "resumed after pass" in finished(folder, "killed", "--resume")
    weights, figures = outcome(folder / "killed")
    whole, wanted = outcome(folder / "whole")
    assert figures == wanted
    assert weights == whole
    assert not [file for file in (folder / "killed").rglob(".*")]
    assert Run.load(folder / "killed").figures == Run.load(folder / "whole").figures


@pytest.mark.slow
def test_another_fit_is_not_resumed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    other = [word.replace("wet.wav", "dry.wav") for word in FIT]
    (folder / "fit.toml").write_text(CONFIG.replace("600", "4"))
    assert main([*FIT, "--out", "mine"]) == 0
    assert main([*other, "--out", "mine", "--resume"]) == 2
    assert "was begun with other pairs" in capsys.readouterr().err
    (folder / "fit.toml").write_text(CONFIG + "learning_rate = 0.5\n")
    assert main([*FIT, "--out", "mine", "--resume"]) == 2
    assert "was begun with other settings" in capsys.readouterr().err
