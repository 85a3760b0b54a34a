"""A toy machine that tells everything: `python -m benchmarks.tape_toy [--quick] [--minutes 20]`.

The device is `ddspfx.data.devices.TapeSimulator` (biased Jiles-Atherton tape, replay head, hiss, modulation noise),
with its wow and flutter or without. 60 s of `../shared/data/cc0` train, 20 s of other pieces on another take judge: ESR
of the quiet model, delay tracked from the judged pair's own programme. Schemes: "demodulated" (supervised 1), "tracked"
(supervised 2), "joint"; models: GRU-64, physics (tape under bias by its anhysteretic equivalent), both; three seeds.
Harmonics: largest difference from the device in dB over tones of 100 Hz, 1 kHz and 5 kHz at -40 to 0 dBFS, of those
above -60 dBc and below 20 kHz. A queue of runs, each resumable and at most 20 minutes; rows are written as they come.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from benchmarks.table import RESULTS, write_table
from ddspfx.audio import read_audio
from ddspfx.block import AbstractBlock, quiet
from ddspfx.blocks.anhysteretic import Anhysteretic
from ddspfx.blocks.chain import Serial
from ddspfx.blocks.delay import VariableDelay
from ddspfx.blocks.fir import FIR
from ddspfx.blocks.recurrent import GRU
from ddspfx.data.devices import TapeSimulator
from ddspfx.data.pair import Pair
from ddspfx.data.recording import Recording
from ddspfx.fit.fit import fit
from ddspfx.fit.known import prepared
from ddspfx.fit.scoring import score_pair
from ddspfx.fit.takes import Take
from ddspfx.render import render

Row = dict[str, Any]
RATE, STRIP_S, PEAK, DRIVE = 44_100, 10, 1.0, 0.0
CC0 = Path(__file__).parents[2] / "shared/data/cc0"
TRAINING = ["loop_amen_full", "loop_compus", "loop_safari", "loop_weirdo", "bass_voxy_c", "bass_woodsy_c", "guit_em9"]
TRAINING += ["guit_e_slide", "ambi_lunar_land", "ambi_choir", "loop_drone_g_97"]
JUDGING = ["loop_electric", "loop_mehackit1", "loop_mehackit2", "bass_thick_c", "ambi_piano", "loop_industrial"]
STRIPS = 6
WORK = Path(tempfile.gettempdir()) / "ddspfx-tape-toy"
THEIRS = {"without wobble": 0.0349, "demodulated": 0.0173, "tracked": 0.0160}
TAPS, PRE_ROLL, LONGEST = 2_048, 256, 0.01
TONES, LEVELS = (100.0, 1_000.0, 5_000.0), tuple(range(-40, 1, 5))
FAINTEST_DBC, HIGHEST = -60.0, 20_000.0


class Case(NamedTuple):
    """One run of the queue."""

    wobble: bool
    scheme: str
    model: str
    seed: int

    @property
    def name(self) -> str:
        return f"{'wobble' if self.wobble else 'still'}-{self.scheme}-{self.model}-{self.seed}"


def queue(quick: bool) -> Iterator[Case]:
    """The runs, those that are asked about first."""
    models = ("physics",) if quick else ("physics", "gru", "both")
    for seed in range(1 if quick else 3):
        for model in models:
            for scheme in ("joint", "tracked", "demodulated"):
                yield Case(True, scheme, model, seed)
            yield Case(False, "joint", model, seed)


def strips(names: list[str], count: int) -> list[np.ndarray]:
    """Pieces in a row, each at the same peak, cut into strips of 10 s."""
    rows = []
    for name in names:
        x, rate = read_audio(CC0 / f"{name}.flac")
        assert rate == RATE
        rows.append(PEAK * x.mean(0) / np.abs(x.mean(0)).max())
    sound = np.concatenate(rows)
    size = STRIP_S * RATE
    whole = np.resize(sound, max(count * size, 1))
    return list(whole.reshape(count, size).astype(np.float32))


def simulator(wobble: bool, seed: int) -> TapeSimulator:
    """The same machine, another take a seed."""
    return TapeSimulator(seed=seed, drive=DRIVE, wow=float(wobble), flutter=float(wobble))


def takes(wobble: bool, judging: bool, count: int) -> list[Take]:
    """Pairs aligned and tracked from their programme, kept between runs."""
    found = []
    for place, dry in enumerate(strips(JUDGING if judging else TRAINING, count)):
        seed = (500 if judging else 100) + place
        path = WORK / f"wet-{wobble}-{seed}-{PEAK:g}-{DRIVE:g}.npy"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, simulator(wobble, seed).play(dry, RATE).wet.astype(np.float32))
        name = f"{'judged' if judging else 'strip'} {place}"
        pair = Pair(Recording(dry[None], RATE, name), Recording(np.load(path), RATE, name))
        found.append(prepared(pair, WORK))
    return found


def device(case: Case) -> Serial:
    """The model of a case; a network that corrects starts silent."""
    blocks: dict[str, AbstractBlock] = {}
    key = jax.random.key(case.seed)
    if case.model in ("physics", "both"):
        blocks["tape"] = Anhysteretic(-6.0, residual=1.0)  # a biased tape has no loop left
    if case.model in ("gru", "both"):
        network = GRU(64, sample_rate=RATE, key=key)
        silent = eqx.tree_at(lambda g: g.output, network, 0 * network.output)
        blocks["network"] = silent if case.model == "both" else network
    if case.scheme != "demodulated":
        blocks["transport"] = VariableDelay(-LONGEST, LONGEST, 0.0, "lagrange7")
    return Serial(**blocks, replay=FIR(np.eye(1, TAPS, PRE_ROLL)[0], PRE_ROLL))


def harmonics(y: np.ndarray, tone: float) -> np.ndarray:
    """Levels of the harmonics in dB about the fundamental, by least squares on a whole number of periods."""
    orders = np.arange(1, int(HIGHEST / tone) + 1)[:20]
    t = np.arange(len(y)) / RATE
    columns = np.exp(-2j * np.pi * tone * orders[:, None] * t)
    levels = np.abs(columns @ (y * np.hanning(len(y))))
    return 20 * np.log10(levels / levels[0] + 1e-12)


def harmonic_error(model: AbstractBlock) -> float:
    """Largest difference of a harmonic that is above -60 dBc in the device."""
    worst, t = 0.0, np.arange(RATE // 2) / RATE
    machine = TapeSimulator(drive=DRIVE, wow=0.0, flutter=0.0, level=None, modulation=None)
    still = Serial(**{n: b for n, b in zip(model.names, model.blocks, strict=True) if n != "transport"})
    for tone in TONES:
        for level in LEVELS:
            x = (10 ** (level / 20) * np.sin(2 * np.pi * tone * t))[None]
            theirs, ours = (harmonics(y[0, RATE // 4 :], tone) for y in (machine.play(x, RATE).wet, played(still, x)))
            heard = theirs > FAINTEST_DBC
            worst = max(worst, float(np.abs(ours - theirs)[heard].max()))
    return worst


def played(model: AbstractBlock, x: np.ndarray) -> np.ndarray:
    return np.asarray(render(quiet(model), x.astype(np.float32), RATE), np.float64)


def done(case: Case, minutes: float, quick: bool) -> Row:
    """One run: fitted, judged, its harmonics compared."""
    heard, judged = takes(case.wobble, False, 2 if quick else STRIPS), takes(case.wobble, True, 1 if quick else 2)
    began = time.monotonic()
    run = fit(
        device(case),
        heard,
        time=case.scheme,
        solve=["replay"],
        freeze=["tape.residual"] if case.model != "gru" else [],
        passes=20 if quick else 200,
        minutes=minutes,
        validate_every=10,
        learning_rate=2e-2 if case.model == "physics" else 3e-3,
        validation=0.1,
        seed=case.seed,
        match_noise=False,
        out=None if quick else WORK / case.name,
        resume=not quick,
    )
    model = run.model
    if case.scheme == "demodulated":
        line = {"transport": VariableDelay(-LONGEST, LONGEST, 0.0, "lagrange7")}
        blocks = dict(zip(model.names, model.blocks, strict=True))
        last = blocks.pop("replay")
        model = Serial(**blocks, **line, replay=last)
    errors = [score_pair(model, one).score.esr for one in judged]
    return {
        "wobble": "yes" if case.wobble else "no",
        "scheme": case.scheme,
        "model": case.model,
        "seed": case.seed,
        "ESR, unseen": float(np.mean(errors)),
        "asked": 0.004 if case.scheme == "joint" and case.wobble else "",
        "theirs": THEIRS["without wobble"] if not case.wobble else THEIRS.get(case.scheme, ""),
        "ESR, own validation": float(run.figures["esr_validation"]),
        "harmonics, worst dB": harmonic_error(model),
        "asked dB": 1.0,
        "parameters": run.figures["parameters"],
        "seconds": round(time.monotonic() - began),
    }


def main(quick: bool, minutes: float) -> None:
    """The queue, from where it stands."""
    name = "tape_toy_quick" if quick else "tape_toy"
    kept = RESULTS / f"{name}.json"
    rows: dict[str, Row] = json.loads(kept.read_text()) if kept.is_file() and not quick else {}
    command = "python -m benchmarks.tape_toy" + (" --quick" if quick else f" --minutes {minutes:g}")
    for case in queue(quick):
        if case.name in rows:
            continue
        rows[case.name] = done(case, minutes, quick)
        print(rows[case.name], flush=True)
        if not quick:
            kept.write_text(json.dumps(rows, indent=1))
        write_table(name, __doc__, list(rows.values()), command)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="physics alone on 20 s, one seed")
    parser.add_argument("--minutes", type=float, default=20.0, help="of a run, at most")
    given = parser.parse_args()
    main(given.quick, given.minutes)
