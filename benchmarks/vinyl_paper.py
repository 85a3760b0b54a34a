"""The study of the paper, done again: `python -m benchmarks.vinyl_paper [--quick]`.

"Towards a vinyl sound emulation utilizing machine learning methods" taught networks single effects of synthetic vinyl
on a solo instrument. Here: tracing distortion (18 µm, inner groove, cut 18 dB hot) and a simplified rumble (two tones
locked to the revolution, the lower one swelling with it), a guitar of `../shared/data/cc0`, its first 70 % to learn
from, the rest to judge by; four kinds of network after 20 and 200 epochs (`vinyl_networks.py`), beside the grey box:
blocks of this library whose numbers are found by least squares. The networks are told the disc's angle; the
bidirectional one hears the future. "times real time" is a recording of ten seconds through each.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import vinyl_networks as networks
from benchmarks.table import RESULTS, write_table
from benchmarks.vinyl_devices import CC0
from ddspfx.alignment.align import Alignment
from ddspfx.audio import read_audio
from ddspfx.blocks.add import Add
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.disc_equaliser import DiscEqualiser
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.tracing import Tracing
from ddspfx.fit.coordinates import coordinates
from ddspfx.fit.least_squares import least_squares
from ddspfx.fit.takes import Take
from ddspfx.metrics.score import score
from ddspfx.render import render
from ddspfx.source.lfo import LFO

RATE, PIECE, SHARE = 44_100, "guit_em9", 0.7
TURN = 100 / 3 / 60
"""Revolutions a second."""
LINES = ((49, -52.0, 0.25), (50, -46.0, 0.5), (51, -52.0, 0.75), (100, -54.0, 0.3))
"""The rumble: multiples of the revolution, dB of full scale, phase in cycles. The first three are one that swells."""
EPOCHS = (20, 200)
WORK = Path(tempfile.gettempdir()) / "ddspfx-vinyl-paper"
ROWS = RESULTS / "vinyl_paper.json"
Player = Any


def guitar(seconds: float) -> np.ndarray:
    """(samples,), at a peak of -9 dBFS."""
    x = read_audio(CC0 / f"{PIECE}.flac")[0].mean(axis=0)[: round(seconds * RATE)]
    return (0.35 * x / np.abs(x).max()).astype(np.float32)


def distortion(radius: float, speed: float, drive: float) -> Serial:
    """A groove cut and traced."""
    groove = {"cut": DiscEqualiser(record=True), "tracing": Tracing(radius, speed), "replay": DiscEqualiser()}
    return Serial(drive=Gain(drive), **groove, makeup=Gain(-drive))


def rumble(levels: Any, phases: Any) -> Serial:
    """Tones that are locked to the revolution."""
    lines = {
        f"line{k}": Add(LFO(k * TURN, phase=float(p) % 1.0), float(v))
        for (k, _, _), v, p in zip(LINES, levels, phases, strict=True)
    }
    return Serial(**lines)


def true(effect: str) -> Serial:
    """The device."""
    if effect == "distortion":
        return distortion(18.0, 0.22, 18.0)
    return rumble([level for _, level, _ in LINES], [phase for *_, phase in LINES])


def grey(effect: str, dry: np.ndarray, wet: np.ndarray) -> Serial:
    """The blocks with numbers found from the pair, from usual ones: a 15 µm stylus half way in, cut 12 dB hot."""
    freeze = ["cut.*", "replay.*", "tracing.velocity", "*.rate"]
    start = distortion(15.0, 0.35, 12.0) if effect == "distortion" else _projected(wet - dry)
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, dry.size)
    take = Take("guitar", dry[None], wet[None], RATE, still, (0, dry.size))
    if effect == "distortion":
        freeze.append("tracing.radius")  # radius over speed squared is all that tracing tells
    return least_squares(start, {}, [take], [take.inside], rounds=20, freeze=freeze).model


def _projected(rest: np.ndarray) -> Serial:
    """The tones as least squares finds them in what is left."""
    t = np.arange(rest.size)[:, None] / RATE
    angle = 2 * np.pi * TURN * t * np.array([k for k, *_ in LINES])
    found = np.linalg.lstsq(np.concatenate([np.sin(angle), np.cos(angle)], axis=1), rest, rcond=None)[0]
    sine, cosine = found[: len(LINES)], found[len(LINES) :]
    return rumble(20 * np.log10(np.hypot(sine, cosine) + 1e-6), np.arctan2(cosine, sine) / (2 * np.pi))


def row(effect: str, model: str, epochs: Any, play: Player, numbers: int, data: Any, cut: int, seconds: float) -> Any:
    """One line of the table, and what was played."""
    dry, wet, _ = data
    y = play(dry)
    began = time.monotonic()
    play(dry)
    spent = time.monotonic() - began
    figures = score(y[None], wet[None], RATE, start=cut)
    return {
        "effect": effect,
        "model": model,
        "epochs": epochs,
        "ESR": figures.esr,
        "MAE": figures.mae,
        "MR-STFT": figures.mr_stft,
        "parameters": numbers,
        "times real time": dry.size / RATE / spent,
        "seconds": round(seconds),
    }, y


def main(quick: bool) -> None:
    """Effect by effect, model by model."""
    name = "vinyl_paper_quick" if quick else "vinyl_paper"
    command = "python -m benchmarks.vinyl_paper" + (" --quick" if quick else "")
    kept: dict[str, Any] = json.loads(ROWS.read_text()) if ROWS.is_file() and not quick else {}
    for effect in ("distortion", "rumble"):
        dry = guitar(3.0 if quick else 10.0)
        wet = np.asarray(render(true(effect), dry, RATE))
        turn = 2 * np.pi * TURN * np.arange(dry.size) / RATE
        data, cut = (dry, wet, np.stack([np.sin(turn), np.cos(turn)], axis=1)), round(SHARE * dry.size)
        heard: dict[str, np.ndarray] = {}
        cases: list[tuple[str, int]] = [("identity", 0), ("grey box", 0)]
        cases += [(kind, epochs) for epochs in ((2,) if quick else EPOCHS) for kind in networks.KINDS]
        for model, epochs in cases:
            label = f"{effect} {model} {epochs}"
            if label in kept:
                continue
            kept[label], heard[f"{model} {epochs}"] = made(effect, model, epochs, data, cut)
            print(kept[label], flush=True)
            write_table(name, __doc__, list(kept.values()), command)
            if not quick:
                ROWS.write_text(json.dumps(kept, indent=1))
                sound = heard[f"{model} {epochs}"][cut:]
                WORK.mkdir(exist_ok=True)
                np.save(WORK / f"{label}.npy", sound)
        if not quick:
            drawn(effect, dry[cut:], wet[cut:])


def drawn(effect: str, dry: np.ndarray, wet: np.ndarray) -> None:
    """The paper's figures 2 and 3: target against output, 10 ms of the distortion, two seconds of the rumble."""
    from matplotlib.figure import Figure

    models = ["grey box 0", *(f"{kind} {EPOCHS[-1]}" for kind in networks.KINDS)]
    figure: Any = Figure(figsize=(9, 1.6 * len(models)), layout="constrained")
    rest = wet - dry
    middle = int(np.argmax(np.convolve(rest**2, np.ones(441), "same")))
    low = np.ones(220) / 220
    for place, model in enumerate(models, 1):
        y, axis = np.load(WORK / f"{effect} {model}.npy"), figure.add_subplot(len(models), 1, place)
        if effect == "distortion":
            part = slice(max(middle - 220, 0), max(middle - 220, 0) + 441)
            lines = [(1e3 * np.arange(441) / RATE, sound[part]) for sound in (wet, y)]
        else:
            lines = [(np.arange(2 * RATE) / RATE, np.convolve(s - dry, low, "same")[: 2 * RATE]) for s in (wet, y)]
        for (t, sound), label, style in zip(lines, ("target", model.removesuffix(" 0")), ("-", "--"), strict=True):
            axis.plot(t, sound, style, linewidth=0.9, label=label)
        axis.legend(loc="upper right", fontsize=7)
    axis.set_xlabel("ms" if effect == "distortion" else "s, what is added to the dry, below 200 Hz")
    figure.savefig(RESULTS / f"vinyl_paper_{effect}.png", dpi=110)


def made(effect: str, model: str, epochs: int, data: Any, cut: int) -> Any:
    """A model, taught, and its row."""
    dry, wet, angle = data
    began = time.monotonic()
    if model == "identity":
        return row(effect, model, "", lambda x: x, 0, data, cut, 0.0)
    if model == "grey box":
        block = grey(effect, dry[:cut], wet[:cut])
        free = 3 if effect == "distortion" else len(coordinates(block, ["*.rate"]))
        play = lambda x: np.asarray(render(block, x, RATE))  # noqa: E731
        return row(effect, model, "", play, free, data, cut, time.monotonic() - began)
    numbers = networks.learned(model, dry[:cut], wet[:cut], angle[:cut], epochs, print)
    play = lambda x: networks.whole(model, numbers, x, angle)  # noqa: E731
    return row(effect, model, epochs, play, networks.size(numbers), data, cut, time.monotonic() - began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three seconds and two epochs")
    main(parser.parse_args().quick)
