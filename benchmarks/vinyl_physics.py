"""The stylus in the groove beside its formulas: `python -m benchmarks.vinyl_physics [--quick]`.

Tones at 44.1 kHz, walls cut with 5 cm/s, peak, the reference, at 33 1/3 rpm. Measured is the second harmonic over the
first. Tracing is asked for rho w v / (2 V^2), within 5 % while rho w v / V^2 is at most 0.4; beside it stands that of
the envelope itself, for the same tone, as the maximum over a fine grid in double precision, which the formula leaves
as the groove gets steep. The angles are asked for v tan(eps) / V, of a groove that moves by 5 cm/s laterally or
vertically. *Alias* is the strongest line that is no harmonic, in dB of the first: asked are -70 for 10 kHz at the rim,
and to report the centre, where the ball does not reach the groove's floor at 10 kHz and the envelope itself has
corners. *Real time* is stereo on one core, `ddspfx.Stream` in pieces of that many samples, by the processor's time,
the median of nine rounds, with the speed of the groove from `GrooveSpeed`. The input is noise that falls from 2 kHz on,
of -24 dB RMS (1.2 cm/s). Others were using both cores and their caches meanwhile.
"""

import argparse
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from benchmarks.bench.pinning import pin

if __name__ == "__main__":
    pin()

import jax
import jax.numpy as jnp

import ddspfx
from benchmarks.bench.timing import seconds
from benchmarks.table import write_table
from ddspfx.signal.groove import REFERENCE, groove_speed

RATE, PERIOD, RPM = 44_100, 2**13, 100 / 3
RADII = (146.3, 100.0, 60.3)
"""Of the groove, mm."""
BALLS = (18.0, 15.0, 8.0)
"""Of the stylus, µm."""
FREQUENCIES = (1e3, 3e3, 5e3, 10e3)
CUT = 5.0
"""cm/s."""


def lines(block: ddspfx.AbstractBlock, frequency: float, walls: np.ndarray) -> tuple[int, np.ndarray]:
    """The cycles in a period, and the amplitudes of the lines of each channel in cm/s; `walls` are theirs."""
    cycles = round(frequency / RATE * PERIOD) | 1
    wave = np.sin(2 * np.pi * cycles * np.arange(3 * PERIOD) / PERIOD) / REFERENCE
    x = jnp.asarray(walls[:, None] * wave)
    y, _ = jax.jit(lambda x, state: block(x, state, ddspfx.Clock.zero(RATE)))(x, block.init_state(len(x), RATE))
    return cycles, np.fft.rfft(np.asarray(y[:, 2 * PERIOD :], float)) / (PERIOD / 2) * REFERENCE


def harmonic(cycles: int, amplitudes: np.ndarray) -> float | None:
    """The second over the first, where it can be heard."""
    return float(abs(amplitudes[2 * cycles] / amplitudes[cycles])) if 2 * cycles < 20_100 / RATE * PERIOD else None


def alias(cycles: int, amplitudes: np.ndarray) -> float:
    """The strongest line that is no harmonic, in dB of the first."""
    rest = np.abs(amplitudes)
    first = rest[cycles]
    rest = np.delete(rest, np.arange(0, rest.size, cycles))
    return float(20 * np.log10(rest.max() / first))


@cache
def envelope(ball: float, speed: float, frequency: float) -> float:
    """Second over first harmonic of the envelope of one period of the tone, as a maximum over 4,001 places."""
    w, count = 2 * np.pi * frequency, 1_024
    t = np.arange(count) / count / frequency
    u = np.linspace(-ball, ball, 4_001)[:, None] * 1e-6
    depth = -CUT / 100 / w
    y = (depth * np.cos(w * (t + u / speed)) + np.sqrt((ball * 1e-6) ** 2 - u**2)).max(axis=0)
    found = np.abs(np.fft.rfft(y))
    return float(2 * found[2] / found[1])  # of the velocity, so twice that of the displacement


def tracing(quick: bool) -> Iterator[dict[str, Any]]:
    for ball in BALLS[:1] if quick else BALLS:
        for radius in RADII[::2] if quick else RADII:
            speed = groove_speed(radius, RPM)
            for frequency in FREQUENCIES[1::2] if quick else FREQUENCIES:
                cycles, found = lines(ddspfx.Tracing(ball, speed), frequency, np.array([CUT]))
                played = cycles / PERIOD * RATE
                depth = ball * 1e-6 * 2 * np.pi * played * CUT / 100 / speed**2
                yield row(f"tracing, {ball:g} µm", radius, played, depth / 2, harmonic(cycles, found[0])) | {
                    "envelope": envelope(ball, speed, played),
                    "rho w v / V^2": depth,
                    "alias, dB": alias(cycles, found[0]),
                }


def angles(quick: bool) -> Iterator[dict[str, Any]]:
    for name, side, angle in (("horizontal, 3°", 1, (3.0, 0.0)), ("vertical, 10°", -1, (0.0, 10.0))):
        for radius in RADII[::2]:
            speed = groove_speed(radius, RPM)
            for frequency in FREQUENCIES[1::2] if quick else (100.0, *FREQUENCIES):
                walls = CUT * np.sqrt(0.5) * np.array([1, side])
                cycles, found = lines(ddspfx.TrackingAngle(*angle, speed), frequency, walls)
                groove = np.sqrt(0.5) * (found[0] + side * found[1])
                asked = CUT / 100 * np.tan(np.deg2rad(max(angle))) / speed
                yield row(name, radius, cycles / PERIOD * RATE, asked, harmonic(cycles, groove)) | {
                    "alias, dB": alias(cycles, groove)
                }


def row(what: str, radius: float, frequency: float, asked: float, measured: float | None) -> dict[str, Any]:
    off = "" if measured is None else f"{100 * (measured / asked - 1):+.1f} %"
    empty = dict.fromkeys(("envelope", "rho w v / V^2", "alias, dB", "× real time"), "")
    first = {"what": what, "R, mm": radius, "tone, Hz or block": round(frequency)}
    return first | {"asked": asked, "measured": "" if measured is None else measured, "off": off} | empty


def contact() -> Iterator[dict[str, Any]]:
    """The worst difference from Bessel's function in dB of unity, and where the null lies in Hz."""
    from scipy.special import j1

    for length, radius in ((4.0, 146.3), (4.0, 60.3), (8.0, 60.3), (12.0, 60.3)):
        speed, f = groove_speed(radius, RPM), np.arange(20.0, 20_000.0, 2.0)
        u = 2 * np.pi * f * length * 1e-6 / speed
        found = np.real(np.asarray(ddspfx.ContactLoss(length, speed).frequency_response(f, RATE)[0]))
        worst = 20 * np.log10(np.abs(found - 2 * j1(u) / u).max())
        yield row(f"contact loss, {length:g} µm: off by, dB", radius, 20_000, -60.0, float(worst)) | {"off": ""}
        null = 3.8317060 * speed / (2 * np.pi * length * 1e-6)
        if null < f[-1]:
            crossing = f[np.flatnonzero(np.diff(np.sign(found)))[0]]
            yield row(f"contact loss, {length:g} µm: null, Hz", radius, null, null, float(crossing))


def music(count: int) -> jax.Array:
    """Noise that falls from 2 kHz on."""
    noise = np.fft.rfft(np.random.default_rng(0).normal(size=(2, count)))
    made = np.fft.irfft(noise / (1 + np.fft.rfftfreq(count, 1 / RATE) / 2_000), count)
    return jnp.asarray(0.063 * made / made.std(), jnp.float32)


def real_time(block: ddspfx.AbstractBlock, size: int, rounds: int = 9) -> float:
    """How many times faster than it sounds a stream is played."""
    stream, x = ddspfx.Stream(block, 2, RATE, size, key=0), music(size)
    calls = max(3, 20_000 // size)
    seconds(lambda: stream(x), calls)
    return float(size / RATE / np.median([seconds(lambda: stream(x), calls) for _ in range(rounds)]))


def throughput(quick: bool) -> Iterator[dict[str, Any]]:
    for radius, position in ((146.3, 0.0), (60.3, 1.0)):
        speed = ddspfx.GrooveSpeed(position=position)
        parts = {
            "tracing": ddspfx.Tracing(speed=speed),
            "angles": ddspfx.TrackingAngle(speed=speed),
            "contact loss": ddspfx.ContactLoss(speed=speed),
            "mistracking": ddspfx.Mistracking(),
        }
        parts["all four"] = ddspfx.Serial(**{name.replace(" ", "_"): block for name, block in parts.items()})
        for size, asked in ((44_100, 50), (512, ""), (128, 30)):
            for name in ("all four",) if quick else parts:
                shown = {"asked": asked if name == "all four" else "", "× real time": real_time(parts[name], size)}
                yield row(f"{name}, stereo", radius, size, 1.0, None) | shown


def main(quick: bool) -> None:
    """Writes the table after each part, so that a kill loses little."""
    name = "vinyl_physics_quick" if quick else "vinyl_physics"
    rows: list[dict[str, Any]] = []
    for part in (tracing(quick), angles(quick), contact(), throughput(quick)):
        rows += part
        write_table(name, __doc__, rows, "python -m benchmarks.vinyl_physics" + (" --quick" if quick else ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
