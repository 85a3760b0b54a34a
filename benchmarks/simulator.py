"""The simulated tape under AC bias beside the model's anhysteretic curve: `python -m benchmarks.simulator [--quick]`.

Tones through the Jiles-Atherton loop with its bias (1.2 coercivities, 58.8 kHz at 16 times 44.1 kHz), and through the
curve that stands for it in a model, `Anhysteretic.of_loop`, which is fitted to the mean of a still loop, not to these
tones. Third harmonic in dBc; asked: within 1 dB over drive. Full scale is 5e4 A/m at the tape. The oversampling
columns show what the grid of the bias costs: below -60 dBc the loop's corners, where a turn of the bias meets the
anhysteretic curve, fall between its steps, and grids differ by some dB (worst at 1.5 coercivities and 16 times).
`simulator.png` has the loops. The time was taken beside a dozen other programs on two cores.
"""

import argparse
import functools
import time
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.table import RESULTS, markdown, write_table
from ddspfx.blocks.anhysteretic import Anhysteretic
from ddspfx.clock import Clock
from ddspfx.data.devices.recording import TAPE, Bias, RecordHead, magnetised
from ddspfx.data.devices.tape import TapeSimulator

RATE = 44_100
FULL = RecordHead().full_scale
WINDOW = 4_410

Row = dict[str, Any]


def tone(level: float, frequency: float) -> np.ndarray:
    """A field of `level` dBFS, two windows long."""
    return FULL * 10 ** (level / 20) * np.sin(2 * np.pi * frequency * np.arange(2 * WINDOW) / RATE)[None]


def partials(M: np.ndarray, frequency: float) -> np.ndarray:
    """Complex amplitudes of the first and the third partial in the last window, a whole number of periods."""
    spectrum = np.fft.rfft(M[0, -WINDOW:]) * 2 / WINDOW
    return spectrum[round(frequency * WINDOW / RATE) * np.array([1, 3])]


def third(M: np.ndarray, frequency: float) -> float:
    """Third harmonic in dBc."""
    found = np.abs(partials(M, frequency))
    return float(20 * np.log10(found[1] / found[0]))


@functools.cache
def model(bias: Bias) -> Anhysteretic:
    """The equivalent of a bias, without what is left of the loop."""
    return Anhysteretic.of_loop(bias.share * TAPE.coercivity, *TAPE)[0]


def curve(H: np.ndarray, bias: Bias) -> np.ndarray:
    """The model's magnetisation in A/m."""
    return np.asarray(model(bias).magnetisation(jnp.asarray(H, float), Clock.zero(RATE)), np.float64)


def harmonic_rows(levels: list[float], frequencies: tuple[float, ...]) -> list[Row]:
    """One row a level and frequency."""
    bias = Bias()
    rows = []
    for frequency in frequencies:
        for level in levels:
            H = tone(level, frequency)
            loops = {
                times: third(magnetised(H, RATE, bias._replace(oversampling=times)), frequency) for times in (8, 16, 32)
            }
            model_ = curve(H, bias)
            here = np.abs(partials(model_, frequency))[0] / np.abs(partials(magnetised(H, RATE, bias), frequency))[0]
            rows.append(
                {
                    "Hz": frequency,
                    "dBFS": level,
                    "loop, 8 times": loops[8],
                    "loop, 16 times": loops[16],
                    "loop, 32 times": loops[32],
                    "model": third(model_, frequency),
                    "model - loop, dB": third(model_, frequency) - loops[16],
                    "first harmonic, model - loop, dB": float(20 * np.log10(here)),
                    "asked": 1.0,
                }
            )
            print(rows[-1], flush=True)
    return rows


def share_rows(shares: tuple[float, ...]) -> list[Row]:
    """Other biases: the worst third harmonic over -24 to 6 dBFS at 1 kHz."""
    rows = []
    for share in shares:
        bias = Bias(share)
        worst = 0.0
        for level in (-20, -12, -6, 0, 6):
            H = tone(level, 1_000)
            worst = max(worst, abs(third(curve(H, bias), 1_000) - third(magnetised(H, RATE, bias), 1_000)))
        gain = np.abs(partials(magnetised(tone(-40, 1_000), RATE, bias), 1_000)[0]) / (FULL / 100)
        rows.append(
            {
                "bias, coercivities": share,
                "gain dM/dH, dB": float(20 * np.log10(gain)),
                "worst third harmonic, dB": worst,
            }
        )
        print(rows[-1], flush=True)
    return rows


def draw_loops() -> None:
    """The plain loop, the biased one before and after the bias is taken off, and the model's curve."""
    import matplotlib.pyplot as plt

    kilo = 1e-3
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True)
    for level in (-12, -6, 0):
        H = tone(level, 1_000)[:, -1_500:]
        last = slice(-442, None)
        axes[0].plot(kilo * H[0, last], kilo * magnetised(H, RATE, Bias(0.0))[0, last], label=f"{level} dBFS")
        M, smooth = magnetised(H, RATE, Bias())[0, last], curve(H, Bias())[0, last]
        axes[1].plot(kilo * H[0, last], kilo * M, lw=3, alpha=0.4, label=f"loop, {level} dBFS")
        axes[1].plot(kilo * H[0, last], kilo * smooth, "k", lw=0.7)
    fast = Bias(oversampling=16)
    carrier = fast.share * TAPE.coercivity * np.sin(2 * np.pi * np.arange(1_600) / 100)[None]
    slow = 2e4 * np.minimum(np.arange(1_600) / 400, 1)[None]
    raw = magnetised(slow + carrier, RATE, Bias(0.0, oversampling=8))
    axes[2].plot(kilo * (slow + carrier)[0], kilo * raw[0], lw=0.8)
    for axis, title in zip(
        axes, ("without bias", "with bias; model black", "the bias' own loop at 20 kA/m"), strict=True
    ):
        axis.set(xlabel="H, kA/m", title=title)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("M, kA/m")
    axes[0].legend(fontsize=7)
    axes[1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(RESULTS / "simulator.png", dpi=90)
    plt.close(figure)


def speed(seconds: float) -> str:
    """How long a recording takes, after one has been made."""
    x = 0.2 * np.random.default_rng(0).standard_normal(round(seconds * RATE))
    TapeSimulator().play(x[:RATE], RATE)
    began, worked = time.perf_counter(), time.process_time()
    TapeSimulator(seed=1).play(x, RATE)
    took, cost = time.perf_counter() - began, time.process_time() - worked
    return f"{seconds:g} s of mono audio took {cost:.1f} s of processor time, {took:.1f} s in all (RK4, 2 steps)."


def main() -> None:
    """Writes `results/simulator.md` and its picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    levels = [-20.0, -10.0, 0.0, 6.0] if quick else [-20.0, -16.0, -12.0, -8.0, -4.0, 0.0, 4.0, 8.0, 12.0]
    rows = harmonic_rows(levels, (1_000.0,) if quick else (100.0, 1_000.0, 5_000.0))
    others = share_rows((1.2,) if quick else (0.8, 1.0, 1.2, 1.5, 2.0))
    if not quick:
        draw_loops()
    about = f"{__doc__}\n{speed(5 if quick else 60)}\n\n{markdown(others)}"
    write_table(
        "simulator_quick" if quick else "simulator", about, rows, f"python -m benchmarks.simulator{' --quick' * quick}"
    )


if __name__ == "__main__":
    main()
