"""A record player fitted to itself: `python -m benchmarks.vinyl_consistency [--quick] [--chains 10] [--seconds 10]`.

Random chains of `ddspfx.models.Vinyl`, 23 numbers each (nine knobs, ten slots of stylus, cartridge and arm, the phases
of the revolution), play music of `../shared/data/cc0`; the fit starts from the usual pressing every time, its wow and
warp from the tracked delay. Random flutter and drift are left out: their delay belongs to a pair, not to a device.
Each chain is fitted twice: with its noise off (ESR of the deterministic part; asked .001) and on (hiss, rumble, dust;
what the quiet fit leaves against the true noise; asked within .5 dB). "sure" are the numbers whose Cramér-Rao deviation
at the true numbers, in that noise, is below 3 % (asked: half of them at least), "right" those of them that are fitted
within 10 % (asked: all), and "report agrees" counts the numbers of which the fit's own confidence says the same (asked:
90 %). Per cent of a number in decibels are those of its amplitude. A row is written when it is there; a queue.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from benchmarks.table import RESULTS, write_table
from benchmarks.vinyl_devices import RATE, TRAINING, programme
from ddspfx.alignment.align import Alignment
from ddspfx.alignment.track import track
from ddspfx.block import AbstractBlock, quiet
from ddspfx.blocks.turned import Turned
from ddspfx.fit.confidence import Confidence, confidence
from ddspfx.fit.coordinates import Coordinate, coordinates
from ddspfx.fit.least_squares import least_squares
from ddspfx.fit.noise_levels import noise_levels
from ddspfx.fit.takes import Take
from ddspfx.fit.turning import turning
from ddspfx.listing import get, put
from ddspfx.models.vinyl import Vinyl
from ddspfx.render import render
from ddspfx.slot import Param

ROWS = RESULTS / "vinyl_consistency.json"
RPM = 100 / 3
SURE, RIGHT = 3.0, 10.0
"""Per cent."""
LEVEL = 0.5
"""Of the programme: a record is not cut at full scale."""
KNOBS = {
    "drive": (-4.0, 6.0),
    "wow": (0.05, 0.6),
    "warp": (0.3, 3.0),
    "wear": (10.0, 80.0),
    "position": (5.0, 90.0),
    "width": (60.0, 140.0),
    "hiss": (-72.0, -58.0),
    "rumble": (-70.0, -58.0),
    "hum": (-90.0, -75.0),
}
SLOTS = {
    "model.tracing.radius": (5.0, 18.0),
    "model.angle.horizontal": (0.5, 4.0),
    "model.angle.vertical": (3.0, 14.0),
    "model.contact.length": (2.0, 5.0),
    "model.cartridge.tip": (13e3, 24e3),
    "model.cartridge.resonance": (0.8, 2.0),
    "model.crosstalk.level": (-35.0, -20.0),
    "model.crosstalk.treble": (-18.0, -11.0),
    "model.arm.resonance": (1.0, 4.0),
    "model.arm.mass": (8.0, 20.0),
}
PHASES = "model.time.delay.phases"
QUICK = ((1e3, 8),)
SHORT_S, ROUNDS, LAST = 3.0, 25, 8
"""Seconds of the first rounds, how many, and how many with all seconds."""


def usual() -> Turned:
    """The model before a fit: its knobs as numbers where the usual pressing has them, its time base the disc alone."""
    device = Vinyl()
    values = {name: float(knob.default) for name, knob in knobs(device).items()}
    device = put(device, "time.delay", get(device, "time.delay").sources[0])
    return Turned(device, **values)


def knobs(device: AbstractBlock) -> dict[str, Any]:
    """The knobs that are fitted."""
    from ddspfx.control import controls

    return {name: knob for name, knob in controls(device).items() if name in KNOBS}


def drawn(seed: int) -> Turned:
    """A random chain."""
    random = np.random.default_rng([seed, 6])
    model = usual()
    for name, span in KNOBS.items():
        model = turned(model, name, random.uniform(*span))
    for path, span in SLOTS.items():
        model = put(model, path, float(random.uniform(*span)))
    phases = np.array(get(model, PHASES).value, float) * np.ones(8)
    return put(model, PHASES, np.concatenate([random.uniform(-0.4, 0.4, 4), phases[4:]]))


def turned(model: Turned, name: str, value: float) -> Turned:
    """The model with one of its knobs elsewhere."""
    span = model.knobs[name].range
    return put(model, f"knobs.{name}", Param(span.share(float(np.clip(value, span.low, span.high))), span))


def frozen(model: Turned) -> list[str]:
    """All paths but those that are fitted."""
    free = {*SLOTS, PHASES, *(f"knobs.{name}" for name in KNOBS)}
    return [path for path in dict.fromkeys(one.path for one in coordinates(model)) if path not in free]


def take(dry: np.ndarray, wet: np.ndarray) -> Take:
    """A pair that lies where it should."""
    still = Alignment(0.0, 0.0, 1, 1.0, 1.0, False, (0.0,), 1.0, (), RATE, wet.shape[1])
    return Take("chain", dry, wet.astype(np.float32), RATE, still, (0, wet.shape[1]))


def begun(heard: Take) -> Turned:
    """The usual model with the revolution of the tracked delay."""
    model, (start, stop) = usual(), (edge / RATE for edge in heard.inside)
    found = turning(track(heard.dry, heard.wet, RATE, alignment=heard.alignment), RPM, (start, stop))
    disc = get(model, "model.time.delay")
    phases = np.array(get(model, PHASES).value, float) * np.ones(8)
    model = put(model, PHASES, np.concatenate([found.phases[:4], phases[4:]]))
    steepest = float(disc.second.slot.at(disc.second.shares[-1]))
    warp = model.knobs["warp"].range.high * found.percent[1] / steepest
    return turned(turned(model, "wow", max(found.percent[0], 1e-3)), "warp", max(warp, 0.05))


def fitted(heard: Take, quick: bool) -> Turned:
    """The chain that least squares finds, first on a few seconds and then on all of them."""
    model = begun(heard)
    hold = frozen(model)
    for seconds, rounds in QUICK if quick else ((SHORT_S, ROUNDS), (1e3, LAST)):
        model = least_squares(
            model, {}, [heard], [heard.inside], rounds=rounds, freeze=hold, seconds=seconds, say=print
        ).model
    return noise_levels(model, {}, [heard], [heard.inside], freeze=hold)


def off(found: Coordinate, true: Coordinate) -> float:
    """By how many per cent a number is wrong."""
    if found.range.unit.startswith("dB"):
        return float(100 * np.expm1(abs(found.value - true.value) * np.log(10) / 20))
    error = found.value - true.value
    if found.range.unit == "cycles":
        error -= round(error)
    return float(100 * abs(error) / abs(true.value)) if true.value else float(np.inf)


def esr(played: np.ndarray, wet: np.ndarray) -> float:
    return float(np.sum((played.astype(np.float64) - wet) ** 2) / np.sum(wet.astype(np.float64) ** 2))


def done(seed: int, seconds: float, quick: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One chain: its row, and a row a number."""
    began, truth = time.monotonic(), drawn(seed)
    dry = np.roll(LEVEL * programme(TRAINING), -seed * 4 * RATE, axis=1)[:, : round(seconds * RATE)]
    silent = np.asarray(render(quiet(truth), dry, RATE))
    wet = np.asarray(render(truth, dry, RATE, key=seed + 1))
    heard, hold = take(dry, wet), frozen(truth)
    found = fitted(heard, quick)
    clean = found if quick else fitted(take(dry, silent), quick)
    bound = confidence(truth, [heard], freeze=hold, seconds=seconds)
    said = confidence(found, [heard], freeze=hold, seconds=seconds)
    numbers = list(map(told, coordinates(found, hold), coordinates(truth, hold), bound, said))
    sure = [row for row in numbers if row["bound, %"] < SURE]
    exact = [off(a, b) for a, b in zip(coordinates(clean, hold), coordinates(truth, hold), strict=True)]
    inside = slice(*heard.inside)
    residual, noise = wet - render(quiet(found), dry, RATE), wet - silent
    row = {
        "chain": seed,
        "numbers": len([row for row in numbers if row["played"]]),
        "sure": len(sure),
        "right": sum(row["off, %"] <= RIGHT for row in sure),
        "worst of the sure, %": max(row["off, %"] for row in sure),
        "worst, noise off, %": max(e for e, row in zip(exact, numbers, strict=True) if row["bound, %"] < SURE),
        "report agrees": f"{sum(row['agrees'] for row in numbers if row['played'])}",
        "ESR, noise off": esr(render(quiet(clean), dry, RATE)[:, inside], silent[:, inside]),
        "residual over noise, dB": 10
        * np.log10(float(np.mean(residual[:, inside] ** 2) / np.mean(noise[:, inside] ** 2))),
        "seconds": round(time.monotonic() - began),
    }
    return row, numbers


def told(found: Coordinate, true: Coordinate, bound: Confidence, said: Confidence) -> dict[str, Any]:
    """One number of one chain."""
    return {
        "number": found.name,
        "true": true.value,
        "found": found.value,
        "off, %": off(found, true),
        "bound, %": bound.percent,
        "said, %": said.percent,
        "agrees": (bound.percent < SURE) == (said.percent < SURE),
        "played": bound.seen != "nothing",
    }


def main(quick: bool, chains: int, seconds: float) -> None:
    """The queue from where it stands."""
    kept: dict[str, Any] = json.loads(ROWS.read_text()) if ROWS.is_file() and not quick else {}
    name = "vinyl_consistency_quick" if quick else "vinyl_consistency"
    command = "python -m benchmarks.vinyl_consistency" + (" --quick" if quick else f" --chains {chains}")
    for seed in range(chains):
        if str(seed) in kept:
            continue
        row, numbers = done(seed, seconds, quick)
        kept[str(seed)] = {"row": row, "numbers": numbers}
        print(row, flush=True)
        write_table(name, __doc__, [one["row"] for one in kept.values()], command)
        if not quick:
            ROWS.write_text(json.dumps(kept, indent=1))
            lines = [{"chain": c, **line} for c, one in kept.items() for line in one["numbers"] if line["played"]]
            write_table(
                "vinyl_consistency_numbers", "Every number of every chain of `vinyl_consistency.md`.", lines, command
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one chain, three seconds, eight rounds")
    parser.add_argument("--chains", type=int, default=None, help="10; quick 1")
    parser.add_argument("--seconds", type=float, default=None, help="of music a chain; 10, quick 3")
    given = parser.parse_args()
    main(given.quick, given.chains or (1 if given.quick else 10), given.seconds or (3.0 if given.quick else 10.0))
