"""The record player: whether its presets lie where real players do, and how fast it plays.

python -m benchmarks.vinyl_player [--quick]. Presets play 30 s of tones half way through a side: 3150 Hz for wow and
flutter (`analyse_transport`, unweighted RMS in per cent), 1 kHz at -12 dBFS (5 cm/s) in both channels for the
harmonics after replay, and in the left alone for crosstalk. "real" is the span over the eight turntables of
`../shared/data/turntable_measurements`; a figure outside it is in brackets. Speeds are on one core, the whole stereo
chain with all its noises and the usual preset, at 44.1 kHz: 10 s in one call, and streamed, medians.
"""

import argparse
import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench.pinning import pin

if __name__ == "__main__":
    pin()

import jax
import jax.numpy as jnp

from benchmarks.bench.timing import interleaved, spread
from benchmarks.streaming import empty
from benchmarks.table import write_table
from ddspfx import Clock, Stream, analyse_transport, at, render
from ddspfx.models import Vinyl
from ddspfx.models.pressing import PRESSINGS

RATE, LEVEL = 44_100, 10 ** (-12 / 20)
REAL = Path(__file__).parents[2] / "shared/data/turntable_measurements/groove_scope_1khz.csv"
COLUMNS = {
    "wow, % RMS": ("raw_wow_rms_percent",),
    "flutter, % RMS": ("raw_flutter_rms_percent",),
    "crosstalk at 1 kHz, dB": ("crosstalk_l_to_r_db", "crosstalk_r_to_l_db"),
    "H2, dB": ("h2_l_db", "h2_r_db"),
    "H3, dB": ("h3_l_db", "h3_r_db"),
}
NOISES = ("grain", "hiss", "dust", "scratches", "rumble", "motor", "warp", "hum")
BLOCKS = {128: "≥ 10", 512: "≥ 20"}


def real() -> dict[str, tuple[float, float]]:
    """Least and greatest of each figure over the real turntables."""
    rows = list(csv.DictReader(REAL.read_text().splitlines()))
    found = {name: [float(row[c]) for row in rows for c in columns if row[c]] for name, columns in COLUMNS.items()}
    return {name: (min(values), max(values)) for name, values in found.items()}


def tone(frequency: float, seconds: float, right: float = 1.0) -> np.ndarray:
    wave = LEVEL * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, right * wave]).astype(np.float32)


def levels(y: np.ndarray, frequencies: list[float]) -> np.ndarray:
    """Amplitudes in dB, by a Hann window."""
    t = np.arange(y.size) / RATE
    columns = np.exp(-2j * np.pi * np.outer(frequencies, t))
    return 20 * np.log10(np.abs(columns @ (y * np.hanning(y.size))) + 1e-20)


def figures(name: str, seconds: float) -> dict[str, float]:
    """What the meters say of a preset."""
    player = at(Vinyl(name), position=50.0).without(*NOISES)
    steady = player.without("time")
    motion = analyse_transport(np.asarray(render(player, tone(3_150.0, seconds), RATE))[0], RATE, tone=3_150.0)
    settled = slice(RATE // 2, None)
    both = np.asarray(render(steady, tone(1_000.0, 1.5), RATE), np.float64)[0, settled]
    alone = np.asarray(render(at(player, year=1990.0).without("time"), tone(1_000.0, 1.5, 0.0), RATE), np.float64)
    first, second, third = levels(both, [1_000.0, 2_000.0, 3_000.0])
    left, right = (levels(row[settled], [1_000.0])[0] for row in alone)
    wow, flutter = (motion.figures[f"{band}_rms_percent"] for band in ("wow", "flutter"))
    assert wow is not None
    assert flutter is not None
    values = (wow.value, flutter.value, right - left, second - first, third - first)
    return dict(zip(COLUMNS, map(float, values), strict=True))


def presets(seconds: float) -> list[dict[str, Any]]:
    spans = real()
    rows: list[dict[str, Any]] = [{"preset": "real"} | {k: f"{low:g} to {high:g}" for k, (low, high) in spans.items()}]
    for name in PRESSINGS:
        row = {"preset": name}
        for key, value in figures(name, seconds).items():
            low, high = spans[key]
            row[key] = f"{value:.3g}" if low <= value <= high else f"({value:.3g})"
        print(row, flush=True)
        rows.append(row)
    return rows


def streamed(size: int) -> Callable[[], Any]:
    stream = Stream(Vinyl(), 2, RATE, size, key=0)
    x = jnp.asarray(0.1 * np.random.default_rng(0).normal(size=(2, size)), jnp.float32)
    return lambda: stream(x).block_until_ready()


def offline(seconds: int) -> Callable[[], Any]:
    player, clock = Vinyl(), Clock.zero(RATE)
    x = jnp.asarray(0.1 * np.random.default_rng(0).normal(size=(2, seconds * RATE)), jnp.float32)
    play, state = jax.jit(lambda x, s, c: player(x, s, c)[0]), player.init_state(2, RATE)
    return lambda: play(x, state, clock).block_until_ready()


def speeds(budget: float) -> list[dict[str, Any]]:
    works: dict[str, Callable[[], Any]] = {"an empty jitted call": empty(), "10 s in one call": offline(10)}
    lengths, asked = {"10 s in one call": 10.0}, {"10 s in one call": "≥ 20"}
    for size, wanted in BLOCKS.items():
        works[f"blocks of {size}"], lengths[f"blocks of {size}"] = streamed(size), size / RATE
        asked[f"blocks of {size}"] = wanted
    times = interleaved(works, budget, time.perf_counter)
    return [
        {
            "stereo chain": name,
            "asked, × real time": asked.get(name, ""),
            "× real time": round(lengths[name] / spread(values).median, 1) if name in lengths else "",
            "µs a call": round(spread(values).median * 1e6, 1),
            "load average": round(os.getloadavg()[0], 1),
        }
        for name, values in times.items()
    ]


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--quick", action="store_true", help="shorter tones, fewer calls")
    given = reader.parse_args()
    end = "_quick" if given.quick else ""
    command = "python -m benchmarks.vinyl_player" + (" --quick" if given.quick else "")
    write_table(f"vinyl_player{end}", __doc__, presets(12.0 if given.quick else 30.0), command)
    write_table(f"vinyl_speed{end}", "How fast the whole stereo chain plays, see vinyl_player.md.",
                speeds(4.0 if given.quick else 20.0), command)  # fmt: skip
