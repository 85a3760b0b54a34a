"""What several devices gain, and what a sweep costs: `python -m benchmarks.scale [steps] [fits] [queue]`.

steps: milliseconds of a training step (16 sequences of 2048 samples) on one device, on two virtual ones, and on two
processes on the loopback; the shortest of many, in turns. fits: a sweep over two stretches of the demo's recording
and two numbers of passes, by one worker: what a fit costs before its first pass, a pass, memory and storage.
queue: 10,000 fits that do nothing, through the study's journal. Writes `results/scale-PART.md`.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import write_table

Rows = list[dict[str, Any]]
TURNS = 3
SECONDS = 12.0
PASSES = (4, 40)
COUNT = 10_000


def steps() -> Rows:
    """A row a model and loss."""
    found: dict[str, dict[str, float]] = {"one": {}, "two devices": {}, "two processes": {}}
    for _ in range(TURNS):
        for way, start in {"one": _one, "two devices": _two_devices, "two processes": _two_processes}.items():
            for case, value in start().items():
                found[way][case] = min(value, found[way].get(case, np.inf))
    return [
        {
            "model, loss": case,
            "one device, ms": one,
            "two devices, ms": found["two devices"][case],
            "two processes, ms": found["two processes"][case],
            "one / two devices": one / found["two devices"][case],
            "one / two processes": one / found["two processes"][case],
        }
        for case, one in found["one"].items()
    ]


def _said(process: "subprocess.Popen[str]") -> dict[str, float]:
    out, _ = process.communicate()
    line = next((line for line in out.splitlines() if line.startswith("{")), "{}")
    figures: dict[str, float] = json.loads(line)
    return figures


def _started(core: str, flags: str, *words: str) -> "subprocess.Popen[str]":
    argv = ["taskset", "-c", core, sys.executable, "-m", "benchmarks.scale_steps", *words]
    environment = {**os.environ, "XLA_FLAGS": flags}
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def _one() -> dict[str, float]:
    return _said(_started("1", "", "1"))


def _two_devices() -> dict[str, float]:
    return _said(_started("0,1", "--xla_force_host_platform_device_count=2", "2"))


def _two_processes() -> dict[str, float]:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = str(place.getsockname()[1])
    first, second = (_started(str(number), "", "2", str(number), port) for number in (0, 1))
    figures = _said(first)
    second.wait()
    return figures


def fits() -> Rows:
    """A row a fit, and what a fit and a pass cost by them."""
    from ddspfx.audio import write_audio
    from ddspfx.fit.progress import Lines
    from ddspfx.report.demo import demo_pair
    from ddspfx.sweep.sweep import sweep

    pair = demo_pair()
    rate = pair.sample_rate
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder / "programs")
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        for number, start in enumerate((0, round(3.5 * rate))):
            part = slice(start, start + round(SECONDS * rate))
            for role, recording in (("dry", pair.dry), ("wet", pair.wet)):
                write_audio(folder / f"device{number}_{role}.wav", recording.samples[:, part], rate)
        config = {"recordings": ["*_dry.wav"], "model": "tape", "vary": {"passes": list(PASSES)}}
        done = sweep(config, beside=folder, progress=Lines())
        return [
            {
                "recording": row["name"],
                "passes": row["varied"]["passes"],
                "seconds": row["seconds"],
                "core-seconds": row["core_seconds"],
                "most memory, MB": row["memory_mb"],
                "folder, kB": row["bytes"] / 1e3,
                "ESR": row["esr"],
            }
            for row in done
        ]


def queue() -> Rows:
    """A row a step of the study's life."""
    from ddspfx.sweep.page import write_page
    from ddspfx.sweep.plan import Fit
    from ddspfx.sweep.study import JOURNAL, Study

    asked = [
        Fit(
            recordings=[{"name": f"device {number}", "dry": f"{number}_dry.wav", "wet": f"{number}_wet.wav"}],
            model="tape",
            minutes=5.0,
            settings={"passes": 60},
            varied={"passes": 60},
        )
        for number in range(COUNT)
    ]
    rows: Rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = Study(folder)
        rows.append(_timed(f"queue {COUNT} fits", lambda: study.queue(asked)))
        rows.append(_timed("open the study again", lambda: Study(folder).rows(asked[:1])))
        rows.append(_timed("claim and finish 200 of them", lambda: [_nothing(study) for _ in range(200)]))
        rows.append(_timed("look at all fits", lambda: study.rows(asked)))
        told = [{**row, "state": "complete", "esr": 0.01, "seconds": 300.0, "parameters": 500}
                for row in study.rows(asked)]  # fmt: skip
        rows.append(_timed("write the page", lambda: write_page(folder, told)))
        for file in (JOURNAL, "sweep.html", "sweep.json"):
            rows.append({"what": f"size of {file}", "measured": (folder / file).stat().st_size / 1e6, "unit": "MB"})
    return rows


def _nothing(study: Any) -> None:
    with study.claimed() as claim:
        study.finished(claim.number, 0.01, {"esr": 0.01, "seconds": 300.0, "parameters": 500})


def _timed(what: str, call: Callable[[], Any]) -> dict[str, Any]:
    began = time.perf_counter()
    call()
    row = {"what": what, "measured": time.perf_counter() - began, "unit": "s"}
    print(row, flush=True)
    return row


PARTS: dict[str, Callable[[], Rows]] = {"steps": steps, "fits": fits, "queue": queue}


def main() -> None:
    """The parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    for part in parser.parse_args().parts:
        rows = PARTS[part]()
        load = f"Load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."
        write_table(f"scale-{part}", f"{PARTS[part].__doc__} {load}", rows, f"python -m benchmarks.scale {part}")


if __name__ == "__main__":
    main()
