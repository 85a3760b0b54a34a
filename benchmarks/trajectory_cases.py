"""Pieces, transports, devices and noise for `benchmarks.trajectory`; nothing here knows the estimator."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfilt

from benchmarks.alignment import DATA, RATE
from ddspfx.alignment.interpolate import sample_at
from ddspfx.audio import read_audio

Row = NDArray[np.float64]
SECONDS = 10
GRID = 400.0
"""Hz at which a transport is drawn."""
LATENCY_S = 0.015


def looped(name: str, gain: float = 0.5) -> Row:
    """Ten seconds of a sound of `../shared/data/cc0`, repeated where it is shorter."""
    x = read_audio(DATA / f"cc0/{name}.flac")[0][0].astype(np.float64)
    return gain * np.tile(x, -(-SECONDS * RATE // len(x)))[: SECONDS * RATE]


def _mix(*names: str) -> Row:
    return np.sum([looped(name, 0.5 / len(names)) for name in names], axis=0)


def _fading(name: str) -> Row:
    return looped(name) * 10 ** (-4 * np.linspace(0, 1, SECONDS * RATE))


def _silent(name: str) -> Row:
    x = looped(name)
    first = round(SILENCE_S[0] * RATE)
    last = round(SILENCE_S[1] * RATE)
    fade = np.linspace(1, 0, 441)
    x[first - 441 : first] *= fade
    x[first:last] = 0.0
    return x


SILENCE_S = (5.0, 6.5)
KINDS = {"broadband": (0.001, 0.0015, 0.004), "tonal": (0.015, 0.02, 0.05), "any": None}
"""RMSE in samples asked at 60, 50 and 40 dB."""
PIECES: dict[str, tuple[str, Any]] = {
    # developed on
    "amen": ("broadband", lambda: looped("loop_amen_full")),
    "mix of amen and bass": ("broadband", lambda: _mix("loop_amen_full", "bass_voxy_c")),
    "bass voxy": ("tonal", lambda: looped("bass_voxy_c")),
    "ambient lunar": ("tonal", lambda: looped("ambi_lunar_land")),
    "amen silent": ("silence", lambda: _silent("loop_amen_full")),
    "slide fading": ("any", lambda: _fading("guit_e_slide")),
    # reported on
    "compus": ("broadband", lambda: looped("loop_compus")),
    "electric": ("broadband", lambda: looped("loop_electric")),
    "mehackit": ("broadband", lambda: looped("loop_mehackit1")),
    "industrial": ("broadband", lambda: looped("loop_industrial")),
    "mix": ("broadband", lambda: _mix("loop_safari", "bass_woodsy_c", "guit_em9")),
    "safari": ("any", lambda: looped("loop_safari")),
    "weirdo": ("any", lambda: looped("loop_weirdo")),
    "drone": ("any", lambda: looped("loop_drone_g_97")),
    "bass woodsy": ("tonal", lambda: looped("bass_woodsy_c")),
    "bass thick": ("tonal", lambda: looped("bass_thick_c")),
    "piano": ("tonal", lambda: looped("ambi_piano")),
    "choir": ("tonal", lambda: looped("ambi_choir")),
    "guitar fading": ("any", lambda: _fading("guit_em9")),
    "electric silent": ("silence", lambda: _silent("loop_electric")),
    "mix silent": ("silence", lambda: _mix("loop_safari", "guit_em9") * (_silent("loop_electric") != 0)),
}
DEVELOPED = ("amen", "mix of amen and bass", "bass voxy", "ambient lunar", "amen silent", "slide fading")


def spectrum(kind: str, seed: int) -> tuple[Row, Row]:
    """Frequencies in Hz and spectral density of the speed (1/Hz) of a Gaussian transport; `seed` varies it."""
    rng = np.random.default_rng([17, seed])
    f = np.arange(0, GRID / 2, 1 / 400)

    def line(centre: float, width: float, rms: float) -> Row:
        shape = 1 / (1 + ((f - centre) / width) ** 2) ** 2
        return rms**2 * shape / np.trapezoid(shape, f)

    def band(low: float, high: float, rms: float) -> Row:
        shape = 1 / (1 + (low / (f + 1e-9)) ** 4) / (1 + (f / high) ** 8)
        return rms**2 * shape / np.trapezoid(shape, f)

    wow, capstan = rng.uniform(0.4, 1.0), rng.uniform(6, 12)
    if kind == "lines":  # a turntable or capstan whose lines hold their frequency within a fraction of a per cent
        parts = [line(k * wow, 0.002, 6e-4 / k) for k in (1, 2, 3)] + [line(capstan, 0.02, 2e-4), band(8, 30, 1e-4)]
    elif kind == "flutter":  # strong band-passed flutter over a line
        parts = [line(wow, 0.004, 8e-4), band(6, 30, 3e-4)]
    elif kind == "walk":  # speed wanders at random
        parts = [5e-4**2 * (2 / np.pi) / 0.3 / (1 + (f / 0.3) ** 2) / (1 + (f / 8) ** 4), band(6, 25, 2e-4)]
    elif kind == "scrape":  # friction: much above the flutter band
        parts = [line(wow, 0.004, 5e-4), line(capstan, 0.1, 2e-4), band(15, 70, 2e-4)]
    else:
        raise ValueError(f"kind is {kind}, but must be lines, flutter, walk or scrape")
    S = np.sum(parts, axis=0)
    S[0] = 0.0
    return f, S


TRANSPORTS = ("lines", "flutter", "walk", "scrape")


def transport(kind: str, seed: int, samples: int = SECONDS * RATE) -> Row:
    """The delay in samples at every sample of wet."""
    rng = np.random.default_rng([23, seed])
    f, S = spectrum(kind, seed)
    count = 2 * len(f)
    white = rng.standard_normal(len(f)) + 1j * rng.standard_normal(len(f))
    speed = irfft(np.append(white * np.sqrt(S * GRID * count / 4), 0.0), count)
    need = int(samples / RATE * GRID) + 8
    begin = rng.integers(0, count - need)
    drift = rng.uniform(-3e-5, 3e-5)
    delay = np.cumsum(speed[begin : begin + need] + drift) / GRID * RATE
    t = np.arange(samples) / RATE
    return LATENCY_S * RATE + CubicSpline(np.arange(need) / GRID, delay - delay[0])(t)


def tape(y: Row) -> Row:
    """Drive, head bump, low-pass: inside the class that the estimator fits."""
    y = np.tanh(1.5 * y / np.max(np.abs(y)))
    y = y + 0.4 * sosfilt(butter(1, [40, 90], "bandpass", fs=RATE, output="sos"), y)
    return np.asarray(sosfilt(butter(2, 11_000, fs=RATE, output="sos"), y))


def valve(y: Row) -> Row:
    """A lopsided curve between a high-pass and a low-pass: inside the class but for the first filter."""
    u = y / np.max(np.abs(y))
    u = u + 0.15 * u**2 - 0.2 * u**3
    u = sosfilt(butter(1, 30, "highpass", fs=RATE, output="sos"), u)
    return np.asarray(sosfilt(butter(1, 14_000, fs=RATE, output="sos"), u))


@cache
def _hysteresis() -> Any:
    from ddspfx.blocks.hysteresis import Hysteresis

    return Hysteresis()


def hysteresis(y: Row) -> Row:
    """The package's Jiles–Atherton block, driven to where it bends, then the tape's filters."""
    from ddspfx.render import render

    u = np.asarray(render(_hysteresis(), (y / np.max(np.abs(y)))[None].astype(np.float32), RATE))[0]
    u = sosfilt(butter(1, 20, "highpass", fs=RATE, output="sos"), u.astype(np.float64))
    return np.asarray(sosfilt(butter(2, 11_000, fs=RATE, output="sos"), u))


def gru(y: Row, hidden: int = 8) -> Row:
    """A gated recurrent network beside a direct path, drawn at random: -35 dB or so of it is no curve and filter."""
    rng = np.random.default_rng(5)
    U, V = rng.standard_normal((2, hidden, hidden)) * 0.4 / np.sqrt(hidden)
    Z, a, b = rng.standard_normal((3, hidden))
    out = rng.standard_normal(hidden) * 0.3 / np.sqrt(hidden)
    u = y / np.max(np.abs(y))
    h, heard = np.zeros(hidden), np.empty(len(u))
    for n, v in enumerate(u):
        z = 1 / (1 + np.exp(-(V @ h + Z * v - 0.5)))
        h = (1 - z) * h + z * np.tanh(U @ h + 1.5 * a * v + 0.1 * b)
        heard[n] = out @ h
    return u + heard - heard.mean()


DEVICES = {"tape": tape, "valve": valve, "hysteresis": hysteresis, "gru": gru}
INSIDE = ("tape", "valve")


def hiss(samples: int, seed: int) -> Row:
    """Noise whose density falls as 1/(f + 5 Hz), of unit RMS."""
    white = rfft(np.random.default_rng([31, seed]).standard_normal(samples))
    pink = irfft(white / np.sqrt(np.arange(len(white)) + 50), samples)
    return np.asarray(pink / pink.std())


def recording(x: Row, delay: Row, device: str) -> Row:
    """What leaves the device, before the hiss."""
    return np.asarray(DEVICES[device](sample_at(x, np.arange(len(x)) - delay)))
