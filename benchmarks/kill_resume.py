"""A fit killed (SIGKILL) at ten random moments and resumed: is it the same fit? `python -m benchmarks.kill_resume`."""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATE = 44_100
RESULTS = Path(__file__).parent / "results/kill_resume.md"
PASSES = 300
CONFIG = f"""
passes = {PASSES}
segment = 512
chunks = 2
sequences = 2
warm_up = 256
validate_every = 3
patience = 100
"""


def pair(folder: Path) -> None:
    """Two seconds of noise with a beat, and the same through a curve and a transport that sways by 0.3 ms."""
    from ddspfx.audio import write_audio

    random = np.random.default_rng(0)
    count = 2 * RATE
    spectrum = np.fft.rfft(random.normal(size=count)) / np.sqrt(np.arange(count // 2 + 1) + 20)
    x = np.fft.irfft(spectrum, count)
    x *= 0.2 / np.std(x) * (0.3 + np.abs(np.sin(2 * np.pi * 3 * np.arange(count) / RATE)))
    time_s = np.arange(count) / RATE
    moved = np.interp(time_s - 1e-3 - 3e-4 * np.sin(2 * np.pi * 2 * time_s), time_s, np.tanh(4 * x) / 4)
    write_audio(folder / "dry.wav", x, RATE)
    write_audio(folder / "wet.wav", moved, RATE)


def whole(run: Path) -> int:
    """How many files there are; each is read, so a half-written one raises."""
    from safetensors import safe_open

    files = [file for file in run.rglob("*") if file.is_file() and not file.name.endswith(".part")]
    for file in files:
        if file.suffix == ".json":
            json.loads(file.read_text())
        if file.suffix == ".safetensors":
            with safe_open(file, framework="numpy") as tensors:
                list(tensors.keys())
        if file.name.startswith("model-"):
            assert hashlib.sha256(file.read_bytes()).hexdigest()[:16] in file.name, f"{file} is half-written"
    return len(files)


def passed(run: Path) -> int:
    """The pass of the checkpoint on disk, 0 before there is one."""
    from safetensors import safe_open

    checkpoint = next(run.glob("candidates/*/checkpoint.safetensors"), None)
    if checkpoint is None:
        return 0
    with safe_open(checkpoint, framework="numpy") as tensors:
        return int(json.loads(tensors.metadata()["notes"])["pass"])


def stage(run: Path) -> str:
    """How far the fit had come, by what is on disk."""
    if (run / "run.json").is_file():
        return "the finished run"
    return f"checkpoint of pass {passed(run)}" if passed(run) else "no checkpoint yet"


def outcome(run: Path) -> tuple[list[bytes], dict[str, object]]:
    """Weights and figures; the seconds that it took are no figure."""
    text = json.loads((run / "run.json").read_text())
    for row in text["history"]:
        del row["seconds"]
    return [file.read_bytes() for file in sorted(run.glob("model/*.safetensors"))], text


def started(folder: Path, out: str, model: str) -> "subprocess.Popen[bytes]":
    """The fit as a user types it."""
    words = ["fit", "dry.wav", "wet.wav", "--model", model, "--out", out, "--config", "fit.toml", "--resume"]
    argv = [sys.executable, "-m", "ddspfx", *words]
    return subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def whole_fit(folder: Path, out: str, model: str) -> None:
    """The fit to its end."""
    if code := started(folder, out, model).wait():
        raise RuntimeError(f"the fit ended with exit code {code}")


def killed(folder: Path, model: str, kills: int, seed: int) -> list[str]:
    """A row a kill: each fifth at any moment of the start, the others at a random checkpoint, moments after it."""
    random = np.random.default_rng(seed)
    rows = []
    run = folder / "killed"
    for number in range(1, kills + 1):
        began = time.monotonic()
        process = started(folder, "killed", model)
        if number % 5 == 1:
            time.sleep(float(random.uniform(0.1, 15.0)))
        else:
            least = passed(run) + int(random.integers(0, 2 * PASSES // kills))
            while passed(run) <= least and process.poll() is None:
                time.sleep(0.01)
            time.sleep(float(random.uniform(0.0, 0.3)))
        process.kill()
        process.wait()
        seconds = time.monotonic() - began
        strays = len(list(run.rglob("*.part")))
        rows.append(f"| {number} | {seconds:.1f} | {stage(run)} | {whole(run)} | {strays} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Runs the fit whole and killed, compares, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", default="curve")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair(folder)
        (folder / "fit.toml").write_text(CONFIG)
        whole_fit(folder, "whole", given.model)
        rows = killed(folder, given.model, given.kills, given.seed)
        whole_fit(folder, "killed", given.model)
        one, other = outcome(folder / "whole"), outcome(folder / "killed")
        verdict = (
            f"Weights equal, byte for byte: {'yes' if one[0] == other[0] else 'NO'}. "
            f"run.json equal but for the seconds: {'yes' if one[1] == other[1] else 'NO'}. "
            f"Half-written files at the end: {len(list((folder / 'killed').rglob('*.part')))}."
        )
    head = [
        "# A fit killed and resumed",
        "",
        f"`python -m benchmarks.kill_resume --kills {given.kills} --model {given.model} --seed {given.seed}`: "
        f"`ddspfx fit ... --resume`, {PASSES} passes, killed by SIGKILL at random moments, resumed each time.",
        "Every file found after a kill was read back; a stray is a file under a temporary name, which the next start "
        "removes.",
        "",
        "| kill | seconds after the start | what was on disk | whole files | strays |",
        "| ---: | ---: | --- | ---: | ---: |",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join([*head, *rows, "", verdict, ""]))
    print(verdict)


if __name__ == "__main__":
    main()
