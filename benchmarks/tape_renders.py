"""The paper's own renders: `python -m benchmarks.tape_renders [--quick] [--minutes 5]`.

`../shared/data/chowtape`: three clips of an emulated tape with saturation only, three with heavy wow and flutter, its
settings unknown. A device is fitted to two clips of a kind and judged on the third, whose delay comes from its own
programme: ESR of the quiet model. Every device ends in a linear response, 12 solved sections and 1,024 taps held near
them, and "linear" is that alone, with delays found the same way. Asked: .010, or a third of the linear device's. A
queue; a row is written when it is there.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.table import RESULTS, write_table
from ddspfx.audio import read_audio
from ddspfx.block import AbstractBlock
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.fir import FIR
from ddspfx.blocks.gain import Gain
from ddspfx.blocks.hysteresis import Hysteresis
from ddspfx.blocks.parallel_filters import ParallelFilters
from ddspfx.blocks.recurrent import GRU
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.fit import fit
from ddspfx.fit.known import prepared
from ddspfx.fit.scoring import score_pair
from ddspfx.fit.takes import Take
from ddspfx.models.catalogue import emphasis
from ddspfx.models.recipe import Setting

DATA = Path(__file__).parents[2] / "shared/data/chowtape"
KINDS = {"sat": ("sat021", "sat077", "sat109"), "wowflutter": ("wowflutter016", "wowflutter040", "wowflutter109")}
MODELS = ("linear", "gru", "hysteresis", "both")
RATE, TAPS, PRE_ROLL, REACH = 44_100, 1_024, 64, 0.02
ROWS = RESULTS / "tape_renders.json"


def take(name: str) -> Take:
    """Aligned and tracked from its own programme."""
    dry, wet = (Recording(*read_audio(DATA / f"{name}_{side}.flac"), name) for side in ("input", "target"))
    return prepared(Pair(dry, wet), Path(tempfile.gettempdir()) / "ddspfx-tape-renders")


def device(model: str, kind: str) -> Serial:
    """A nonlinearity or none, a delay line, a response."""
    blocks: dict[str, AbstractBlock] = {}
    if model in ("hysteresis", "both"):
        loop = Hysteresis(0.0, coercivity=5e3, reversibility=0.9, solver="rk2")
        blocks |= {"record": emphasis(Setting(RATE)), "level": Gain(-6.0), "tape": loop}
    if model in ("gru", "both"):
        blocks["network"] = GRU(32, sample_rate=RATE, key=jax.random.key(0))
    reach = REACH if kind == "wowflutter" else REACH / 4
    blocks["transport"] = VariableDelay(-reach, reach, 0.0, "lagrange7")
    tail = {"response": ParallelFilters(12), "replay": FIR(np.eye(1, TAPS, PRE_ROLL)[0], PRE_ROLL)}
    return Serial(**blocks, **tail)


def done(kind: str, held: str, model: str, minutes: float) -> dict[str, Any]:
    """One device from two clips, judged on the third."""
    taught = [take(name) for name in KINDS[kind] if name != held]
    began = time.monotonic()
    run = fit(
        device(model, kind),
        taught,
        solve=["response", "replay"],
        evenness=1.0,
        ridge=0.1,
        passes=0 if model == "linear" else 400,
        minutes=minutes,
        validation=0.1,
        validate_every=10,
        patience=10,
        sequences=8,
        segment=4_096,
        learning_rate=5e-3,
        match_noise=False,
    )
    scored = score_pair(run, take(held))
    return {
        "kind": kind,
        "held out": held,
        "model": model,
        "ESR, held out": scored.score.esr,
        "ESR, validation": float(run.figures["esr_validation"]),
        "parameters": run.figures["parameters"],
        "seconds": round(time.monotonic() - began),
    }


def main(quick: bool, minutes: float) -> None:
    """The queue from where it stands."""
    rows: dict[str, dict[str, Any]] = json.loads(ROWS.read_text()) if ROWS.is_file() and not quick else {}
    models, kinds = (("linear",), ("sat",)) if quick else (MODELS, tuple(KINDS))
    for model in models:
        for kind in kinds:
            for held in KINDS[kind]:
                name = f"{kind} {held} {model}"
                if name in rows:
                    continue
                rows[name] = done(kind, held, model, minutes)
                print(rows[name], flush=True)
                told = [with_asked(row, rows) for row in rows.values()]
                command = "python -m benchmarks.tape_renders" + (" --quick" if quick else f" --minutes {minutes:g}")
                write_table("tape_renders_quick" if quick else "tape_renders", __doc__, told, command)
                if not quick:
                    ROWS.write_text(json.dumps(rows, indent=1))


def with_asked(row: dict[str, Any], rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The row and what it is held to."""
    linear = rows.get(f"{row['kind']} {row['held out']} linear", {}).get("ESR, held out", 0.0)
    return {**row, "asked": max(0.010, linear / 3) if row["model"] != "linear" else ""}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the linear device on the clips with saturation")
    parser.add_argument("--minutes", type=float, default=5.0, help="of a run, at most")
    given = parser.parse_args()
    main(given.quick, given.minutes)
