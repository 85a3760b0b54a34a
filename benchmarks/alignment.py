"""Errors of `align` and `track` on ../shared/data: `python -m benchmarks.alignment` writes results/alignment.md."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.linalg import solve_toeplitz
from scipy.signal import butter, fftconvolve, sosfilt

from ddspfx.alignment.align import align
from ddspfx.alignment.interpolate import sample_at
from ddspfx.alignment.track import track
from ddspfx.audio import read_audio

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared/data"
RATE = 44_100
Row = NDArray[np.float64]


def piece(name: str, seconds: int = 10) -> Row:
    x = read_audio(DATA / f"cc0/{name}.flac")[0][0].astype(np.float64)
    return 0.5 * np.tile(x, -(-seconds * RATE // len(x)))[: seconds * RATE]


def noisy(y: Row, snr: float, seed: int = 1) -> Row:
    return y + np.random.default_rng(seed).standard_normal(len(y)) * np.std(y) * 10 ** (-snr / 20)


def shifted(x: Row, delay: float) -> Row:
    """Through the Fourier phase, independent of the package's interpolation."""
    count = 2 * len(x) + 2 * int(delay)
    spectrum = rfft(x, count) * np.exp(-2j * np.pi * np.arange(count // 2 + 1) / count * delay)
    return np.asarray(irfft(spectrum, count)[: len(x) + int(delay)])


def clipper(y: Row) -> Row:
    y = sosfilt(butter(2, [150, 3000], "bandpass", fs=RATE, output="sos"), y)
    limit = 0.4 * np.quantile(np.abs(y), 0.9)
    return np.clip(y, -limit, limit)


def toy_tape(x: Row, snr: float, seed: int = 0) -> tuple[Row, Row]:
    """15 ms, 20 ppm, wow, flutter, drive, head bump, low-pass and pink hiss; with the delay in samples."""
    rng = np.random.default_rng(seed)
    t = np.arange(len(x)) / RATE
    flutter = sosfilt(butter(2, [6, 30], "bandpass", fs=RATE, output="sos"), rng.standard_normal(len(t) + RATE))[RATE:]
    wow = 7e-4 * np.sin(2 * np.pi * 0.55 * t + 1) + 1e-3 * np.sin(2 * np.pi * 0.9 * t + 4)
    delay = 0.015 * RATE + np.cumsum(2e-5 + wow + 3e-4 * flutter / flutter.std())
    s = sample_at(x, np.arange(len(x)) - delay)
    s = np.tanh(1.5 * s / np.max(np.abs(s)))
    s = s + 0.4 * sosfilt(butter(1, [40, 90], "bandpass", fs=RATE, output="sos"), s)
    s = sosfilt(butter(2, 11_000, fs=RATE, output="sos"), s)
    white = rfft(rng.standard_normal(len(t)))
    hiss = irfft(white / np.sqrt(np.arange(len(white)) + 50), len(t))
    return s + hiss / hiss.std() * s.std() * 10 ** (-snr / 20), delay


def align_rows() -> list[str]:
    rows = [
        "| piece | cell | latency error (samples) | speed error at the end (samples) | polarity | confidence | CPU s |"
    ]
    rows.append("| --- " * 7 + "|")
    for name in ("loop_amen_full", "loop_compus", "bass_voxy_c", "bass_woodsy_c"):
        x = piece(name)
        for cell, y, delay, speed in align_cells(x):
            begin = time.process_time()
            found = align(x, y, RATE)
            late, end = found.latency * RATE - delay, (found.speed - speed) * len(y)
            took = time.process_time() - begin
            rest = f"{found.polarity:+d} | {found.confidence:.2f} | {took:.1f}"
            rows.append(f"| {name} | {cell} | {late:.4f} | {end:.4f} | {rest} |")
    return rows


def align_cells(x: Row) -> list[tuple[str, Row, float, float]]:
    cells = [
        ("pure delay, 40 dB", noisy(shifted(x, 1234.37), 40), 1234.37, 1.0),
        ("3 s of silence first", noisy(np.concatenate([np.zeros(3 * RATE), x]), 40), 3.0 * RATE, 1.0),
        ("5 s", noisy(shifted(x, 5 * RATE + 0.5), 40), 5 * RATE + 0.5, 1.0),
        ("inverted", -noisy(shifted(x, 44.6), 40), 44.6, 1.0),
        ("band-pass and clipping", noisy(clipper(shifted(x, 777)), 40), 777.0, 1.0),
    ]
    y, delay = toy_tape(np.concatenate([np.zeros(round(0.145 * RATE)), x])[: len(x)], 50)
    cells.append(("toy tape, 160 ms", y, 0.145 * RATE + float(delay.mean()), 1.0))
    for speed in (1.04, 0.96, 1.002):
        y = sample_at(x, speed * np.arange(int(len(x) / speed)) - 300.25)
        cells.append((f"speed {speed}", noisy(y, 40), 300.25, speed))
    return cells


def wobbling_loop_rows() -> list[str]:
    """Loops under wow and flutter, at offsets, whole and cut so that wet starts inside dry."""
    rows = ["| loop | times | largest latency error over 5 offsets and a cut (samples) | lowest confidence |"]
    rows.append("| --- " * 4 + "|")
    for name, times in (("loop_compus", 1), ("loop_amen_full", 2), ("loop_safari", 2), ("loop_electric", 4)):
        x = np.tile(0.5 * read_audio(DATA / f"cc0/{name}.flac")[0][0].astype(np.float64), times)
        errors, confidences = [], []
        for seconds, cut in ((0.0, 0.0), (0.025, 0.0), (0.16, 0.0), (1.0, 0.0), (5.0, 0.0), (0.025, 1.3)):
            late, first = round(seconds * RATE), round(cut * RATE)
            y, delay = toy_tape(np.concatenate([np.zeros(late), x]), 50)
            found = align(x, y[first:], RATE)
            errors.append(abs(found.latency * RATE - (late + float(delay[first:].mean()) - first)))
            confidences.append(found.confidence)
        rows.append(f"| {name} | {times} | {max(errors):.1f} | {min(confidences):.2f} |")
    return rows


def heavy_rows() -> list[str]:
    """ChowTape with heavy wow and flutter: what the best linear response leaves, since nobody knows the delay."""
    rows = [
        "| recording | delay from, to (samples) | align's confidence | ESR before | ESR after |",
        "| --- " * 5 + "|",
    ]
    for clip in ("016", "040", "109"):
        stem = DATA / f"chowtape/wowflutter{clip}"
        x, y = (read_audio(f"{stem}_{side}.flac")[0][0].astype(np.float64) for side in ("input", "target"))
        alignment = align(x, y, RATE)
        n = np.arange(len(y))
        delay = track(x, y, RATE, alignment=alignment)(n / RATE) * RATE
        before, after = (linear_esr(sample_at(x, n - d), y) for d in (alignment.latency * RATE + 0 * n, delay))
        span = f"{delay.min():.0f}, {delay.max():.0f}"
        rows.append(f"| ChowTape {clip} | {span} | {alignment.confidence:.2f} | {before:.3f} | {after:.3f} |")
    return rows


def linear_esr(x: Row, y: Row, taps: int = 512, edge: int = 4000) -> float:
    """ESR that the best centred response of so many taps leaves."""
    x = np.roll(x, -taps // 2)
    count = 2 ** (2 * len(y) - 1).bit_length()
    X, Y = rfft(x, count), rfft(y, count)
    covariance, cross = (irfft(np.conj(X) * S, count)[:taps] for S in (X, Y))
    covariance[0] *= 1 + 1e-6
    rest = (y - fftconvolve(x, solve_toeplitz(covariance, cross))[: len(y)])[edge:-edge]
    return float(np.sum(rest**2) / np.sum(y[edge:-edge] ** 2))


def track_rows() -> list[str]:
    rows = [
        "| recording | coarse RMSE | RMSE | median error | longest | CPU time, times real time |",
        "| --- " * 6 + "|",
    ]
    for name in ("loop_amen_full", "loop_compus", "bass_voxy_c"):
        for snr in (60, 50, 40):
            x = piece(name)
            y, delay = toy_tape(x, snr)
            seconds = np.arange(len(x)) / RATE
            rows.append(track_row(f"toy tape, {name}, {snr} dB", x, y, seconds[2205:-2205], delay[2205:-2205]))
    for clip in (1, 2, 3):
        stem = DATA / f"akai4000d/clip{clip}"
        x, y = (read_audio(f"{stem}_{side}_L.wav")[0][0].astype(np.float64) for side in ("input", "target"))
        seconds, delay = np.loadtxt(f"{stem}_pilot_delay.csv", delimiter=",", skiprows=1, usecols=(0, 1)).T
        heard = (seconds > delay / RATE + 0.05) & (seconds < len(y) / RATE - 0.05)
        rows.append(track_row(f"Akai 4000D clip {clip} against its pilot", x, y, seconds[heard], delay[heard]))
    return rows


def track_row(name: str, x: Row, y: Row, seconds: Row, delay: Row) -> str:
    def errors(refine: bool) -> Row:
        e = track(x, y, RATE, refine=refine)(seconds) * RATE - delay
        return np.asarray(e - np.median(e))

    coarse = errors(False)
    begin = time.process_time()
    e = errors(True)
    took = (time.process_time() - begin) / (len(y) / RATE)
    return (
        f"| {name} | {np.std(coarse):.3f} | {np.std(e):.4f} | {np.median(np.abs(e)):.4f} "
        f"| {np.max(np.abs(e)):.2f} | {took:.2f} |"
    )


def main() -> None:
    lines = [
        "# Alignment",
        "",
        "`python -m benchmarks.alignment`. Samples are at 44.1 kHz. Pieces are looped to 10 s.",
        "Times are of one CPU core.",
        "",
    ]
    lines += ["## align", "", *align_rows(), "", "A filter's own delay of some samples is in its latency error.", ""]
    lines += ["### Loops that repeat, on the toy tape at 50 dB", "", *wobbling_loop_rows(), ""]
    lines += ["## track", "", "In samples, a constant removed, 50 ms left out at each end.", "", *track_rows(), ""]
    lines += ["### Heavy wow and flutter", "", *heavy_rows(), ""]
    (ROOT / "benchmarks/results").mkdir(exist_ok=True)
    (ROOT / "benchmarks/results/alignment.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
