"""Pictures of the tape experiments: `python -m benchmarks.tape_figures [--only NAME]` writes `results/tape-*.png`.

As in the paper: spectrograms of input, target and model; loops of the toy device and of its model; a delay trajectory
of the real machine (programme and pilot) beside a generated one; the real hiss beside a generated one.
"""

import argparse
from collections.abc import Callable

import jax
import numpy as np
from matplotlib.figure import Figure

from benchmarks import tape_devices as machine
from benchmarks.table import RESULTS
from ddspfx.blocks.add import Add
from ddspfx.blocks.anhysteretic import Anhysteretic
from ddspfx.blocks.chain import Serial
from ddspfx.clock import Clock
from ddspfx.data.devices import TapeSimulator
from ddspfx.fit.judge import play
from ddspfx.fit.latents import stack
from ddspfx.fit.noise import density, with_noise_of
from ddspfx.fit.takes import centred, line_of
from ddspfx.generators.transport import transport_like
from ddspfx.models.recipe import THIRD_OCTAVES
from ddspfx.render import render
from ddspfx.source.noise import Noise

RATE, CLIP = 44_100, "clip1"


def saved(figure: Figure, name: str, dpi: int = 80) -> None:
    """Writes the picture."""
    path = RESULTS / f"tape-{name}.png"
    figure.savefig(path, dpi=dpi, bbox_inches="tight")
    print(f"wrote {path}")


def spectrograms() -> None:
    """Dry, wet and what a device of 33 numbers with the recording's delay and level makes of the dry."""
    from scipy.signal import spectrogram

    one = machine.take(CLIP)
    run = machine.solved_on([one], 16, 0, True)
    moved = centred(one, line_of(run.model, "transport.delay"))
    played = play(run.model, {path: stack(rows) for path, rows in run.latents.items()}, moved, 0)
    start, stop = one.inside
    figure = Figure(figsize=(10, 3), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for ax, (title, x) in zip(axes, (("input", one.dry), ("target", one.wet), ("model", played)), strict=True):
        at, times, power = spectrogram(x[0, start:stop], RATE, nperseg=1024, noverlap=256)
        ax.pcolormesh(times, at / 1e3, 10 * np.log10(power + 1e-14), vmin=-120, vmax=-40, rasterized=True)
        ax.set(title=title, xlabel="s", ylim=(0, 16))
    axes[0].set_ylabel("kHz")
    saved(figure, "spectrograms", 55)


def loops() -> None:
    """Input against magnetisation at 100 Hz, full scale: the simulated biased tape, and the curve fitted to it."""
    t = np.arange(RATE // 5) / RATE
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, drive in zip(axes, (0.0, 9.0), strict=True):
        x = np.sin(2 * np.pi * 100 * t)[None]
        simulated = TapeSimulator(drive=drive, wow=0.0, flutter=0.0, level=None, modulation=None).play(x, RATE)
        late = slice(-441, None)
        M = simulated.magnetisation[0]
        ours = np.asarray(render(Anhysteretic(drive), x.astype(np.float32), RATE))[0]
        gain = np.sum(M[late] * ours[late]) / np.sum(ours[late] ** 2)
        ax.plot(x[0, late], M[late] / 1e3, label="device: biased Jiles-Atherton")
        ax.plot(x[0, late], gain * ours[late] / 1e3, "--", label="model: anhysteretic")
        ax.set(title=f"drive {drive:g} dB", xlabel="input")
    axes[0].set_ylabel("magnetisation, kA/m")
    axes[0].legend(frameon=False)
    saved(figure, "loops")


def trajectory() -> None:
    """The delay of clip 1 by its programme and by its pilot, and a take of the generator fitted to three clips."""
    takes = [machine.take(name) for name in machine.CLIPS]
    one = takes[0]
    start, stop = (edge / RATE for edge in one.inside)
    times = np.arange(start, stop, 0.002)
    rows = np.genfromtxt(machine.DATA / f"akai4000d/{CLIP}_pilot_delay.csv", delimiter=",", skip_header=1)
    pilot = np.interp(times, rows[:, 0], rows[:, 1])
    source = transport_like([take.trajectory for take in takes])
    clock = Clock.zero(RATE, jax.random.key(7))
    made = np.asarray(source.read(1, int((stop - start) * RATE), clock))[0, :: RATE // 500] * RATE
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, sharey=True)
    found = one.trajectory(times) * RATE
    upper.plot(times, found - found.mean(), label="programme")
    upper.plot(times, pilot - pilot.mean(), "--", linewidth=0.8, label="pilot")
    upper.legend(frameon=False, ncols=2)
    lower.plot(start + np.arange(len(made)) / 500, made - made.mean(), color="C2", label="generated")
    lower.legend(frameon=False)
    lower.set(xlabel="s")
    figure.supylabel("delay, samples")
    saved(figure, "trajectory")


def hiss() -> None:
    """Density of what the quiet model leaves of clip 1 where it plays least, and of the noise fitted to it."""
    from scipy.signal import welch

    one = machine.take(CLIP)
    run = machine.solved_on([one], 0, machine.TAPS, True)
    latents = {path: stack(rows) for path, rows in run.latents.items()}
    moved = centred(one, line_of(run.model, "transport.delay"))
    played = play(run.model, latents, moved, 0)
    part = slice(*one.inside)
    at, real = density([(moved.wet - played)[:, part]], [played[:, part]], RATE)
    noise = Add(Noise.shaped(THIRD_OCTAVES, [0.0] * len(THIRD_OCTAVES), seed=1), -90.0)
    blocks = dict(zip(run.model.names, run.model.blocks, strict=True))
    noisy = with_noise_of(Serial(**blocks, hiss=noise), latents, [moved], [one.inside])
    made = np.asarray(render(Serial(hiss=noisy.hiss), np.zeros((1, 5 * RATE), np.float32), RATE))
    figure = Figure(figsize=(6, 3), layout="constrained")
    ax = figure.subplots()
    ax.semilogx(at[1:], 10 * np.log10(real[1:]), linewidth=0.7, label="real machine, quiet moments")
    at, generated = welch(made[0], RATE, nperseg=4096)
    ax.semilogx(at[1:], 10 * np.log10(generated[1:]), linewidth=0.7, label="generated")
    ax.set(xlabel="Hz", ylabel="dBFS / Hz", xlim=(100, 20_000))
    ax.legend(frameon=False)
    saved(figure, "hiss")


FIGURES: dict[str, Callable[[], None]] = {
    "spectrograms": spectrograms,
    "loops": loops,
    "trajectory": trajectory,
    "hiss": hiss,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=FIGURES)
    only = parser.parse_args().only
    for name, draw in FIGURES.items():
        if only in (None, name):
            draw()
