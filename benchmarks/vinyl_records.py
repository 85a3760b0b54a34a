"""Records made by NumPy alone, every figure of which is known: what `vinyl_analysis` measures.

Written apart from the package's own chain, by closed formulas: the speed is a sum of sines whose integral is exact,
the replay curve is the analogue one in the frequency domain, resonances are analogue too, and each click is rendered
by itself, so that its height in the file is known.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ddspfx.alignment.interpolate import sample_at
from ddspfx.audio import read_audio

DATA = Path(__file__).parents[2] / "shared/data/cc0"
PIECES = ("guit_em9", "loop_safari", "loop_compus", "ambi_lunar_land", "loop_amen_full", "bass_voxy_c", "loop_weirdo")
RPMS = (100 / 3, 45.0, 78.26)
TONE = 3_150.0
THIRDS = 1_000 * 10.0 ** (np.arange(-10, 14) / 10)
NAMES = (100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000,
         10000, 12500, 16000, 20000)  # fmt: skip
Truth = dict[str, Any]


class Record(NamedTuple):
    """The file, its original (None beside a tone), its rate, and what is true of it."""

    wet: np.ndarray
    dry: np.ndarray | None
    sample_rate: int
    truth: Truth


def record(seed: int, programme: str = "tone", rate: int = 44_100, seconds: float = 60.0, lead: float = 10.0) -> Record:
    """A random record: `lead` seconds of groove, then `programme` ("tone" or "music") to the end."""
    rng = np.random.default_rng([seed, 6])
    t = np.arange(round(seconds * rate)) / rate
    rpm = RPMS[rng.choice(3, p=(0.7, 0.2, 0.1))]
    error = rng.uniform(-5e-3, 5e-3)
    turn = rpm / 60 * (1 + error)
    speed, played = _played(rng, t, turn, error)
    level = 10 ** (rng.uniform(-18, -8) / 20)
    dry = None
    if programme == "tone":
        x = level * np.sin(2 * np.pi * TONE * (played - lead * (1 + error)) + rng.uniform(0, 2 * np.pi))[None].repeat(
            2, 0
        )
        x = np.where(t < lead, 0.0, x)
    else:
        dry = _music(rng, rate, seconds - lead)
        x = level * np.stack([sample_at(row, rate * (played - lead * (1 + error))) for row in dry])
    x = _bent(x, rng)
    noise, truth = _noises(rng, t, rate, turn)
    pops, heights, struck = _clicks(rng, len(t), rate, turn)
    parts = {name: each for name, each in noise.items()}
    wet = x + sum(parts.values()) + pops
    truth |= {
        "revolution_hz": turn, "speed_error_ppm": 1e6 * error, **speed,
        "hiss_db": _db(parts["hiss"] + parts["rumble"], rate, 89.0),
        "hiss_third_octaves_db": thirds(parts["hiss"] + parts["rumble"], rate),
        "rumble_db": _power_db(parts["rumble"]), "hum_db": _power_db(parts["hum"]), "heights_db": heights,
        "click_times": struck,
        "crosstalk_db": -25.0, "seconds": seconds,
    }  # fmt: skip
    return Record(wet, dry, rate, truth)


def _played(rng: np.random.Generator, t: np.ndarray, turn: float, error: float) -> tuple[Truth, np.ndarray]:
    """Wow, flutter and drift as sines, and the seconds of the original that have been played at each time."""
    wow, phase = np.exp(rng.uniform(np.log(2e-4), np.log(4e-3))), rng.uniform(-np.pi, np.pi)
    sines = [(wow, turn, phase)]
    sines += [(wow * rng.uniform(0.02, 0.2), k * turn, rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5)]
    flutter = np.exp(rng.uniform(np.log(1e-4), np.log(1e-3)))
    places = np.exp(rng.uniform(np.log(7), np.log(90), 6))
    shares = rng.uniform(0.1, 1, 6)
    sines += [(flutter * np.sqrt(2) * a / np.linalg.norm(shares), f, rng.uniform(0, 2 * np.pi))
              for a, f in zip(shares, places, strict=True)]  # fmt: skip
    sines += [(2e-5 * rng.uniform(0, 1), f, rng.uniform(0, 2 * np.pi)) for f in rng.uniform(0.03, 0.3, 3)]
    played = (1 + error) * t
    for size, f, angle in sines:
        played = played + (1 + error) * size * (np.sin(2 * np.pi * f * t + angle) - np.sin(angle)) / (2 * np.pi * f)
    flutters = [size for size, f, _ in sines if 6 <= f <= 100]
    return {"wow_percent": 100 * wow, "wow_phase_deg": float(np.degrees(phase)),
            "flutter_percent": 100 * float(np.sqrt(np.sum(np.square(flutters)) / 2))}, played  # fmt: skip


def _music(rng: np.random.Generator, rate: int, seconds: float) -> np.ndarray:
    """Pieces one after the other, in stereo, at a peak of one."""
    rows, count = [], 0
    while count < seconds * rate:
        x, _ = read_audio(DATA / f"{PIECES[rng.integers(len(PIECES))]}.flac", rate)
        x = np.broadcast_to(x, (2, x.shape[1])) / np.abs(x).max()
        rows.append(x)
        count += x.shape[1]
    return np.concatenate(rows, 1)[:, : round(seconds * rate)].astype(float)


def _bent(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A little second and third harmonic."""
    return x + rng.uniform(0, 0.05) * x**2 - rng.uniform(0, 0.02) * x**3


def _noises(rng: np.random.Generator, t: np.ndarray, rate: int, turn: float) -> tuple[dict[str, np.ndarray], Truth]:
    """Hiss and rumble through the replay curve, and hum beside it."""
    count = len(t)
    f = np.fft.rfftfreq(count, 1 / rate)
    curve = replay(f)
    hiss = np.fft.rfft(rng.standard_normal((2, count))) * curve * np.maximum(f, 20) ** rng.uniform(-0.5, 0.2)
    hiss = np.fft.irfft(hiss, count)
    swell = 1 + rng.uniform(0, 0.3) * np.cos(2 * np.pi * turn * t + rng.uniform(0, 2 * np.pi))
    hiss = _scaled(hiss * swell, rng.uniform(-72, -46))
    white = np.fft.rfft(rng.standard_normal((2, count)))
    whole = sum(10 ** (rng.uniform(-12, 0) / 20) * _resonance(f, place, rng.uniform(2, 8))
                for place in np.exp(rng.uniform(np.log(10), np.log(60), rng.integers(2, 5))))  # fmt: skip
    whole = whole * curve
    vertical, lateral = np.fft.irfft(white[0] * whole, count), 0.3 * np.fft.irfft(white[1] * whole, count)
    rumble = _scaled(np.stack([lateral + vertical, lateral - vertical]), rng.uniform(-60, -38))
    mains = rng.choice((50.0, 60.0)) * (1 + rng.uniform(-1e-3, 1e-3))
    waves = [10 ** (-k * rng.uniform(2, 8) / 20) * np.sin(2 * np.pi * k * mains * t + rng.uniform(0, 6.28, (2, 1)))
             for k in range(1, 7)]  # fmt: skip
    hum = _scaled(np.sum(waves, 0), rng.uniform(-68, -45))
    return {"hiss": _crossed(hiss), "rumble": rumble, "hum": hum}, {"hum_hz": mains}


def _clicks(rng: np.random.Generator, count: int, rate: int, turn: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clicks through the replay curve, the height of each in the file in dB, and when it falls; some have a scratch."""
    often = np.exp(rng.uniform(np.log(0.7), np.log(8)))
    times = list(np.cumsum(rng.exponential(1 / often, int(3 * often * count / rate) + 10)))
    spread, median = rng.uniform(5, 9), rng.uniform(-48, -26)
    sizes = [10 ** (rng.normal(median, spread) / 20) * rng.choice((-1, 1)) for _ in times]
    if rng.random() < 1 / 3:
        first = rng.uniform(0, 1 / turn)
        again = list(np.arange(first, count / rate, 1 / turn))
        times, sizes = times + again, sizes + [10 ** ((median + 6 + rng.normal()) / 20) for _ in again]
    out, heights, struck = np.zeros((2, count)), [], []
    for time, size in zip(times, sizes, strict=True):
        start = time * rate
        if start > count - 3000:
            continue
        pulse = _pulse(rng, start % 1, rate, int(rng.integers(2)))
        first = int(start) - 40
        shown = slice(max(first, 0), first + pulse.shape[1])
        out[:, shown] += size * pulse[:, max(-first, 0) :]
        heights.append(20 * np.log10(abs(size) + 1e-12))
        struck.append(time)
    return out, np.array(heights), np.array(struck)


def _pulse(rng: np.random.Generator, shift: float, rate: int, wall: int) -> np.ndarray:
    """One click of peak one in the file: 20 µs to 1 ms, one-sided or a bump, through the replay curve."""
    width, n = np.exp(rng.uniform(np.log(20e-6), np.log(1e-3))), 4096
    fine = 8
    u = (np.arange(n * fine) / fine - shift - 40) / rate / width
    bump = rng.random() < 0.5
    shape = np.where((u > 0) & (u < 1), 1 - np.cos(2 * np.pi * np.clip(u, 0, 1)), 0.0) if bump else np.where(
        u > 0, np.exp(-np.maximum(u, 0) * 3), 0.0)  # fmt: skip
    f = np.fft.rfftfreq(n * fine, 1 / (rate * fine))
    spectrum = np.fft.rfft(shape) * replay(f) * (f < 0.47 * rate)
    pulse = np.fft.irfft(spectrum, n * fine)[::fine]
    other = 10 ** (-25 / 20) * pulse
    both = np.stack([pulse, other] if wall == 0 else [other, pulse])
    return both / np.abs(both).max() * np.hanning(2 * n)[n:] ** 0.25


def replay(f: np.ndarray) -> np.ndarray:
    """The replay curve (RIAA), 0 dB at 1 kHz."""
    s = 2j * np.pi * f
    curve = (1 + s * 318e-6) / ((1 + s * 3180e-6) * (1 + s * 75e-6))
    one = abs((1 + 2j * np.pi * 1e3 * 318e-6) / ((1 + 2j * np.pi * 1e3 * 3180e-6) * (1 + 2j * np.pi * 1e3 * 75e-6)))
    return np.asarray(curve / one)


def _resonance(f: np.ndarray, place: float, quality: float) -> np.ndarray:
    s = 1j * f / place
    return np.asarray(s / (1 + s / quality + s**2))


def _crossed(x: np.ndarray) -> np.ndarray:
    k = 10 ** (-25 / 20)
    return np.stack([x[0] + k * x[1], x[1] + k * x[0]])


def _scaled(x: np.ndarray, level: float) -> np.ndarray:
    return np.asarray(x * 10 ** (level / 20) / np.sqrt(np.mean(x**2)))


def _power_db(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(x**2) + 1e-30))


def _db(x: np.ndarray, rate: int, low: float) -> float:
    power = np.abs(np.fft.rfft(x)) ** 2
    f = np.fft.rfftfreq(x.shape[1], 1 / rate)
    return float(10 * np.log10(2 * power[:, f > low].sum() / x.shape[0] / x.shape[1] ** 2))


def thirds(x: np.ndarray, rate: int) -> dict[str, float]:
    """Levels in third octaves from 100 Hz up, the mean power of both channels in dB of full scale."""
    power = np.mean(np.abs(np.fft.rfft(x)) ** 2, 0) * 2 / x.shape[1] ** 2
    f = np.fft.rfftfreq(x.shape[1], 1 / rate)
    return {str(name): float(10 * np.log10(power[(f >= c * 10**-0.05) & (f < c * 10**0.05)].sum()))
            for c, name in zip(THIRDS, NAMES, strict=True) if c * 10**0.05 < rate / 2}  # fmt: skip
