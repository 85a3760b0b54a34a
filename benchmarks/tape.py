"""The tape machine: how fast it plays, how near its filters are to their formulas, and its bias to the biased loop.

python -m benchmarks.tape [--quick]. Streaming is on one core in blocks of 128 at 48 kHz: the median of calls in a row
by the wall clock, beside an empty jitted call and a chain of `benchmarks.streaming`; the load average says how many
other programs wanted the two cores meanwhile. Filters are compared from 20 Hz to 20 kHz. The loop is Jiles and
Atherton's with the constants of Chowdhury (2019) under a bias, its mean over a cycle at still fields; the model is
`Anhysteretic` by its table, or by `of_loop` for other materials. The third harmonic is that of a sine through each
curve, at 12 amplitudes up to 150 kA/m (10 dB above full scale), wherever the loop's is above -60 dB.
"""

import argparse
import os
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
from benchmarks.bench.timing import seconds, spread
from benchmarks.streaming import BLOCK, CHAINS, DURATION, RATE, empty, played
from benchmarks.table import write_table
from ddspfx.blocks.anhysteretic import BIASES, EQUIVALENTS, NOMINAL_BIAS
from ddspfx.blocks.tape_equaliser import SPEEDS, STANDARDS, constants
from ddspfx.models.machine import MACHINES
from ddspfx.signal.bias import loop_mean

BAND = np.geomspace(20.0, 20_000.0, 1_000)
RATES = (44_100, 48_000, 96_000)
AMPLITUDES = np.geomspace(5e3, 1.5e5, 12)
AUDIBLE = -60.0
"""dB below the first harmonic."""
MATERIALS = ((2.7e4, 2.2e4, 0.17), (2.7e4, 2.2e4, 0.5), (2e4, 1.2e4, 0.17), (1.5e4, 3e4, 0.17))
"""Coercivity, shape (A/m) and reversibility for `of_loop`."""
COUPLING = 1.6e-3 * 3.5e5 / 6.6e4


def streaming(calls: int) -> list[dict[str, Any]]:
    """How fast each nonlinearity plays."""
    key = jax.random.key(0)
    kinds: dict[str, tuple[Callable[[], Any], int, str]] = {
        "GRU-64, mono": (lambda: ddspfx.Tape("gru", hidden=64, sample_rate=RATE, key=key), 1, "≥ 20"),
        "LSTM-64, mono": (lambda: ddspfx.Tape("lstm", hidden=64, sample_rate=RATE, key=key), 1, ""),
        "physics, mono": (ddspfx.Tape, 1, ""),
        "physics at twice the rate, mono": (lambda: ddspfx.Tape(oversampling=2), 1, ""),
        "physics and GRU-64, mono": (lambda: ddspfx.Tape("both", hidden=64, sample_rate=RATE, key=key), 1, ""),
        "GRU-64, stereo": (lambda: ddspfx.Tape("gru", hidden=64, sample_rate=RATE, key=key), 2, ""),
        "physics, stereo": (ddspfx.Tape, 2, ""),
    }
    chain = "GRU-64 chain, mono"
    works = {"an empty jitted call": empty(), f"(no Tape: {chain})": played(CHAINS[chain][0], 1, BLOCK)}
    works |= {name: played(make, channels, BLOCK) for name, (make, channels, _) in kinds.items()}
    return [_spent(name, kinds[name][2] if name in kinds else "", work, calls) for name, work in works.items()]


def _spent(name: str, asked: str, work: Callable[[], Any], calls: int) -> dict[str, Any]:
    """Calls one after the other by the wall clock, after some to warm up."""
    for _ in range(100):
        work()
    times = [seconds(work, 1, time.perf_counter) for _ in range(calls)]
    spent = spread(times)
    return {
        "Tape with": name,
        "asked, × real time": asked,
        "× real time": round(DURATION / spent.median, 1),
        "µs a call": round(spent.median * 1e6, 1),
        "quartiles": f"{spent.low * 1e6:.1f} to {spent.high * 1e6:.1f}",
        "load average": round(os.getloadavg()[0], 1),
    }


def decibels(response: Any) -> Any:
    return 20 * np.log10(np.maximum(np.abs(np.asarray(response, complex)), 1e-12))


def _analogue(zeros: tuple[float, ...], poles: tuple[float, ...], f: Any) -> Any:
    s = 2j * np.pi * np.asarray(f)
    over, under = (np.prod([1 + s * t for t in times], axis=0) for times in (zeros, poles))
    return decibels(over / under)


def filters() -> list[dict[str, Any]]:
    """The largest error of each filter, dB."""
    rows = []
    for rate in RATES:
        disc = ddspfx.TimeConstants(318e-6, 3_180e-6, 1_000.0), ddspfx.TimeConstants(pole=75e-6, reference=1_000.0)
        wanted = _analogue((318e-6,), (3_180e-6, 75e-6), BAND)
        wanted = wanted - float(_analogue((318e-6,), (3_180e-6, 75e-6), 1_000.0))
        found = sum(decibels(part.frequency_response(BAND, rate)) for part in disc)
        rows.append(_row("RIAA by time constants", rate, "≤ 0.05", float(np.abs(found - wanted).max())))
        worst = max(_replay_error(standard, speed, rate) for standard in STANDARDS for speed in SPEEDS)
        rows.append(_row("replay, NAB and IEC, all speeds", rate, "≤ 0.1", worst))
        for name, about in MACHINES.items():
            loss = ddspfx.TapeLoss(about.spacing, about.thickness, about.gap, speed=about.speed)
            error = decibels(loss.frequency_response(BAND, rate)[0]) - decibels(loss.loss(BAND)[0])
            rows.append(_row(f"losses, {name}", rate, "≤ 0.1", float(np.abs(error).max())))
    return rows


def _row(name: str, rate: int, asked: str, worst: float) -> dict[str, Any]:
    return {"filter": name, "sample rate": rate, "asked, dB": asked, "largest error, dB": round(worst, 4)}


def _replay_error(standard: str, speed: float, rate: int) -> float:
    high, low = constants(standard, speed)
    s = 2j * np.pi * BAND
    wanted = (1 + s * high) * (1.0 if low > 0.1 else s * low / (1 + s * low))
    found = ddspfx.TapeEqualiser(high, low).frequency_response(BAND, rate)
    return float(np.abs(decibels(found) - decibels(wanted)).max())


def _third(curve: Callable[[Any], Any], amplitude: float) -> float:
    spectrum = np.abs(np.fft.rfft(curve(amplitude * np.sin(2 * np.pi * np.arange(512) / 512))))
    return float(20 * np.log10(spectrum[3] / spectrum[1]))


def harmonics() -> list[dict[str, Any]]:
    """The third harmonic of the model's curve beside the biased loop's."""
    rows = []
    for decibel, offsets in zip(BIASES, EQUIVALENTS, strict=True):
        block = ddspfx.Anhysteretic(0.0, 3.5e5, 2.193e4, *offsets, residual=1.0)
        bias = NOMINAL_BIAS * 10 ** (decibel / 20)
        rows.append(_compared(f"table, {decibel:+d} dB", bias, (2.7e4, 2.2e4, 0.17), block))
    for material in MATERIALS:
        for bias in (2.5e4, 5e4, 1e5):
            k, a, c = material
            block, _ = ddspfx.Anhysteretic.of_loop(bias, 3.5e5, a, k, COUPLING, c)
            rows.append(_compared(f"of_loop, k {k:g}, a {a:g}, c {c:g}", bias, material, block))
    return rows


def _compared(name: str, bias: float, material: tuple[float, float, float], block: Any) -> dict[str, Any]:
    from scipy.interpolate import CubicSpline

    k, a, c = material
    fields = np.linspace(0.0, 1.6e5, 129)
    wanted = loop_mean(fields, bias, a, k, COUPLING, c)
    spline = CubicSpline(fields, wanted)

    def curve(H: Any) -> Any:
        return np.asarray(block.magnetisation(jnp.asarray(H, float)[None], ddspfx.Clock.zero(RATE)))[0] / 3.5e5

    told = np.array([_third(lambda H: np.sign(H) * spline(np.abs(H)), amplitude) for amplitude in AMPLITUDES])
    found = np.array([_third(curve, amplitude) for amplitude in AMPLITUDES])
    heard = told > AUDIBLE
    return {
        "equivalent": name,
        "bias, kA/m": round(bias / 1e3, 1),
        "asked, dB": "≤ 1",
        "third harmonic off by, dB": round(float(np.abs(found - told)[heard].max()), 2),
        "amplitudes heard": int(heard.sum()),
        "third harmonic, dB": f"{told[heard].min():.0f} to {told[heard].max():.0f}",
        "curve off by, share of saturation": float(np.abs(curve(fields) - wanted).max()),
    }


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--quick", action="store_true", help="a tenth of the calls")
    given = reader.parse_args()
    command, also = "python -m benchmarks.tape" + (" --quick" if given.quick else ""), "_quick" * given.quick
    write_table(f"tape-streaming{also}", __doc__, streaming(1_000 if given.quick else 10_000), command)
    write_table(f"tape-filters{also}", "The largest error from 20 Hz to 20 kHz.", filters(), command)
    write_table(f"tape-bias{also}", harmonics.__doc__, harmonics(), command)
