"""What a call costs as the music plays: chains in blocks of 128 at 48 kHz, beside an empty jitted call.

python -m benchmarks.streaming [--calls 100000]. One core; the medians are taken in turns, so that the machine's moods
hit all alike. The worst call is one out of so many in a row, by the wall clock, the garbage collector held still as a
real-time host would; a recompilation would show there as tenths of a second, and is counted besides.
"""

import argparse
import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.bench.pinning import pin

if __name__ == "__main__":
    pin()

import jax
import jax.numpy as jnp

import ddspfx
from benchmarks.bench.timing import interleaved, spread
from benchmarks.table import write_table

RATE, BLOCK = 48_000, 128
DURATION = BLOCK / RATE
BLOCKS = (32, 64, 128, 512)
VOICE, GUITAR = 3.0, 13.0
"""Milliseconds of latency that a singer and a guitarist bear: 003_26a0efa78d552675, section on the LSTM's cost."""


def light() -> ddspfx.Serial:
    """Eight light blocks."""
    return ddspfx.Serial(
        ddspfx.Gain(-3.0),
        ddspfx.HighPass(30.0),
        ddspfx.Tanh(6.0),
        ddspfx.Peak(1_000.0, 3.0, 1.0),
        ddspfx.LowPass(8_000.0),
        ddspfx.DCBlocker(),
        ddspfx.LowShelf(120.0, 2.0),
        ddspfx.Gain(2.0),
    )


def grey(hysteresis: bool = False) -> ddspfx.Serial:
    """GRU-64, four filters, a moving delay and noise; with RK4 hysteresis at eight times the rate before them."""
    wow = ddspfx.LFO(0.8, depth=2e-3, centre=0.02)
    named: dict[str, Any] = {
        "network": ddspfx.GRU(64, sample_rate=RATE, key=jax.random.key(0)),
        "rumble": ddspfx.HighPass(30.0),
        "head_bump": ddspfx.Peak(90.0, 3.0, 1.0),
        "presence": ddspfx.Peak(4_000.0, -2.0, 1.0),
        "gap": ddspfx.LowPass(15_000.0),
        "transport": ddspfx.VariableDelay(0.0, 0.05, wow),
        "hiss": ddspfx.Add(ddspfx.Noise(), -60.0),
    }
    if hysteresis:
        named = {"record": ddspfx.Oversampled(ddspfx.Hysteresis(substeps=1), 8), **named}
    return ddspfx.Serial(**named)


def tape() -> ddspfx.Tape:
    """The tape machine with a network for its nonlinearity and all else that it has."""
    return ddspfx.Tape("gru", hidden=64, sample_rate=RATE, key=jax.random.key(0))


CHAINS: dict[str, tuple[Callable[[], ddspfx.AbstractBlock], int, str]] = {
    "eight light blocks, mono": (light, 1, "≤ 4 empty calls"),
    "GRU-64 chain, mono": (grey, 1, "≥ 20×"),
    "GRU-64 chain, stereo": (grey, 2, "≥ 20× with a native kernel"),
    "Tape with GRU-64, mono": (tape, 1, "≥ 20×"),
    "GRU-64 chain with hysteresis, mono": (lambda: grey(True), 1, "≥ 2×"),
    "GRU-64 chain with hysteresis, stereo": (lambda: grey(True), 2, ""),
}


def played(make: Callable[[], ddspfx.AbstractBlock], channels: int, size: int) -> Callable[[], Any]:
    """A call of the stream with a block of noise, waited for."""
    stream = ddspfx.Stream(make(), channels, RATE, size, key=0)
    x = jnp.asarray(0.1 * np.random.default_rng(0).normal(size=(channels, size)), jnp.float32)
    return lambda: stream(x).block_until_ready()


def worst(call: Callable[[], Any], calls: int) -> float:
    """Seconds of the slowest of so many calls."""
    slowest = 0.0
    gc.collect()
    gc.disable()
    try:
        for _ in range(calls):
            start = time.perf_counter()
            call()
            slowest = max(slowest, time.perf_counter() - start)
    finally:
        gc.enable()
    return slowest


def empty() -> Callable[[], Any]:
    add, x = jax.jit(lambda x: x + 1.0), jnp.zeros((1, BLOCK))
    return lambda: add(x).block_until_ready()


def chains(calls: int) -> list[dict[str, Any]]:
    works = {"an empty jitted call": empty()}
    works |= {name: played(make, channels, BLOCK) for name, (make, channels, _) in CHAINS.items()}
    times = {name: spread(values).median for name, values in interleaved(works, 20.0, time.perf_counter).items()}
    nothing = times["an empty jitted call"]
    rows = []
    for name, spent in times.items():
        compiled = _compilations()
        slowest = worst(works[name], calls)
        rows.append(
            {
                "chain": name,
                "asked": CHAINS[name][2] if name in CHAINS else "",
                "µs a call": round(spent * 1e6, 1),
                "empty calls": round(spent / nothing, 2),
                "× real time": round(DURATION / spent, 1),
                f"worst of {calls}, ms": round(slowest * 1e3, 2),
                "within the block": "yes" if slowest < DURATION else "no",
                "compilations": _compilations() - compiled,
            }
        )
    return rows


_COMPILED: list[str] = []


def _compilations() -> int:
    if not _COMPILED:
        _COMPILED.append("listening")
        jax.monitoring.register_event_duration_secs_listener(
            lambda name, *_, **__: _COMPILED.append(name) if "backend_compile" in name else None
        )
    return len(_COMPILED)


def overhead() -> list[dict[str, Any]]:
    works = {f"{size}": played(light, 1, size) for size in BLOCKS}
    times = interleaved(works, 10.0, time.perf_counter)
    return [
        {"block": size, "µs a call": round(spread(values).median * 1e6, 1)}
        | {"share of the block's duration": f"{100 * spread(values).median * RATE / int(size):.1f} %"}
        for size, values in times.items()
    ]


def latency() -> list[dict[str, Any]]:
    """What each chain leaves of the 3 ms that a singer and the 13 ms that a guitarist bear.

    A block is gathered before the call and played after it, so two blocks pass, and what the chain itself delays;
    converters and drivers come on top. (Paper 003, which needed 35 ms of computing for 1 ms of audio, gives the two
    figures.)
    """
    rows = []
    for name, (make, channels, _) in CHAINS.items():
        for size in (32, BLOCK):
            late = make().latency(RATE) / RATE * 1e3
            call = played(make, channels, size)
            spent = spread(interleaved({name: call}, 2.0, time.perf_counter)[name]).median
            through = 2e3 * size / RATE + late
            rows.append(
                {
                    "chain": name,
                    "block": size,
                    "in and out, ms": round(2e3 * size / RATE, 2),
                    "the chain's own, ms": round(late, 2),
                    "computing, share of the block": f"{100 * spent * RATE / size:.1f} %",
                    "left of 3 ms": round(VOICE - through, 2),
                    "left of 13 ms": round(GUITAR - through, 2),
                }
            )
    return rows


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--calls", type=int, default=100_000)
    given = reader.parse_args()
    command = f"python -m benchmarks.streaming --calls {given.calls}"
    write_table("streaming", __doc__, chains(given.calls), command)
    write_table("streaming-blocks", "Eight light blocks, mono, by the size of a block.", overhead(), command)
    write_table("streaming-latency", latency.__doc__, latency(), command)
