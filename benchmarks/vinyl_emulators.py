"""Record players that others emulate: `python -m benchmarks.vinyl_emulators [--quick] [--minutes 10]`.

Calf Vinyl in four settings and two chains of FFmpeg's filters (replay curve, clipper, vibrato; crackle from the real
vinyl noise), none of them looked into: `vinyl_devices.py`. Fit on 42 s of `../shared/data/cc0`, judged on 12 s of other
music that was played at another time. ESR of the quiet model on what it never heard, its delay found on that pair by
its own output; "identity" is the dry as `align` lays it, "GRU-64 alone" a network without a delay line, which must
take time as it comes. "noise" is the energy of what the device adds to silence, relative to the wet: below it no model
can come. Asked: the grey box the least of all, and 6 dB below the network alone wherever time moves. Every row is
written when it is there, and a run that was killed goes on; a device whose program is missing is a row that says so.
"""

import argparse
import dataclasses
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.table import RESULTS, write_table
from benchmarks.vinyl_devices import DEVICES, RATE, TESTING, TRAINING, missing, played, programme
from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.recurrent import GRU
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.auto import wander
from ddspfx.fit.fit import fit
from ddspfx.fit.known import prepared
from ddspfx.fit.scoring import score_pair
from ddspfx.fit.takes import Take
from ddspfx.models.catalogue import RECIPES
from ddspfx.models.recipe import Setting

ROWS = RESULTS / "vinyl_emulators.json"
WORK = Path(tempfile.gettempdir()) / "ddspfx-vinyl-emulators"
LATER = 3
"""Seconds by which the test is played later: another stretch of the wow."""
STANDING = {
    "passes": 2_000,
    "validation": 0.1,
    "validate_every": 10,
    "patience": 8,
    "sequences": 8,
    "match_noise": False,
}
MODELS = ("identity", "linear", "GRU-64 alone", "GRU-64", "grey box", "grey box and network")
QUICK = ("calf, wow", "filters, replay curve and soft clip")


def takes(device: str, quick: bool) -> tuple[Take, Take]:
    """What is fitted and what is judged, aligned and tracked."""
    found = []
    for names, later in ((TRAINING, 0), (TESTING, LATER)):
        x = programme(names)
        x = x[:, : 6 * RATE] if quick else x
        name = "training" if later == 0 else "test"
        pair = Pair(Recording(x, RATE, name), Recording(played(device, x, later), RATE, name))
        found.append(prepared(pair, folder_of(quick), name=filed(f"{device} {name} {x.shape[1]}")))
    return found[0], found[1]


def folder_of(quick: bool) -> Path:
    """Where alignments and runs lie."""
    return WORK / "quick" if quick else WORK


def filed(words: str) -> str:
    """A name for a file."""
    return words.replace(",", "").replace(" ", "-")


def made(model: str, setting: Setting) -> tuple[AbstractBlock, dict[str, Any]]:
    """A model and what it is fitted with."""
    if model.startswith("GRU"):
        network = GRU(64, sample_rate=RATE, key=jax.random.key(0))
        line = RECIPES["gru"].build(setting)
        transport = {"transport": line.transport} if model == "GRU-64" and "transport" in line.names else {}
        return Serial(network=network, **transport), {"time": "joint" if transport else "none"}
    recipe = RECIPES[{"linear": "linear", "grey box": "vinyl", "grey box and network": "vinyl-both"}[model]]
    return recipe.build(setting), dict(recipe.settings)


def esr(model: str, device: str, pair: tuple[Take, Take], minutes: float, quick: bool) -> tuple[float, int]:
    """Of one model on the test, and how many numbers it has."""
    taught, judged = pair
    if model == "identity":
        start, stop = judged.inside
        error = judged.wet[:, start:stop].astype(np.float64) - judged.dry[:, start:stop]
        return float(np.sum(error**2) / np.sum(judged.wet[:, start:stop].astype(np.float64) ** 2)), 0
    block, settings = made(model, Setting(RATE, wander([taught, judged]), jax.random.key(0)))
    folder = folder_of(quick) / "runs" / filed(f"{device} {model} {minutes:g} {taught.count}")
    given = {**STANDING, **settings, "minutes": minutes, "match_noise": False, "confidence": 0.0}
    given |= {"least_squares": min(4, given.get("least_squares", 0))} if quick else {}
    own = taught if "transport" in block.names else dataclasses.replace(taught, trajectory=None)
    run = fit(block, own, out=folder, resume=True, **given)
    return score_pair(run, judged).score.esr, int(run.figures["parameters"])


def noise(device: str, wet: np.ndarray) -> float:
    """Energy of what the device adds to silence, relative to the wet."""
    return float(np.mean(played(device, 0 * programme(TESTING), LATER) ** 2) / np.mean(wet**2))


def main(quick: bool, minutes: float) -> None:
    """The queue from where it stands."""
    rows: dict[str, dict[str, Any]] = json.loads(ROWS.read_text()) if ROWS.is_file() and not quick else {}
    command = "python -m benchmarks.vinyl_emulators" + (" --quick" if quick else f" --minutes {minutes:g}")
    models = ("identity", "linear", "GRU-64", "grey box") if quick else MODELS
    if quick:
        shutil.rmtree(WORK / "quick", ignore_errors=True)  # what lies there belongs to earlier code
    for model in models:
        for device in QUICK if quick else DEVICES:
            row = rows.setdefault(device, {"device": device, "time moves": "yes" if DEVICES[device].moves else "no"})
            if model in row:
                continue
            if gap := missing(device):
                rows[device] |= {"gap": gap}
                continue
            began = time.monotonic()
            pair = takes(device, quick)
            row.setdefault("noise", noise(device, pair[1].wet))
            row[model], row[f"{model}, numbers"] = esr(model, device, pair, minutes, quick)
            print(f"{device}: {model} {row[model]:.5f} in {time.monotonic() - began:.0f} s", flush=True)
            write_table(
                "vinyl_emulators_quick" if quick else "vinyl_emulators", __doc__, told(list(rows.values())), command
            )
            if not quick:
                ROWS.write_text(json.dumps(rows, indent=1))
    write_table("vinyl_emulators_quick" if quick else "vinyl_emulators", __doc__, told(list(rows.values())), command)


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table: a row a device, and how far the grey box lies below the network alone."""
    lines = []
    for row in rows:
        cells = {name: row.get(name, "") for name in ("device", "time moves", "noise", *MODELS)}
        grey = min((row[name] for name in MODELS[4:] if name in row), default=None)
        alone = row.get("GRU-64 alone")
        below = 10 * np.log10(alone / grey) if grey and alone else ""
        lines.append({**cells, "grey below the network alone, dB": below, "gap": row.get("gap", "")})
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two devices, short fits of 6 s")
    parser.add_argument("--minutes", type=float, default=None, help="of a fit, at most; 10, quick 0.2")
    given = parser.parse_args()
    main(given.quick, given.minutes or (0.2 if given.quick else 10.0))
