"""A fit over several devices, or several processes, is the fit on one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from ddspfx.fit.devices import Devices, agreed, decided

SCRIPT = Path(__file__).with_name("shared_fit.py")
TWO = "--xla_force_host_platform_device_count=2"


def started(folder: Path, name: str, flags: str, *more: str) -> "subprocess.Popen[str]":
    words = [sys.executable, str(SCRIPT), str(folder / f"{name}.json"), str(folder / name), *more]
    environment = {**os.environ, "XLA_FLAGS": flags}
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)


def free_port() -> str:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return str(place.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process with two devices, and two processes with one each, said."""
    folder, port = tmp_path_factory.mktemp("devices"), free_port()
    virtual = started(folder, "virtual", TWO)
    rows = [started(folder, name, "", str(place), port) for place, name in enumerate(("first", "second"))]
    for process in (virtual, *rows):
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    return folder


def told(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["virtual", "first", "second"])
def test_the_slope_is_that_of_one_device(folder: Path, name: str) -> None:
    """The slope itself, since Adam would hide a wrong factor; in float64, where sums that cancel stay exact."""
    one, all_ = told(folder, "virtual")["one"], told(folder, name)["all"]
    assert told(folder, name)["devices"] == 2
    assert abs(all_["loss"] / one["loss"] - 1) < 1e-10
    largest = max(np.abs(leaf).max() for leaf in one["slope"])
    for mine, theirs in zip(all_["slope"], one["slope"], strict=True):
        error = np.abs(np.array(mine) - theirs).max()
        assert error <= 1e-8 * np.abs(theirs).max() + 1e-12 * largest, (mine[:3], theirs[:3])


@pytest.mark.parametrize("name", ["virtual", "first", "second"])
def test_the_fit_ends_with_the_numbers_of_one_device(folder: Path, name: str) -> None:
    """In float64, so that nothing but the sharing could tell them apart; with a solved level and a ratio as loss."""
    one, all_ = told(folder, "virtual")["one"], told(folder, name)["all"]
    assert one["figures"] == pytest.approx(all_["figures"], rel=1e-7)
    assert one["losses"] == pytest.approx(all_["losses"], rel=1e-7)
    for mine, theirs in zip(all_["numbers"], one["numbers"], strict=True):
        assert np.abs(np.array(mine) - theirs).max() <= 1e-7 * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("name", ["virtual", "first"])
def test_slopes_are_summed_once_a_step_and_never_inside_a_loop(folder: Path, name: str) -> None:
    """A sum in the backward loop, once a sample, is what makes plain `jit` a thousand times slower."""
    sums = told(folder, name)["all"]["sums"]
    assert sums["inside"] == 0 < sums["entry"] <= 4


def test_only_the_first_process_writes_files(folder: Path) -> None:
    assert (folder / "first/all/run.json").is_file() and not (folder / "second").exists()


def test_one_device_shares_nothing_and_too_many_are_refused() -> None:
    alone = Devices.of(1)
    tree = {"a": jax.numpy.ones(3)}
    assert alone.mesh is None and alone.rows(5) == 5 and alone.split(tree) is tree and alone.here(tree) is tree
    assert agreed(tree) is tree and decided(0.1) == 0.1
    with pytest.raises(ValueError, match=r"devices is 99, but must be at most the 1 there are"):
        Devices.of(99)
