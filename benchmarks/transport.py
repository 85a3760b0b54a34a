"""The flutter meters against what they must read: `python -m benchmarks.transport [--quick]`.

Synthetic tones with known speed, the standards' pulses, and the same real tape told twice: by the pilot of pulses on
its right track and by the music on its left. Writes `results/transport.md`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import markdown, write_table
from ddspfx.analysis.quasi_peak import FALL, PULSES, quasi_peak
from ddspfx.analysis.transport import Transport, analyse_transport
from ddspfx.analysis.weighting import weighting
from ddspfx.audio import read_audio

RATE, SECONDS = 44_100, 20
SHARED = Path(__file__).parents[2] / "shared/data/akai4000d"
Row = dict[str, Any]

REFERENCES: dict[str, tuple[tuple[tuple[float, float], ...], float, float, float]] = {
    "4 Hz, 0.1 %": (((1e-3, 4.0),), 3150.0, 0.0, 200.0),
    "0.5 Hz, 0.1 %": (((1e-3, 0.5),), 3150.0, 0.0, 200.0),
    "20 Hz, 0.1 %": (((1e-3, 20.0),), 3150.0, 0.0, 200.0),
    "100 Hz, 0.1 %": (((1e-3, 100.0),), 3150.0, 0.0, 200.0),
    "4 Hz, 0.01 %, 60 dB": (((1e-4, 4.0),), 3150.0, 0.0, 60.0),
    "4 Hz, 0.1 %, 40 dB": (((1e-3, 4.0),), 3150.0, 0.0, 40.0),
    "4 Hz, 1 %": (((1e-2, 4.0),), 3150.0, 0.0, 200.0),
    "3 kHz, 1 % fast": (((1e-3, 4.0),), 3000.0, 0.01, 60.0),
    "0.556, 9.4 and 300 Hz": (((1e-3, 5 / 9), (5e-4, 9.4), (3e-4, 300.0)), 3150.0, -2e-3, 60.0),
}
"""By name: (peak, Hz) of each sine in the speed, Hz of the tone, speed error, and dB of tone over white noise."""


def tone(parts: tuple[tuple[float, float], ...], frequency: float, error: float, snr: float) -> np.ndarray:
    t = np.arange(RATE * SECONDS) / RATE
    cycles = (1 + error) * t - sum(a / (2 * np.pi * f) * np.cos(2 * np.pi * f * t) for a, f in parts)
    noise = 10 ** (-snr / 20) / np.sqrt(2) * np.random.default_rng(1).standard_normal(t.size)
    return 0.5 * (np.sin(2 * np.pi * frequency * cycles) + noise)


def told(found: Transport, name: str) -> str:
    """Value and deviation of a figure."""
    each = found.figures[name]
    return "null" if each is None else f"{each.value:.4g} ± {each.deviation:.1g}"


def reference(name: str) -> Row:
    """What the meters must read of a reference, beside what they read."""
    parts, frequency, error, snr = REFERENCES[name]
    found = analyse_transport(tone(parts, frequency, error, snr), RATE)
    curve = weighting(np.array([f for _, f in parts])) * [a for a, _ in parts]
    bands = {"wow": (0.5, 6.0), "flutter": (6.0, 100.0), "scrape": (100.0, 1e9)}
    row: Row = {"reference": name, "speed ppm": f"{1e6 * error:.0f}", "read": told(found, "speed_error_ppm")}
    for band, (low, high) in bands.items():
        inside = [a for a, f in parts if low < f < high]
        row[f"{band} RMS %"] = "edge" if any(f in (low, high) for _, f in parts) else f"{_rms(inside):.4g}"
        row[f"{band} read"] = told(found, f"{band}_rms_percent")
    row["weighted RMS %"] = f"{_rms(list(curve)):.4g}"
    row["RMS read"] = told(found, "weighted_rms_percent")
    row["weighted peak %"] = f"{100 * curve[0]:.4g}" if len(parts) == 1 else "of a sum"
    row["DIN read"] = told(found, "weighted_quasi_peak_percent")
    row["AES6 read"] = told(found, "weighted_two_sigma_percent")
    return row


def _rms(peaks: list[float]) -> float:
    return 100 * float(np.sqrt(np.sum(np.square(peaks)) / 2))


def pulse_rows() -> list[Row]:
    """The pointer on one-sided pulses, one a second."""
    t, rows = np.arange(0, 8, 1e-3), []
    for length, reads, tolerance in PULSES:
        shown = quasi_peak(np.where(t % 1 < length - 1e-9, 1.0, 0.0), 1e3)[-1000:]
        rows.append({"pulse ms": round(1e3 * length), "asked %": f"{100 * reads:.0f} ± {100 * tolerance:.0f}",
                     "read %": f"{100 * shown.max():.1f}", "falls to %": f"{100 * shown.min():.1f}"})  # fmt: skip
    return rows


def clip_rows(clip: int) -> list[Row]:
    """A clip of the Akai 4000D, told by its pilot and by its music."""
    sound = {name: read_audio(SHARED / f"clip{clip}_{name}.wav")[0] for name in ("input_L", "target_L", "target_R")}
    both = {
        "pilot": analyse_transport(sound["target_R"], RATE),
        "music": analyse_transport(sound["target_L"], RATE, dry=sound["input_L"]),
    }
    names = ("wow_rms_percent", "flutter_rms_percent", "weighted_rms_percent", "weighted_quasi_peak_percent",
             "weighted_two_sigma_percent")  # fmt: skip
    return [{"clip": clip, "told by": source} | {name: told(found, name) for name in names} | {
             "strongest lines Hz": ", ".join(f"{line.frequency:.2f}" for line in found.lines[:4])}
            for source, found in both.items()]  # fmt: skip


ABOUT = f"""Tones of {SECONDS} s with a closed-form phase; the noise is white over the whole band. Every figure stands
with its stated deviation; RMS columns hold what must be read. DIN is the quasi-peak of IEC 60386 and DIN 45507, AES6
its 2-sigma, which reads .997 of a sine's peak."""

POINTER = f"""The pointer on one-sided pulses, one a second, against a sine of 4 Hz with the same peak-to-peak size. The
row of 60 ms and the fall to {100 * FALL:.0f} % between pulses of 100 ms stand in AES6's abstract; those of 10, 30 and
100 ms are DIN 45507's by common knowledge, and could not be checked against the standard's own text."""

CLIPS = """The same tape told twice: by a pilot of 100 pulses a second on the right track, which knows nothing above 45
Hz and takes what is above 50 for something below, and by the music on the left with its original, up to 50 Hz. A real
skew between the tracks is in the difference."""


def main() -> None:
    """Writes the tables; `--quick` prints two references and the pulses."""
    if "--quick" in sys.argv:
        print(*(reference(name) for name in list(REFERENCES)[:2]), *pulse_rows(), sep="\n")
        return
    rows = [reference(name) for name in REFERENCES]
    clips = [row for clip in (1, 2, 3) for row in clip_rows(clip)]
    about = f"{CLIPS}\n\n{markdown(clips)}\n\n{POINTER}\n\n{markdown(pulse_rows())}\n\n{ABOUT}"
    write_table("transport", about, rows, "python -m benchmarks.transport")


if __name__ == "__main__":
    main()
