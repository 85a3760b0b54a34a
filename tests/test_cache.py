"""What is kept between runs is used, belongs to what made it, and never stops a run."""

import dataclasses
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ddspfx.cli.cache import kept, prune
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.known import key, prepared

RATE = 44_100
PROGRAM = """
from ddspfx.cli.cache import begin
begin()
import ddspfx, jax, jax.monitoring
seen = []
jax.monitoring.register_event_listener(lambda name, **rest: seen.append(name))
print(float(jax.jit(lambda x: 3 * x + 1)(2.0)), sum("cache_hits" in name for name in seen))
"""


def ran(folder: Path | str, **environment: str) -> tuple[str, str]:
    """What a program that caches says, on standard output and on standard error."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**clean, "DDSPFX_CACHE": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr


def pair() -> Pair:
    random = np.random.default_rng(0)
    x = 0.1 * random.normal(size=(1, 2 * RATE)).astype(np.float32)
    wet = np.roll(x, 100, axis=1)
    return Pair(Recording(x, RATE, "dry"), Recording(wet, RATE, "wet"))


def test_programs_are_kept_and_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    assert ran(tmp_path)[0] == "7.0 0"
    assert ran(tmp_path)[0] != "7.0 0"
    for entry in tmp_path.rglob("*-cache"):
        entry.write_bytes(entry.read_bytes()[:40])
    assert ran(tmp_path) == ("7.0 0", "")
    assert ran(tmp_path)[0] != "7.0 0"


def test_a_folder_that_cannot_be_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DDSPFX_CACHE", str(tmp_path / "file" / "below"))
    assert kept() is None
    assert ran(tmp_path / "file" / "below") == ("7.0 0", "")


def test_the_folder_is_the_system_s_or_the_user_s_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DDSPFX_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept() == tmp_path / "ddspfx"
    monkeypatch.setenv("DDSPFX_CACHE", str(tmp_path / "own"))
    assert kept() == tmp_path / "own"
    for word in ("0", "off"):
        monkeypatch.setenv("DDSPFX_CACHE", word)
        assert kept() is None


def test_the_user_s_own_cache_of_programs_wins(tmp_path: Path) -> None:
    ran(tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "theirs"))
    assert list((tmp_path / "theirs").iterdir()) and not list((tmp_path / "ours").rglob("*-cache"))


def test_the_folder_is_bounded(tmp_path: Path) -> None:
    for age in range(5):
        path = tmp_path / f"below/{age}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    prune(tmp_path, 250)
    assert sorted(path.name for path in (tmp_path / "below").iterdir()) == ["0", "1"]


def test_a_pair_is_tracked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepared(pair(), tmp_path)
    takes = importlib.import_module("ddspfx.fit.takes")
    with monkeypatch.context() as patch:
        patch.delattr(takes, "track")
        patch.delattr(takes, "align")
        again = prepared(pair(), tmp_path)
    assert again.alignment == first.alignment
    assert np.array_equal(again.dry, first.dry)
    assert first.trajectory is not None and again.trajectory is not None
    assert np.array_equal(again.trajectory.knots, first.trajectory.knots)
    assert int(again.trajectory.base) == int(first.trajectory.base)
    for entry in (tmp_path / "pairs").glob("*.json"):
        entry.write_text("{")
    assert prepared(pair(), tmp_path).alignment == first.alignment


def test_other_samples_are_another_pair() -> None:
    x = pair()
    louder = Recording(2 * x.wet.samples, RATE, "wet")
    named = dataclasses.replace(x, dry=Recording(x.dry.samples, RATE, "another name"))
    assert key(x) == key(named) != key(dataclasses.replace(x, wet=louder))
